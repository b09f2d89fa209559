"""Counters that all workers share."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.sqlite.counters import SQLiteCounters


@pytest.fixture
def counters(tmp_path: Path) -> SQLiteCounters:
    return SQLiteCounters(tmp_path / "counters")


def test_it_counts_up_to_the_limit_then_says_how_long_to_wait(counters: SQLiteCounters) -> None:
    assert [counters.take("ip", 2, 60_000, now) for now in (1_000, 2_000)] == [0, 0]
    assert counters.take("ip", 2, 60_000, 31_000) == 30_000


def test_it_starts_a_new_window_when_the_old_one_is_past(counters: SQLiteCounters) -> None:
    assert counters.take("ip", 1, 60_000, 0) == 0
    assert counters.take("ip", 1, 60_000, 60_000) == 0
    assert counters.get("ip", 60_001) == (1, 120_000)


def test_it_takes_exactly_the_limit_over_several_openings_at_once(tmp_path: Path) -> None:
    openings = [SQLiteCounters(tmp_path / "counters") for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        waits = pool.map(lambda n: openings[n % 4].take("day", 100, 60_000, 5), range(400))
    assert sum(wait == 0 for wait in waits) == 100


def test_it_adds_and_forgets_what_is_past(counters: SQLiteCounters) -> None:
    counters.add("failures", 1, until_ms=100, now_ms=10)
    counters.add("failures", 1, until_ms=200, now_ms=50)
    assert counters.get("failures", 50) == (2, 200)
    counters.add("failures", 1, until_ms=400, now_ms=300)
    assert counters.get("failures", 300) == (1, 400)
    assert counters.get("failures", 400) is None


def test_a_seed_raises_but_never_lowers(counters: SQLiteCounters) -> None:
    counters.seed("day", 5, 1_000, now_ms=0)
    counters.seed("day", 3, 1_000, now_ms=0)
    assert counters.get("day", 0) == (5, 1_000)


def test_a_seed_replaces_what_is_past(counters: SQLiteCounters) -> None:
    counters.seed("salt", 9, 1_000, now_ms=0)
    counters.seed("salt", 4, 2_000, now_ms=1_000)
    assert counters.get("salt", 1_000) == (4, 2_000)


def test_all_agree_on_what_the_first_proposed_until_it_is_past(tmp_path: Path) -> None:
    one, other = (SQLiteCounters(tmp_path / "counters") for _ in range(2))
    assert one.agree("salt", 5, 1_000, now_ms=0) == (5, 1_000)
    assert other.agree("salt", 9, 1_000, now_ms=1) == (5, 1_000)
    assert other.agree("salt", 9, 2_000, now_ms=1_000) == (9, 2_000)


def test_it_drops_and_prunes(counters: SQLiteCounters) -> None:
    for key in ("a", "b"):
        counters.put(key, 1, 1_000)
    counters.drop("a")
    assert (counters.get("a", 0), counters.get("b", 0)) == (None, (1, 1_000))
    counters.put("kept:b", 1, 1_000)
    counters.prune(1_000, keep="kept:")
    assert (counters.get("b", 0), counters.get("kept:b", 0)) == (None, (1, 1_000))
