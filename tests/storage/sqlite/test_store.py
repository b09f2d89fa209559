"""The store on SQLite: everything once, or nothing, whatever happens to the file."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlite_utils import Database

from storage.events import Entry, Event, Receipt, event
from storage.funnel import COUNTS
from storage.sqlite import store as store_module
from storage.sqlite.connection import connect
from storage.sqlite.maintenance import SQLiteMaintenance as Maintenance
from storage.sqlite.migrations import migrations
from storage.sqlite.rows import month_from_days
from storage.sqlite.store import SQLiteStore
from storage.store import Committed, Conflict, StorageUnavailable
from tests.storage.histories import (
    MINUTE,
    TABLES,
    attempt_id,
    call,
    callback,
    click,
    created,
    impression,
    launch,
    moment,
    small_history,
    table,
)
from tests.storage.workers import CLAIM, child, finish

BERLIN = ZoneInfo("Europe/Berlin")
NOON = moment("2026-06-15T12:00", "Europe/Berlin")
A, B, C, D = (attempt_id(NOON, number) for number in (1, 2, 3, 4))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    opened = SQLiteStore(tmp_path / "tryon.db", BERLIN)
    yield opened
    opened.close()


def session(a: str, at_ms: int = NOON, session_id: str | None = None) -> Entry:
    return Entry((click(a), created(a, at_ms + 400, session_id)), call=call(a, at_ms, 400))


def delivery(told: Event, body: bytes = b"{}") -> Entry:
    receipt = Receipt(told.attempt_id, told.received_ms, {}, body, "accepted")
    return Entry((told,), receipt)


def rows(store: SQLiteStore, name: str) -> int:
    return len(table(store.path, name))


# --- Once, or not at all --------------------------------------------------------------------------


def test_a_repeated_entry_changes_nothing_but_its_receipt(store: SQLiteStore) -> None:
    store.commit([session(A), Entry((launch(A, NOON + MINUTE),))])
    done = delivery(callback(A, NOON + 2 * MINUTE, "done"))
    (first,) = store.commit([done])
    before = {name: table(store.path, name) for name in ("events", "attempts", *TABLES)}
    results = [*store.commit([done] * 3), *store.commit([done])]
    attempt = store.attempt(A)
    assert first == Committed(attempt, True, "accepted")
    assert results == [Committed(attempt, False, "duplicate")] * 4
    assert {name: table(store.path, name) for name in before} == before
    assert rows(store, "receipts") == 5


def test_a_hundred_copies_at_once_are_one_event(store: SQLiteStore, tmp_path: Path) -> None:
    store.commit([session(A)])
    others = [SQLiteStore(store.path, BERLIN) for _ in range(4)]
    for other in others:  # in one process they do not take turns, and one may starve for a while
        with other.transaction() as db:
            db.execute("PRAGMA busy_timeout = 60000")
    done = delivery(callback(A, NOON + MINUTE, "done"))
    with ThreadPoolExecutor(4) as pool:
        results = [
            result
            for batch in pool.map(
                lambda other: [other.commit([done])[0] for _ in range(25)], others
            )
            for result in batch
        ]
    fresh = [result for result in results if isinstance(result, Committed) and result.fresh]
    assert len(fresh) == 1
    assert [row[2] for row in table(store.path, "events")].count("callback") == 1
    assert Maintenance(store).verify() == []
    for other in others:
        other.close()


def test_a_second_use_of_a_session_spares_the_others_and_the_first(store: SQLiteStore) -> None:
    store.commit([session(A)])
    first = store.attempt(A)
    results = store.commit([session(B), session(C, session_id=f"s-{A}"), session(B)])
    kinds = [type(result) for result in results]
    assert kinds == [Committed, Conflict, Committed]
    assert [isinstance(result, Committed) and result.fresh for result in results] == [1, 0, 0]
    assert store.attempt(A) == first
    assert store.attempt(C) is None
    assert not [row for row in table(store.path, "events") if row[3] == C]
    assert not [row for row in table(store.path, "upstream_calls") if row[7] == C]
    assert Maintenance(store).verify() == []


@pytest.mark.parametrize(
    "bad",
    [
        click(B, product_id="\ud800"),  # no UTF-8
        click(B, device=["a", "list"]),
        click(B)._replace(occurred_ms=2**70),
        event("click", B, NOON, "button"),  # nothing that a click must tell
        click(B)._replace(attempt_id="not hexadecimal"),
        click(B)._replace(received_ms="now"),  # type: ignore[arg-type]
    ],
    ids=["surrogate", "list", "huge", "incomplete", "id", "type"],
)
def test_an_entry_that_cannot_be_stored_spares_the_others(store: SQLiteStore, bad: Event) -> None:
    results = store.commit([session(A), Entry((bad,)), session(C)])
    assert isinstance(results[0], Committed)
    assert isinstance(results[1], Exception)
    assert isinstance(results[2], Committed)
    assert {row[0] for row in table(store.path, "attempts")} == {A, C}
    assert Maintenance(store).verify() == []


def test_a_click_sent_again_under_another_attempt_makes_none(store: SQLiteStore) -> None:
    twin = click(B)._replace(key=f"click:{A}")
    store.commit([Entry((click(A),))])
    assert store.commit([Entry((twin,))]) == [Committed(None, False, None)]
    assert [row[0] for row in table(store.path, "attempts")] == [A]
    assert Maintenance(store).verify() == []


def test_an_empty_entry_shows_that_the_store_can_write(store: SQLiteStore) -> None:
    assert store.commit([Entry()]) == [Committed(None, False, None)]
    assert store.read("SELECT count(*) FROM meta WHERE key = 'touched'") == [(1,)]


# --- Callbacks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [False, True])
def test_a_callback_about_another_session_is_kept_and_not_counted(
    store: SQLiteStore, early: bool
) -> None:
    foreign = delivery(callback(A, NOON + MINUTE, "done", "another"))
    entries = [foreign, session(A)] if early else [session(A), foreign]
    results = [store.commit([entry])[0] for entry in entries]
    kept = results[0 if early else 1]
    assert isinstance(kept, Committed)
    assert kept.verdict == ("accepted" if early else "mismatch")
    attempt = store.attempt(A)
    assert attempt is not None
    assert (attempt.outcome, attempt.ended_ms) == ("open", None)
    assert rows(store, "receipts") == 1
    assert Maintenance(store).verify() == []


def unread(a: str, verdict: str = "unreadable") -> Entry:
    return Entry(receipt=Receipt(a, NOON + MINUTE, {}, b"nonsense", verdict))


def verdicts(results: list[Committed | Exception]) -> list[str | None]:
    assert all(isinstance(result, Committed) for result in results)
    return [result.verdict for result in results if isinstance(result, Committed)]


def kept(store: SQLiteStore, a: str) -> list[str]:
    return [row[5] for row in table(store.path, "receipts") if row[1] == a]


def test_receipts_of_one_attempt_are_bounded(store: SQLiteStore) -> None:
    store.commit([session(A), session(B)])
    one = delivery(callback(A, NOON + MINUTE, "done"))
    assert verdicts(store.commit([one] * 70)) == ["accepted"] + ["duplicate"] * 69
    store.commit([delivery(callback(B, NOON + MINUTE, "done"))])
    assert (len(kept(store, A)), len(kept(store, B))) == (50, 1)


def test_copies_crowd_out_nothing_and_what_is_not_kept_is_too_many(store: SQLiteStore) -> None:
    store.commit([session(A)])
    foreign = delivery(callback(A, NOON + MINUTE, "done", "another"))
    store.commit([delivery(callback(A, NOON + MINUTE, "done"))] * 70)
    assert verdicts(store.commit([unread(A)] * 48)) == ["unreadable"] * 48
    assert verdicts(store.commit([foreign] * 2)) == ["mismatch", "too_many"]
    assert verdicts(store.commit([unread(A), unread(A, "unsigned")])) == ["too_many"] * 2
    assert verdicts(store.commit([delivery(callback(A, NOON, "failed"))])) == ["accepted"]
    counts = {verdict: kept(store, A).count(verdict) for verdict in kept(store, A)}
    assert counts == {"accepted": 2, "duplicate": 49, "unreadable": 48, "mismatch": 1}


@pytest.mark.parametrize("early", [False, True])
def test_words_of_one_attempt_are_bounded(store: SQLiteStore, early: bool) -> None:
    if not early:
        store.commit([session(A)])
    results = store.commit([delivery(callback(A, NOON, f"w{number}")) for number in range(70)])
    assert verdicts(results) == ["accepted"] * 50 + ["too_many"] * 20
    assert verdicts(store.commit([delivery(callback(A, NOON, "w7"))])) == ["duplicate"]
    assert [row[2] for row in table(store.path, "events")].count("callback") == 50
    assert kept(store, A) == ["accepted"] * 50
    assert Maintenance(store).verify() == []


@pytest.mark.parametrize("early", [False, True])
def test_an_outcome_is_never_one_word_too_many(store: SQLiteStore, early: bool) -> None:
    entries = [delivery(callback(A, NOON, f"w{number}")) for number in range(60)]
    store.commit([*entries, session(A)] if early else [session(A), *entries])
    outcomes = ["opened", "expired", "cancelled", "abandoned", "failed", "completed"]
    for number, outcome in enumerate(outcomes):
        told, again = (callback(A, NOON + number, f"{outcome}{n}", outcome=outcome) for n in (1, 2))
        body = outcome.encode()
        results = store.commit([delivery(told, body), delivery(again, body), delivery(told, body)])
        assert verdicts(results) == ["accepted", "duplicate", "duplicate"]
        attempt = store.attempt(A)
        assert attempt is not None
        stands = outcome if outcome in ("abandoned", "failed", "completed") else "other"
        assert (attempt.outcome, attempt.opened_ms) == (stands, NOON)
    bodies = [row[4] for row in table(store.path, "receipts") if row[5] == "accepted"]
    assert bodies[50:] == [outcome.encode() for outcome in outcomes]
    assert Maintenance(store).verify() == []


def test_a_word_of_another_session_does_not_stand_for_ours(store: SQLiteStore) -> None:
    foreign = [callback(A, NOON, f"w{number}", "another") for number in range(50)]
    store.commit([*map(delivery, foreign), session(A)])
    assert verdicts(store.commit([delivery(callback(A, NOON, "new"))])) == ["accepted"]
    assert verdicts(store.commit([delivery(callback(A, NOON, "newer"))])) == ["too_many"]


def test_a_word_beyond_the_bound_can_be_given_its_meaning(store: SQLiteStore) -> None:
    store.commit([session(A), *(delivery(callback(A, NOON, f"w{number}")) for number in range(50))])
    for number, outcome in enumerate(("completed", "other", "failed")):
        told = callback(A, NOON, "w7", outcome=outcome)
        told = told._replace(
            key=f"remapped{number}",
            props={**told.props, "supersedes": f"remapped{number - 1}" if number else told.key},
        )
        store.commit([Entry((told,))])
        attempt = store.attempt(A)
        assert attempt is not None
        assert attempt.outcome == outcome
    assert verdicts(store.commit([delivery(callback(A, NOON, "w50"))])) == ["too_many"]


def test_nothing_of_an_erased_attempt_is_kept(store: SQLiteStore) -> None:
    clicked = click(A)
    store.commit([Entry((clicked._replace(props={**clicked.props, "reference": "r"}),))])
    assert Maintenance(store).erase("r") == 1
    assert (
        verdicts(store.commit([unread(A), delivery(callback(A, NOON, "done"))])) == ["erased"] * 2
    )
    assert kept(store, A) == []


# --- Reading --------------------------------------------------------------------------------------


def test_an_attempt_is_found_by_each_of_its_names(store: SQLiteStore) -> None:
    store.commit([session(A), session(B)])
    attempt = store.attempt(A)
    assert attempt is not None
    assert attempt.id == A
    assert store.attempt_by_public_id(f"p-{A}") == attempt
    assert store.attempt_by_launch_key(f"l-{A}") == attempt
    assert store.attempt_by_click(A) == attempt
    for find in (store.attempt, store.attempt_by_public_id, store.attempt_by_click):
        assert find("nobody") is None


def test_it_tells_what_changed_since_a_position(store: SQLiteStore) -> None:
    other = SQLiteStore(store.path, BERLIN)
    store.commit([session(A)])
    position = store.position()
    assert store.changed()
    assert not store.changed()
    other.commit([Entry((launch(A, NOON),)), session(B)])
    assert store.changed()
    position, ids = store.changes(position)
    assert ids == {A, B}
    assert store.changes(position) == (position, frozenset())
    other.close()


def test_what_is_due_has_a_session_whose_time_is_over(store: SQLiteStore) -> None:
    store.commit([session(A), session(B), session(C, NOON + 60 * MINUTE)])
    store.commit([Entry((callback(B, NOON + MINUTE, "done"),))])
    assert store.due(NOON + 14 * MINUTE, 9) == []
    assert store.due(NOON + 16 * MINUTE, 9) == [A]
    assert len(store.due(NOON + 99 * MINUTE, 1)) == 1
    store.commit([Entry((event("expired", A, NOON + 16 * MINUTE, "proxy"),))])
    assert store.due(NOON + 16 * MINUTE, 9) == []


def test_a_session_that_may_have_been_made_counts_as_made(store: SQLiteStore) -> None:
    failed = [
        event("create_failed", a, NOON, "proxy", code=code)
        for a, code in ((B, "upstream_timeout"), (C, "unavailable"), (D, "bad_upstream_reply"))
    ]
    store.commit([session(A), *(Entry((click(each.attempt_id), each)) for each in failed)])
    assert store.created_since("2026-06-15") == 3
    assert store.created_since("2026-06-16") == 0


# --- Several processes ----------------------------------------------------------------------------

OPEN = """
import sys; from pathlib import Path; from zoneinfo import ZoneInfo
from storage.sqlite.store import SQLiteStore
print("ready", flush=True); sys.stdin.readline()
for _ in range(5):
    SQLiteStore(Path(sys.argv[1]), ZoneInfo("Europe/Berlin")).close()
"""


def test_workers_that_open_a_new_file_at_once_agree_on_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "tryon.db"
    children = [child(OPEN, path) for _ in range(4)]
    for each in children:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    for each in children:
        finish(each)
    again = SQLiteStore(path, BERLIN)
    applied = again.read("SELECT name, count(*) FROM _sqlite_migrations GROUP BY name")
    assert applied and {times for _, times in applied} == {1}
    again.close()


KEPT = ("events", "attempts", "totals_day", "totals_day_product", "totals_day_category")
KEPT += ("totals_hour", "histograms", "receipts", "upstream_calls")


def older(path: Path, now: Path, before: str) -> None:
    """A file as it was before a change of the schema, with the rows of one of now."""
    months = ("totals_month_product", "histograms_month") if before == "offered" else ()
    with closing(connect(path)) as db:
        migrations.apply(Database(db), stop_before=before)
        db.execute("ATTACH ? AS now", (str(now),))
        for name in (*KEPT, *months):
            columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({name})"))
            copy = f"INSERT INTO main.{name} ({columns}) SELECT {columns}"
            db.execute(f"{copy} FROM now.{name}")
        if months:
            segments = ("device", "channel", "locale")
            db.execute(month_from_days("totals_month", "totals_day", segments, COUNTS))


@pytest.mark.parametrize("before", ["months", "offered"])
def test_a_file_of_an_older_version_gets_what_came_later(tmp_path: Path, before: str) -> None:
    now = SQLiteStore(tmp_path / "now.db", BERLIN)
    now.commit(small_history())  # of which nobody said what was offered
    now.close()
    older(path := tmp_path / "older.db", now.path, before)
    again = SQLiteStore(path, BERLIN)
    assert all(map(partial(table, path), TABLES))
    for name in (*TABLES, "attempts"):
        assert table(path, name) == table(now.path, name), name
    assert Maintenance(again).verify() == []
    again.close()


def test_a_key_is_claimed_by_one_process_and_let_go_with_it(store: SQLiteStore) -> None:
    def claimed(key: str) -> bool:
        with store.claim(key) as mine:
            return mine

    assert claimed("click:1")
    holder = child(CLAIM, store.path, "click:1")
    assert not claimed("click:1")
    assert claimed("click:2")
    assert isinstance(store.commit([session(A)])[0], Committed)  # a claim holds no writer up
    holder.kill()
    holder.communicate(timeout=60)
    assert claimed("click:1")


LOCK = """
import sys; from storage.sqlite.connection import connect; from pathlib import Path
db = connect(Path(sys.argv[1])); db.execute("BEGIN IMMEDIATE")
print("ready", flush=True); sys.stdin.readline(); db.execute("ROLLBACK")
"""


def test_it_waits_for_a_program_that_locks_the_file_a_while(store: SQLiteStore) -> None:
    holder = child(LOCK, store.path)
    assert holder.stdin is not None
    with ThreadPoolExecutor(1) as pool:
        committing = pool.submit(store.commit, [session(A)])
        with pytest.raises(TimeoutError):
            committing.result(timeout=0.5)
        holder.stdin.write("go\n")
        holder.stdin.flush()
        assert isinstance(committing.result(timeout=60)[0], Committed)
    finish(holder)


def test_a_lock_that_stays_is_an_error_and_harms_nothing(store: SQLiteStore) -> None:
    with store.transaction() as db:
        db.execute("PRAGMA busy_timeout = 100")
    holder = child(LOCK, store.path)
    with pytest.raises(StorageUnavailable, match="locked"):
        store.commit([session(A)])
    assert store.attempt(A) is None  # reading goes on
    assert holder.stdin is not None
    holder.stdin.write("go\n")
    finish(holder)
    assert isinstance(store.commit([session(A)])[0], Committed)


def test_a_killed_holder_of_the_turn_holds_nobody_up(store: SQLiteStore) -> None:
    code = CLAIM.replace("store.claim(sys.argv[2]) as mine", "store.transaction() as mine")
    holder = child(code, store.path)
    with ThreadPoolExecutor(1) as pool:
        committing = pool.submit(store.commit, [session(A)])
        with pytest.raises(TimeoutError):
            committing.result(timeout=0.2)
        os.kill(holder.pid, signal.SIGKILL)
        assert isinstance(committing.result(timeout=60)[0], Committed)
    holder.communicate(timeout=60)


# --- Faults ---------------------------------------------------------------------------------------


def test_a_full_disk_stores_nothing_of_a_group_and_recovers(store: SQLiteStore) -> None:
    with store.transaction() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 4}")
    large = Entry((), Receipt(A, NOON, {}, b"x" * 50_000, "unreadable"))
    with pytest.raises(StorageUnavailable, match="full"):
        store.commit([session(A), large])
    assert rows(store, "events") == rows(store, "attempts") == rows(store, "receipts") == 0
    assert isinstance(store.commit([session(A)])[0], Committed)  # a small one still fits
    with store.transaction() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    assert isinstance(store.commit([session(B), large])[0], Committed)
    assert Maintenance(store).verify() == []


READ_ONLY = """
import os, sys; from pathlib import Path; from zoneinfo import ZoneInfo
from storage.sqlite.store import SQLiteStore; from storage.store import StorageUnavailable
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere
try:
    SQLiteStore(Path(sys.argv[1]), ZoneInfo("Europe/Berlin"))
except StorageUnavailable as error:
    print(error)
"""


def test_a_read_only_directory_is_named() -> None:
    directory = Path(tempfile.mkdtemp())
    try:
        SQLiteStore(directory / "tryon.db", BERLIN).close()
        for each in (*directory.iterdir(), directory):
            each.chmod(0o555)
        said = finish(child(READ_ONLY, directory / "tryon.db", wait=False))
        assert str(directory / "tryon.db") in said
    finally:
        directory.chmod(0o755)
        shutil.rmtree(directory)


@pytest.mark.parametrize("content", [b"this is no database" * 999, b"\x00" * 8192])
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tryon.db"
    path.write_bytes(content)
    with pytest.raises(StorageUnavailable, match=r"tryon\.db"):
        SQLiteStore(path, BERLIN)
    assert path.read_bytes() == content


def test_a_refused_file_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "tryon.db"
    path.write_bytes(b"this is no database" * 999)

    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    gc.collect()  # what earlier tests left open is closed before, and not meanwhile
    before = opened()
    for _ in range(5):
        with pytest.raises(StorageUnavailable):
            SQLiteStore(path, BERLIN)
    assert opened() <= before


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageUnavailable, match="nowhere"):
        SQLiteStore(tmp_path / "nowhere" / "tryon.db", BERLIN)


def test_damage_that_shows_later_is_an_error_not_an_answer(store: SQLiteStore) -> None:
    store.commit([session(attempt_id(NOON, number)) for number in range(200)])
    with store.transaction() as db:
        (page,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'attempts'"
        ).fetchone()
    store.close()
    content = bytearray(store.path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\x55" * 4096
    store.path.write_bytes(content)
    damaged = SQLiteStore(store.path, BERLIN)
    with pytest.raises(StorageUnavailable, match="malformed"):
        damaged.attempt(A)
    with pytest.raises(StorageUnavailable, match="malformed"):
        damaged.commit([Entry((launch(A, NOON),))])
    damaged.close()


def test_a_snapshot_does_not_see_what_comes_later(store: SQLiteStore) -> None:
    store.commit([session(A)])
    with store.snapshot() as db:
        store.commit([session(B), Entry((impression(NOON),))])
        assert db.execute("SELECT id FROM attempts").fetchall() == [(A,)]
    assert rows(store, "attempts") == 2


def test_readers_are_served_while_another_thread_commits(store: SQLiteStore) -> None:
    entries = [session(attempt_id(NOON, number)) for number in range(300)]
    seen: list[bool] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            clicks = store.read("SELECT coalesce(sum(clicks), 0) FROM totals_day")
            attempts = store.read("SELECT count(*) FROM attempts")
            seen.append(clicks[0][0] <= attempts[0][0])

    with ThreadPoolExecutor(2) as pool:
        looking = [pool.submit(look) for _ in range(2)]
        for start in range(0, 300, 10):
            store.commit(entries[start : start + 10])
        over.set()
        for each in looking:
            each.result(timeout=60)
    assert seen and all(seen)
    assert rows(store, "attempts") == 300


def test_it_is_as_durable_as_it_says(store: SQLiteStore) -> None:
    with store.transaction() as db:
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
        assert db.execute("PRAGMA journal_mode").fetchone()[0] in ("wal", "delete")
    with closing(connect(store.path)) as db:
        strict = db.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict")
        assert {row[0] for row in strict} >= {"events", "attempts", "receipts", "meta", *TABLES}


HOLD_THE_TURN = """
import fcntl, sys
with open(sys.argv[1], "r+b") as locks:
    fcntl.lockf(locks, fcntl.LOCK_EX, 1, 0)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the holder is not known")
def test_a_stopped_holder_of_the_turn_is_waited_for_a_while_and_named(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "STOPPED_FOR_S", 0.1)
    code = CLAIM.replace("store.claim(sys.argv[2]) as mine", "store.transaction() as mine")
    holder = child(code, store.path)
    os.kill(holder.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED)
    said = rf"process {holder.pid} is stopped and holds tryon\.db-lock"
    with pytest.raises(StorageUnavailable, match=said):
        store.commit([session(A)])
    os.kill(holder.pid, signal.SIGCONT)
    with ThreadPoolExecutor(1) as pool:
        committing = pool.submit(store.commit, [session(A)])
        finish(holder)
        assert isinstance(committing.result(timeout=60)[0], Committed)


def test_a_log_that_grew_while_somebody_read_is_cut_afterwards(store: SQLiteStore) -> None:
    log = Path(f"{store.path}-wal")

    def large(number: int) -> Entry:
        return Entry((), Receipt(f"{number:032}", NOON, {}, bytes(65_000), "unreadable"))

    with store.snapshot():
        for start in range(0, 300, 100):
            store.commit([large(start + number) for number in range(100)])
        assert log.stat().st_size > 17_000_000
    for number in range(3):
        store.commit([session(attempt_id(NOON, number))])
    assert log.stat().st_size <= 16_777_216


def test_a_writer_waits_for_its_turn_among_the_workers(store: SQLiteStore) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_TURN, f"{store.path}-lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        writing = threading.Thread(target=store.commit, args=[[session(A)]])
        writing.start()
        writing.join(0.5)
        assert writing.is_alive()
        assert store.attempt(A) is None
        other.stdin.close()
        writing.join(30)
    assert store.attempt(A) is not None
