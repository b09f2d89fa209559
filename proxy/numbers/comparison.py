"""Compare a period with the one before, like with like: as both stood at the same moment.

Rates leave out the try-ons that can still end, on both sides. Where it cannot be said how the
period before stood, nothing is.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from proxy.numbers.questions import Question, Z, wilson
from storage.funnel import COUNTS, midnight_ms
from storage.numbers import Counts, Numbers, Scope, answering_table

# Attempts of the days before yesterday have ended: a session lasts for a day at most.
ENDS_WITHIN = timedelta(1)
SUMMED = (*COUNTS, "open", "underway")


@dataclass(frozen=True)
class Change:
    """A change against the period before; `noise`: no more than chance alone does (95 %)."""

    by: float | None  # 0.1: a tenth more, or 10 points; None: there is nothing to compare with
    noise: bool
    points: bool = False  # of a rate

    def __str__(self) -> str:
        if self.by is None:
            return "no like period to compare with"
        text = f"{100 * self.by:+.1f} pp" if self.points else f"{100 * self.by:+.0f}%"
        return text if text.strip("+-0.% p") else "no change"


def compared(now: Counts, before: Counts | None, key: str) -> Change:
    """Compare a count, or the rate of reaching a step."""
    if before is None:
        return Change(None, noise=True)
    return count_change(now[key], before[key])


def compared_rate(now: Counts, before: Counts | None, key: str) -> Change:
    """Compare the rate of reaching a step."""
    if before is None:
        return Change(None, noise=True, points=True)
    return rate_change(*reached(now, key), *reached(before, key))


def reached(counts: Counts, key: str) -> tuple[int, int]:
    """Count those who reached a step of the funnel from the one before, or "whole_rate" from its
    start; and them with those who no longer can."""
    underway = counts["underway"]
    return {
        "created": (counts["created"], counts["created"] + counts["create_failed"]),
        "opened": (
            counts["opened"],
            counts["clicks"] - counts["create_failed"] - counts["open"] + underway,
        ),
        "completed": (counts["completed"], counts["opened"] - underway),
        "whole_rate": (counts["completed"], counts["clicks"] - counts["open"]),
    }[key]


def count_change(now: int, before: int) -> Change:
    """Compare counts, taken as Poisson's: by chance two differ as the root of their sum."""
    noise = abs(now - before) <= Z * math.sqrt(now + before)
    return Change(now / before - 1 if before else None, noise)


def rate_change(part: int, whole: int, part_before: int, whole_before: int) -> Change:
    """Compare rates by Newcombe's interval of a difference (1998), made from two of Wilson's."""
    if not whole or not whole_before:
        return Change(None, noise=True, points=True)
    now, before = part / whole, part_before / whole_before
    low, high = wilson(part, whole)
    low_before, high_before = wilson(part_before, whole_before)
    difference = now - before
    least = difference - math.hypot(now - low, high_before - before)
    most = difference + math.hypot(high - now, before - low_before)
    return Change(difference, least <= 0 <= most, points=True)


def same_moment(question: Question, now_ms: int, zone: ZoneInfo) -> tuple[date, int]:
    """Find the moment of the period before that is now in the question's: its day, and the
    milliseconds. As long after midnight as now is, since a day may lack an hour, or have one more.
    """
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    day = today - (question.scope.first - question.before.first)
    passed = now_ms - midnight_ms(str(today), zone)
    end = midnight_ms(str(day + timedelta(1)), zone)
    return day, min(midnight_ms(str(day), zone) + passed, end)


def before(
    numbers: Numbers, question: Question, by_day: Mapping[str, Counts], now_ms: int
) -> Counts | None:
    """Count the period before as it stood at the same moment; None where that cannot be said.

    `by_day` are its counts as they stand now: those of its last days are read from the attempts.
    """
    scope = question.before
    day, at_ms = same_moment(question, now_ms, numbers.zone)
    first = max(scope.first, day - ENDS_WITHIN)
    last = min(scope.last, day)
    if day < scope.first or not numbers.since or numbers.since > str(scope.first):
        return None  # it is yet to come, or the shop was not there for all of it
    if answering_table(scope) is None and str(scope.first) < numbers.raw_since:
        return None
    settled = [counts for name, counts in by_day.items() if name < str(first)]
    if first > last:
        return summed(settled)
    if str(first) < numbers.raw_since:
        return None
    recent = numbers.standing(Scope(first, last, scope.filters), at_ms)
    return summed([*settled, recent])


def summed(counts: Iterable[Mapping[str, int]]) -> Counts:
    some = [each for each in counts if each["clicks"] or each["impressions"]]
    return {name: sum(each.get(name, 0) for each in some) for name in SUMMED}
