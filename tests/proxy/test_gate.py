"""What closes the gate, for how long, and that all workers see the same."""

from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.errors import Problem
from proxy.gate import FAILURES_TO_OPEN, Gate
from storage.connection import Error
from storage.counters import Counters


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
def worker(tmp_path: Path, clock: Clock) -> Callable[[], Gate]:
    """Makes gates as several processes have them: each with its own connection to one file."""
    return lambda: Gate(Counters(tmp_path / "counters.db"), clock)


def closed(gate: Gate) -> tuple[str, int | None]:
    with pytest.raises(Problem) as caught:
        gate.check()
    return caught.value.code, caught.value.retry_after


def open_breaker(gate: Gate) -> None:
    for _ in range(FAILURES_TO_OPEN):
        gate.failed()


def test_it_is_open_at_first(worker: Callable[[], Gate]) -> None:
    gate = worker()
    assert gate.check() is False
    assert gate.state() == {"breaker": "closed", "held_until_ms": None, "token_refused": False}


def test_all_workers_hold_off(worker: Callable[[], Gate], clock: Clock) -> None:
    one, other = worker(), worker()
    one.hold_off(7.2)
    assert closed(other) == ("busy", 8)
    assert other.state()["held_until_ms"] == clock.ms + 7_200
    clock.pass_seconds(7.2)
    assert other.check() is False


def test_a_shorter_wish_does_not_cut_a_longer_one(worker: Callable[[], Gate], clock: Clock) -> None:
    gate = worker()
    gate.hold_off(60)
    gate.hold_off(1)
    clock.pass_seconds(30)
    assert closed(gate) == ("busy", 30)


@pytest.mark.parametrize("seconds", [1e9, 1e300])
def test_somebody_looks_once_an_hour(
    worker: Callable[[], Gate], clock: Clock, seconds: float
) -> None:
    gate = worker()
    gate.hold_off(seconds)
    assert closed(gate) == ("busy", 3_600)
    clock.pass_seconds(3_600)
    assert gate.check() is False


@pytest.mark.parametrize("seconds", [0, -5])
def test_a_wish_for_no_pause_is_none(worker: Callable[[], Gate], seconds: float) -> None:
    gate = worker()
    gate.hold_off(seconds)
    assert gate.check() is False


def test_a_refused_token_pauses_all_workers_and_is_shown_until_a_success(
    worker: Callable[[], Gate], clock: Clock
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
    worker: Callable[[], Gate],
) -> None:
    one, other = worker(), worker()
    for gate in [one, other] * (FAILURES_TO_OPEN // 2 - 1) + [one]:
        gate.failed()
    assert other.check() is False
    other.failed()
    assert one.check() is True
    assert closed(other) == ("unavailable", 1)


def test_a_success_starts_the_row_again(worker: Callable[[], Gate]) -> None:
    gate = worker()
    for _ in range(3):
        for _ in range(FAILURES_TO_OPEN - 1):
            gate.failed()
        assert gate.check() is False
        gate.succeeded()
    assert gate.state()["breaker"] == "closed"


def test_another_workers_success_closes_the_breaker(worker: Callable[[], Gate]) -> None:
    one, other = worker(), worker()
    open_breaker(one)
    assert other.check() is True
    other.succeeded()
    assert one.check() is False
    assert one.state()["breaker"] == "closed"


def test_one_probe_a_second_passes_over_all_workers(
    worker: Callable[[], Gate], clock: Clock
) -> None:
    gates = [worker() for _ in range(4)]
    open_breaker(gates[0])
    passed = 0
    for _ in range(50):  # five seconds
        for gate in gates:
            try:
                passed += gate.check()
            except Problem as problem:
                assert (problem.code, problem.retry_after) == ("unavailable", 1)
        clock.pass_seconds(0.1)
    assert passed == 5


def test_it_says_when_a_probe_may_go(worker: Callable[[], Gate], clock: Clock) -> None:
    gate = worker()
    open_breaker(gate)
    assert gate.state()["breaker"] == "half-open"
    gate.check()
    assert gate.state()["breaker"] == "open"
    clock.pass_seconds(1)
    assert gate.state()["breaker"] == "half-open"


def test_old_failures_are_forgotten(worker: Callable[[], Gate], clock: Clock) -> None:
    gate = worker()
    open_breaker(gate)
    clock.pass_seconds(601)
    assert gate.check() is False


@pytest.mark.parametrize("hours", [1, 24, 24 * 365])
def test_a_clock_that_is_set_back_closes_nothing(
    worker: Callable[[], Gate], clock: Clock, hours: int
) -> None:
    gate = worker()
    gate.hold_off(3_600)
    gate.refuse_token()
    open_breaker(gate)
    clock.pass_seconds(-hours * 3_600)
    assert gate.check() is False
    open_breaker(gate)
    assert gate.check() is True


def test_a_probe_window_from_a_faster_clock_does_not_bar_the_probe(
    worker: Callable[[], Gate], clock: Clock
) -> None:
    gate = worker()
    open_breaker(gate)
    assert gate.check() is True
    clock.pass_seconds(-300)
    open_breaker(gate)
    assert gate.check() is True


def test_what_was_learnt_may_be_lost_but_never_hides_the_answer(
    tmp_path: Path, clock: Clock
) -> None:
    counters = Counters(tmp_path / "counters.db")
    gate = Gate(counters, clock)
    counters.close()
    gate.failed()
    gate.hold_off(3)
    gate.refuse_token()
    gate.succeeded()
    with pytest.raises(Error):
        gate.check()
