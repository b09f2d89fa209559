"""A period is compared with the one before as both stood at the same moment; else not at all."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy.numbers import comparison
from proxy.numbers.overview import Overview, overview
from proxy.numbers.questions import Question
from storage.events import Entry
from storage.numbers import Scope
from storage.sqlite.store import SQLiteStore
from tests.storage.histories import MINUTE, attempt_id, callback, click, created, launch, moment


@contextmanager
def shop(folder: Path, zone: str, clicks: Iterable[str]) -> Iterator[SQLiteStore]:
    """A shop with a click at each local time: launched after a minute, completed after ten."""
    store = SQLiteStore(folder / "shop.db", ZoneInfo(zone))
    for number, text in enumerate(clicks):
        at = moment(text, zone)
        a = attempt_id(at, number)
        told = callback(a, at + 10 * MINUTE, "done")
        store.commit([Entry((click(a), created(a, at), launch(a, at + MINUTE), told))])
    try:
        yield store
    finally:
        store.close()


def see(
    store: SQLiteStore, first: str, last: str, now: str, by: str | None = None, **filters: str
) -> Overview:
    now_ms = moment(now, store.zone.key)
    today = datetime.fromtimestamp(now_ms / 1000, store.zone).date()
    scope = Scope(date.fromisoformat(first), date.fromisoformat(last), filters)
    with store.numbers() as numbers:
        return overview(numbers, Question(scope, by), today, now_ms, {}, ())


def told(view: Overview) -> dict[str, str]:
    return {figure.key: str(figure.change) for figure in view.figures}


def test_forty_minutes_of_a_saturday_are_compared_with_forty_minutes(tmp_path: Path) -> None:
    """A first reader took them for a collapse of 77 %."""
    before = ["2026-11-14T00:00", "2026-11-21T00:05", "2026-11-21T00:35"]
    busy = [f"2026-11-21T{hour:02}:10" for hour in range(1, 24)]
    today = ["2026-11-28T00:10", "2026-11-28T00:20", "2026-11-28T00:35", "2026-11-28T00:39"]
    with shop(tmp_path, "Europe/Berlin", [*before, *busy, *today]) as store:
        view = see(store, "2026-11-28", "2026-11-28", "2026-11-28T00:40")
        assert view.previous is not None
        assert (view.previous["clicks"], view.previous["completed"]) == (2, 1)
        assert view.previous["underway"] == 1
        assert told(view)["clicks"] == "+100%"
        assert (view.series.unit, len(view.series.marks)) == ("hour", 24)
        assert view.series.values("clicks") == [4]
        assert view.series.values_before("clicks") == [2, *[1] * 23]


def test_at_midnight_nothing_is_compared_but_nothing(tmp_path: Path) -> None:
    with shop(tmp_path, "UTC", ["2026-11-14T00:00", "2026-11-21T00:00"]) as store:
        view = see(store, "2026-11-28", "2026-11-28", "2026-11-28T00:00")
    assert view.previous is not None
    assert not any(view.previous.values())
    assert told(view)["clicks"] == "no like period to compare with"


def test_what_was_under_way_then_counts_as_under_way_across_midnight(tmp_path: Path) -> None:
    """Yesterday at five past midnight is not over: no more than the day before was, a day ago."""
    clicks = ["2026-11-01T00:00", "2026-11-20T23:50", "2026-11-20T23:58", "2026-11-27T23:51"]
    with shop(tmp_path, "UTC", clicks) as store:
        view = see(store, "2026-11-27", "2026-11-27", "2026-11-28T00:05")
        assert view.previous is not None
        assert (view.previous["clicks"], view.previous["completed"]) == (2, 1)
        later = see(store, "2026-11-27", "2026-11-27", "2026-11-29T00:05")
        assert later.previous is not None
        assert later.previous["completed"] == 2


def test_a_month_is_compared_up_to_the_moment_of_its_last_day(tmp_path: Path) -> None:
    clicks = ["2026-10-01T08:00", "2026-10-05T08:00", "2026-10-20T08:00", "2026-10-31T08:00"]
    clicks += ["2026-10-31T11:55", "2026-10-31T12:30", "2026-11-28T08:00"]
    with shop(tmp_path, "UTC", clicks) as store:
        view = see(store, "2026-11-01", "2026-11-28", "2026-11-28T12:00")
        assert view.previous is not None
        assert (view.previous["clicks"], view.previous["completed"]) == (4, 3)
        product = see(store, "2026-11-01", "2026-11-28", "2026-11-28T12:00", device="tv")
        assert product.previous is not None
        assert product.previous["clicks"] == 0


@pytest.mark.parametrize(
    ("zone", "now", "day", "same"),
    [
        ("UTC", "2026-11-28T10:30", "2026-11-21", "2026-11-21T10:30"),
        ("Asia/Kolkata", "2026-11-28T00:40", "2026-11-21", "2026-11-21T00:40"),
        # The clock went forward at two: noon is eleven hours after midnight.
        ("Europe/Berlin", "2026-03-29T12:00", "2026-03-22", "2026-03-22T11:00"),
        ("Europe/Berlin", "2026-04-05T11:00", "2026-03-29", "2026-03-29T12:00"),
        # The clock went back: the day is longer than the one before can be.
        ("Europe/Berlin", "2026-10-25T23:30", "2026-10-18", "2026-10-19T00:00"),
        ("America/Havana", "2026-03-08T01:30", "2026-03-01", "2026-03-01T00:30"),
    ],
)
def test_the_same_moment_is_as_long_after_midnight(
    zone: str, now: str, day: str, same: str
) -> None:
    today = date.fromisoformat(now[:10])
    found = comparison.same_moment(Question(Scope(today, today)), moment(now, zone), ZoneInfo(zone))
    assert found == (date.fromisoformat(day), moment(same, zone))


def test_on_day_one_no_change_is_shown(tmp_path: Path) -> None:
    with shop(tmp_path, "Asia/Kolkata", ["2026-11-28T00:10", "2026-11-28T00:20"]) as store:
        view = see(store, "2026-11-28", "2026-11-28", "2026-11-28T00:40")
        assert view.series.values("clicks") == [2]
        month = see(store, "2026-11-01", "2026-11-28", "2026-11-28T00:40")
    for each in (view, month):
        assert each.previous is None
        assert {*told(each).values()} == {"no like period to compare with"}


def test_a_shop_that_was_not_there_for_all_of_the_period_before_is_not_compared(
    tmp_path: Path,
) -> None:
    clicks = ["2026-10-31T12:00", "2026-11-20T12:00"]
    with shop(tmp_path, "UTC", clicks) as store:
        assert see(store, "2026-11-01", "2026-11-28", "2026-11-29T00:00").previous is None
        assert see(store, "2026-11-14", "2026-11-20", "2026-11-29T00:00").previous is not None


def test_where_the_attempts_were_purged_only_what_is_over_is_compared(tmp_path: Path) -> None:
    with shop(tmp_path, "UTC", ["2026-11-01T12:00", "2026-11-28T08:00"]) as store:
        with store.aside() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('purged_before', '2026-11-22')")
        assert see(store, "2026-11-28", "2026-11-28", "2026-11-28T10:00").previous is None
        assert see(store, "2026-11-20", "2026-11-20", "2026-11-28T10:00").previous is not None
        both = {"device": "phone", "category": "shoes"}  # which no total answers
        assert see(store, "2026-11-20", "2026-11-20", "2026-11-28T10:00", **both).previous is None
        old = see(store, "2026-11-20", "2026-11-20", "2026-11-28T10:00").series
        assert (old.unit, len(old.marks)) == ("day", 1)


def test_a_period_to_come_is_not_compared(tmp_path: Path) -> None:
    with shop(tmp_path, "UTC", ["2026-11-01T12:00"]) as store:
        view = see(store, "2026-12-01", "2026-12-01", "2026-11-28T10:00")
    assert view.previous is None
    assert view.series.values("clicks") == []


def test_rates_leave_out_what_can_still_end() -> None:
    """Of 100 clicks 4 got no session and 6 wait for one; of 90 sessions 20 wait to be launched and
    50 were; of these 10 are under way."""
    counts = {
        "clicks": 100, "create_failed": 4, "created": 90, "opened": 50, "completed": 30,
        "open": 6 + 20 + 10, "underway": 10,
    }  # fmt: skip
    assert comparison.reached(counts, "created") == (90, 94)
    assert comparison.reached(counts, "opened") == (50, 70)
    assert comparison.reached(counts, "completed") == (30, 40)
    assert comparison.reached(counts, "whole_rate") == (30, 64)


@pytest.mark.parametrize(
    ("days", "unit", "many"),
    [(1, "hour", 24), (2, "hour", 48), (3, "day", 3), (366, "day", 366), (3_660, "month", 121)],
)
def test_a_period_is_drawn_by_the_hour_the_day_or_the_month(
    tmp_path: Path, days: int, unit: str, many: int
) -> None:
    last = date(2026, 11, 28)
    first = date.fromordinal(last.toordinal() - days + 1)
    with shop(tmp_path, "UTC", ["2026-11-28T08:00"]) as store:
        view = see(store, str(first), str(last), "2026-11-28T23:59", "day")
    assert (view.series.unit, len(view.series.marks)) == (unit, many)
    assert sum(view.series.values("clicks")) == 1
    assert len(view.series.values_before("clicks")) == many
    assert len(view.table.rows) == min(days, 31)
