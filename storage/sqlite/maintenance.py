"""Maintenance on SQLite: purge, erase on request, read old receipts again.

Raw rows (attempts, their events, receipts and calls) are there from the purge line on, a
local day; of the days before it there are totals alone.
"""

from contextlib import closing
from datetime import date

from storage.events import Entry, Event, now_ms
from storage.funnel import Attempt, contribution, local_day, negative, vendor_latency
from storage.sqlite import recount
from storage.sqlite.batch import SELECT_ATTEMPT, SELECT_EVENTS, Terms, Totals, to_event
from storage.sqlite.connection import connect
from storage.sqlite.purge import PURGED, purge_some
from storage.sqlite.store import SQLiteStore
from storage.store import Committed, Difference, Progress, Read, StorageUnavailable, quiet

AT_ONCE = 2_000  # rows in a transaction, so that no worker waits long

# By the reference that came with the click, or with a callback.
ABOUT = """
reference = :reference OR id IN (
    SELECT attempt_id FROM events, json_each(props, '$.references') AS named
    WHERE name = 'callback' AND named.value = :reference
)
"""
CALLS = "SELECT at_ms, duration_ms FROM upstream_calls WHERE attempt_id = ? AND tries > 0"

ACCEPT = "UPDATE receipts SET verdict = 'accepted', reason = '' WHERE id = ?"
REPLAYED = """
SELECT id, attempt_id, received_ms, body FROM receipts
WHERE id > ? AND verdict IN ('accepted', 'unreadable', 'mismatch') ORDER BY id LIMIT 500
"""


class SQLiteMaintenance:
    """See `storage.store.Maintenance`."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store

    def count(self, table: str) -> int:
        return int(self._store.read(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - ours

    def integrity(self) -> list[str]:
        try:
            with self._store.snapshot() as db:
                messages = [str(row[0]) for row in db.execute("PRAGMA integrity_check")]
        except StorageUnavailable as error:
            return [str(error)]
        return [] if messages == ["ok"] else messages

    def verify(self, progress: Progress = quiet) -> list[Difference]:
        return recount.verify(self._store, progress)

    def rebuild(self, progress: Progress = quiet) -> None:
        recount.rebuild(self._store, progress)

    def ensure_timezone(self, progress: Progress = quiet) -> bool:
        return recount.ensure_timezone(self._store, progress)

    def purge(self, before_day: str, progress: Progress = quiet) -> int:
        # The line is drawn first, so that nothing can arrive behind it, and never moves back.
        try:
            before_day = date.fromisoformat(before_day).isoformat()
        except ValueError:
            raise ValueError("must be a day that exists, as YYYY-MM-DD") from None
        with self._store.transaction() as db:
            terms = Terms.read(db, self._store.zone)
            if before_day > local_day(now_ms(), terms.zone):
                raise ValueError(f"{before_day} is still to come")
            line = max(before_day, terms.line)
            db.execute("INSERT OR REPLACE INTO meta VALUES ('purged_before', ?)", (line,))
            terms = Terms.read(db, self._store.zone)
            # Totals by the hour are for the last weeks: they go with the raw rows.
            db.execute("DELETE FROM totals_hour WHERE utc_hour < ?", (terms.first_hour,))
            erased = ("erased:", f"erased:{terms.first_id}")
            db.execute("DELETE FROM meta WHERE key BETWEEN ? AND ?", erased)
        deleted = 0
        for table, condition in PURGED:
            some = AT_ONCE
            while some == AT_ONCE:
                with self._store.transaction() as db:
                    some = purge_some(db, table, condition, terms, AT_ONCE)
                deleted += some
                progress(some)
        return deleted

    def erase(self, reference: str) -> int:
        # Only their random ids are kept, until the purge: a late callback must bring none back.
        with self._store.transaction() as db:
            zone = Terms.read(db, self._store.zone).zone
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

    def compact(self) -> None:
        # The deleted bytes are in the file until it is rewritten, for which the disk must hold it
        # twice.
        with closing(connect(self._store.path, busy_ms=60_000)) as db:
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def replay(self, read: Read, progress: Progress = quiet) -> int:
        # What a callback said before is not changed: a further event supersedes it.
        changed = last = 0
        while receipts := self._store.read(REPLAYED, last):
            for last, attempt_id, received_ms, body in receipts:
                reading = read(attempt_id, received_ms, body)
                if reading and (news := _news(self._store, reading)):
                    (result,) = self._store.commit([Entry((news,))])
                    if isinstance(result, Committed) and result.fresh:
                        changed += 1
                        with self._store.transaction() as db:
                            sql = (
                                "UPDATE receipts SET verdict = 'accepted', reason = '' WHERE id = ?"
                            )
                            db.execute(sql, (last,))
            progress(len(receipts))
        return changed


def _news(store: SQLiteStore, reading: Event) -> Event | None:
    """Return the event that has to be added, None where what stands says the same already."""
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
