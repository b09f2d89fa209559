"""Recounting, rebuilding, purging, erasing and replaying."""

# ruff: noqa: S608 - names of tables and columns come from the tests themselves

import random
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from storage.events import Entry, Event, Receipt
from storage.funnel import HISTOGRAMS, TOTALS, local_day
from storage.sqlite import maintenance, recount, turns
from storage.sqlite.connection import Connection, connect
from storage.sqlite.maintenance import SQLiteMaintenance as Maintenance
from storage.sqlite.store import SQLiteStore
from storage.sqlite.turns import in_turns
from storage.store import Committed, Difference, StorageUnavailable
from tests.storage import oracle
from tests.storage.histories import (
    MINUTE,
    TABLES,
    WORDS,
    attempt_id,
    call,
    callback,
    click,
    created,
    history,
    impression,
    launch,
    moment,
    table,
)
from tests.storage.workers import CLAIM, child, finish

BERLIN = ZoneInfo("Europe/Berlin")
AROUND = moment("2026-03-29T00:30", "Europe/Berlin")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """A store with sixty attempts around a change of the clock."""
    opened = SQLiteStore(tmp_path / "tryon.db", BERLIN)
    Maintenance(opened).ensure_timezone()
    opened.commit(history(random.Random(5), AROUND, attempts=60))
    yield opened
    opened.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "empty.db", BERLIN)
    yield opened
    opened.close()


def tamper(store: SQLiteStore, sql: str) -> None:
    with closing(connect(store.path)) as db, db:
        assert db.execute(sql).rowcount == 1, sql


def everything(store: SQLiteStore) -> dict[str, list[tuple[object, ...]]]:
    return {name: table(store.path, name) for name in ("events", "attempts", *TABLES)}


# --- verify ---------------------------------------------------------------------------------------


def test_it_finds_nothing_where_nothing_is_wrong(store: SQLiteStore) -> None:
    done: list[int] = []
    assert Maintenance(store).verify(done.append) == []
    assert sum(done) == len([row for row in table(store.path, "events") if row[3]])


ONE = "(SELECT {0} FROM {1} {2} LIMIT 1)"


@pytest.mark.parametrize(
    ("name", "column"),
    [(name, "clicks") for name in TOTALS]
    + [("totals_day", "impressions"), ("histograms", "n")]
    + [("histograms_month", "n")],
)
@pytest.mark.parametrize("change", ["more", "less", "deleted"])
def test_it_finds_one_changed_row_of_any_total(
    store: SQLiteStore, name: str, column: str, change: str
) -> None:
    width = len(TOTALS.get(name, "four"))
    row = next(row for row in table(store.path, name) if row[width])
    key = row[:width]
    with closing(connect(store.path)) as db, db:
        names = [each[1] for each in db.execute(f"PRAGMA table_info({name})")]
        value = row[names.index(column)]
        where = " AND ".join(f"{each} = ?" for each in names[:width])
        if change == "deleted":
            db.execute(f"DELETE FROM {name} WHERE {where}", key)
            stored = 0
        else:
            stored = value + (1 if change == "more" else -1)
            db.execute(f"UPDATE {name} SET {column} = {stored} WHERE {where}", key)
    found = Maintenance(store).verify()
    assert Difference(name, key, column, stored, value) in found or value == 0
    assert {(each.table, each.key) for each in found} == {(name, key)}


@pytest.mark.parametrize("name", TABLES)
def test_it_finds_a_row_of_totals_that_nothing_stands_behind(store: SQLiteStore, name: str) -> None:
    invented = {"utc_hour": "9999999", "bucket": "9"}
    key = (TOTALS | HISTOGRAMS)[name]
    count = "n" if name in HISTOGRAMS else "opened"
    values = ", ".join(invented.get(column, "'2031-01-01'") for column in key)
    tamper(store, f"INSERT INTO {name} ({', '.join(key)}, {count}) VALUES ({values}, 3)")
    ((found),) = Maintenance(store).verify()
    assert (found.table, found.column, found.stored, found.recounted) == (name, count, 3, 0)


ANY = "(SELECT id FROM attempts WHERE bot = 0 AND created_ms IS NOT NULL AND outcome = 'completed')"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("local_day", "'2026-01-01'"),
        ("product_id", "'sku-9'"),
        ("bot", "1"),
        ("reference", "'other'"),
        ("clicks", "clicks + 1"),
        ("opened_ms", "1"),
        ("outcome", "'failed'"),
        ("reason", "NULL"),
        ("launch_url", "'https://elsewhere.example'"),
        ("early", "'[]'"),
    ],
)
def test_it_finds_one_changed_column_of_an_attempt(
    store: SQLiteStore, column: str, value: str
) -> None:
    tamper(store, f"UPDATE attempts SET {column} = {value} WHERE id IN {ANY[:-1]} LIMIT 1)")
    ((found),) = Maintenance(store).verify()
    assert (found.table, found.column) == ("attempts", column)


def test_it_finds_an_attempt_that_is_gone_and_one_that_never_was(store: SQLiteStore) -> None:
    gone = table(store.path, "attempts")[0][0]
    tamper(store, f"DELETE FROM attempts WHERE id = '{gone}'")
    assert Maintenance(store).verify() == [Difference("attempts", (gone,), "id", None, gone)]
    Maintenance(store).rebuild()
    tamper(
        store,
        "INSERT INTO attempts (id, first_ms, local_day, product_id, category, locale, device,"
        " channel, bot, clicks, outcome)"
        f" VALUES ('{AROUND:012x}beef', {AROUND}, '2026-03-29', '', '', '', '', '', 0, 1, 'open')",
    )
    invented = f"{AROUND:012x}beef"
    assert Maintenance(store).verify() == [
        Difference("attempts", (invented,), "id", invented, None)
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET received_ms = received_ms + 7 WHERE id = {created}",
        "UPDATE events SET name = 'launch' WHERE id = {created}",
        "UPDATE events SET props = '{{' WHERE id = {created}",
        "UPDATE events SET attempt_id = '' WHERE id = {created}",
        "UPDATE events SET attempt_id = 'no-time' WHERE id = {created}",
        "DELETE FROM events WHERE id = {created}",
        "DELETE FROM events WHERE id = {impression}",
        "UPDATE events SET props = 'x' WHERE id = {impression}",
        "UPDATE events SET received_ms = received_ms - 86400000 WHERE id = {impression}",
        "UPDATE upstream_calls SET duration_ms = 99999 WHERE id = {call}",
        "DELETE FROM upstream_calls WHERE id = {call}",
    ],
)
def test_it_finds_one_changed_fact(store: SQLiteStore, sql: str) -> None:
    with closing(connect(store.path)) as db:

        def one(query: str) -> int:
            return int(db.execute(query + " LIMIT 1").fetchone()[0])

        events = "SELECT id FROM events WHERE name = '{}' AND props NOT LIKE '%\"bot\":1%'"
        ids = {
            "created": one(events.format("created")),
            "impression": one(events.format("impression")),
            "call": one("SELECT id FROM upstream_calls WHERE tries > 0"),
        }
    tamper(store, sql.format(**ids))
    assert Maintenance(store).verify()


def test_a_damaged_file_is_reported_not_raised(store: SQLiteStore) -> None:
    assert Maintenance(store).integrity() == []
    store.close()
    content = bytearray(store.path.read_bytes())
    content[8 * 4096 : 12 * 4096] = b"\x55" * (4 * 4096)
    store.path.write_bytes(content)
    damaged = SQLiteStore(store.path, BERLIN)
    assert Maintenance(damaged).integrity() != []
    damaged.close()


# --- rebuild and the time zone --------------------------------------------------------------------


def test_a_rebuild_puts_right_whatever_was_wrong(store: SQLiteStore) -> None:
    before = everything(store)
    with closing(connect(store.path)) as db, db:
        db.execute("UPDATE attempts SET outcome = 'failed', clicks = 9")
        db.execute("DELETE FROM totals_hour")
        db.execute("UPDATE totals_day SET clicks = clicks * 2")
        db.execute("UPDATE histograms SET n = n + 1")
    Maintenance(store).rebuild()
    assert everything(store) == before
    assert Maintenance(store).verify() == []


@pytest.mark.parametrize("name", ["created", "impression"])
def test_a_rebuild_leaves_what_belongs_to_an_unreadable_event_as_it_was(
    store: SQLiteStore, name: str
) -> None:
    some = f"SELECT id FROM events WHERE name = '{name}' LIMIT 1"
    tamper(store, f"UPDATE events SET props = '[]' WHERE id = ({some})")
    before = everything(store)
    where = "local_month = '2026-03' AND product_id = 'sku-1'"
    tamper(store, f"UPDATE totals_month_product SET clicks = 99 WHERE {where}")
    with pytest.raises(StorageUnavailable, match="cannot be read"):
        Maintenance(store).rebuild()
    assert everything(store) == before


def test_a_rebuild_puts_right_what_was_wrong_when_commits_come_between(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(connect(store.path)) as db, db:
        db.execute("UPDATE attempts SET outcome = 'failed', clicks = 9, local_day = '2026-03-28'")
        db.execute("DELETE FROM attempts WHERE id IN (SELECT id FROM attempts LIMIT 9)")
        db.execute("UPDATE totals_day SET clicks = clicks * 2 + impressions")
        db.execute("DELETE FROM totals_day_product")
        db.execute("UPDATE histograms_month SET n = n + 1")
    # Between finding and mending, each time, more comes of these attempts and of others.
    more = iter(history(random.Random(5), AROUND, attempts=80))
    mended: list[int] = []

    def after_commits(*arguments: Any) -> int:
        store.commit([*islice(more, 20)])
        mended.append(in_turns(*arguments))
        return mended[-1]

    monkeypatch.setattr(recount, "in_turns", after_commits)
    Maintenance(store).rebuild()
    assert sum(mended) > 99 and len(mended) > 5
    store.commit([*more])
    assert Maintenance(store).verify() == []
    assert {name: table(store.path, name) for name in TABLES} == oracle.recount(store.path, BERLIN)


def test_a_rebuild_leaves_alone_what_a_purge_has_begun_to_take(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: table(store.path, name) for name in TABLES}
    with closing(connect(store.path)) as db, db:
        db.execute("UPDATE attempts SET clicks = 9")

    def after_the_first_steps_of_a_purge(*arguments: Any) -> int:
        with store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('purged_before', '2026-09-30')")
            db.execute("DELETE FROM events WHERE attempt_id > ''")
        return in_turns(*arguments)

    monkeypatch.setattr(recount, "in_turns", after_the_first_steps_of_a_purge)
    Maintenance(store).rebuild()
    assert {name: table(store.path, name) for name in TABLES} == before


def test_others_write_between_the_steps_of_long_work(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0)
    written: list[int] = []

    def steps(db: Connection) -> Iterator[int]:
        for number in range(3):
            db.execute("INSERT INTO meta VALUES (?, '')", (f"step {number}",))
            yield 1

    def write(rows: int) -> None:
        with closing(connect(store.path, busy_ms=0)) as db:
            db.execute("BEGIN IMMEDIATE")
            (done,) = db.execute("SELECT count(*) FROM meta WHERE key LIKE 'step %'").fetchone()
        written.append(done)

    assert in_turns(store, steps, write) == 3
    assert written == [1, 2, 3, 3]


def test_two_rebuilds_at_once_would_put_right_twice(store: SQLiteStore) -> None:
    holder = child(CLAIM, store.path, "rebuild")
    with pytest.raises(StorageUnavailable, match="another rebuild"):
        Maintenance(store).rebuild()
    finish(holder)
    Maintenance(store).rebuild()


def test_who_writes_meanwhile_is_not_held_off(store: SQLiteStore) -> None:
    entries = iter(history(random.Random(6), AROUND, attempts=9))

    def commit(_: int) -> None:
        with closing(connect(store.path, busy_ms=0)) as db:
            db.execute("BEGIN IMMEDIATE")
        store.commit([next(entries)])

    for work in (
        Maintenance(store).verify,
        Maintenance(store).rebuild,
        partial(Maintenance(store).purge, "2026-03-29"),
        partial(Maintenance(store).replay, Reader()),
    ):
        work(commit)
    assert Maintenance(store).verify() == []


def test_another_time_zone_counts_by_its_own_days_after_a_rebuild(store: SQLiteStore) -> None:
    other = ZoneInfo("Asia/Kolkata")
    moved = SQLiteStore(store.path, other)
    assert [Maintenance(moved).ensure_timezone() for _ in range(2)] == [True, False]
    # A worker that was started before goes on, by the new days.
    store.commit(history(random.Random(6), AROUND + MINUTE, attempts=9))
    clicks = _sums(store)
    Maintenance(store).rebuild()
    assert _sums(store) == clicks
    assert Maintenance(moved).verify() == []
    assert {name: table(store.path, name) for name in TABLES} == oracle.recount(store.path, other)
    moved.close()


def test_another_time_zone_keeps_the_sums_of_what_was_purged(store: SQLiteStore) -> None:
    Maintenance(store).purge("2026-03-29")
    before = _sums(store)
    for zone in ("Pacific/Auckland", "America/New_York", "Europe/Berlin"):
        moved = SQLiteStore(store.path, ZoneInfo(zone))
        assert Maintenance(moved).ensure_timezone()
        Maintenance(moved).rebuild()
        assert Maintenance(moved).verify() == []
        assert _sums(moved) == before
        moved.close()


def _sums(store: SQLiteStore) -> list[object]:
    tables = ("totals_day", "totals_day_product", "totals_day_category", "totals_month_product")
    counts = [store.read(f"SELECT sum(clicks), sum(impressions) FROM {name}") for name in tables]
    return [*counts, store.read("SELECT sum(n) FROM histograms WHERE metric = 'vendor'")]


# --- purge ----------------------------------------------------------------------------------------


def test_a_purge_takes_the_raw_rows_before_its_day_and_keeps_the_totals(store: SQLiteStore) -> None:
    kept = [name for name in TABLES if name != "totals_hour"]
    before = {name: table(store.path, name) for name in kept}
    assert Maintenance(store).purge("2026-03-29") > 0
    assert {name: table(store.path, name) for name in kept} == before
    days = {row[2] for row in table(store.path, "attempts")}
    assert days and min(days) >= "2026-03-29"
    line = moment("2026-03-29T00:00", "Europe/Berlin")
    for row in table(store.path, "events"):
        assert (int(row[3][:12], 16) if row[3] else row[5]) >= line
    assert min(row[1] for row in table(store.path, "upstream_calls")) >= line
    assert Maintenance(store).verify() == []
    assert Maintenance(store).purge("2026-03-29") == Maintenance(store).purge("2026-01-01") == 0
    Maintenance(store).rebuild()
    assert {name: table(store.path, name) for name in kept} == before


def test_a_purge_line_may_cut_an_hour_in_two(tmp_path: Path) -> None:
    zone = ZoneInfo("Asia/Kolkata")
    line = moment("2026-03-29T00:00", zone.key)
    store = SQLiteStore(tmp_path / "tryon.db", zone)
    minutes = (-31, -29, -1, 0, 1, 29, 31)
    ids = {minute: attempt_id(line + minute * MINUTE) for minute in minutes}
    store.commit([Entry((click(a),)) for a in ids.values()])
    Maintenance(store).purge("2026-03-29")
    assert [row[0] for row in table(store.path, "attempts")] == list(ids.values())[3:]
    first = line // 3_600_000 + 1
    assert [row[:3] for row in table(store.path, "totals_hour")] == [(first, "", 0)]
    assert Maintenance(store).verify() == []
    # The cut hour is written to again, and stays out of the comparison.
    store.commit([Entry((launch(ids[1], line + 2 * MINUTE),))])
    assert Maintenance(store).verify() == []
    Maintenance(store).rebuild()
    assert Maintenance(store).verify() == []
    assert sum(row[6] for row in table(store.path, "totals_day")) == len(minutes)
    store.close()


def test_after_a_purge_it_still_finds_what_is_wrong(store: SQLiteStore) -> None:
    Maintenance(store).purge("2026-03-29")
    tamper(
        store,
        "UPDATE totals_month_product SET clicks = clicks + 1"
        " WHERE local_month = '2026-03' AND product_id = 'sku-1'",
    )
    assert [each.key for each in Maintenance(store).verify()] == [("2026-03", "sku-1")]


def test_nothing_arrives_behind_the_purge_line(store: SQLiteStore) -> None:
    old = table(store.path, "attempts")[0][0]
    Maintenance(store).purge("2026-03-29")
    before = everything(store)
    late = callback(old, AROUND + 999 * MINUTE, "done")
    receipt = Receipt(old, late.received_ms, {}, b"{}", "accepted")
    (result,) = store.commit([Entry((late,), receipt)])
    assert result == Committed(None, False, "too_old")
    store.commit([Entry((launch(old, AROUND),))])
    assert everything(store) == before


def test_a_purge_that_was_killed_is_finished_by_the_next(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0)

    class KilledError(Exception):
        pass

    def killed(_: int) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        Maintenance(store).purge("2026-03-29", killed)
    assert min(row[2] for row in table(store.path, "attempts")) < "2026-03-29"
    assert Maintenance(store).verify() == []
    totals = table(store.path, "totals_day")
    Maintenance(store).rebuild()
    assert table(store.path, "totals_day") == totals
    assert Maintenance(store).verify() == []
    Maintenance(store).purge("2026-03-29")
    assert min(row[2] for row in table(store.path, "attempts")) >= "2026-03-29"


@pytest.mark.parametrize("day", ["2062-01-01", "soon", "2026-02-30"])
def test_it_refuses_to_purge_before_a_day_to_come_or_none(store: SQLiteStore, day: str) -> None:
    before = everything(store)
    with pytest.raises(ValueError):
        Maintenance(store).purge(day)
    assert everything(store) == before


# --- erase ----------------------------------------------------------------------------------------


def test_an_erasure_leaves_no_trace_and_subtracts(store: SQLiteStore) -> None:
    with_it = [row[0] for row in table(store.path, "attempts") if row[9] == "order-3"]
    others = [row for row in table(store.path, "attempts") if row[9] != "order-3"]
    assert Maintenance(store).erase("order-3") == len(with_it) > 0
    assert table(store.path, "attempts") == others
    assert {name: table(store.path, name) for name in TABLES} == oracle.recount(store.path, BERLIN)
    assert Maintenance(store).verify() == []
    files = store.path.read_bytes() + Path(f"{store.path}-wal").read_bytes()
    assert b"order-3" not in files
    assert b"order-2" in files
    assert Maintenance(store).erase("order-3") == 0


def test_an_erasure_finds_a_reference_that_only_a_callback_named(empty: SQLiteStore) -> None:
    a, b = attempt_id(AROUND, 1), attempt_id(AROUND, 2)
    told = callback(a, AROUND + MINUTE, "done", references=["x", "order-77"])
    empty.commit([Entry((click(a), created(a, AROUND))), Entry((told,)), Entry((click(b),))])
    assert Maintenance(empty).erase("order-77") == 1
    assert [row[0] for row in table(empty.path, "attempts")] == [b]


def test_a_late_callback_does_not_bring_the_erased_back(store: SQLiteStore) -> None:
    erased = next(row[0] for row in table(store.path, "attempts") if row[9] == "order-3")
    Maintenance(store).erase("order-3")
    before = everything(store)
    late = callback(erased, AROUND + 999 * MINUTE, "done", references=["order-3"])
    receipt = Receipt(erased, late.received_ms, {}, b'{"reference": "order-3"}', "accepted")
    (result,) = store.commit([Entry((late,), receipt)])
    assert result == Committed(None, False, "erased")
    assert everything(store) == before
    assert erased not in {row[1] for row in table(store.path, "receipts")}


def test_what_was_erased_is_not_said_to_be_while_the_log_has_it(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "LOG_TRIES", 1)
    with store.snapshot(), pytest.raises(StorageUnavailable, match="run this again"):
        Maintenance(store).erase("order-3")
    assert Maintenance(store).erase("order-3") == 0
    assert b"order-3" not in store.path.read_bytes() + Path(f"{store.path}-wal").read_bytes()


def test_a_purge_forgets_what_it_was_that_was_erased(empty: SQLiteStore) -> None:
    empty.commit([Entry((click(attempt_id(AROUND), reference="order-1"),))])
    Maintenance(empty).erase("order-1")
    kept = "SELECT count(*) FROM meta WHERE key LIKE 'erased:%'"
    for line, count in (("2026-03-29", 1), ("2026-03-30", 0)):
        Maintenance(empty).purge(line)
        assert empty.read(kept) == [(count,)]


def test_ids_of_erased_events_are_not_given_again(empty: SQLiteStore) -> None:
    a = attempt_id(AROUND)
    empty.commit([Entry((click(a, reference="order-1"),))])
    position = empty.position()
    Maintenance(empty).erase("order-1")
    b = attempt_id(AROUND, 2)
    empty.commit([Entry((click(b),))])
    assert empty.changes(position).attempt_ids == {b}


# --- replay ---------------------------------------------------------------------------------------


class Reader:
    """Reads a body of words, each a callback, with a mapping that may be corrected."""

    def __init__(self) -> None:
        self.mapping = dict(WORDS)

    def __call__(self, a: str, at_ms: int, body: bytes) -> list[Event]:
        known = [word for word in body.decode().split() if word in self.mapping]
        return [callback(a, at_ms, word, outcome=self.mapping[word]) for word in known]

    def entry(self, a: str, at_ms: int, words: str) -> Entry:
        told = self(a, at_ms, words.encode())
        verdict = "accepted" if told else "unreadable"
        return Entry(tuple(told), Receipt(a, at_ms, {}, words.encode(), verdict))


def outcome(store: SQLiteStore, a: str) -> str:
    attempt = store.attempt(a)
    assert attempt is not None
    assert Maintenance(store).verify() == []
    return attempt.outcome


A = attempt_id(AROUND)


@pytest.mark.parametrize(
    ("meaning", "result"),
    [
        ("completed", "completed"),
        ("abandoned", "abandoned"),
        ("failed", "failed"),
        ("cancelled", "cancelled"),  # weaker than `other`, which it replaces all the same
        ("opened", "expired"),  # a launch, no ending: our own expiry stands
        ("progress", "expired"),
        ("expired", "expired"),
        ("other", "other"),
    ],
)
def test_a_word_mapped_anew_corrects_the_attempt(
    empty: SQLiteStore, meaning: str, result: str
) -> None:
    reader = Reader()
    empty.commit([Entry((click(A), created(A, AROUND))), reader.entry(A, AROUND + MINUTE, "weird")])
    empty.commit([Entry((Event("expired", A, f"expired:{A}", 0, AROUND + 9 * MINUTE, "", {}),))])
    assert outcome(empty, A) == "other"
    reader.mapping["weird"] = meaning
    assert Maintenance(empty).replay(reader) == (meaning != "other")
    assert outcome(empty, A) == result
    facts = everything(empty)
    assert facts["histograms"] == oracle.recount(empty.path, BERLIN)["histograms"]
    assert Maintenance(empty).replay(reader) == 0
    Maintenance(empty).rebuild()
    assert everything(empty) == facts


def test_a_mapping_may_be_corrected_again_and_taken_back(empty: SQLiteStore) -> None:
    reader = Reader()
    empty.commit([Entry((click(A), created(A, AROUND))), reader.entry(A, AROUND + MINUTE, "weird")])
    for meaning in ("completed", "failed", "completed", "other", "abandoned"):
        reader.mapping["weird"] = meaning
        assert Maintenance(empty).replay(reader) == 1
        assert outcome(empty, A) == meaning
    ended_ms = empty.read("SELECT ended_ms FROM attempts")
    assert ended_ms == [(AROUND + MINUTE,)]


def test_what_could_not_be_read_before_is_counted_once(empty: SQLiteStore) -> None:
    reader = Reader()
    empty.commit([Entry((click(A), created(A, AROUND)))])
    empty.commit([reader.entry(A, AROUND + number, "fertig") for number in range(3)])
    assert outcome(empty, A) == "open"
    reader.mapping["fertig"] = "completed"
    assert Maintenance(empty).replay(reader) == 1
    assert outcome(empty, A) == "completed"
    assert Maintenance(empty).replay(reader) == 0
    verdicts = [row[5] for row in table(empty.path, "receipts")]
    assert sorted(verdicts) == ["accepted", "duplicate", "duplicate"]


def test_what_was_never_said_is_not_taken_back(empty: SQLiteStore) -> None:
    empty.commit([Entry((click(A), created(A, AROUND)))])
    empty.commit([Reader().entry(A, AROUND, "fertig")])
    before = table(empty.path, "events"), table(empty.path, "receipts")

    def back(a: str, at_ms: int, _: bytes) -> list[Event]:
        return [callback(a, at_ms, "fertig", outcome="progress", taken_back=1)]

    assert Maintenance(empty).replay(back) == 0
    assert (table(empty.path, "events"), table(empty.path, "receipts")) == before


def test_what_was_not_signed_is_never_read_again(empty: SQLiteStore) -> None:
    empty.commit([Entry((click(A), created(A, AROUND)))])
    empty.commit([Entry(receipt=Receipt(A, AROUND, {}, b"done", "unsigned"))])
    assert Maintenance(empty).replay(Reader()) == 0
    assert outcome(empty, A) == "open"


def test_each_of_several_in_a_body_is_read_again(empty: SQLiteStore) -> None:
    reader = Reader()
    empty.commit([Entry((click(A), created(A, AROUND)))])
    empty.commit([reader.entry(A, AROUND, "weird fertig odd"), reader.entry(A, AROUND, "fertig")])
    assert outcome(empty, A) == "other"
    reader.mapping |= {"weird": "failed", "fertig": "completed", "odd": "progress"}
    assert Maintenance(empty).replay(reader) == 1
    assert outcome(empty, A) == "completed"
    reader.mapping["fertig"] = "abandoned"
    assert Maintenance(empty).replay(reader) == 1
    assert outcome(empty, A) == "failed"
    assert Maintenance(empty).replay(reader) == 0


def test_what_is_not_readable_yet_stays(empty: SQLiteStore) -> None:
    reader = Reader()
    empty.commit([reader.entry(A, AROUND, "?!"), Entry((impression(AROUND),))])
    assert Maintenance(empty).replay(reader) == 0
    assert table(empty.path, "attempts") == []


def test_calls_of_the_vendor_stay_counted_through_it_all(empty: SQLiteStore) -> None:
    day = local_day(AROUND, BERLIN)
    latency = (day, "vendor", "", 61, 1)
    empty.commit([Entry((click(A, reference="r"), created(A, AROUND)), call=call(A, AROUND, 200))])
    assert table(empty.path, "histograms") == [latency]
    Maintenance(empty).rebuild()
    assert table(empty.path, "histograms") == [latency]
    Maintenance(empty).erase("r")
    assert table(empty.path, "histograms") == []
