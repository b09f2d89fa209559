"""The forecast of sessions, and what each of the vendor's plans would cost. No Flask, no clock."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache

from proxy import plans as pricing
from proxy.numbers.forecast import Forecast, Range, forecast
from proxy.plans import Plan
from storage.numbers import Numbers


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


def plan_fit(numbers: Numbers, today: date, plans: Sequence[Plan]) -> PlanFit:
    """Forecast this and next month's sessions; reckon each plan's cost for next month and for the
    last whole months."""
    return _plan_fit(tuple(numbers.created_by_day(today)), today, tuple(plans))


# A forecast takes 50 ms, and the finished days hardly change.
@lru_cache(maxsize=16)
def _plan_fit(
    counted: tuple[tuple[date, int], ...], today: date, plans: tuple[Plan, ...]
) -> PlanFit:
    history = _finished(counted, today)
    predicted = forecast(history)
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
