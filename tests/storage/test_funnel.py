"""How events make an attempt, and attempts make totals: pure, in any order."""

import random
from datetime import date, timedelta
from functools import reduce
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.events import Event, attempt_ms, event
from storage.funnel import (
    COUNTS,
    HISTOGRAMS,
    TOTALS,
    Attempt,
    bucket,
    bucket_ms,
    contribution,
    difference,
    fold,
    fold_all,
    impression,
    local_day,
    midnight_ms,
    new_attempt,
)
from storage.sqlite.batch import Totals
from tests.storage import histories
from tests.storage.histories import (
    MINUTE,
    PLACES,
    WORDS,
    attempt_id,
    callback,
    click,
    created,
    history,
    launch,
    moment,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOON = moment("2026-06-15T12:00", "Europe/Berlin")
A = attempt_id(NOON)


def after(*events: Event) -> Attempt:
    return reduce(fold, events, new_attempt(A, BERLIN))


def counts(attempt: Attempt) -> dict[str, int]:
    """What it adds to its day, zeros left out."""
    rows = [row for (table, _), row in contribution(attempt).items() if table == "totals_day"]
    return {name: n for row in rows for name, n in zip(COUNTS, row, strict=True) if n}


def expired(at_ms: int) -> Event:
    return event("expired", A, at_ms, "proxy")


def cancelled(at_ms: int) -> Event:
    return event("cancel", A, at_ms, "page")


def failed(at_ms: int, code: str = "upstream_timeout") -> Event:
    key = f"create_failed:{A}:{code}"
    return event("create_failed", A, at_ms, "proxy", key=key, code=code)


# --- Order ----------------------------------------------------------------------------------------

SETS = {
    "the usual way": [created(A, NOON + 9), launch(A, NOON + 99), callback(A, NOON + 999, "done")],
    "no answer, then one": [
        failed(NOON + 5),
        failed(NOON + 7, "busy"),
        created(A, NOON + 9),
        launch(A, NOON + 99),
    ],
    "a completion after all": [
        created(A, NOON + 9),
        expired(NOON + 900),
        callback(A, NOON + 1_000, "left"),
        callback(A, NOON + 2_000, "done"),
    ],
    "about another session": [
        created(A, NOON + 9),
        callback(A, NOON + 99, "done", "another"),
        callback(A, NOON + 100, "started", "another"),
        cancelled(NOON + 800),
    ],
    "no session is known": [
        failed(NOON + 5),
        callback(A, NOON + 99, "error", "one"),
        callback(A, NOON + 98, "error", "two"),
        launch(A, NOON + 50),
    ],
    "the same moment": [
        created(A, NOON + 9),
        callback(A, NOON + 99, "weird"),
        callback(A, NOON + 99, "odd"),
        callback(A, NOON + 99, "ready"),
    ],
}


@pytest.mark.parametrize("events", SETS.values(), ids=SETS)
def test_every_order_gives_the_same_attempt(events: list[Event]) -> None:
    again = event("reused", A, NOON + 60, "button", key="reused:1")
    orders = permutations([click(A), again, *events])
    assert len({after(*order) for order in orders}) == 1


FACTS = st.one_of(
    st.builds(lambda t: created(A, NOON + t), st.integers(1, 50)),
    st.builds(lambda t, c: launch(A, NOON + t, c), st.integers(1, 50), st.sampled_from("ab")),
    st.builds(lambda t: failed(NOON + t), st.integers(1, 50)),
    st.builds(lambda t: failed(NOON + t, "busy"), st.integers(1, 50)),
    st.builds(lambda t: expired(NOON + t), st.integers(1, 50)),
    st.builds(lambda t: cancelled(NOON + t), st.integers(1, 50)),
    st.builds(lambda n: event("reused", A, NOON, "button", key=f"reused:{n}"), st.integers(1, 3)),
    st.builds(
        lambda t, word, session: callback(A, NOON + t, word, session),
        st.integers(1, 50),
        st.sampled_from(sorted(WORDS)),
        st.sampled_from([None, "foreign"]),
    ),
)
# As the store keeps them: of each key the first.
ONCE = st.lists(FACTS, max_size=12, unique_by=lambda fact: fact.key)


@given(ONCE, st.randoms(use_true_random=False))
def test_folding_is_commutative(facts: list[Event], rng: random.Random) -> None:
    facts = [click(A), *facts]
    shuffled = rng.sample(facts, len(facts))
    assert after(*shuffled) == after(*facts) == fold_all(A, shuffled, BERLIN)


@given(ONCE)
def test_no_stage_exceeds_the_one_before_and_there_is_one_ending(facts: list[Event]) -> None:
    attempt = after(click(A), *facts)
    n = {name: counts(attempt).get(name, 0) for name in COUNTS}
    assert 1 == n["clicks"] >= n["created"] >= n["opened"] >= n["completed"] >= 0
    endings = "completed abandoned failed cancelled other expired_unlaunched expired_unreported"
    ended = sum(n[name] for name in endings.split())
    assert ended <= n["created"]
    assert ended + n["create_failed"] <= (attempt.outcome != "open")
    assert n["expired_unlaunched"] == 0 or n["opened"] == 0
    assert n["expired_unreported"] <= n["opened"]
    assert n["reused"] == attempt.clicks - 1


@given(ONCE, st.integers(0, 12))
def test_differences_add_up_however_the_events_are_split(facts: list[Event], cut: int) -> None:
    whole, parts = Totals(), Totals()
    whole.add(contribution(after(click(A), *facts)))
    before = None
    for attempt in (after(click(A), *facts[:cut]), after(click(A), *facts)):
        for rows in difference(before, attempt):
            parts.add(rows)
        before = attempt
    for table in (*TOTALS, *HISTOGRAMS):
        assert parts.rows(table) == whole.rows(table)


def test_a_superseded_event_is_left_out_in_any_order() -> None:
    first = callback(A, NOON + 99, "weird")
    anew = first._replace(
        key="remapped", props={**first.props, "outcome": "opened", "supersedes": first.key}
    )
    facts = [click(A), created(A, NOON + 9), first, anew, expired(NOON + 900)]
    results = {fold_all(A, order, BERLIN) for order in permutations(facts)}
    assert {(attempt.outcome, attempt.opened_ms) for attempt in results} == {("expired", NOON + 99)}


# --- Counted by hand ------------------------------------------------------------------------------

MADE = created(A, NOON + 400)
OPENED = launch(A, NOON + 20_400)
BY_HAND = {
    "a click alone": ([], {}),
    "created": ([MADE], {"created": 1}),
    "launched": ([MADE, OPENED], {"created": 1, "opened": 1, "launch_ms_sum": 20_000}),
    "completed": (
        [MADE, OPENED, callback(A, NOON + 50_400, "done")],
        {"created": 1, "opened": 1, "completed": 1}
        | {"launch_ms_sum": 20_000, "complete_ms_sum": 30_000},
    ),
    "completed, launch never seen": (
        [MADE, callback(A, NOON + 50_400, "done")],
        {"created": 1, "opened": 1, "completed": 1},
    ),
    "abandoned": (
        [MADE, OPENED, callback(A, NOON + 50_400, "left")],
        {"created": 1, "opened": 1, "abandoned": 1, "launch_ms_sum": 20_000},
    ),
    "never launched": ([MADE, expired(NOON + 900_000)], {"created": 1, "expired_unlaunched": 1}),
    "launched and never heard of": (
        [MADE, OPENED, expired(NOON + 900_000)],
        {"created": 1, "opened": 1, "expired_unreported": 1, "launch_ms_sum": 20_000},
    ),
    "cancelled": ([MADE, cancelled(NOON + 9_000)], {"created": 1, "cancelled": 1}),
    "cancelled, then completed": (
        [MADE, cancelled(NOON + 9_000), callback(A, NOON + 9_001, "done")],
        {"created": 1, "opened": 1, "completed": 1},
    ),
    "an unknown word": ([MADE, callback(A, NOON + 9_000, "weird")], {"created": 1, "other": 1}),
    "a word of progress": ([MADE, callback(A, NOON + 9_000, "ready")], {"created": 1}),
    "about another session": ([MADE, callback(A, NOON + 9_000, "done", "x")], {"created": 1}),
    "no session": ([failed(NOON + 9)], {"create_failed": 1}),
    "no session at first": ([failed(NOON + 9), MADE], {"created": 1}),
    "no answer, but a callback": (
        [failed(NOON + 9), callback(A, NOON + 90, "error")],
        {"created": 1, "failed": 1},
    ),
    "an error of its own": ([event("error", A, NOON, "button", code="x")], {}),
}


@pytest.mark.parametrize(("events", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_small_histories_count_as_by_hand(events: list[Event], expected: dict[str, int]) -> None:
    assert counts(after(click(A), *events)) == {"clicks": 1} | expected


def test_a_bot_counts_nowhere_and_opens_nothing() -> None:
    assert contribution(after(click(A, bot=1), MADE, OPENED)) == {}
    peek = event("launch", A, NOON + 9, "phone", key="preview", bot=1, channel="direct")
    assert counts(after(click(A), MADE, peek)) == {"clicks": 1, "created": 1}
    assert after(click(A), MADE, peek).channel == ""


def test_a_callback_before_its_click_waits_under_an_unknown_product() -> None:
    waiting = after(callback(A, NOON + 9_000, "done"))
    assert waiting.local_day == "2026-06-15"
    assert (waiting.product_id, waiting.outcome) == ("", "completed")
    known = fold(waiting, click(A))
    assert (known.product_id, known.outcome) == ("sku-1", "completed")


def test_the_first_of_two_like_endings_tells_the_time() -> None:
    late, early = callback(A, NOON + 99, "done"), callback(A, NOON + 55, "completed")
    assert after(MADE, late, early).ended_ms == after(MADE, early, late).ended_ms == NOON + 55


# --- Sums -----------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.sampled_from(PLACES))
def test_segments_sum_to_the_whole_and_months_from_their_days(
    seed: int, place: tuple[str, str]
) -> None:
    zone = ZoneInfo(place[0])
    of_attempts: dict[str, dict[str, Event]] = {}
    for entry in history(random.Random(seed), moment(place[1], place[0]), attempts=6):
        for each in entry.events:
            of_attempts.setdefault(each.attempt_id, {})[each.key] = each
    of_attempts.pop("", None)
    totals = Totals()
    for a, events in of_attempts.items():
        totals.add(contribution(fold_all(a, events.values(), zone)))

    def summed(table: str, keys: int, *by: int, cut: int = 10) -> dict[object, list[int]]:
        sums: dict[object, list[int]] = {}
        for row in totals.rows(table):
            key = tuple(str(row[position])[:cut] for position in by)
            before = sums.get(key, [0] * len(COUNTS))
            sums[key] = [a + b for a, b in zip(before, row[keys:], strict=True)]
        return {key: row for key, row in sums.items() if any(row)}

    by_day = summed("totals_day", 5, 0)
    assert by_day == summed("totals_day_product", 2, 0) == summed("totals_day_category", 2, 0)
    assert summed("totals_month_product", 2, 0, 1) == {
        key: row for key, row in _months(totals).items() if any(row)
    }
    assert summed("totals_hour", 2) == summed("totals_day", 5)


def _months(totals: Totals) -> dict[tuple[str, str], list[int]]:
    sums: dict[tuple[str, str], list[int]] = {}
    for day, product, *row in totals.rows("totals_day_product"):
        before = sums.get((day[:7], product), [0] * len(COUNTS))
        sums[day[:7], product] = [a + b for a, b in zip(before, row, strict=True)]
    return sums


# --- Days and durations ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("Europe/Berlin", "2026-03-28T22:59:59", "2026-03-28"),
        ("Europe/Berlin", "2026-03-28T23:00", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T21:59:59", "2026-03-29"),  # a day of 23 hours
        ("Europe/Berlin", "2026-03-29T22:00", "2026-03-30"),
        ("Europe/Berlin", "2026-10-25T22:59:59", "2026-10-25"),  # a day of 25
        ("Asia/Kolkata", "2026-06-30T18:30", "2026-07-01"),
        ("America/Havana", "2026-03-08T04:59:59", "2026-03-07"),
        ("America/Havana", "2026-03-08T05:00", "2026-03-08"),  # begins at one o'clock
    ],
)
def test_an_attempt_belongs_to_the_shops_day_of_its_click(zone: str, at: str, day: str) -> None:
    attempt = new_attempt(attempt_id(moment(at)), ZoneInfo(zone))
    assert attempt.local_day == day
    assert fold(attempt, callback(attempt.id, NOON, "done")).local_day == day


@given(
    st.sampled_from([zone for zone, _ in PLACES] + ["America/Asuncion", "Africa/Cairo"]),
    st.dates(date(2000, 1, 1), date(2060, 1, 1)),
    st.integers(-2, 2),
)
def test_a_day_begins_at_its_midnight_and_not_a_millisecond_before(
    name: str, day: date, around: int
) -> None:
    zone, text = ZoneInfo(name), day.isoformat()
    first = midnight_ms(text, zone)
    assert local_day(first, zone) == text
    assert local_day(first - 1, zone) == (day - timedelta(1)).isoformat()
    at_ms = first + around * 60 * MINUTE
    assert (local_day(at_ms, zone) < text) == (at_ms < first)


def test_ids_sort_by_the_time_that_they_tell() -> None:
    moments = [NOON + step for step in (0, 1, 15, 16, 10**9)]
    ids = [attempt_id(at_ms, 10**9 - at_ms % 7) for at_ms in moments]
    assert sorted(ids) == ids
    assert [attempt_ms(each) for each in ids] == moments


@given(st.integers(0, 10**9))
def test_a_bucket_is_at_most_one_part_in_twenty_off(duration_ms: int) -> None:
    assert bucket_ms(bucket(duration_ms)) == pytest.approx(max(1, duration_ms), rel=0.045)


def test_longer_never_falls_into_a_lower_bucket() -> None:
    numbers = [bucket(duration_ms) for duration_ms in range(5_000)]
    assert numbers == sorted(numbers)


def test_an_impression_is_counted_by_what_is_known_of_it() -> None:
    rows = impression(histories.impression(NOON), BERLIN)
    assert dict(rows.keys()) == {
        "totals_day": ("2026-06-15", "phone", "", "en", ""),
        "totals_day_product": ("2026-06-15", "sku-1"),
        "totals_day_category": ("2026-06-15", "shoes"),
        "totals_month": ("2026-06", "phone", "", "en", ""),
        "totals_month_product": ("2026-06", "sku-1"),
        "totals_hour": (NOON // 3_600_000, ""),
    }
    assert set(rows.values()) == {(1, *[0] * (len(COUNTS) - 1))}
    assert impression(histories.impression(NOON, bot=1), BERLIN) == {}
