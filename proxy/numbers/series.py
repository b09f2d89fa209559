"""The counts of a period over time: by the hour for a day or two, by the month beyond a year."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from proxy.numbers.comparison import summed
from proxy.numbers.questions import Question
from storage.funnel import midnight_ms
from storage.numbers import Counts, Numbers, Scope

HOUR_MS = 3_600_000
BY_HOUR, BY_DAY = 2, 366  # days at most
CAN_STILL_RISE = {"hour": 48, "day": 7, "month": 1}  # what is open for longer is no sign of it


@dataclass(frozen=True)
class Series:
    """Counts of one part of a period after the other. `now` ends where the future begins."""

    unit: str  # hour, day, month
    marks: tuple[date, ...]  # the beginning of each; of hours, datetimes
    now: tuple[Counts, ...]
    before: tuple[Counts, ...]  # as they stand now; () where the attempts are not kept
    can_rise: int  # so many of the last of `now`
    over: int  # so many of `now`, at least one: the last part may have just begun

    def values(self, key: str) -> list[float]:
        return [_value(counts, key) for counts in self.now]

    def values_before(self, key: str) -> list[float]:
        return [_value(counts, key) for counts in self.before]


def series(
    numbers: Numbers,
    question: Question,
    by_day: Mapping[str, Counts],
    by_day_before: Mapping[str, Counts],
    now_ms: int,
) -> Series:
    days = question.scope.days
    if len(days) <= BY_HOUR and str(question.scope.first) >= numbers.raw_since:
        return _by_hour(numbers, question, now_ms)
    now, before = [*by_day.values()], [*by_day_before.values()]
    goes_on = now_ms < midnight_ms(str(question.scope.last + timedelta(1)), numbers.zone)
    if len(days) <= BY_DAY:
        return _series("day", days, now, before, goes_on)
    return _series("month", *_by_month(days, now, before), goes_on)


def _series(
    unit: str,
    marks: Sequence[date],
    now: Sequence[Counts],
    before: Sequence[Counts],
    goes_on: bool,
) -> Series:
    recent = now[-CAN_STILL_RISE[unit] :]
    first = next((i for i, counts in enumerate(recent) if counts["open"]), len(recent))
    can_rise = max(len(recent) - first, int(goes_on and bool(now)))
    return Series(unit, (*marks,), (*now,), (*before,), can_rise, max(1, len(now) - goes_on))


def _by_hour(numbers: Numbers, question: Question, now_ms: int) -> Series:
    marks = _hours(question.scope.days, numbers.zone)
    begun = sum(mark.timestamp() * 1000 <= now_ms for mark in marks)
    is_kept = str(question.before.first) >= numbers.raw_since
    return _series(
        "hour",
        marks,
        _counted(numbers, question.scope, now_ms)[:begun],
        _counted(numbers, question.before, now_ms) if is_kept else (),
        begun < len(marks) or now_ms < marks[-1].timestamp() * 1000 + HOUR_MS,
    )


def _counted(numbers: Numbers, scope: Scope, now_ms: int) -> list[Counts]:
    return [hour for hours in numbers.hours(scope, now_ms).values() for hour in hours]


def _hours(days: Sequence[date], zone: ZoneInfo) -> list[datetime]:
    edges = [midnight_ms(str(day), zone) for day in (*days, days[-1] + timedelta(1))]
    return [
        datetime.fromtimestamp(at / 1000, zone)
        for start, end in pairwise(edges)
        for at in range(start, end, HOUR_MS)
    ]


def _by_month(
    days: Sequence[date], now: Sequence[Counts], before: Sequence[Counts]
) -> tuple[list[date], list[Counts], list[Counts]]:
    """Sum months, and of the period before the days that lie as far from its beginning."""
    months = groupby(range(len(days)), lambda n: (days[n].year, days[n].month))
    groups = [[*group] for _, group in months]
    marks = [days[group[0]] for group in groups]
    now, before = ([summed(each[n] for n in group) for group in groups] for each in (now, before))
    return marks, now, before


def _value(counts: Counts, key: str) -> float:
    """Return a count, or the rate "whole_rate" in per cent, of those that have ended."""
    if key != "whole_rate":
        return counts[key]
    ended = counts["clicks"] - counts["open"]
    return 100 * counts["completed"] / ended if ended else 0.0
