"""A wrong plan is named by entry and field; a right one costs what it says."""

import json
import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from proxy.plans import Plan, cheapest, cost, parse, replay, run_out_day

PLANS = """[
  {"name": "Starter", "price": 49, "included_sessions": 1000, "price_per_extra_session": 0.08},
  {
    "name": "Growth",
    "price": 199.50,
    "included_sessions": 5000,
    "price_per_extra_session": 0.05
  }
]"""


def plan(price: str, included: int, extra: str, name: str = "a plan") -> Plan:
    return Plan(
        name=name,
        price=Decimal(price),
        included_sessions=included,
        price_per_extra_session=Decimal(extra),
    )


def test_it_reads_plans_in_their_order_and_money_exactly():
    starter, growth = parse(PLANS)
    assert starter == plan("49", 1000, "0.08", "Starter")
    assert growth == plan("199.50", 5000, "0.05", "Growth")
    assert parse(PLANS.replace("49", "1000000000"))[0].price == 10**9
    assert parse("[]") == ()


def test_a_plan_may_have_a_currency_and_be_the_merchant_s():
    text = PLANS.replace('"price":', '"currency": "EUR", "price":').replace(
        '"name": "Growth"', '"name": "Growth", "current": true'
    )
    starter, growth = parse(text)
    assert (starter.currency, starter.current, growth.current) == ("EUR", False, True)
    assert starter.written(Decimal("1234.5")) == "1,234.50 EUR"
    assert parse(PLANS)[0].written(Decimal("1234.5")) == "1,234.50"


def test_a_plan_takes_no_float_for_money():
    with pytest.raises(ValidationError, match="price"):
        Plan(name="a plan", price=0.1, included_sessions=1, price_per_extra_session=Decimal(1))


def test_a_plan_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        parse(PLANS)[0].price = Decimal(1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("5000", "-1", "(entry 2, field included_sessions) must be 0 or more"),
        (
            '"price": 49',
            '"currency": "euro", "price": 49',
            "(entry 1, field currency) must be three capital letters, such as EUR",
        ),
        (
            '"price": 49',
            '"currency": "EUR", "price": 49',
            "(entry 2, field currency) is another than an earlier entry's",
        ),
        (
            '"price": 49',
            '"current": 1, "price": 49',
            "(entry 1, field current) must be true or false",
        ),
        (
            '"price":',
            '"current": true, "price":',
            "(entry 2, field current) is true of an earlier entry",
        ),
        ("5000", "5e3", "(entry 2, field included_sessions) must be a whole number"),
        ("5000", "true", "(entry 2, field included_sessions) must be a whole number"),
        ("5000", '"5000"', "(entry 2, field included_sessions) must be a whole number"),
        ("5000", "1" + "0" * 12 + "1", "(entry 2, field included_sessions) is too large"),
        ("199.50", "-0.01", "(entry 2, field price) must be 0 or more"),
        ("199.50", "null", "(entry 2, field price) must be a number"),
        ("199.50", '"199.50"', "(entry 2, field price) must be a number"),
        ("199.50", "true", "(entry 2, field price) must be a number"),
        ("199.50", "1e999999", "(entry 2, field price) is too large"),
        ("199.50", "1000000000.01", "(entry 2, field price) is too large"),
        ("0.05", "1e-7", "(entry 2, field price_per_extra_session) has more than 6"),
        ('"Growth"', '" "', "(entry 2, field name) must not be empty"),
        ('"Growth"', "7", "(entry 2, field name) must be text"),
        ('"Growth"', '"Starter"', "(entry 2, field name) is the name of an earlier entry"),
        ('"included_sessions": 5000,', "", "(entry 2, field included_sessions) is missing"),
        ('"price": 199', '"prize": 199', "(entry 2, field prize) is not a field of a plan"),
        ('"price": 199', f'"{"p" * 81}": 199', f"(entry 2, field {'p' * 80}) is not a field of a"),
        ('"price": 199.50', '"name": "B"', "(entry 2, field name) is given twice"),
    ],
)
def test_it_names_entry_and_field_of_a_fault(old, new, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(PLANS.replace(old, new))


def test_it_names_all_faults_at_once():
    with pytest.raises(ValueError, match="entry") as raised:
        parse(PLANS.replace("49", "-49").replace("5000", "-1").replace("]", ", 7]"))
    assert str(raised.value) == (
        "(entry 1, field price) must be 0 or more; "
        "(entry 2, field included_sessions) must be 0 or more; "
        "(entry 3) must be an object."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON in line 1: Expecting value."),
        ("[\n{]", "is not JSON in line 2: "),
        (PLANS + "x", "is not JSON in line 9: "),
        ("{}", "must be a JSON list of plans."),
        ("null", "must be a JSON list of plans."),
        ("[" * 100_000, "is not JSON that can be read."),
        (PLANS.replace("49", "9" * 5000), "is not JSON that can be read."),
        (PLANS.replace("49", "1e" + "9" * 30), "is not JSON that can be read."),
        (PLANS.replace("49", "NaN"), "(entry 1, field price) must be a number."),
        (PLANS.replace("49", "-Infinity"), "(entry 1, field price) must be a number."),
    ],
)
def test_it_refuses_what_is_no_json_list_of_plans(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        parse(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_anything_else_is_a_value_error_or_plans(value):
    text = json.dumps([value, {"name": value, "price": value, "x": value}])
    with pytest.raises(ValueError, match=r"^\(entry 1\) "):
        parse(text)


@pytest.mark.parametrize(
    ("sessions", "bill"),
    [(0, "49"), (1000, "49"), (1001, "49.08"), (1003, "49.24"), (10**12, "79999999969")],
)
def test_a_bill_is_the_price_and_each_extra_session(sessions, bill):
    assert cost(parse(PLANS)[0], sessions) == Decimal(bill)


@pytest.mark.parametrize(
    ("sessions", "name"), [(0, "Starter"), (2881, "Starter"), (2882, "Growth"), (90_000, "Growth")]
)
def test_the_cheapest_plan_depends_on_the_volume(sessions, name):
    assert cheapest(parse(PLANS), sessions).name == name


def test_of_equally_cheap_plans_the_first_is_chosen():
    assert cheapest([plan("1", 5, "1", "b"), plan("1", 9, "0", "a")], 5).name == "b"


def test_a_replay_bills_each_month_by_itself_and_puts_the_cheapest_first():
    starter, growth = parse(PLANS)
    assert replay([growth, starter], [900, 1100, 9000]) == [
        (starter, Decimal("795")),  # 49 + 57 + 689
        (growth, Decimal("798.50")),  # 199.50 + 199.50 + 399.50
    ]
    assert replay([starter], []) == [(starter, Decimal(0))]


@pytest.mark.parametrize(
    ("included", "day"),
    [(0, date(2026, 11, 1)), (99, date(2026, 11, 10)), (100, date(2026, 11, 11)), (300, None)],
)
def test_a_plan_runs_out_on_the_day_of_its_first_extra_session(included, day):
    november = [(date(2026, 11, 1) + timedelta(n), 10.0) for n in range(30)]
    assert run_out_day(plan("1", included, "1"), november) == day
