"""Guessed ids: a network that guesses is told nothing more, and stops nobody who knows one."""

from collections.abc import Iterator
from itertools import cycle

import pytest
import requests

from tests.servers import ALONE, PHONE, Shop, Vendor, http, running_shop, unique
from tests.wire import get, refused

GUESSER, NEIGHBOUR = "203.0.113.7", "203.0.113.8"
KINDS = ("/sessions/{}", "/sessions/{}/events", "/go/{}", "/handoff/{}", "/qr/{}.svg")


@pytest.fixture(scope="module")
def guessed(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("guessed")
    with running_shop(folder, vendor, **ALONE, TRYON_TRUSTED_PROXIES="1") as shop:
        yield shop


def ask(shop: Shop, path: str, client: str = GUESSER) -> requests.Response:
    headers = {"X-Forwarded-For": client, "User-Agent": PHONE, "Accept": "application/json"}
    return get(shop.url + path, **headers)


def test_a_guesser_is_held_off_and_nobody_who_knows_an_id(guessed: Shop) -> None:
    session = guessed.click(unique()).json()
    with http() as client:
        client.headers.update({"X-Forwarded-For": GUESSER, "Accept": "application/json"})
        statuses = []
        for number, kind in zip(range(2_000), cycle(KINDS), strict=False):
            token = f"{number:022d}" if number % 2 else "malformed"
            statuses.append(client.get(guessed.url + kind.format(token)).status_code)
            if statuses[-1] == 429:
                break
    assert statuses == [404] * 300 + [429]
    for kind in KINDS:
        for token in ("B" * 22, "malformed"):
            problem = refused(ask(guessed, kind.format(token)), 429, "rate_limited")
            assert 0 < problem["retry_after"] <= 60
    assert ask(guessed, f"/sessions/{session['id']}").status_code == 200
    assert ask(guessed, f"/handoff/{session['id']}").status_code == 200
    assert ask(guessed, f"/go/{session['launch_url'][-22:]}").status_code == 302
    assert ask(guessed, "/sessions/malformed", NEIGHBOUR).status_code == 404
