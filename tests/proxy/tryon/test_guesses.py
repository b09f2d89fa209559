"""Guesses of ids: so many a minute for a network, in bounded memory."""

import pytest

from proxy.tryon import guesses
from proxy.tryon.guesses import Guesses
from proxy.tryon.limits import LimitReached


class Clock:
    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(guesses, "time", clock)
    return clock


def admitted(guesses: Guesses, *clients: str) -> int:
    count = 0
    for client in clients:
        try:
            guesses.admit(client)
            count += 1
        except LimitReached as reached:
            assert (reached.code, 0 < (reached.wait_s or 0) <= 60) == ("rate_limited", True)
    return count


def test_a_client_has_three_hundred_a_minute(clock: Clock) -> None:
    guesses = Guesses()
    for _ in range(2):
        assert admitted(guesses, *["192.0.2.1"] * 400) == 300
        assert admitted(guesses, "192.0.2.2") == 1
        clock.now += 59
        assert admitted(guesses, "192.0.2.1") == 0
        clock.now += 1


def test_an_ipv6_network_is_one_client(clock: Clock) -> None:
    guesses = Guesses()
    assert admitted(guesses, *[f"2001:db8::{number:x}" for number in range(400)]) == 300
    assert admitted(guesses, "2001:db8:0:1::1") == 1


def test_very_many_networks_are_told_apart_no_more(clock: Clock) -> None:
    guesses = Guesses()
    others = [f"2001:db8:{number:x}::1" for number in range(5_000)]
    assert admitted(guesses, *others) == 1_300
    assert len(guesses._of_network) == 1_001
    assert admitted(guesses, others[0]) == 1
