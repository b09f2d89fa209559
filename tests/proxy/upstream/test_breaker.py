"""What closes the breaker, for how long, and that all workers see the same."""

from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.refusals import Refusal
from proxy.settings_values import Rate
from proxy.upstream.breaker import Breaker
from storage.sqlite.counters import SQLiteCounters
from storage.store import StorageUnavailable


class Clock:
    def __init__(self) -> None:
        self.ms = 1_774_375_200_000

    def __call__(self) -> int:
        return self.ms

    def pass_seconds(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(tmp_path: Path, clock: Clock) -> Callable[[], Breaker]:
    """Makes gates as several processes have them: each with its own connection to one file."""
    return lambda: Breaker(SQLiteCounters(tmp_path / "counters.db"), clock)


def closed(breaker: Breaker) -> tuple[str, int | None]:
    with pytest.raises(Refusal) as caught:
        breaker.check()
    return caught.value.code, caught.value.wait_s


def open_breaker(breaker: Breaker) -> None:
    for _ in range(10):
        breaker.failed()


def test_it_is_open_at_first(worker: Callable[[], Breaker]) -> None:
    breaker = worker()
    assert breaker.check() is False
    assert breaker.state() == {"breaker": "closed", "held_until_ms": None, "token_refused": False}


def test_all_workers_hold_off(worker: Callable[[], Breaker], clock: Clock) -> None:
    one, other = worker(), worker()
    one.hold_off(7.2)
    assert closed(other) == ("busy", 8)
    assert other.state()["held_until_ms"] == clock.ms + 7_200
    clock.pass_seconds(7.2)
    assert other.check() is False


def test_a_shorter_wish_does_not_cut_a_longer_one(
    worker: Callable[[], Breaker], clock: Clock
) -> None:
    breaker = worker()
    breaker.hold_off(60)
    breaker.hold_off(1)
    clock.pass_seconds(30)
    assert closed(breaker) == ("busy", 30)


@pytest.mark.parametrize("seconds", [1e9, 1e300])
def test_somebody_looks_once_an_hour(
    worker: Callable[[], Breaker], clock: Clock, seconds: float
) -> None:
    breaker = worker()
    breaker.hold_off(seconds)
    assert closed(breaker) == ("busy", 3_600)
    clock.pass_seconds(3_600)
    assert breaker.check() is False


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_wish_for_no_pause_is_none(worker: Callable[[], Breaker], seconds: float) -> None:
    breaker = worker()
    breaker.hold_off(seconds)
    assert breaker.check() is False


def test_a_refused_token_pauses_all_workers_and_is_shown_until_a_success(
    worker: Callable[[], Breaker], clock: Clock
) -> None:
    one, other = worker(), worker()
    one.refuse_token()
    assert closed(other) == ("unavailable", 10)
    clock.pass_seconds(10)
    assert other.check() is False
    assert other.state()["token_refused"] is True
    other.succeeded()
    assert one.state()["token_refused"] is False


def test_the_breaker_opens_after_failures_in_a_row_over_all_workers(
    worker: Callable[[], Breaker],
) -> None:
    one, other = worker(), worker()
    for breaker in [one, other] * 4 + [one]:
        breaker.failed()
    assert other.check() is False
    other.failed()
    assert one.check() is True
    assert closed(other) == ("unavailable", 1)


def test_a_success_starts_the_row_again(worker: Callable[[], Breaker]) -> None:
    breaker = worker()
    for _ in range(3):
        for _ in range(9):
            breaker.failed()
        assert breaker.check() is False
        breaker.succeeded()
    assert breaker.state()["breaker"] == "closed"


def test_another_workers_success_closes_the_breaker(worker: Callable[[], Breaker]) -> None:
    one, other = worker(), worker()
    open_breaker(one)
    assert other.check() is True
    other.succeeded()
    assert one.check() is False
    assert one.state()["breaker"] == "closed"


def test_one_probe_a_second_passes_over_all_workers(
    worker: Callable[[], Breaker], clock: Clock
) -> None:
    gates = [worker() for _ in range(4)]
    open_breaker(gates[0])
    passed = 0
    for _ in range(50):  # five seconds
        for breaker in gates:
            try:
                passed += breaker.check()
            except Refusal as problem:
                assert (problem.code, problem.wait_s) == ("unavailable", 1)
        clock.pass_seconds(0.1)
    assert passed == 5


def test_it_says_when_a_probe_may_go(worker: Callable[[], Breaker], clock: Clock) -> None:
    breaker = worker()
    open_breaker(breaker)
    assert breaker.state()["breaker"] == "half-open"
    breaker.check()
    assert breaker.state()["breaker"] == "open"
    clock.pass_seconds(1)
    assert breaker.state()["breaker"] == "half-open"


def test_old_failures_are_forgotten(worker: Callable[[], Breaker], clock: Clock) -> None:
    breaker = worker()
    open_breaker(breaker)
    clock.pass_seconds(601)
    assert breaker.check() is False


@pytest.mark.parametrize("hours", [1, 24, 24 * 365])
def test_a_clock_that_is_set_back_closes_nothing(
    worker: Callable[[], Breaker], clock: Clock, hours: int
) -> None:
    breaker = worker()
    breaker.hold_off(3_600)
    breaker.refuse_token()
    open_breaker(breaker)
    clock.pass_seconds(-hours * 3_600)
    assert breaker.check() is False
    open_breaker(breaker)
    assert breaker.check() is True


def test_a_probe_window_from_a_faster_clock_does_not_bar_the_probe(
    worker: Callable[[], Breaker], clock: Clock
) -> None:
    breaker = worker()
    open_breaker(breaker)
    assert breaker.check() is True
    clock.pass_seconds(-300)
    open_breaker(breaker)
    assert breaker.check() is True


def test_what_was_learnt_may_be_lost_but_never_hides_the_answer(
    tmp_path: Path, clock: Clock
) -> None:
    counters = SQLiteCounters(tmp_path / "counters.db")
    breaker = Breaker(counters, clock)
    counters.close()
    breaker.failed()
    breaker.hold_off(3)
    breaker.refuse_token()
    breaker.succeeded()
    with pytest.raises(StorageUnavailable):
        breaker.check()


def test_what_the_vendor_refused_is_not_asked_for_again_for_minutes(
    worker: Callable[[], Breaker], clock: Clock
) -> None:
    one, other = worker(), worker()
    one.decline("footwear:de-DE:sku-1")
    assert other.check("footwear:en-US:sku-1") is False
    with pytest.raises(Refusal) as caught:
        other.check("footwear:de-DE:sku-1")
    assert (caught.value.code, caught.value.wait_s) == ("not_available", None)
    clock.pass_seconds(-3_600)  # a clock that is set back holds it no longer than that
    assert other.check("footwear:de-DE:sku-1") is False
    clock.pass_seconds(3_600 + 300)
    assert other.check("footwear:de-DE:sku-1") is False


def test_calls_have_a_ceiling_over_all_workers(tmp_path: Path, clock: Clock) -> None:
    counters = SQLiteCounters(tmp_path / "counters.db")
    one, other = (Breaker(counters, clock, Rate(3, 60)) for _ in range(2))
    assert [one.check(), other.check(), one.check()] == [False] * 3
    assert closed(other) == ("busy", 60)
    clock.pass_seconds(60)
    open_breaker(one)
    assert other.check() is True  # the probe is a call too
    assert closed(one) == ("unavailable", 1)  # and what is held back is none
    clock.pass_seconds(1)
    assert [one.check()] == [True]
