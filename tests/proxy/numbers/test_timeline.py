"""The timeline of an attempt, and durations as a person says them."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy.numbers.timeline import Timeline, duration, latest, timeline
from storage.events import Entry, Receipt, UpstreamCall, event
from storage.sqlite.store import SQLiteStore
from tests.storage.histories import attempt_id, click, created, impression, moment

AT = moment("2026-11-24T12:00")
A = attempt_id(AT)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(tmp_path / "shop.db", ZoneInfo("UTC"))
    yield store
    store.close()


def told(store: SQLiteStore, *entries: Entry) -> Timeline:
    store.commit([Entry((click(A), created(A, AT + 200))), *entries])
    with store.numbers() as numbers:
        found = timeline(numbers, A)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (None, "—"),
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1.0 s"),
        (59_900, "59.9 s"),
        (60_000, "1.0 min"),
        (59.9 * 60_000, "59.9 min"),
        (60 * 60_000, "1.0 h"),
        (47.9 * 3_600_000, "47.9 h"),
        (48 * 3_600_000, "2 days"),
        (72 * 3_600_000, "3 days"),
    ],
)
def test_a_duration_is_said_in_the_unit_that_suits_it(ms: float | None, said: str) -> None:
    assert duration(ms) == said


def test_an_unknown_attempt_has_no_timeline(store: SQLiteStore) -> None:
    with store.numbers() as numbers:
        assert timeline(numbers, A) is None


def test_moments_are_in_their_order_whatever_their_kind(store: SQLiteStore) -> None:
    call = UpstreamCall(AT + 1, "create_session", 200, None, 120, 1, A)
    receipt = Receipt(A, AT + 300, {}, b"{}", "unreadable", "no_state")
    story = told(store, Entry(receipt=receipt), Entry(call=call))
    assert [(each.at_ms - AT, each.kind, each.name, each.source) for each in story.moments] == [
        (0, "event", "click", "button"),
        (1, "call", "ok", "proxy"),
        (200, "event", "created", "proxy"),
        (300, "receipt", "unreadable", "vendor"),
    ]


def test_a_timeline_tells_no_key_with_which_one_could_act_as_the_shopper(
    store: SQLiteStore,
) -> None:
    made = created(A, AT + 200)
    more = {"qr_code_url": "https://vendor.example/qr", "metadata": {"größe": 42}}
    made = made._replace(props={**made.props, **more})
    store.commit([Entry((click(A, title="Boot", bot=1), made))])
    with store.numbers() as numbers:
        story = timeline(numbers, A)
    assert story is not None
    clicked, session = story.moments
    assert ("title", "Boot") in clicked.facts
    assert ("bot", "1") in clicked.facts
    assert set(session.facts) == {("session_id", f"s-{A}"), ("metadata", '{"größe": 42}')}


def test_a_receipt_is_told_with_its_size_reason_and_headers(store: SQLiteStore) -> None:
    receipt = Receipt(A, AT + 300, {"user-agent": "vendor/1"}, b"caf\xc3\xa9 \xff", "unsigned", "x")
    moment = told(store, Entry(receipt=receipt)).moments[-1]
    assert moment.facts == (("size", "7 bytes"), ("reason", "x"))
    assert moment.headers == (("user-agent", "vendor/1"),)
    assert moment.body == "café \ufffd"


@pytest.mark.parametrize(("length", "shown"), [(4_000, 4_000), (4_001, 4_001), (9_000, 4_001)])
def test_a_long_body_is_cut(store: SQLiteStore, length: int, shown: int) -> None:
    receipt = Receipt(A, AT + 300, {}, b"x" * length, "unreadable")
    moment = told(store, Entry(receipt=receipt)).moments[-1]
    assert moment.facts == (("size", f"{length} bytes"),)
    assert moment.body is not None
    assert len(moment.body) == shown
    assert moment.body.endswith("…") == (length > 4_000)


def test_a_call_is_told_with_what_is_known_of_it(store: SQLiteStore) -> None:
    call = UpstreamCall(AT + 900, "create_session", None, "upstream_timeout", 8_000, 2, A, "slow")
    moment = told(store, Entry(call=call)).moments[-1]
    assert (moment.kind, moment.name, moment.body) == ("call", "upstream_timeout", None)
    assert moment.facts == (
        ("operation", "create_session"),
        ("took", "8.0 s"),
        ("tries", "2"),
        ("detail", "slow"),
    )


def test_the_newest_events_are_twenty_and_no_impressions(store: SQLiteStore) -> None:
    reused = [event("reused", A, AT + n, "button", key=f"reused:{n}") for n in range(30)]
    told(store, Entry(tuple(reused)), Entry((impression(AT + 999),)))
    with store.numbers() as numbers:
        found = latest(numbers)
        after = latest(numbers, after=found[4]["id"])
        few = latest(numbers, limit=3)
    assert [each["received_ms"] - AT for each in found] == [*range(29, 9, -1)]
    assert tuple(found[0]) == (
        "id", "received_ms", "name", "attempt_id", "source", "product_id", "note",
    )  # fmt: skip
    assert after == found[:4]
    assert few == found[:3]
