"""Looking after the store: purging, erasing on request, and reading old receipts anew.

All of it runs beside the workers, with a store and in a process of its own, and may be killed and
run again. Raw rows (attempts, their events, receipts and calls) are there from the purge line on, a
local day; of the days before it there are totals alone.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import date

from storage.batch import SELECT_ATTEMPT, SELECT_EVENTS, Terms, Totals, to_event
from storage.connection import Connection, connect
from storage.events import Entry, Event, now_ms
from storage.funnel import Attempt, contribution, local_day, negative, vendor_latency
from storage.sqlite import SQLiteStore
from storage.store import Committed, Progress, StorageUnavailable

AT_ONCE = 2_000  # rows in a transaction, so that no worker waits long

# Which rows go with the purge line, and how. An attempt goes after its events, since an erasure
# finds those by it. (The + keeps SQLite from walking through all impressions again and again.)
PURGED = (
    ("events", "attempt_id > '' AND attempt_id < :first_id"),
    ("events", "+attempt_id = '' AND received_ms < :line_ms"),
    ("receipts", "attempt_id < :first_id"),
    ("upstream_calls", "at_ms < :line_ms"),
    ("attempts", "id < :first_id"),
)
PURGE_SOME = "DELETE FROM {0} WHERE id IN (SELECT id FROM {0} WHERE {1} LIMIT :at_once)"

# By the reference that came with the click, or with a callback.
ABOUT = """
reference = :reference OR id IN (
    SELECT attempt_id FROM events, json_each(props, '$.references') AS named
    WHERE name = 'callback' AND named.value = :reference
)
"""
CALLS = "SELECT at_ms, duration_ms FROM upstream_calls WHERE attempt_id = ? AND tries > 0"

# The callback event that a body states, from (attempt_id, received_ms, body); None where there is
# no reading it.
Read = Callable[[str, int, bytes], Event | None]
REPLAYED = """
SELECT id, attempt_id, received_ms, body FROM receipts
WHERE id > ? AND verdict IN ('accepted', 'unreadable', 'mismatch') ORDER BY id LIMIT 500
"""


def quiet(_: int) -> None:
    """Progress that nobody watches."""


def integrity(store: SQLiteStore) -> list[str]:
    """What the database itself finds wrong with its file; empty where it is sound."""
    try:
        with store.snapshot() as db:
            messages = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
    except StorageUnavailable as error:
        return [str(error)]
    return [] if messages == ["ok"] else messages


def purge(store: SQLiteStore, before_day: str, progress: Progress = quiet) -> int:
    """Delete the raw rows of all days before a local day, YYYY-MM-DD; totals stay. How many rows.

    The line is drawn first, so that nothing can arrive behind it, and never moves back.

    :raises ValueError: it is no day, or one to come, whose clicks would be refused as too old.
    """
    try:
        before_day = date.fromisoformat(before_day).isoformat()
    except ValueError:
        raise ValueError("must be a day that exists, as YYYY-MM-DD") from None
    with store.transaction() as db:
        terms = Terms.read(db, store.zone)
        if before_day > local_day(now_ms(), terms.zone):
            raise ValueError(f"{before_day} is still to come")
        line = max(before_day, terms.line)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('purged_before', ?)", (line,))
        terms = Terms.read(db, store.zone)
        # Totals by the hour are for the last weeks: they go with the raw rows.
        db.execute("DELETE FROM totals_hour WHERE utc_hour < ?", (terms.first_hour,))
        erased = ("erased:", f"erased:{terms.first_id}")
        db.execute("DELETE FROM meta WHERE key BETWEEN ? AND ?", erased)
    deleted = 0
    for table, condition in PURGED:
        some = AT_ONCE
        while some == AT_ONCE:
            with store.transaction() as db:
                some = purge_some(db, table, condition, terms, AT_ONCE)
            deleted += some
            progress(some)
    return deleted


def purge_all(db: Connection, terms: Terms) -> None:
    """Delete all raw rows before the line within a transaction."""
    for table, condition in PURGED:
        purge_some(db, table, condition, terms, -1)


def purge_some(db: Connection, table: str, condition: str, terms: Terms, at_once: int) -> int:
    """Delete so many raw rows before the line, all where it is -1; how many there were."""
    values = {"first_id": terms.first_id, "line_ms": terms.line_ms, "at_once": at_once}
    return int(db.execute(PURGE_SOME.format(table, condition), values).rowcount)


def erase(store: SQLiteStore, reference: str) -> int:
    """Forget every attempt with a reference, in the totals too; how many there were.

    Only their random ids are kept, until the purge, so that a late callback brings none back.
    `compact` then takes the deleted bytes out of the file as well.
    """
    with store.transaction() as db:
        zone = Terms.read(db, store.zone).zone
        found = db.execute(f"{SELECT_ATTEMPT} WHERE {ABOUT}", {"reference": reference})
        attempts = [Attempt._make(row) for row in found]
        totals = Totals()
        for attempt in attempts:
            totals.add(negative(contribution(attempt)))
            for at_ms, duration_ms in db.execute(CALLS, (attempt.id,)):
                totals.add(negative(vendor_latency(at_ms, duration_ms, zone)))
            for table in ("events", "receipts", "upstream_calls"):
                db.execute(f"DELETE FROM {table} WHERE attempt_id = ?", (attempt.id,))  # noqa: S608
            db.execute("DELETE FROM attempts WHERE id = ?", (attempt.id,))
            db.execute("INSERT INTO meta VALUES ('erased:' || ?, '')", (attempt.id,))
        totals.write(db)
    return len(attempts)


def compact(store: SQLiteStore) -> None:
    """Rewrite the file without what was deleted, whose bytes are in it until then; the disk gets
    the room back. For a quiet hour: writers wait, and the disk must hold the file twice."""
    with closing(connect(store.path, busy_ms=60_000)) as db:
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def replay(store: SQLiteStore, read: Read, progress: Progress = quiet) -> int:
    """Read stored callbacks again, after what is readable or the mapping of words was changed.

    How many now say something else. What one said before is not changed: a further event supersedes
    it. Again, it changes nothing more.
    """
    changed = last = 0
    while receipts := store.read(REPLAYED, last):
        for last, attempt_id, received_ms, body in receipts:
            reading = read(attempt_id, received_ms, body)
            if reading and (news := _news(store, reading)):
                (result,) = store.commit([Entry((news,))])
                if isinstance(result, Committed) and result.fresh:
                    changed += 1
                    with store.transaction() as db:
                        sql = "UPDATE receipts SET verdict = 'accepted', reason = '' WHERE id = ?"
                        db.execute(sql, (last,))
        progress(len(receipts))
    return changed


def _news(store: SQLiteStore, reading: Event) -> Event | None:
    """The event that has to be added, where what stands does not say the same already."""
    current = None
    sql = f"{SELECT_EVENTS} WHERE attempt_id = ? AND name = 'callback' ORDER BY id"
    for stored in map(to_event, store.read(sql, reading.attempt_id)):
        if stored.key == reading.key or (current and stored.props.get("supersedes") == current.key):
            current = stored
    if current is None:
        return reading
    if current.props["outcome"] == reading.props["outcome"]:
        return None
    return reading._replace(
        key=f"remapped:{reading.props['outcome']}:{current.key}",
        props={**reading.props, "supersedes": current.key},
    )
