"""The figures, tables and panels of the dashboard's first page, from one snapshot of the numbers.

No Flask, no clock.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from proxy import plans as pricing
from proxy.numbers.comparison import Change, before, compared, compared_rate, reached, summed
from proxy.numbers.forecast import Forecast, Range, forecast
from proxy.numbers.questions import Durations, Question, durations, rate, wilson
from proxy.numbers.series import Series, series
from proxy.plans import Plan
from storage.numbers import Counts, Numbers, Scope, UnderWay, answering_table

HEALTH_MS = 24 * 3_600_000  # calls of the last day make the vendor's health
ROWS = 20  # of a table on the page
DAYS = 31  # of the table of days
STEPS = ("clicks", "created", "opened", "completed")
ENDINGS = (
    "completed", "abandoned", "failed", "cancelled", "other",
    "expired_unreported", "expired_unlaunched", "create_failed", "open",
)  # fmt: skip
NAMES = {
    "product_id": "Product", "category": "Category", "locale": "Language", "device": "Device",
    "offered": "Offered", "channel": "Used", "day": "Day",
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """One of the five figures. `value` is a count, or a rate from 0 to 1 (None of nothing)."""

    key: str  # of definitions.BY_KEY, as all keys here
    is_rate: bool
    value: float | None
    change: Change


@dataclass(frozen=True)
class Step:
    """A step of the funnel. Rates are from 0 to 1, None of nothing, without what can still end."""

    key: str
    count: int
    of_previous: float | None
    of_first: float | None
    low: float  # 95 % interval of `of_previous`
    high: float
    change: Change | None  # of `of_previous`; None of the first step


@dataclass(frozen=True)
class Ending:
    """An outcome of attempts; `share` is of all clicks."""

    key: str
    count: int
    share: float | None


@dataclass(frozen=True)
class Row:
    """A row of a table: one value of a dimension, or one day."""

    key: str
    counts: Counts
    whole_rate: float | None


@dataclass(frozen=True)
class Table:
    by: str
    label: str
    rows: tuple[Row, ...]
    more: int  # rows that are not shown
    from_attempts: bool  # read from the attempts, which is slower
    deferred: bool = False  # not read here, since it would be slow: `/dashboard/by/…` does


@dataclass(frozen=True)
class Health:
    """The vendor's health: the last day's calls, the last callbacks, the breaker."""

    answers: tuple[dict[str, Any], ...]  # code ("ok" or a problem code), n, last_ms, detail
    calls: int
    error_rate: float | None
    verdicts: tuple[dict[str, Any], ...]  # verdict, n, last_ms
    last_callback_ms: int | None
    breaker: Mapping[str, Any]  # breaker, held_until_ms, token_refused


@dataclass(frozen=True)
class PlanCost:
    """A plan's cost for the last whole months, and for next month."""

    plan: Plan
    is_cheapest: bool  # for next month's P50
    replayed: Decimal | None  # the last whole months together; None where there are none
    low: Decimal | None  # next month at P10, P50 and P90; None without a forecast
    middle: Decimal | None
    high: Decimal | None
    run_out: date | None  # the day of this month on which its sessions are used up


@dataclass(frozen=True)
class PlanFit:
    """The forecast of sessions, and each plan's cost. `reason` says why there is none yet."""

    history: tuple[tuple[date, int], ...]  # sessions of the finished days, for the chart
    days: tuple[Range, ...]
    this_month: Range | None
    next_month: Range | None
    reason: str | None
    months: tuple[int, ...]  # sessions of the whole months that are replayed, oldest first
    plans: tuple[PlanCost, ...]


@dataclass(frozen=True)
class First:
    """What the first screen shows of a question's period."""

    timezone: str
    totals: Counts
    previous: Counts | None  # as they stood at the same moment; None where that cannot be said
    figures: tuple[Figure, ...]
    series: Series
    now: UnderWay
    desktops: Counts | None  # of those who were shown a QR, where totals answer that
    health: Health
    plan_fit: PlanFit
    unknown_words: int  # try-ons that ended with a word that no mapping knows


@dataclass(frozen=True)
class Overview(First):
    """All that the dashboard's first page shows of a question's period."""

    raw_since: str
    from_attempts: bool
    day_not_over: bool  # the last of them
    steps: tuple[Step, ...]
    endings: tuple[Ending, ...]
    table: Table  # by the question's dimension
    durations: tuple[Durations, ...]
    unlaunched_rate: float | None  # of the sessions: paid for and not used


def first(
    numbers: Numbers, question: Question, today: date, now_ms: int, breaker: Mapping[str, Any],
    plans: Sequence[Plan],
) -> First:  # fmt: skip
    scope = question.scope
    by_day, by_day_before = (numbers.by(each, "day")[0] for each in (scope, question.before))
    totals = summed(by_day.values()) | {"underway": numbers.under_way(scope).launched}
    previous = before(numbers, question, by_day_before, now_ms)
    return First(
        timezone=numbers.zone.key,
        totals=totals,
        previous=previous,
        figures=_figures(totals, previous),
        series=series(numbers, question, by_day, by_day_before, now_ms),
        now=numbers.under_way(Scope(today - timedelta(1), today)),
        desktops=_desktops(numbers, scope),
        health=_health(numbers, now_ms, breaker),
        plan_fit=plan_fit(numbers, today, plans),
        unknown_words=sum(word["attempts"] for word in numbers.rows("unknown_words")),
    )


def overview(
    numbers: Numbers, question: Question, today: date, now_ms: int, breaker: Mapping[str, Any],
    plans: Sequence[Plan],
) -> Overview:  # fmt: skip
    shown, scope = first(numbers, question, today, now_ms, breaker, plans), question.scope
    totals = shown.totals
    return Overview(
        **vars(shown),
        raw_since=numbers.raw_since,
        from_attempts=answering_table(scope) is None,
        day_not_over=scope.last >= today,
        steps=_steps(totals, shown.previous),
        endings=tuple(Ending(key, totals[key], rate(totals, key, "clicks")) for key in ENDINGS),
        table=_table(numbers, question),
        durations=tuple(durations(numbers, scope)),
        unlaunched_rate=rate(totals, "expired_unlaunched", "created"),
    )


def table(numbers: Numbers, question: Question, by: str, rows: int) -> Table:
    """Count each value of a dimension, the greatest of the question's sort first, or each of the
    last days."""
    from_attempts = answering_table(question.scope, by) is None
    if by == "day":
        last = replace(question.scope, first=question.scope.days[-rows:][0])
        counted, more = numbers.by(last, by)[0], len(question.scope.days) - len(last.days)
    else:
        counted, more = numbers.by(question.scope, by, question.sort, rows)
    return Table(by, NAMES[by], _rows(counted), more, from_attempts)


def _table(numbers: Numbers, question: Question) -> Table:
    """Make the page's table. What would be read from all attempts waits on a page of its own; those
    of one product are found by an index."""
    by, scope = question.by or "product_id", question.scope
    if answering_table(scope, by) is None and "product_id" not in scope.filters:
        return Table(by, NAMES[by], (), 0, from_attempts=True, deferred=True)
    return table(numbers, question, by, DAYS if by == "day" else ROWS)


def _desktops(numbers: Numbers, scope: Scope) -> Counts | None:
    some = replace(scope, filters={"device": "desktop", **scope.filters})
    if answering_table(some) is None:
        return None
    return numbers.totals(some) | {"underway": numbers.under_way(some).launched}


def _rows(counted: Mapping[str, Counts]) -> tuple[Row, ...]:
    return tuple(
        Row(key, counts, _divided(counts["completed"], counts["clicks"] - counts["open"]))
        for key, counts in counted.items()
    )


def _divided(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _figures(totals: Counts, previous: Counts | None) -> tuple[Figure, ...]:
    return (
        *(Figure(key, False, totals[key], compared(totals, previous, key)) for key in STEPS),
        Figure(
            "whole_rate",
            True,
            _divided(*reached(totals, "whole_rate")),
            compared_rate(totals, previous, "whole_rate"),
        ),
    )


def _steps(totals: Counts, previous: Counts | None) -> tuple[Step, ...]:
    first = Step("clicks", totals["clicks"], None, 1.0 if totals["clicks"] else None, 0, 1, None)
    return (
        first,
        *(
            Step(
                key,
                totals[key],
                _divided(*reached(totals, key)),
                rate(totals, key, "clicks"),
                *wilson(*reached(totals, key)),
                compared_rate(totals, previous, key),
            )
            for key in STEPS[1:]
        ),
    )


def _health(numbers: Numbers, now_ms: int, breaker: Mapping[str, Any]) -> Health:
    answers = numbers.rows("vendor_answers", since_ms=now_ms - HEALTH_MS)
    verdicts = numbers.rows("callback_verdicts")
    calls = sum(answer["n"] for answer in answers)
    bad = sum(answer["n"] for answer in answers if answer["code"] != "ok")
    return Health(
        answers=tuple(answers),
        calls=calls,
        error_rate=bad / calls if calls else None,
        verdicts=tuple(verdicts),
        last_callback_ms=max((verdict["last_ms"] for verdict in verdicts), default=None),
        breaker=breaker,
    )


# A forecast takes 50 ms, and the finished days hardly change.
_forecast = lru_cache(maxsize=16)(forecast)


def plan_fit(numbers: Numbers, today: date, plans: Sequence[Plan]) -> PlanFit:
    """Forecast this and next month's sessions; reckon each plan's cost for next month and for the
    last whole months."""
    history = _finished(numbers.created_by_day(today), today)
    predicted = _forecast(history)
    if isinstance(predicted, Forecast):
        days, (this_month, next_month), reason = predicted.days, predicted.months, None
    else:
        days, this_month, next_month, reason = (), None, None, predicted.reason
    this_month_days: list[tuple[date, float]] = [
        (day, n)
        for day, n in (*history, *((each.day, each.p50) for each in days))
        if day.replace(day=1) == today.replace(day=1)
    ]
    months = _whole_months(history, today)
    cheapest = pricing.cheapest(plans, round(next_month.p50)) if plans and next_month else None
    replayed = {plan.name: cost for plan, cost in pricing.replay(plans, months)}
    return PlanFit(
        history=history,
        days=days,
        this_month=this_month,
        next_month=next_month,
        reason=reason,
        months=months,
        plans=tuple(
            PlanCost(
                plan,
                plan is cheapest,
                replayed[plan.name] if months else None,
                *_costs(plan, next_month),
                pricing.run_out_day(plan, this_month_days) if days else None,
            )
            for plan in plans
        ),
    )


def _costs(
    plan: Plan, month: Range | None
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    if month is None:
        return None, None, None
    low, middle, high = (pricing.cost(plan, round(n)) for n in (month.p10, month.p50, month.p90))
    return low, middle, high


def _finished(counted: Sequence[tuple[date, int]], today: date) -> tuple[tuple[date, int], ...]:
    """List every day from the first that had a session to yesterday."""
    seen = dict(counted)
    first = min((day for day, n in counted if n), default=today)
    days = (first + timedelta(n) for n in range((today - first).days))
    return tuple((day, seen.get(day, 0)) for day in days)


def _whole_months(history: Sequence[tuple[date, int]], today: date) -> tuple[int, ...]:
    """Sum the sessions of the last whole months, three at most, oldest first."""
    months: Counter[date] = Counter()
    for day, n in history:
        months[day.replace(day=1)] += n
    whole = [n for month, n in months.items() if history[0][0] <= month < today.replace(day=1)]
    return tuple(whole[-3:])
