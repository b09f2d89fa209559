"""Questions about the numbers, and the arithmetic of the answers: ranges, rates, percentiles."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from storage.funnel import COUNTS, bucket_ms
from storage.numbers import DIMENSIONS, Counts, Numbers, Scope

BY = (*DIMENSIONS, "day")
SORTS = (*COUNTS[:-2], "open")
LONGEST_DAYS = 3_660
EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)
LIMIT, LARGEST_LIMIT = 1_000, 100_000
NONE = "(none)"  # stands for the empty value in a filter: no category, not launched
NAMED_SO = rf"\{NONE}"  # stands for a product with that very id: none has a backslash
Z = 1.96  # 95 %

RANGES = {
    "today": "Today",
    "yesterday": "Yesterday",
    "7d": "Last 7 days",
    "28d": "Last 28 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "365d": "Last 365 days",
    "month": "This month",
    "last-month": "Last month",
}


class BadQuestion(ValueError):
    """A question that cannot be answered, with the name of the parameter."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter


@dataclass(frozen=True)
class Question:
    """A scope of the numbers, and how it is split and sorted."""

    scope: Scope
    by: str | None = None
    sort: str = "clicks"
    limit: int | None = None  # None: none was asked for
    range: str | None = None  # the name of a range that moves with the days

    @property
    def before(self) -> Scope:
        """The period before: as many days on the same weekdays, some whole weeks earlier."""
        weeks = timedelta(weeks=-(-len(self.scope.days) // 7))
        return replace(self.scope, first=self.scope.first - weeks, last=self.scope.last - weeks)

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """Return the address's parameters for this question; `changes` of None leave one out."""
        days = {"from": str(self.scope.first), "to": str(self.scope.last)}
        filters = {name: written(value) for name, value in self.scope.filters.items()}
        asked = ({"range": self.range} if self.range else days) | filters | changes
        return {name: value for name, value in asked.items() if value}


def written(value: str) -> str:
    """Write a filter's value as an address has it."""
    return {"": NONE, NONE: NAMED_SO}.get(value, value)


def today(zone: ZoneInfo) -> date:
    """Return the shop's day."""
    return datetime.now(zone).date()


def read_question(
    given: Mapping[str, Sequence[str]], today: date, also: Iterable[str] = ()
) -> Question:
    """Read a question from an address's parameters; `also` are names that the page reads itself.

    :raises BadQuestion: a parameter is unknown, given twice, or no answer can be given to it.
    """
    known = {"from", "to", "range", "by", "sort", "limit", *DIMENSIONS, *also}
    for name, texts in given.items():
        if name not in known:
            raise BadQuestion(name[:40], f"is not known here; known are {', '.join(sorted(known))}")
        if len(texts) != 1:
            raise BadQuestion(name, "is given twice")
    one = {name: texts[0] for name, texts in given.items() if texts[0]}
    first, last, moves = _period(one, today)
    filters = {
        name: {NONE: "", NAMED_SO: NONE}.get(one[name], _text(name, one[name]))
        for name in DIMENSIONS
        if name in one
    }
    return Question(
        scope=Scope(first, last, filters),
        by=_choice("by", one.get("by"), BY),
        sort=_choice("sort", one.get("sort"), SORTS) or "clicks",
        limit=_limit(one["limit"]) if "limit" in one else None,
        range=moves,
    )


def _period(one: Mapping[str, str], today: date) -> tuple[date, date, str | None]:
    name = _choice("range", one.get("range"), RANGES)
    if not one.keys() & {"from", "to"}:
        name = name or "30d"
        return *moving(name, today), name
    if name:
        raise BadQuestion("range", "goes without from and to")
    last = _day("to", one["to"]) if "to" in one else today
    first = _day("from", one["from"]) if "from" in one else last - timedelta(29)
    if first > last:
        raise BadQuestion("from", f"{first} is after {last}, the last day")
    if (last - first).days >= LONGEST_DAYS:
        raise BadQuestion("from", f"is more than {LONGEST_DAYS} days before the last day")
    return first, last, None


def moving(name: str, today: date) -> tuple[date, date]:
    """Return the first and last day of one of RANGES."""
    if name == "yesterday":
        return today - timedelta(1), today - timedelta(1)
    if name == "month":
        return today.replace(day=1), today
    if name == "last-month":
        last = today.replace(day=1) - timedelta(1)
        return last.replace(day=1), last
    days = 1 if name == "today" else int(name.removesuffix("d"))
    return today - timedelta(days - 1), today


def _day(name: str, text: str) -> date:
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise BadQuestion(name, "must be a day that exists, as YYYY-MM-DD") from None
    if not EARLIEST <= day <= LATEST:
        raise BadQuestion(name, f"must be between {EARLIEST} and {LATEST}")
    return day


def _choice(name: str, text: str | None, choices: Iterable[str]) -> str | None:
    if text is not None and text not in choices:
        raise BadQuestion(name, f"must be one of {', '.join(choices)}")
    return text


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LARGEST_LIMIT):
        raise BadQuestion("limit", f"must be a whole number from 1 to {LARGEST_LIMIT}")
    return int(text)


def _text(name: str, text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadQuestion(name, "is not Unicode text") from None
    if len(text) > 300:
        raise BadQuestion(name, "is longer than 300 characters")
    return text


class Durations(NamedTuple):
    """Percentiles of one kind of duration; None of nothing."""

    metric: str  # launch, complete, vendor
    n: int
    p50_ms: int | None
    p90_ms: int | None
    p95_ms: int | None


def durations(numbers: Numbers, scope: Scope) -> list[Durations]:
    """Measure launches, completions and the vendor's calls, of the shop as a whole or a channel."""
    found = numbers.histograms(scope)
    return [
        Durations(
            metric,
            sum(n for _, n in found.get(metric, [])),
            *(percentile(found.get(metric, []), share) for share in (0.5, 0.9, 0.95)),
        )
        for metric in ("launch", "complete", "vendor")
    ]


def percentile(buckets: Sequence[tuple[int, int]], share: float) -> int | None:
    """Find the duration, in milliseconds, that a share of them stay within; at most 4.5 % off.

    `buckets` are (bucket, how many) in their order.
    """
    wanted = share * sum(n for _, n in buckets)
    so_far = 0
    for bucket, n in buckets:
        so_far += n
        if so_far >= wanted and n:
            return round(bucket_ms(bucket))
    return None


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate (Wilson 1927); of nothing, 0 to 1."""
    if not whole:
        return 0.0, 1.0
    rate, z2 = part / whole, Z * Z
    middle = (rate + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z * math.sqrt(rate * (1 - rate) / whole + z2 / (4 * whole * whole)) / (1 + z2 / whole)
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(counts: Counts, part: str, whole: str) -> float | None:
    """Divide two counts; None of nothing."""
    return counts[part] / counts[whole] if counts[whole] else None
