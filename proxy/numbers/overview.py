"""The figures, tables and panels of the dashboard's first page, from one snapshot of the numbers.

No Flask, no clock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from proxy.numbers.comparison import Change, before, compared, compared_rate, reached, summed
from proxy.numbers.names import name
from proxy.numbers.plan_fit import PlanCost, PlanFit, plan_fit
from proxy.numbers.questions import Durations, Question, durations, rate, wilson
from proxy.numbers.series import Series, series
from proxy.numbers.timeline import latest
from proxy.plans import Plan
from storage.numbers import Counts, Numbers, Scope, UnderWay, answering_table

HEALTH_MS = 24 * 3_600_000  # calls of the last day make the vendor's health
ROWS = 10  # of a table on the page
DAYS = 31  # of the table of days
STEPS = ("clicks", "created", "opened", "completed")
ENDINGS = (
    "completed", "abandoned", "failed", "cancelled", "other",
    "expired_unreported", "expired_unlaunched", "create_failed", "open",
)  # fmt: skip
SEARCHED = 100_000  # rows at most
Title = Callable[[str], str]  # of a product by its id; "" where none is known
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
    name: str  # "" where the key is all that is known
    counts: Counts
    whole_rate: float | None


@dataclass(frozen=True)
class Table:
    by: str
    label: str
    rows: tuple[Row, ...]
    more: int  # rows that are not shown
    from_attempts: bool  # read from the attempts, which is slower
    columns: tuple[str, ...]  # counts to show; of the endings those that anything came to
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
class First:
    """What the first screen shows of a question's period."""

    timezone: str
    since: str  # the first day on which anything was counted; "" where nothing was
    days: int
    totals: Counts
    previous: Counts | None  # as they stood at the same moment; None where that cannot be said
    figures: tuple[Figure, ...]
    series: Series
    now: UnderWay
    desktops: Counts | None  # of those who were shown a QR, where totals answer that
    health: Health
    plans: int
    own_plan: PlanCost | None  # the merchant's, where that is said
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
    plan_fit: PlanFit
    durations: tuple[Durations, ...]
    unlaunched_rate: float | None  # of the sessions: paid for and not used
    latest: tuple[dict[str, Any], ...]  # the newest events of the shop; an open page asks for more


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
        since=numbers.since,
        days=len(scope.days),
        totals=totals,
        previous=previous,
        figures=_figures(totals, previous),
        series=series(numbers, question, by_day, by_day_before, now_ms),
        now=numbers.under_way(Scope(today - timedelta(1), today)),
        desktops=_desktops(numbers, scope),
        health=_health(numbers, now_ms, breaker),
        plans=len(plans),
        own_plan=_own(numbers, today, plans),
        unknown_words=sum(word["attempts"] for word in numbers.rows("unknown_words")),
    )


def overview(
    numbers: Numbers, question: Question, today: date, now_ms: int, breaker: Mapping[str, Any],
    plans: Sequence[Plan], title: Title = lambda _: "",
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
        table=_table(numbers, question, title),
        plan_fit=plan_fit(numbers, today, plans),
        durations=tuple(durations(numbers, scope)),
        unlaunched_rate=rate(totals, "expired_unlaunched", "created"),
        latest=tuple(latest(numbers)),
    )


def table(
    numbers: Numbers, question: Question, by: str, rows: int,
    title: Title = lambda _: "", search: str = "",
) -> Table:  # fmt: skip
    """Count each value of a dimension, the greatest of the question's sort first, or each of the
    last days; with `search` those alone whose key or name has this text in it."""
    from_attempts = answering_table(question.scope, by) is None
    if by == "day":
        last = replace(question.scope, first=question.scope.days[-rows:][0])
        counted, more = numbers.by(last, by)[0], len(question.scope.days) - len(last.days)
        return _made(by, _rows(by, counted, title), more, from_attempts)
    counted, more = numbers.by(question.scope, by, question.sort, SEARCHED if search else rows)
    found = _rows(by, counted, title)
    if search:
        text = search.casefold()
        found = tuple(row for row in found if text in f"{row.key}\n{row.name}".casefold())
        found, more = found[:rows], max(0, len(found) - rows)
    return _made(by, found, more, from_attempts)


def _made(by: str, rows: tuple[Row, ...], more: int, from_attempts: bool) -> Table:
    ended = (key for key in ENDINGS[1:] if any(row.counts[key] for row in rows))
    return Table(by, NAMES[by], rows, more, from_attempts, (*STEPS, *ended))


def _table(numbers: Numbers, question: Question, title: Title) -> Table:
    """Make the page's table. What would be read from all attempts waits on a page of its own; those
    of one product are found by an index."""
    by, scope = question.by or "product_id", question.scope
    if answering_table(scope, by) is None and "product_id" not in scope.filters:
        return replace(_made(by, (), 0, from_attempts=True), deferred=True)
    return table(numbers, question, by, DAYS if by == "day" else ROWS, title)


def _desktops(numbers: Numbers, scope: Scope) -> Counts | None:
    some = replace(scope, filters={"device": "desktop", **scope.filters})
    if answering_table(some) is None:
        return None
    return numbers.totals(some) | {"underway": numbers.under_way(some).launched}


def _rows(by: str, counted: Mapping[str, Counts], title: Title) -> tuple[Row, ...]:
    """Name the rows. The channel of no click is that of impressions, and no row; and whoever never
    launched has none, so that by channel used all others would look too good."""
    return tuple(
        Row(
            key,
            title(key) if by == "product_id" else name(by, key),
            counts,
            None
            if by == "channel"
            else _divided(counts["completed"], counts["clicks"] - counts["open"]),
        )
        for key, counts in counted.items()
        if counts["clicks"] or by not in ("offered", "channel")
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


def _own(numbers: Numbers, today: date, plans: Sequence[Plan]) -> PlanCost | None:
    if not any(plan.current for plan in plans):
        return None  # and no forecast is needed
    return next(each for each in plan_fit(numbers, today, plans).plans if each.plan.current)


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
