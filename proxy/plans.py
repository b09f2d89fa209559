"""The vendor's pricing plans: read from a setting, and what a volume of sessions costs on each."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal, DecimalException
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError


def _number(value: object) -> object:
    # Floats are refused as text and booleans are: money is to be exact, and 0.08 is not as a float.
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("not a number")
    return value


Money = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=10**9, decimal_places=6)]


class Plan(BaseModel):
    """A month costs `price`, and `price_per_extra_session` for each beyond `included_sessions`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"\S")]
    price: Money
    included_sessions: Annotated[int, Field(strict=True, ge=0, le=10**12)]
    price_per_extra_session: Money


MEANING = {  # pydantic's name of a fault, and ours; any other is a value of the wrong kind
    "missing": "is missing",
    "extra_forbidden": "is not a field of a plan",
    "greater_than_equal": "must be 0 or more",
    "less_than_equal": "is too large",
    "decimal_max_places": "has more than 6 decimals",
    "string_pattern_mismatch": "must not be empty",
}
KIND = {"name": "must be text", "included_sessions": "must be a whole number"}


def parse(text: str) -> tuple[Plan, ...]:
    """Plans of a JSON list, in its order. ValueError names entry, line and field of each fault."""
    plans: list[Plan] = []
    faults: list[str] = []
    for number, (start, end, value) in enumerate(_entries(text), 1):
        for field, message in _read(value, plans):
            key = re.compile(rf'"{re.escape(field)}"\s*:').search(text, start, end)
            line = text.count("\n", 0, key.start() if field and key else start) + 1
            where = f"entry {number} (line {line})" + (f", field {field[:80]}" if field else "")
            faults.append(f"plans: {where}: {message}")
    if faults:
        raise ValueError("; ".join(faults))
    return tuple(plans)


def cost(plan: Plan, sessions: int) -> Decimal:
    """One month's bill, not rounded, in whatever currency the prices are in."""
    return plan.price + max(0, sessions - plan.included_sessions) * plan.price_per_extra_session


def cheapest(plans: Iterable[Plan], sessions: int) -> Plan:
    """The plan with the lowest bill for a month, of equals the first. ValueError for no plans."""
    return min(plans, key=lambda plan: cost(plan, sessions))


def replay(plans: Iterable[Plan], months: Iterable[int]) -> list[tuple[Plan, Decimal]]:
    """What each plan would have cost for past months' sessions, cheapest first.

    Months are whole ones: no plan bills a part of its price for a part of a month.
    """
    sessions = list(months)
    totals = [(plan, sum((cost(plan, n) for n in sessions), Decimal(0))) for plan in plans]
    return sorted(totals, key=lambda total: total[1])


def run_out_day(plan: Plan, daily: Iterable[tuple[date, float]]) -> date | None:
    """The day of a month's first extra session; None if it has none. `daily`: the whole month's."""
    used = 0.0
    for day, sessions in daily:
        used += sessions
        if used > plan.included_sessions:
            return day
    return None


def _entries(text: str) -> Iterator[tuple[int, int, object]]:
    """The list's elements, with where each starts and ends: a fault is to name its line."""
    # Objects come as tuples of pairs: a field given twice would vanish in a dict.
    decoder = json.JSONDecoder(object_pairs_hook=tuple, parse_float=Decimal)
    try:
        plans = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"plans: line {error.lineno}: not JSON: {error.msg}") from None
    except (ValueError, DecimalException, RecursionError):
        # Thousands of digits or brackets, or an exponent beyond what Decimal holds.
        raise ValueError("plans: not JSON that can be read") from None
    if not isinstance(plans, list):
        raise ValueError("plans: must be a JSON list of plans")
    end = text.index("[") + 1
    for _ in plans:
        start = next(re.compile(r"[^\s,]").finditer(text, end)).start()
        value, end = decoder.raw_decode(text, start)
        yield start, end, value


def _read(value: object, plans: list[Plan]) -> Iterator[tuple[str, str]]:
    """Adds the entry to `plans`, or yields what is wrong with it as field and message."""
    if not isinstance(value, tuple):
        yield "", "must be an object"
        return
    names = [key for key, _ in value]
    for key in dict.fromkeys(key for key in names if names.count(key) > 1):
        yield key, "is given twice"
    try:
        plan = Plan.model_validate(dict(value))
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            field = str(fault["loc"][0])
            yield field, MEANING.get(fault["type"], KIND.get(field, "must be a number"))
        return
    if plan.name in {known.name for known in plans}:
        yield "name", "is the name of an earlier entry"
    plans.append(plan)
