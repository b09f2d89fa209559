"""Counters that all workers share."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from storage.sqlite.counters import WAITS, SQLiteCounters
from storage.store import FilesGone, Limit, Taken


@pytest.fixture
def counters(tmp_path: Path) -> SQLiteCounters:
    return SQLiteCounters(tmp_path / "counters")


def wait(counters: SQLiteCounters, key: str, most: int, period_ms: int, now_ms: int) -> int:
    """Count one in one limit; the milliseconds to wait where it is full."""
    taken = counters.take(now_ms, [Limit(key, most, now_ms + period_ms)])
    return taken.full.get(key, 0)


def test_it_counts_up_to_the_limit_then_says_how_long_to_wait(counters: SQLiteCounters) -> None:
    assert [wait(counters, "ip", 2, 60_000, now) for now in (1_000, 2_000)] == [0, 0]
    assert wait(counters, "ip", 2, 60_000, 31_000) == 30_000


def test_it_starts_a_new_window_when_the_old_one_is_past(counters: SQLiteCounters) -> None:
    assert wait(counters, "ip", 1, 60_000, 0) == 0
    assert wait(counters, "ip", 1, 60_000, 60_000) == 0
    assert counters.get("ip", 60_001) == (1, 120_000)


def test_a_window_of_a_clock_that_ran_ahead_is_over(counters: SQLiteCounters) -> None:
    assert wait(counters, "ip", 1, 60_000, 11_001) == 0
    assert wait(counters, "ip", 1, 60_000, 1_000) == 0
    assert counters.get("ip", 1_000) == (1, 61_000)
    assert wait(counters, "ip", 1, 60_000, 1_000) == 60_000


def test_a_request_that_had_to_wait_is_counted_in_the_window_of_a_later_one(
    counters: SQLiteCounters,
) -> None:
    assert wait(counters, "ip", 2, 60_000, 1_002) == 0
    assert wait(counters, "ip", 2, 60_000, 1_000) == 0
    assert wait(counters, "ip", 2, 60_000, 1_001) == 60_001


def test_a_limit_of_none_is_full_from_the_first(counters: SQLiteCounters) -> None:
    assert wait(counters, "day", 0, 500, 100) == 500
    assert counters.get("day", 100) is None


def test_it_takes_exactly_the_limit_over_several_openings_at_once(tmp_path: Path) -> None:
    openings = [SQLiteCounters(tmp_path / "counters") for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        waits = pool.map(lambda n: wait(openings[n % 4], "day", 100, 60_000, 5), range(400))
    assert sum(wait == 0 for wait in waits) == 100


def test_a_group_is_counted_whole_or_not_at_all(counters: SQLiteCounters) -> None:
    rates = [Limit("client", 9, 1_000), Limit("product", 9, 1_000)]
    month, day = Limit("month", 9, 9_000), Limit("day", 2, 5_000)
    assert counters.take(0, rates, [month, day]).counts["month"] == 1
    assert counters.take(0, rates, [month, day]) == Taken(
        {"client": 2, "product": 2, "month": 2, "day": 2}, {}
    )
    assert counters.take(100, rates, [month, day]) == Taken(
        {"client": 3, "product": 3}, {"day": 4_900}
    )
    full = [Limit("client", 3, 1_000), Limit("product", 9, 1_000)]
    assert counters.take(200, full, [month, day]) == Taken({}, {"client": 800})
    kept = [counters.get(key, 300) for key in ("client", "product", "month", "day")]
    assert kept == [(3, 1_000), (3, 1_000), (2, 9_000), (2, 5_000)]


def test_what_was_counted_just_now_is_not_what_refuses(counters: SQLiteCounters) -> None:
    groups = [Limit("client", 1, 1_000)], [Limit("day", 0, 5_000)]
    assert counters.take(0, *groups) == Taken({"client": 1}, {"day": 5_000})
    assert counters.take(0, *groups) == Taken({}, {"client": 1_000})


def test_every_full_limit_of_a_group_is_named(counters: SQLiteCounters) -> None:
    limits = [Limit("month", 1, 9_000), Limit("day", 1, 5_000), Limit("other", 1, 7_000)]
    counters.take(0, limits[:2])
    assert counters.take(0, limits).full == {"month": 9_000, "day": 5_000}


def test_what_became_free_in_between_is_not_let_in_uncounted(
    counters: SQLiteCounters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, other = [Limit("day", 1, 5_000)], SQLiteCounters(tmp_path / "counters")
    counters.take(0, limits)
    look = counters._of

    def put_back_before(statement: str, *rest: Any) -> list[Any]:
        if statement == WAITS:  # another worker's session was not made after all
            other.add("day", -1, 5_000, 0)
        return look(statement, *rest)

    monkeypatch.setattr(counters, "_of", put_back_before)
    assert counters.take(0, limits) == Taken({}, {"day": 1})
    assert counters.take(0, limits) == Taken({"day": 1}, {})


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


def test_it_lists_what_begins_alike_and_is_not_past(counters: SQLiteCounters) -> None:
    for key, until_ms in (("a:1", 1_000), ("a:2", 2_000), ("b", 1_000), ("b:1", 2_000)):
        counters.put(key, 7, until_ms)
    assert counters.under("a:", 999, "b") == {"a:1": (7, 1_000), "a:2": (7, 2_000), "b": (7, 1_000)}
    assert counters.under("a:", 1_000, "b") == {"a:2": (7, 2_000)}


def test_it_drops_and_prunes(counters: SQLiteCounters) -> None:
    for key in ("a", "b"):
        counters.put(key, 1, 1_000)
    counters.drop("a")
    assert (counters.get("a", 0), counters.get("b", 0)) == (None, (1, 1_000))
    counters.put("kept:b", 1, 1_000)
    counters.prune(1_000, keep="kept:")
    assert (counters.get("b", 0), counters.get("kept:b", 0)) == (None, (1, 1_000))


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_where_its_file_is_gone_nothing_is_let_in(
    counters: SQLiteCounters, tmp_path: Path, suffix: str
) -> None:
    wait(counters, "day", 9, 60_000, 0)
    (tmp_path / f"counters{suffix}").unlink()
    for act in (
        lambda: wait(counters, "day", 9, 60_000, 0),
        lambda: counters.full(0, [Limit("day", 9, 60_000)]),
        lambda: counters.agree("link", 1, 60_000, 0),
    ):
        with pytest.raises(FilesGone, match=f"^counters{suffix} was deleted$"):
            act()
