"""Questions and the arithmetic of their answers, against figures worked out by other means."""

import math
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import quantiles
from zoneinfo import ZoneInfo

import pytest

from proxy.numbers.answers import answer
from proxy.numbers.comparison import count_change, rate_change
from proxy.numbers.definitions import BY_KEY, DEFINITIONS
from proxy.numbers.overview import Overview, overview, table
from proxy.numbers.plan_fit import plan_fit
from proxy.numbers.questions import (
    BY,
    RANGES,
    BadQuestion,
    moving,
    percentile,
    read_question,
    wilson,
)
from proxy.numbers.sentence import facts
from proxy.plans import parse
from storage.events import Entry, event
from storage.funnel import COUNTS, bucket
from storage.numbers import ENDINGS, Scope
from storage.sqlite.connection import connect
from storage.sqlite.numbers import SQLiteNumbers
from storage.sqlite.store import SQLiteStore
from tests.storage.histories import (
    attempt_id,
    call,
    callback,
    click,
    created,
    impression,
    launch,
    moment,
)

TUESDAY = date(2026, 11, 24)
UTC = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2026-11-24", "2026-11-24"),
        ("yesterday", "2026-11-23", "2026-11-23"),
        ("7d", "2026-11-18", "2026-11-24"),
        ("30d", "2026-10-26", "2026-11-24"),
        ("month", "2026-11-01", "2026-11-24"),
        ("last-month", "2026-10-01", "2026-10-31"),
    ],
)
def test_a_range_moves_with_the_days(name: str, first: str, last: str) -> None:
    assert moving(name, TUESDAY) == (date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2024, 2, 29), date(2026, 12, 31)])
def test_every_range_is_there_on_every_day(name: str, today: date) -> None:
    question = read_question({"range": [name]}, today)
    assert question.scope.first <= question.scope.last <= today
    assert question.before.last < question.scope.first
    assert question.scope.first - question.before.last <= timedelta(7)
    assert len(question.before.days) == len(question.scope.days)
    assert question.before.first.weekday() == question.scope.first.weekday()
    assert len(question.before.days) == len(question.scope.days)


def test_an_address_asks_the_same_again() -> None:
    given = {"from": ["2026-11-01"], "to": ["2026-11-07"], "channel": ["(none)"], "device": ["tv"]}
    question = read_question(given, TUESDAY)
    again = {name: [text] for name, text in question.parameters().items()}
    assert read_question(again, TUESDAY) == question
    assert question.scope.filters == {"channel": "", "device": "tv"}
    assert "device" not in question.parameters(device=None)


def test_the_longest_range_can_be_asked_and_one_day_more_cannot() -> None:
    last = date(2026, 1, 1)
    first = last - timedelta(3_659)
    question = read_question({"from": [str(first)], "to": [str(last)]}, TUESDAY)
    assert len(question.scope.days) == 3_660
    with pytest.raises(BadQuestion) as refused:
        read_question({"from": [str(first - timedelta(1))], "to": [str(last)]}, TUESDAY)
    assert refused.value.parameter == "from"


@pytest.mark.parametrize(
    "day", ["20261124", "2026-W48-2", "2026-11-31", "1999-12-31", "2200-01-01"]
)
def test_a_day_has_one_spelling_and_bounds(day: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        read_question({"from": [day], "to": ["2026-11-24"]}, TUESDAY)
    assert refused.value.parameter == "from"
    assert str(refused.value).startswith("from: must be ")


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(BadQuestion, match="product_id"):
        read_question({"product_id": ["\udc80"]}, TUESDAY)


@pytest.mark.parametrize(("part", "whole"), [(0, 10), (5, 10), (10, 10), (90, 1000), (1, 3)])
def test_an_interval_holds_the_rates_from_which_the_count_is_no_surprise(
    part: int, whole: int
) -> None:
    """Wilson's bounds are where the count lies 1.96 standard deviations off."""
    low, high = wilson(part, whole)
    assert 0 <= low <= part / whole <= high <= 1
    for bound in (low, high):
        if 0 < bound < 1:
            deviation = math.sqrt(whole * bound * (1 - bound))
            assert abs(part - whole * bound) / deviation == pytest.approx(1.96)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert rate_change(0, 0, 5, 10).by is None
    assert rate_change(5, 10, 0, 0).by is None
    assert rate_change(5, 10, 0, 10).by == 0.5
    assert count_change(5, 0).by is None
    assert percentile([], 0.5) is None


@pytest.mark.parametrize(
    ("now", "before", "noise"), [(100, 100, True), (110, 100, True), (1100, 1000, False)]
)
def test_a_difference_of_counts_may_be_chance(now: int, before: int, noise: bool) -> None:
    change = count_change(now, before)
    assert change.noise == noise
    assert change.by == pytest.approx(now / before - 1)


def test_a_difference_that_is_chance_is_rarely_taken_for_news() -> None:
    """Of pairs with the same rate, about one in twenty is called a difference."""
    dice = random.Random(1)
    news = 0
    for _ in range(2_000):
        one, other = (sum(dice.random() < 0.3 for _ in range(80)) for _ in range(2))
        news += not rate_change(one, 80, other, 80).noise
    assert 0.03 < news / 2_000 < 0.07
    change = rate_change(300, 1000, 200, 1000)
    assert not change.noise
    assert change.by == pytest.approx(0.1)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
def test_a_percentile_from_buckets_is_as_near_as_it_says(share: float) -> None:
    dice = random.Random(2)
    durations = [round(dice.lognormvariate(9, 1)) for _ in range(20_000)]
    buckets: dict[int, int] = {}
    for each in durations:
        buckets[bucket(each)] = buckets.get(bucket(each), 0) + 1
    exact = quantiles(durations, n=100)[round(share * 100) - 1]
    found = percentile(sorted(buckets.items()), share)
    assert found is not None
    assert abs(math.log(found / exact)) <= math.log(1.046)


# --- The first page -------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "shop.db", UTC)
    yield store
    store.close()


def see(store: SQLiteStore, today: date = TUESDAY, plans: str = "[]", **asked: str) -> Overview:
    question = read_question({name: [text] for name, text in asked.items()}, today)
    now = moment(f"{today}T12:00")
    with store.snapshot() as db:
        return overview(
            SQLiteNumbers(db, UTC), question, today, now, {"breaker": "closed"}, parse(plans)
        )


def test_an_answer_has_the_members_of_stats_json(store: SQLiteStore) -> None:
    fill(store, 40)
    given = {"range": ["7d"], "by": ["device"], "channel": ["qr"]}
    with store.numbers() as numbers:
        noon = moment(f"{TUESDAY}T12:00")
        found = answer(numbers, read_question(given, TUESDAY), noon)
        whole = answer(numbers, read_question({"range": ["7d"]}, TUESDAY), noon)
        earlier = answer(numbers, read_question({"range": ["28d"]}, TUESDAY), noon)
    assert found["filters"] == {"channel": "qr"}
    assert (found["from"], found["to"]) == ("2026-11-18", "2026-11-24")
    assert (found["previous_from"], found["previous_to"]) == ("2026-11-11", "2026-11-17")
    # Its day is not over: what came at noon, a week ago, was not there yet.
    assert (found["totals"]["clicks"], found["previous"]["clicks"]) == (6, 6)
    assert found["previous"].keys() == found["totals"].keys()
    assert earlier["previous"] is None  # the shop was not there for all of it
    assert [(row["key"], row["clicks"]) for row in found["by"]] == [("phone", 6)]
    assert (found["more"], found["timezone"], found["raw_since"]) == (0, "UTC", None)
    assert (found["source"], whole["source"]) == ("totals", "totals")
    assert whole["times"] == [
        {"metric": "launch", "n": 6, "p50_ms": 8933, "p90_ms": 8933, "p95_ms": 8933},
        {"metric": "complete", "n": 6, "p50_ms": 50535, "p90_ms": 50535, "p95_ms": 50535},
        {"metric": "vendor", "n": 18, "p50_ms": 197, "p90_ms": 197, "p95_ms": 197},
    ]


def test_a_question_that_no_total_answers_is_read_from_the_attempts(store: SQLiteStore) -> None:
    fill(store, 3)
    given = {"product_id": ["sku-1"], "device": ["phone"]}
    with store.numbers() as numbers:
        found = answer(numbers, read_question(given, TUESDAY), moment(f"{TUESDAY}T12:00"))
    assert (found["source"], found["totals"]["clicks"]) == ("attempts", 9)


def test_percentiles_are_of_the_share_that_they_name() -> None:
    buckets = [(80, 60), (88, 0), (96, 33), (104, 7)]  # 1024, 2048, 4096 and 8192 ms
    shares = (0.5, 0.6, 0.61, 0.9, 0.95, 1)
    found = [percentile(buckets, share) for share in shares]
    assert found == [1024, 1024, 4096, 4096, 8192, 8192]


def test_the_vendors_health_is_that_of_the_last_day(store: SQLiteStore) -> None:
    noon = moment(f"{TUESDAY}T12:00")
    for number, (back_ms, error) in enumerate(
        [(1, None), (2, None), (3, "upstream_timeout"), (4, None), (86_400_001, "upstream_error")]
    ):
        a = attempt_id(noon - back_ms, number)
        told = call(a, noon - back_ms, 200)._replace(error=error)
        store.commit([Entry((click(a),), call=told)])
    health = see(store).health
    assert (health.calls, health.error_rate) == (4, 0.25)
    assert {each["code"]: each["n"] for each in health.answers} == {"ok": 3, "upstream_timeout": 1}
    assert health.breaker == {"breaker": "closed"}


def test_a_table_shows_the_ten_greatest(store: SQLiteStore) -> None:
    noon = moment(f"{TUESDAY}T12:00")
    for number in range(11):
        clicks = 2 if number == 10 else 1
        for n in range(clicks):
            a = attempt_id(noon, number + 100 * n)
            store.commit([Entry((click(a, product_id=f"sku-{number:02}"),))])
    shown = see(store).table
    assert (len(shown.rows), shown.more) == (10, 1)
    assert [row.key for row in shown.rows[:2]] == ["sku-10", "sku-00"]
    assert shown.label == "Product"


def test_a_row_has_the_endings_that_anything_came_to_and_they_add_up(store: SQLiteStore) -> None:
    fill(store, 3)
    for by in BY:
        shown = see(store, by=by).table
        assert shown.columns == (
            "clicks", "created", "opened", "completed", "expired_unlaunched", "open",
        )  # fmt: skip
        for row in shown.rows:
            endings = sum(row.counts[key] for key in shown.columns[3:])
            assert endings == row.counts["clicks"], by


def test_a_table_names_its_rows_and_finds_them_by_name_or_key(store: SQLiteStore) -> None:
    noon = moment(f"{TUESDAY}T12:00")
    for number, locale in enumerate(("de-AT", "de", "fr", "tlh")):
        clicked = click(attempt_id(noon, number), locale=locale, product_id=f"sku-{number}")
        store.commit([Entry((clicked,))])
    with store.numbers() as numbers:
        question = read_question({"range": ["7d"]}, TUESDAY)
        titles = {"sku-1": "Trail Runner", "sku-2": "Sku Boot"}

        def found(by: str, rows: int, search: str) -> tuple[list[tuple[str, str]], int]:
            shown = table(numbers, question, by, rows, lambda key: titles.get(key, ""), search)
            return [(row.key, row.name) for row in shown.rows], shown.more

        assert found("locale", 9, "") == (
            [("de", "German"), ("de-AT", "German"), ("fr", "French"), ("tlh", "")], 0,
        )  # fmt: skip
        assert found("locale", 1, "GERM") == ([("de", "German")], 1)
        assert found("product_id", 9, "runner") == ([("sku-1", "Trail Runner")], 0)
        assert found("product_id", 9, "-2") == ([("sku-2", "Sku Boot")], 0)
        assert found("product_id", 9, "nothing") == ([], 0)


def test_whoever_never_launched_used_no_channel_but_was_offered_one(store: SQLiteStore) -> None:
    noon = moment(f"{TUESDAY - timedelta(3)}T12:00")
    for number in range(4):
        a = attempt_id(noon, number)
        events = [click(a, offered="qr" if number else ""), created(a, noon + 200)]
        if number == 1:
            events += [launch(a, noon + 9_000), callback(a, noon + 60_000, "done")]
        else:
            events.append(event("expired", a, noon + 900_000, "proxy"))
        store.commit([Entry((*events, impression(noon + number)))])

    def rows(by: str) -> list[tuple[str, int, float | None]]:
        found = see(store, by=by).table.rows
        return [(row.name, row.counts["clicks"], row.whole_rate) for row in found]

    assert rows("offered") == [("A QR code", 3, pytest.approx(1 / 3)), ("Not known", 1, 0)]
    assert rows("channel") == [("Never launched", 3, None), ("The QR code", 1, None)]


def test_a_new_shop_is_empty_and_says_why_there_is_no_forecast(store: SQLiteStore) -> None:
    view = see(store)
    assert not any(view.totals.values())
    assert {figure.value for figure in view.figures} == {0, None}
    assert view.series.can_rise == 1  # the day is not over
    assert view.plan_fit.reason
    assert view.health.last_callback_ms is None
    assert view.health.error_rate is None


def fill(store: SQLiteStore, days: int, a_day: int = 3) -> None:
    """So many attempts on each of the days up to yesterday, one of them completed."""
    entries = []
    for back in range(1, days + 1):
        noon = moment(f"{TUESDAY - timedelta(back)}T12:00")
        for number in range(a_day):
            a = attempt_id(noon, number)
            events = [click(a), created(a, noon + 200)]
            if number == 0:
                events += [launch(a, noon + 9_000), callback(a, noon + 60_000, "done")]
            if number == 1:
                events.append(event("expired", a, noon + 900_000, "proxy"))
            entries.append(Entry(tuple(events), call=call(a, noon, 200)))
    store.commit(entries)


def test_the_panels_of_a_page_agree(store: SQLiteStore) -> None:
    fill(store, 40)
    view = see(store, range="28d")
    assert view.totals["clicks"] == 27 * 3
    assert [step.count for step in view.steps] == [81, 81, 27, 27]
    assert sum(ending.count for ending in view.endings) == view.totals["clicks"]
    for by in BY:
        table = see(store, range="28d", by=by).table
        assert sum(row.counts["clicks"] for row in table.rows) == view.totals["clicks"]
    assert sum(view.series.values("completed")) == view.totals["completed"]
    assert sum(view.series.values_before("clicks")) == 13 * 3
    assert view.unlaunched_rate == pytest.approx(1 / 3)
    assert view.series.can_rise == 7  # as many as are looked at: each has one open
    by_key = {figure.key: figure for figure in view.figures}
    assert by_key["whole_rate"].value == pytest.approx(1 / 2)  # of three one can still end
    assert by_key["whole_rate"].change.noise
    assert view.series.values("clicks")[-2:] == [3, 0]
    assert view.series.values("whole_rate")[-2:] == [50.0, 0.0]
    first, second = view.steps[:2]
    assert (first.of_previous, first.change, first.of_first) == (None, None, 1)
    assert (second.of_previous, second.of_first) == (1, 1)
    assert second.change is not None


def test_a_table_that_would_be_slow_waits_unless_a_product_is_named(store: SQLiteStore) -> None:
    fill(store, 3)
    waits = {by: see(store, category="shoes", by=by).table.deferred for by in BY}
    assert waits == {
        "product_id": True, "category": False, "locale": True, "device": True, "channel": True,
        "offered": True, "day": False,
    }  # fmt: skip
    for by in BY:
        table = see(store, product_id="sku-1", by=by).table
        assert not table.deferred
        assert sum(row.counts["clicks"] for row in table.rows) == 9


PLANS = """[
    {"name": "Small", "price": 10, "included_sessions": 50, "price_per_extra_session": 1},
    {"name": "Large", "price": 60, "included_sessions": 500, "price_per_extra_session": 0.5}
]"""


def test_plans_are_compared_by_what_is_to_come_and_what_was(store: SQLiteStore) -> None:
    fill(store, 80)
    with store.snapshot() as db:
        fit = plan_fit(SQLiteNumbers(db, UTC), TUESDAY, parse(PLANS))
    assert fit.months == (93,)  # of October: September is not whole, November not over
    small, large = fit.plans
    assert (small.replayed, large.replayed) == (53, 60)
    assert fit.next_month is not None
    assert fit.next_month.day == date(2026, 12, 1)
    assert 60 < fit.next_month.p50 < 130
    assert small.middle == 10 + (round(fit.next_month.p50) - 50)
    assert small.run_out == date(2026, 11, 17)  # 3 a day: the 51st session of the month
    assert large.run_out is None


@pytest.mark.parametrize(
    ("own", "run_out"), [("Small", date(2026, 11, 17)), ("Large", None), ("", None)]
)
def test_the_merchants_own_plan_is_the_one_that_is_said_to_be(
    store: SQLiteStore, own: str, run_out: date | None
) -> None:
    fill(store, 80)
    view = see(store, plans=PLANS.replace(f'"{own}"', f'"{own}", "current": true'))
    said = facts(view, [])
    assert (said.plans, said.plan, said.run_out) == (2, own, run_out)


def test_there_is_no_forecast_from_two_weeks(store: SQLiteStore) -> None:
    fill(store, 14)
    with store.snapshot() as db:
        fit = plan_fit(SQLiteNumbers(db, UTC), TUESDAY, parse(PLANS))
    assert fit.reason is not None
    assert "14 of 28 days" in fit.reason
    assert fit.plans[0].middle is None
    assert fit.plans[0].run_out is None


# --- Definitions ----------------------------------------------------------------------------------


def test_every_count_is_defined() -> None:
    counts = [name for name in COUNTS if not name.endswith("_sum")]
    assert {*counts, "open", "launch", "complete", "vendor"} <= BY_KEY.keys()
    assert {*ENDINGS} <= BY_KEY.keys()


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: each.key)
def test_the_sql_of_a_definition_gives_the_figure(store: SQLiteStore, definition: object) -> None:
    fill(store, 10)
    key, sql = definition.key, definition.sql  # type: ignore[attr-defined]
    days = {"first": "2026-11-16", "last": "2026-11-24"}
    db = connect(store.path)
    (found,) = db.execute(sql, days).fetchone()
    db.close()
    with store.snapshot() as snapshot:
        scope = Scope(date(2026, 11, 16), TUESDAY)
        question = read_question({"from": [days["first"]], "to": [days["last"]]}, TUESDAY)
        shown = answer(SQLiteNumbers(snapshot, UTC), question, moment(f"{TUESDAY}T12:00"))
        assert question.scope == scope
    times = {each["metric"]: each["p50_ms"] for each in shown["times"]}
    rates = {"created_rate": 1, "opened_rate": 1 / 2, "completed_rate": 1, "whole_rate": 1 / 2}
    expected = shown["totals"].get(key, rates.get(key, times.get(key)))
    assert found == pytest.approx(expected, abs=0.5 if key in times else 1e-9)
