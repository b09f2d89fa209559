"""The vendor's pricing plans: read from a setting, and what a volume of sessions costs on each."""

import json
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal, DecimalException
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails


def _number(value: object) -> object:
    # Text and floats are refused too: money is to be exact, and 0.08 is not as a float.
    if not isinstance(value, int | Decimal):
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
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3})?$")] = ""
    current: Annotated[bool, Field(strict=True)] = False  # the merchant's own

    def written(self, amount: Decimal) -> str:
        """Write an amount with its currency, if that is said."""
        return f"{amount:,.2f} {self.currency}".strip()


MEANING = {  # pydantic's name of a fault, and ours; any other is a value that is no number
    "model_type": "must be an object",
    "missing": "is missing",
    "extra_forbidden": "is not a field of a plan",
    "string_type": "must be text",
    "string_pattern_mismatch": "must not be empty",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be 0 or more",
    "less_than_equal": "is too large",
    "decimal_max_places": "has more than 6 decimals",
}
TWICE = object()  # the value of a field that is given twice; no type takes it


def parse(text: str) -> tuple[Plan, ...]:
    """Plans of a JSON list, in its order. ValueError names entry and field of each fault."""
    plans: dict[str, Plan] = {}
    faults: list[str] = []
    for number, entry in enumerate(_entries(text), 1):
        try:
            plan = Plan.model_validate(entry)
        except ValidationError as error:
            faults += [_sentence(number, fault) for fault in error.errors(include_url=False)]
            continue
        if plan.name in plans:
            faults.append(f"(entry {number}, field name) is the name of an earlier entry")
        faults += _against(number, plan, plans.values())
        plans[plan.name] = plan
    if faults:
        raise ValueError(f"{'; '.join(faults)}.")
    return tuple(plans.values())


def _against(number: int, plan: Plan, earlier: Iterable[Plan]) -> Iterator[str]:
    """What one plan cannot be beside those before it: prices are compared, and one is current."""
    if any(plan.currency != each.currency for each in earlier):
        yield f"(entry {number}, field currency) is another than an earlier entry's"
    if plan.current and any(each.current for each in earlier):
        yield f"(entry {number}, field current) is true of an earlier entry"


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


def _entries(text: str) -> list[object]:
    try:
        entries = json.loads(text, object_pairs_hook=_fields, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON in line {error.lineno}: {error.msg}.") from None
    except (ValueError, DecimalException, RecursionError):
        # Thousands of digits or brackets, or an exponent beyond what Decimal holds.
        raise ValueError("is not JSON that can be read.") from None
    if not isinstance(entries, list):
        raise ValueError("must be a JSON list of plans.")
    return entries


def _fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object's fields by name; a dict would silently keep the last of two alike."""
    names = [name for name, _ in pairs]
    return {name: value if names.count(name) == 1 else TWICE for name, value in pairs}


def _sentence(number: int, fault: ErrorDetails) -> str:
    place = ", field ".join([f"entry {number}", *(str(field)[:80] for field in fault["loc"])])
    meaning = MEANING.get(fault["type"], "must be a number")
    if fault["loc"] == ("currency",):
        meaning = "must be three capital letters, such as EUR"
    return f"({place}) {'is given twice' if fault['input'] is TWICE else meaning}"
