"""What is read is what was counted: from whichever table, with whatever filters, on any day."""

# ruff: noqa: S608 - names of columns and views are our own
import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import combinations
from operator import add
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from storage.events import Entry, Event, event
from storage.funnel import COUNTS, Attempt, contribution, ending, impression, local_day, midnight_ms
from storage.numbers import DIMENSIONS, ENDINGS, Scope, answering_table, with_open
from storage.sqlite.listing import BEHIND
from storage.sqlite.numbers import SQLiteNumbers
from storage.sqlite.store import SQLiteStore
from tests.storage import histories
from tests.storage.histories import MINUTE, attempt_id, callback, click, created, launch

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "shop.db", BERLIN)
    yield store
    store.close()


def fill(store: SQLiteStore, seed: int, attempts: int = 60) -> None:
    rng = random.Random(seed)
    around = histories.moment("2026-03-29T00:30", "Europe/Berlin")  # the clock goes forward
    store.commit(histories.history(rng, around, attempts))


def all_attempts(store: SQLiteStore) -> list[dict[str, object]]:
    """Each attempt's dimensions and day, and its counts by the function that totals come from."""
    found = []
    for (each,) in store.read("SELECT id FROM attempts"):
        attempt = store.attempt(each)
        assert attempt is not None
        rows = [row for (table, _), row in contribution(attempt).items() if table == "totals_day"]
        if rows:
            found.append({**attempt._asdict(), "counts": rows[0]})
    return found


def all_impressions(store: SQLiteStore) -> list[dict[str, object]]:
    found = []
    for received_ms, props in store.read(
        "SELECT received_ms, json(props) FROM events WHERE name = 'impression'"
    ):
        its = json.loads(props)
        seen = event("impression", "", received_ms, "button", key="x", **its)
        if impression(seen, BERLIN):
            known = {name: its.get(name, "") for name in DIMENSIONS}
            row = (1, *[0] * (len(COUNTS) - 1))
            found.append({**known, "local_day": local_day(received_ms, BERLIN), "counts": row})
    return found


def expected(
    rows: list[dict[str, object]], scope: Scope, by: str | None
) -> dict[str, dict[str, int]]:
    """The same in plain Python."""
    sums: dict[str, list[int]] = {}
    column = "local_day" if by == "day" else by
    for row in rows:
        if not str(scope.first) <= str(row["local_day"]) <= str(scope.last):
            continue
        if any(row[name] != value for name, value in scope.filters.items()):
            continue
        key = str(row[column]) if column else ""
        counts = row["counts"]
        assert isinstance(counts, tuple)
        before = sums.get(key, [0] * len(COUNTS))
        sums[key] = [a + b for a, b in zip(before, counts, strict=True)]
    return {key: with_open(dict(zip(COUNTS, row, strict=True))) for key, row in sums.items()}


@pytest.mark.parametrize("seed", range(6))
def test_every_way_of_asking_gives_what_the_attempts_contribute(
    store: SQLiteStore, seed: int
) -> None:
    fill(store, seed)
    rows = all_attempts(store) + all_impressions(store)
    rng = random.Random(seed)
    first = date(2026, 2, 1)
    values = {name: sorted({str(row[name]) for row in rows}) for name in DIMENSIONS}
    questions = [
        (filters, by)
        for size in range(3)
        for filters in combinations(DIMENSIONS, size)
        for by in (None, "day", *DIMENSIONS)
    ]
    with store.snapshot() as db:
        stats = SQLiteNumbers(db, BERLIN)
        for filters, by in questions:
            start = first + timedelta(rng.randrange(60))
            scope = Scope(
                start,
                start + timedelta(rng.choice([0, 1, 40, 90])),
                {name: rng.choice(values[name]) for name in filters},
            )
            counted, more = stats.by(scope, by) if by else ({"": stats.totals(scope)}, 0)
            assert more == 0
            wanted = expected(rows, scope, by)
            got = {key: counts for key, counts in counted.items() if any(counts.values())}
            assert got == wanted, (scope, by)


@pytest.mark.parametrize("filters", [{}, {"product_id": "sku-1"}, {"category": "shoes"}])
def test_several_splits_at_once_are_the_same_as_each_alone(
    store: SQLiteStore, filters: dict[str, str]
) -> None:
    fill(store, 5)
    scope = Scope(date(2026, 2, 1), date(2026, 4, 30), filters)
    with store.snapshot() as db:
        stats = SQLiteNumbers(db, BERLIN)
        assert stats.split(scope, DIMENSIONS, "open", 3) == {
            by: stats.by(scope, by, "open", 3) for by in DIMENSIONS
        }


def test_each_attempt_counts_in_sql_as_it_does_in_python(store: SQLiteStore) -> None:
    fill(store, 99, attempts=300)
    in_python = {row["id"]: row["counts"] for row in all_attempts(store)}
    in_sql = {
        row[0]: tuple(row[1:])
        for row in store.read(f"SELECT id, {', '.join(COUNTS)} FROM attempt_counts")
    }
    assert in_sql == {key: tuple(map(int, counts)) for key, counts in in_python.items()}  # type: ignore[call-overload]
    assert {outcome for (outcome,) in store.read("SELECT DISTINCT outcome FROM attempts")} >= {
        "open", "create_failed", "expired", "cancelled", "other",
        "abandoned", "failed", "completed",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "by", "table"),
    [
        ((), None, "totals_day_category"),
        ((), "day", "totals_day_category"),
        (("category",), None, "totals_day_category"),
        (("device", "locale"), "channel", "totals_day"),
        (("product_id",), "day", "totals_day_product"),
        ((), "product_id", "totals_day_product"),
        (("offered",), "channel", "totals_day"),
        (("product_id",), "device", None),
        (("category", "device"), None, None),
    ],
)
def test_the_smallest_table_that_can_answer_does(
    filters: tuple[str, ...], by: str | None, table: str | None
) -> None:
    scope = Scope(date(2026, 1, 1), date(2026, 1, 2), dict.fromkeys(filters, "x"))
    assert answering_table(scope, *filter(None, (by,))) == table


def test_any_range_is_the_sum_of_its_days(store: SQLiteStore) -> None:
    chance = random.Random(5)
    days = [date(2026, 1, 20) + timedelta(n) for n in range(90)]
    for number in range(200):
        at_ms = histories.moment(f"{chance.choice(days)}T12:00", "Europe/Berlin")
        a = attempt_id(at_ms, number)
        events = [click(a, product_id=f"p{number % 40}"), created(a, at_ms)]
        if number % 2:
            events.append(launch(a, at_ms + 1000 * number, "qr"))
        store.commit([Entry(tuple(events))])
    for _ in range(100):
        first, last = sorted(chance.sample(days, 2))
        scope, between = Scope(first, last), f"local_day BETWEEN '{first}' AND '{last}'"
        with store.snapshot() as db:
            stats = SQLiteNumbers(db, BERLIN)
            for table, by in (("totals_day_product", "product_id"), ("totals_day", "channel")):
                sql = (
                    f"SELECT {by}, sum(clicks), sum(opened) FROM {table} WHERE {between} GROUP BY 1"
                )
                found, _ = stats.by(scope, by)
                assert {(key, n["clicks"], n["opened"]) for key, n in found.items()} == {
                    *db.execute(sql)
                }
            sql = f"SELECT bucket, sum(n) FROM histograms WHERE {between} GROUP BY 1 ORDER BY 1"
            assert stats.histograms(scope).get("launch", []) == [*db.execute(sql)]


@pytest.mark.parametrize(
    ("first", "last", "clicks"),
    [
        ("2026-01-31", "2026-03-01", 1 + 70 + 1000),
        ("2026-02-01", "2026-02-27", 70 - 1),  # cheaper than twenty-seven days
        ("2026-02-20", "2026-02-28", 1),
        ("2026-03-01", "2026-03-02", 1000),  # nothing was counted later
    ],
)
def test_months_stand_for_most_of_their_days(
    store: SQLiteStore, first: str, last: str, clicks: int
) -> None:
    for day in ("2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01"):
        at_ms = histories.moment(f"{day}T12:00", "Europe/Berlin")
        a = attempt_id(at_ms, at_ms % 1000)
        store.commit([Entry((click(a, product_id="p"), created(a, at_ms)))])
    with store.snapshot() as db:
        scope = Scope(date.fromisoformat(first), date.fromisoformat(last))
        marked = "UPDATE totals_month_product SET clicks = ? WHERE local_month = ?"
        db.executemany(marked, [(70, "2026-02"), (1000, "2026-03")])
        assert SQLiteNumbers(db, BERLIN).by(scope, "product_id")[0]["p"]["clicks"] == clicks


def test_days_without_anything_are_listed_with_zeros(store: SQLiteStore) -> None:
    with store.snapshot() as db:
        found, _ = SQLiteNumbers(db, BERLIN).by(Scope(date(2026, 2, 27), date(2026, 3, 1)), "day")
    assert list(found) == ["2026-02-27", "2026-02-28", "2026-03-01"]
    assert {*found["2026-02-28"].values()} == {0}


def test_a_long_list_is_cut_at_its_limit_and_says_so(store: SQLiteStore) -> None:
    at_ms = histories.moment("2026-03-01T12:00")
    for number in range(5):
        for again in range(number + 1):
            a = attempt_id(at_ms, number * 10 + again)
            store.commit([Entry((click(a, product_id=f"p{number}"),))])
    with store.snapshot() as db:
        scope = Scope(date(2026, 3, 1), date(2026, 3, 1))
        found, more = SQLiteNumbers(db, BERLIN).by(scope, "product_id", limit=2)
    assert (list(found), more) == (["p4", "p3"], 3)


@pytest.mark.parametrize("count", BEHIND)
@pytest.mark.parametrize("filters", [(), ("product_id",), ("device",), ("product_id", "channel")])
def test_the_attempts_behind_a_count_are_as_many_as_it_says(
    store: SQLiteStore, count: str, filters: tuple[str, ...]
) -> None:
    fill(store, 7, attempts=150)
    rows = all_attempts(store)
    first, last = date(2026, 3, 28), date(2026, 3, 29)
    seen = Counter(tuple(str(row[name]) for name in filters) for row in rows)
    scope = Scope(first, last, dict(zip(filters, seen.most_common(1)[0][0], strict=True)))
    found, before = list[str](), None
    with store.snapshot() as db:
        stats = SQLiteNumbers(db, BERLIN)
        while True:
            page = stats.attempts(scope, count, before, limit=7)
            found += [attempt.id for attempt in page.attempts]
            before = page.more
            if before is None:
                break
            assert len(page.attempts) == 7
        total = stats.totals(scope)[count]
    assert found == sorted(found, reverse=True)
    assert len(found) == len({*found})
    if count == "reused":  # an attempt may have been found again more than once
        assert len(found) <= total
    else:
        assert len(found) == total


def test_a_search_for_what_is_rare_ends_after_a_bounded_number(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.listing.LOOKED_THROUGH", 10)
    start = histories.moment("2026-03-01T12:00")
    for number in range(35):
        a = attempt_id(start + number * 1_000)
        entry = [click(a), created(a, start)]
        entry += [launch(a, start + 5)] if number == 2 else []
        store.commit([Entry(tuple(entry))])
    found, before, pages = list[str](), None, 0
    with store.snapshot() as db:
        while True:
            scope = Scope(date(2026, 3, 1), date(2026, 3, 1))
            page = SQLiteNumbers(db, BERLIN).attempts(scope, "opened", before, limit=5)
            found += [attempt.id for attempt in page.attempts]
            before, pages = page.more, pages + 1
            if before is None:
                break
    assert found == [attempt_id(start + 2_000)]
    assert pages == 4


PATHS = [
    ("other", {}, "attempts_ended_badly"),
    ("failed", {"locale": "en"}, "attempts_ended_badly"),
    ("completed", {"product_id": "sku-1"}, "attempts_product"),
    ("clicks", {}, "PRIMARY KEY"),
    ("opened", {"device": "phone"}, "PRIMARY KEY"),
]


@pytest.mark.parametrize(("count", "filters", "index"), PATHS)
def test_the_list_of_attempts_goes_by_an_index_and_sorts_nothing(
    store: SQLiteStore, count: str, filters: dict[str, str], index: str
) -> None:
    store.commit([Entry(tuple(completed_attempt("2026-03-01T12:00")))])
    for statement in listing_statements(store, count, filters):
        plan = planned(store, statement)
        assert index in plan
        assert "TEMP B-TREE" not in plan


def completed_attempt(at: str, **props: str) -> list[Event]:
    at_ms = histories.moment(at)
    a = attempt_id(at_ms)
    told = callback(a, at_ms + MINUTE, "completed")
    return [click(a, **props), created(a, at_ms), launch(a, at_ms), told]


def listing_statements(
    store: SQLiteStore, count: str, filters: dict[str, str], search: str = ""
) -> list[str]:
    """What the list asks the database of its attempts, its values in place."""
    with store.snapshot() as db:
        statements: list[str] = []
        db.set_trace_callback(statements.append)
        scope = Scope(date(2026, 1, 1), date(2026, 12, 31), filters)
        SQLiteNumbers(db, BERLIN).attempts(scope, count, None, search=search)
        db.set_trace_callback(None)
    found = [each for each in statements if each.lstrip().startswith(("SELECT id FROM", "WITH"))]
    assert found
    return found


def planned(store: SQLiteStore, statement: str) -> str:
    return " ".join(row[3] for row in store.read(f"EXPLAIN QUERY PLAN {statement}"))


def test_a_search_goes_by_indexes_alone(store: SQLiteStore) -> None:
    store.commit([Entry(tuple(completed_attempt("2026-03-01T12:00", reference="0123456789")))])
    used = set()
    for statement in listing_statements(store, "clicks", {}, "0123456789"):
        plan = planned(store, statement)
        assert not re.search(r"SCAN (?!found|some|CONSTANT|\()\w+", plan), plan
        used |= {*re.findall(r"INDEX (\w+)|(PRIMARY KEY)", plan)}
    indexes = {name or key for name, key in used}
    assert {"attempts_reference", "attempts_product", "PRIMARY KEY"} <= indexes
    assert len([each for each in indexes if each.startswith("sqlite_autoindex_attempts")]) == 2


def listed(store: SQLiteStore, search: str, count: str = "clicks", limit: int = 50) -> list[str]:
    """All pages of a search in 2026."""
    found, before = list[str](), None
    with store.snapshot() as db:
        while True:
            scope = Scope(date(2026, 1, 1), date(2026, 12, 31))
            page = SQLiteNumbers(db, BERLIN).attempts(scope, count, before, limit, search)
            found += [attempt.id for attempt in page.attempts]
            if (before := page.more) is None:
                return found


def test_a_search_finds_ids_and_what_references_and_products_begin_with(store: SQLiteStore) -> None:
    start = histories.moment("2026-03-01T12:00")
    a, b, c, d = (attempt_id(start + number * 1_000, number) for number in range(4))
    for each, product_id, reference in (
        (a, "boot-1", "cart-7"), (b, "boot-10", "cart-70"), (c, "cap", "boot"), (d, "%", "_"),
    ):  # fmt: skip
        store.commit([Entry((click(each, product_id=product_id, reference=reference),))])
        store.commit([Entry((created(each, start),))])
    assert listed(store, "boot") == [c, b, a]
    assert listed(store, "boot-10") == [b]
    assert listed(store, "cart-7") == [b, a]
    assert listed(store, "art-7") == []
    assert listed(store, a) == listed(store, a.upper()) == listed(store, f"s-{a}") == [a]
    assert listed(store, f"p-{a}") == [a]
    assert listed(store, b[:31]) == [b]
    assert listed(store, a[:8]) == [d, c, b, a]
    assert listed(store, "0") == []
    assert listed(store, "%") == listed(store, "_") == [d]
    assert listed(store, "boot", "completed") == []


@pytest.mark.parametrize("most", [5, 20_000])
def test_a_search_of_many_products_loses_and_doubles_nothing(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("storage.sqlite.listing.FOUND_THROUGH", most)
    start = histories.moment("2026-03-01T12:00")
    ids = [attempt_id(start + number * 60_000, number) for number in range(60)]
    for number, each in enumerate(ids):
        props = {"product_id": f"boot-{number % 7}", "reference": f"boot-{number % 5}"}
        told = (callback(each, start, "completed", ""),) if number % 3 else ()
        store.commit([Entry((click(each, **props), *told))])
    wanted = [each for number, each in reversed([*enumerate(ids)]) if number % 3]
    assert listed(store, "boot", "completed", limit=4) == wanted


def test_a_search_shows_nothing_below_what_it_has_not_looked_at(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.listing.FOUND_THROUGH", 5)
    start = histories.moment("2026-03-01T12:00")
    ids = [attempt_id(start + number * 60_000, number) for number in range(33)]
    for number, each in enumerate(ids):  # three of one product, then thirty of the other
        told = (callback(each, start, "completed", ""),) if number < 4 else ()
        props = {"product_id": "boot-1" if number < 3 else "boot-0"}
        store.commit([Entry((click(each, **props), *told))])
    assert listed(store, "boot", "completed", limit=4) == ids[3::-1]


def test_each_attempt_ends_as_it_is_counted(store: SQLiteStore) -> None:
    fill(store, 99, attempts=300)
    seen = set()
    for each, *counts in store.read(f"SELECT id, {', '.join(ENDINGS)} FROM attempt_counts"):
        attempt = store.attempt(each)
        assert attempt is not None
        seen.add(ending(attempt))
        counted = [name for name, n in zip(ENDINGS, counts, strict=True) if n]
        assert [ending(attempt)] == (counted or ["open"])
    assert {*seen, "create_failed"} == {*ENDINGS, "open"}


def test_how_days_that_are_over_stood_is_read_once_a_minute(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 60.0)
    long_ago, now = (histories.moment(f"2026-03-{day}T12:00") for day in ("01", "08"))
    store.commit([Entry((click(attempt_id(at)),)) for at in (long_ago, now)])

    def clicks(day: int, at_ms: int) -> int:
        with store.numbers() as numbers:
            scope = Scope(date(2026, 3, day), date(2026, 3, day))
            return numbers.standing(scope, at_ms)["clicks"]

    assert (clicks(1, now), clicks(8, now + 1)) == (1, 1)
    store.commit([Entry((click(attempt_id(at, 1)),)) for at in (long_ago, now)])
    assert (clicks(1, now), clicks(8, now + 1)) == (1, 2)
    assert clicks(1, now + MINUTE) == 2  # as it stood at another moment
    monkeypatch.setattr(time, "time", lambda: 120.0)
    assert clicks(1, now) == 2


def test_the_vendors_answers_are_counted_once_a_minute(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 60.0)

    def answers() -> list[int]:
        with store.numbers() as numbers:
            return [each["n"] for each in numbers.rows("vendor_answers", since_ms=0)]

    asked = Entry(call=histories.call("", MINUTE, 200))
    store.commit([asked])
    assert answers() == [1]
    store.commit([asked])
    assert answers() == [1]
    monkeypatch.setattr(time, "time", lambda: 120.0)
    assert answers() == [2]


def test_a_list_leaps_over_days_that_have_none(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite.listing.LOOKED_THROUGH", 10)
    store.commit([Entry(tuple(completed_attempt("2026-03-01T12:00")))])
    for number in range(40):
        at_ms = histories.moment("2026-03-05T12:00") + number
        store.commit([Entry((click(attempt_id(at_ms)),))])
    store.commit([Entry(tuple(completed_attempt("2026-03-10T12:00")))])
    with store.snapshot() as db:
        scope = Scope(date(2026, 1, 1), date(2026, 12, 31))
        numbers = SQLiteNumbers(db, BERLIN)
        first = numbers.attempts(scope, "completed", None, limit=1)
        second = numbers.attempts(scope, "completed", first.more, limit=1)
    days = [each.local_day for page in (first, second) for each in page.attempts]
    assert days == ["2026-03-10", "2026-03-01"]
    assert second.more is None


def test_a_text_that_very_many_names_begin_with_is_told(store: SQLiteStore) -> None:
    start = histories.moment("2026-03-01T12:00")
    for number in range(21):
        a = attempt_id(start + number)
        store.commit([Entry((click(a, product_id=f"boot-{number:02}"),))])
    with store.snapshot() as db:
        numbers = SQLiteNumbers(db, BERLIN)
        cut = [numbers.search_is_cut(text) for text in ("boot", "boot-0", "x")]
    assert cut == [True, False, False]
    assert len(listed(store, "boot")) == 20


def test_hostile_values_are_only_values(store: SQLiteStore) -> None:
    fill(store, 3, attempts=20)
    schema = store.read("SELECT sql FROM sqlite_master ORDER BY name")
    with store.snapshot() as db:
        stats = SQLiteNumbers(db, BERLIN)
        for hostile in ("'; DROP TABLE events; --", '" OR 1=1 --', "%' OR '1'='1", ":day", "\x00"):
            for name in DIMENSIONS:
                scope = Scope(date(2026, 1, 1), date(2026, 12, 31), {name: hostile})
                assert {*stats.totals(scope).values()} == {0}
                assert stats.attempts(scope, "clicks", None).attempts == ()
    assert store.read("SELECT sql FROM sqlite_master ORDER BY name") == schema


def test_no_view_shows_a_key_with_which_one_could_act_as_the_shopper(store: SQLiteStore) -> None:
    at_ms = histories.moment("2026-03-01T12:00")
    a = attempt_id(at_ms)
    told = callback(a, at_ms + MINUTE, "completed")
    store.commit([Entry((click(a), created(a, at_ms), launch(a, at_ms), told))])
    for view in ("readable_attempts", "readable_events", "attempt_counts", "readable_receipts"):
        shown = repr(store.read(f"SELECT * FROM {view}"))
        assert f"p-{a}" not in shown
        assert f"l-{a}" not in shown
        assert "vendor.example/launch" not in shown


def as_it_stood(attempt: Attempt, at_ms: int) -> Attempt:
    """What was known of an attempt at a moment, by what is known of it now."""
    known = {
        name: value if value is not None and value < at_ms else None
        for name, value in (("created_ms", attempt.created_ms), ("opened_ms", attempt.opened_ms))
    }
    if attempt.ended_ms is not None and attempt.ended_ms >= at_ms:
        known |= {"outcome": "open", "ended_ms": None}
    return attempt._replace(**known)


@pytest.mark.parametrize(("place", "around"), histories.PLACES)
def test_hours_are_those_since_midnight_as_they_stood(
    tmp_path: Path, place: str, around: str
) -> None:
    zone, rng = ZoneInfo(place), random.Random(3)
    at_ms = histories.moment(around, place)
    with closing(SQLiteStore(tmp_path / "shop.db", zone)) as store:
        store.commit(histories.history(rng, at_ms, 150))
        attempts = [store.attempt(each) for (each,) in store.read("SELECT id FROM attempts")]
        day = date.fromisoformat(local_day(at_ms, zone))
        scope = Scope(day, day + timedelta(1), {"device": "phone"})
        with store.snapshot() as db:
            found = SQLiteNumbers(db, zone).hours(scope, at_ms + 60 * MINUTE)
    wanted: dict[tuple[str, int], list[int]] = {}
    for each in filter(None, attempts):
        if each.first_ms >= at_ms + 60 * MINUTE or each.device != "phone" or each.bot:
            continue
        if each.local_day not in found:
            continue
        stood = as_it_stood(each, at_ms + 60 * MINUTE)
        (row,) = (row for (table, _), row in contribution(stood).items() if table == "totals_day")
        hour = (each.first_ms - midnight_ms(each.local_day, zone)) // (60 * MINUTE)
        underway = row[COUNTS.index("opened")] and stood.outcome == "open"
        before = wanted.get((each.local_day, hour), [0] * len(COUNTS))
        wanted[each.local_day, hour] = [*map(add, before, (*row[:-2], underway, 0))]
    assert wanted
    timeless = COUNTS[:-2]
    assert {
        (name, hour): [*(counts[each] for each in timeless), counts["underway"], 0]
        for name, hours in found.items()
        for hour, counts in enumerate(hours)
        if counts["clicks"]
    } == wanted


@pytest.mark.parametrize(
    ("place", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("Asia/Kolkata", "2026-10-25", 24),
    ],
)
def test_a_day_has_as_many_hours_as_its_clock(
    tmp_path: Path, place: str, day: str, hours: int
) -> None:
    zone, first = ZoneInfo(place), date.fromisoformat(day)
    with closing(SQLiteStore(tmp_path / "shop.db", zone)) as store, store.numbers() as numbers:
        found = numbers.hours(Scope(first, first), 1 << 45)
    assert [len(each) for each in found.values()] == [hours]


def test_what_can_still_end_is_told_by_how_far_it_got(store: SQLiteStore) -> None:
    noon = histories.moment("2026-03-01T12:00", "Europe/Berlin")
    stories = (
        (False, None, {}), (False, None, {}), (True, None, {}), (True, "done", {}),
        (True, None, {"bot": 1}), (True, None, {"product_id": "other"}),
    )  # fmt: skip
    for number, (launched, word, props) in enumerate(stories):
        a = attempt_id(noon, number)
        events = [click(a, **props), created(a, noon)]
        events += [launch(a, noon + 1)] if launched else []
        events += [callback(a, noon + 2, word)] if word else []
        store.commit([Entry(tuple(events))])
    day = date(2026, 3, 1)
    with store.numbers() as numbers:
        assert numbers.under_way(Scope(day, day)) == (2, 2)
        assert numbers.under_way(Scope(day, day, {"product_id": "sku-1"})) == (2, 1)
        assert numbers.under_way(Scope(day - timedelta(9), day - timedelta(1))) == (0, 0)
        assert numbers.since == "2026-03-01"
