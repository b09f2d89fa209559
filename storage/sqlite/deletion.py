"""Delete what is to be forgotten: raw rows before the purge line, and all about an attempt."""

from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from storage.funnel import Attempt, contribution, negative, vendor_latency
from storage.sqlite.batch import SELECT_ATTEMPT, Terms, Totals
from storage.sqlite.connection import Connection
from storage.sqlite.store import SQLiteStore

AT_ONCE = 200  # rows
EVENTS_AT_ONCE = 20_000  # that are looked through

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

REFERRED = "SELECT id FROM attempts WHERE reference = ?"  # by the click
NAMED = """
SELECT attempt_id FROM events, json_each(props, '$.references') AS named
WHERE events.id > ? AND events.id <= ? AND name = 'callback' AND named.value = ?
"""
CALLS = "SELECT at_ms, duration_ms FROM upstream_calls WHERE attempt_id = ? AND tries > 0"


def purge(db: Connection, terms: Terms) -> Iterator[int]:
    """Delete the raw rows before the line; each step some, and how many."""
    values = {"first_id": terms.first_id, "line_ms": terms.line_ms, "at_once": AT_ONCE}
    for table, condition in PURGED:
        while some := db.execute(PURGE_SOME.format(table, condition), values).rowcount:
            yield some


def about(store: SQLiteStore, reference: str) -> list[str]:
    """Find the attempts with a reference, which came with the click or with a callback."""
    found = {row[0] for row in store.read(REFERRED, reference)}
    for start in range(0, store.position(), EVENTS_AT_ONCE):
        found.update(row[0] for row in store.read(NAMED, start, start + EVENTS_AT_ONCE, reference))
    return sorted(found)


def erase(db: Connection, zone: ZoneInfo, attempt_ids: Iterable[str]) -> Iterator[int]:
    """Forget attempts, in the totals too; each step one, and 0 where it is gone already.

    Only their random ids are kept, until the purge: a late callback must bring none back.
    """
    terms = Terms.read(db, zone)
    for attempt_id in attempt_ids:
        row = db.execute(f"{SELECT_ATTEMPT} WHERE id = ?", (attempt_id,)).fetchone()
        if row is None:
            yield 0
            continue
        totals = Totals()
        totals.add(negative(contribution(Attempt._make(row))))
        for at_ms, duration_ms in db.execute(CALLS, (attempt_id,)):
            totals.add(negative(vendor_latency(at_ms, duration_ms, terms.zone)))
        totals.write(db)
        for table in ("events", "receipts", "upstream_calls"):
            db.execute(f"DELETE FROM {table} WHERE attempt_id = ?", (attempt_id,))  # noqa: S608
        db.execute("DELETE FROM attempts WHERE id = ?", (attempt_id,))
        db.execute("INSERT INTO meta VALUES ('erased:' || ?, '')", (attempt_id,))
        yield 1
