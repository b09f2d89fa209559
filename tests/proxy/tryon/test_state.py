"""What an attempt looks like from outside, at each point of its life."""

import pytest

from proxy.tryon.state import TERMINAL, Links, etag, iso, state, view
from storage.funnel import Attempt

NOW = 1_800_000_000_000
WAITING = Attempt("a" * 32, NOW - 1000, "2027-01-15")._replace(
    public_id="P" * 22,
    launch_key="L" * 22,
    product_id="sku-1",
    category="footwear",
    expires_ms=NOW + 60_000,
    launch_url="https://launch.tryon-api.com/s/1",
)
OPENED = WAITING._replace(opened_ms=NOW - 500)


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (WAITING, "waiting"),
        (OPENED, "opened"),
        (WAITING._replace(expires_ms=NOW + 1), "waiting"),
        (WAITING._replace(expires_ms=NOW), "expired"),
        (OPENED._replace(expires_ms=NOW - 1), "expired"),
        *(
            (OPENED._replace(outcome=word, ended_ms=NOW), word)
            for word in ("completed", "abandoned", "failed", "cancelled", "expired")
        ),
        (OPENED._replace(outcome="completed", expires_ms=NOW - 1), "completed"),
        (OPENED._replace(outcome="other", reason="evaporated"), "ended"),
        (WAITING._replace(outcome="create_failed"), "failed"),
    ],
)
def test_the_state_is_one_of_the_documented(attempt: Attempt, expected: str) -> None:
    assert state(attempt, NOW) == expected
    assert expected in TERMINAL | {"waiting", "opened"}


def test_the_etag_changes_with_the_state() -> None:
    lasting = WAITING._replace(expires_ms=2**52), OPENED._replace(expires_ms=2**52)
    ended = [OPENED._replace(outcome=word, ended_ms=NOW) for word in sorted(TERMINAL)]
    tags = [etag(attempt) for attempt in (*lasting, *ended)]
    assert len(set(tags)) == len(tags)
    assert all(tag.isascii() and '"' not in tag for tag in tags)


def test_the_etag_changes_with_the_moment_of_a_state() -> None:
    opened = [Attempt("a" * 32, 1, "2026-01-01", opened_ms=at_ms) for at_ms in (5, 6)]
    ended = [each._replace(outcome="failed", ended_ms=9) for each in opened]
    assert [etag(each) for each in opened] == ["opened-5", "opened-6"]
    assert [etag(each) for each in ended] == ["failed-9", "failed-9"]


def test_the_two_secrets_stay_apart() -> None:
    """The id reads and cancels, the launch key launches: neither is in the other's links."""
    seen = view(WAITING, Links("https://tryon.shop.example/x"))
    assert seen["launch_url"] == f"https://tryon.shop.example/x/go/{WAITING.launch_key}"
    assert seen["status_url"] == f"https://tryon.shop.example/x/sessions/{WAITING.public_id}"
    assert seen["events_url"] == seen["status_url"] + "/events"
    assert seen["handoff_url"] == f"https://tryon.shop.example/x/handoff/{WAITING.public_id}"
    assert WAITING.id not in str(seen)  # it is the callback URL's, for the vendor alone
    assert "launch.tryon-api.com" not in str(seen)


def test_only_the_qr_marks_its_channel() -> None:
    links = Links("https://tryon.shop.example")
    assert links.qr(WAITING) == links.go(WAITING) + "?q"


@pytest.mark.parametrize(
    ("at_ms", "expected"),
    [(None, None), (0, "1970-01-01T00:00:00Z"), (1_774_375_200_999, "2026-03-24T18:00:00Z")],
)
def test_times_are_rfc_3339_in_utc(at_ms: int | None, expected: str | None) -> None:
    assert iso(at_ms) == expected
