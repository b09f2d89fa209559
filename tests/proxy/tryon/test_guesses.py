"""Guesses of ids: so many a minute for a network, in bounded memory."""

import ipaddress

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


@pytest.mark.parametrize(
    ("prefix", "most"), [(64, 300), (56, 4 * 300), (48, 16 * 300), (47, 32 * 300)]
)
def test_an_ipv6_network_is_so_many_clients_as_for_clicks(
    clock: Clock, prefix: int, most: int
) -> None:
    """However many of its addresses guess."""
    guesses = Guesses()
    network = ipaddress.ip_network(f"2001:db8::/{prefix}")
    step = network.num_addresses // 128
    assert admitted(guesses, *[str(network[n % 128 * step]) for n in range(most + 500)]) == most
    assert admitted(guesses, "2001:db9::1") == 1


def test_what_is_refused_takes_nothing_from_the_neighbours(clock: Clock) -> None:
    guesses = Guesses()
    assert admitted(guesses, *["2001:db8::1"] * 5_000) == 300
    assert admitted(guesses, *["2001:db8:0:1::1"] * 5_000) == 300


@pytest.mark.parametrize(
    ("address", "apart"), [("10.0.{}.{}", 1_000), ("2001:db8:{:x}{:02x}::1", 334)]
)
def test_very_many_networks_are_told_apart_no_more(clock: Clock, address: str, apart: int) -> None:
    guesses = Guesses()
    others = [address.format(*divmod(number, 256)) for number in range(5_000)]
    assert admitted(guesses, *others) == apart + 300
    assert len(guesses._of_network) <= 1_003
    assert admitted(guesses, others[0]) == 1
