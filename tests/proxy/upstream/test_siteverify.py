"""A siteverify service's word on an answer: only a plain yes lets anybody through."""

import traceback
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from proxy.upstream.siteverify import ChallengeFailed, Siteverify
from tests.servers import free_port
from tests.siteverify import SECRET, Service, running_service


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running_service() as service:
        yield service


@pytest.fixture
def asking(service: Service) -> Iterator[Siteverify]:
    asking = Siteverify(f"{service.url}/siteverify", SecretStr(SECRET), deadline=0.5)
    yield asking
    asking.close()


def failure(asking: Siteverify, answer: str) -> ChallengeFailed:
    """Whatever is printed of it holds neither secret nor answer."""
    with pytest.raises(ChallengeFailed) as caught:
        asking.demand(answer)
    printed = "".join([*traceback.format_exception(caught.value), repr(asking), caught.value.why])
    assert SECRET not in printed
    assert answer not in caught.value.why
    assert caught.value.why.isprintable()
    return caught.value


def test_it_is_told_the_secret_and_the_answer_and_nothing_of_the_client(
    asking: Siteverify, service: Service
) -> None:
    asking.demand("ok-&=+ü")
    assert service.asked[-1] == {"secret": SECRET, "response": "ok-&=+ü"}


def test_it_is_asked_again_over_the_same_connection(asking: Siteverify) -> None:
    for number in range(3):
        asking.demand(f"ok-{number}")


@pytest.mark.parametrize(
    ("answer", "code", "why"),
    [
        ("wrong-1", "challenge_failed", "invalid-input-response"),
        ("hostile-1", "challenge_failed", "bad-request"),
        ("secret-1", "challenge_unavailable", "status 200, invalid-input-secret"),
        ("word-1", "challenge_unavailable", "status 200, no verdict"),
        ("number-1", "challenge_unavailable", "status 200, no verdict"),
        ("empty-1", "challenge_unavailable", "status 200, no verdict"),
        ("list-1", "challenge_unavailable", "status 200, no verdict"),
        ("error-1", "challenge_unavailable", "status 500, no verdict"),
        ("garbage-1", "challenge_unavailable", "status 200, not_json"),
        ("redirect-1", "challenge_unavailable", "status 307, not_json"),
        ("endless-1", "challenge_unavailable", "status 200, more than 16384 bytes"),
        ("drip-1", "challenge_unavailable", "the deadline passed while the reply dripped"),
        ("slow-1", "challenge_unavailable", "timed out"),
        ("closed-1", "challenge_unavailable", "closed without an answer"),
    ],
)
def test_whatever_else_it_says_nobody_has_passed(
    asking: Siteverify, service: Service, answer: str, code: str, why: str
) -> None:
    failed = failure(asking, answer)
    assert (failed.code, failed.why) == (code, why)
    assert service.about(answer) == 1  # a second time it would have another word


def test_where_nobody_listens_nobody_has_passed() -> None:
    address = f"http://127.0.0.1:{free_port()}/siteverify"
    failed = failure(Siteverify(address, SecretStr(SECRET)), "ok-1")
    assert failed.code == "challenge_unavailable"
    assert "refused" in failed.why
