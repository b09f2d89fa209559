"""Maintenance on SQLite: purge, erase on request, read old receipts again.

Raw rows (attempts, their events, receipts and calls) are there from the purge line on, a
local day; of the days before it there are totals alone.
"""

import time
from collections.abc import Sequence
from datetime import date
from functools import partial

from storage.events import Entry, Event, now_ms
from storage.funnel import local_day
from storage.sqlite import deletion, recount
from storage.sqlite.batch import SELECT_EVENTS, Terms, to_event
from storage.sqlite.jobs import put_job
from storage.sqlite.store import SQLiteStore
from storage.sqlite.turns import in_turns
from storage.store import Committed, Difference, Job, Progress, Read, StorageUnavailable, quiet

LOG_TRIES = 50

SETTLE = "UPDATE receipts SET verdict = ?, reason = ? WHERE id = ?"
SETTLE_COPY = """
UPDATE receipts SET verdict = 'duplicate', reason = '' WHERE id = ? AND verdict = 'unreadable'
"""
TAKEN_BACK = "taken_back"  # of an event: nothing says any more what it said
REPLAYED = """
SELECT id, attempt_id, received_ms, body, verdict FROM receipts
WHERE id > ? AND verdict IN ('accepted', 'unreadable', 'mismatch') ORDER BY id LIMIT 100
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
            return [str(error.__cause__ or error)]
        return [] if messages == ["ok"] else messages

    def verify(self, progress: Progress = quiet) -> list[Difference]:
        return recount.verify(self._store, progress)

    def rebuild(self, progress: Progress = quiet) -> None:
        recount.rebuild(self._store, progress)

    def ensure_timezone(self) -> bool:
        settled = "SELECT value FROM meta WHERE key = 'timezone'"
        if self._store.read(settled) == [(self._store.zone.key,)]:
            return False
        with self._store.transaction() as db:
            moved = recount.use_timezone(db, self._store.zone)
            if moved:
                put_job(db, Job("rebuild", now_ms()))
        return moved

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
        return in_turns(self._store, partial(deletion.purge, terms=terms), progress)

    def erase(self, reference: str) -> int:
        ids = deletion.about(self._store, reference)
        forget = partial(deletion.erase, zone=self._store.zone, attempt_ids=ids)
        erased = in_turns(self._store, forget)
        self._empty_log()
        return erased

    def _empty_log(self) -> None:
        # What is deleted is overwritten with zeros in the file; the log has it until it is emptied.
        for _ in range(LOG_TRIES):
            if self._store.empty_log():
                return
            time.sleep(0.2)
        raise StorageUnavailable(
            "what was erased is in the write-ahead log as long as somebody reads; run this again"
        )

    def replay(self, read: Read, progress: Progress = quiet) -> int:
        # What a callback said before is not changed: a further event supersedes it.
        changed = last = 0
        while receipts := self._store.read(REPLAYED, last):
            news, unread = [], []
            for last, attempt_id, received_ms, body, verdict in receipts:
                said = read(attempt_id, received_ms, body)
                if events := [event for each in said if (event := _news(self._store, each))]:
                    news.append((last, Entry(tuple(events))))
                if verdict == "unreadable":
                    unread.append((last, said))
            changed += self._add(news)
            self._settle_copies(unread)
            progress(len(receipts))
        return changed

    def _add(self, news: Sequence[tuple[int, Entry]]) -> int:
        """Store what receipts say now; return how many were not known to say so."""
        if not news:
            return 0
        began = time.monotonic()
        results = self._store.commit([entry for _, entry in news])
        fresh = [
            (*_settled(entry), receipt_id)
            for (receipt_id, entry), result in zip(news, results, strict=True)
            if isinstance(result, Committed) and result.fresh
        ]
        with self._store.transaction() as db:
            db.executemany(SETTLE, fresh)
        time.sleep(time.monotonic() - began)  # it is the others' turn for as long
        return len(fresh)

    def _settle_copies(self, unread: Sequence[tuple[int, Sequence[Event]]]) -> None:
        """Say of callbacks that can be read now, and only repeat what is known, that they do."""
        copies = [(receipt_id,) for receipt_id, said in unread if _is_known(self._store, said)]
        if copies:
            with self._store.transaction() as db:
                db.executemany(SETTLE_COPY, copies)


def _is_known(store: SQLiteStore, said: Sequence[Event]) -> bool:
    facts = [event for event in said if TAKEN_BACK not in event.props]
    return bool(facts) and all(_news(store, event) is None for event in facts)


def _settled(entry: Entry) -> tuple[str, str]:
    """Return a receipt's verdict and reason, after what it says now was stored."""
    if all(TAKEN_BACK in event.props for event in entry.events):
        return "unreadable", TAKEN_BACK
    return "accepted", ""


def _news(store: SQLiteStore, reading: Event) -> Event | None:
    """Return the event that has to be added, None where what stands says the same already."""
    current = None
    sql = f"{SELECT_EVENTS} WHERE attempt_id = ? AND name = 'callback' ORDER BY id"
    for stored in map(to_event, store.read(sql, reading.attempt_id)):
        if stored.key == reading.key or (current and stored.props.get("supersedes") == current.key):
            current = stored
    if current is None:
        return None if TAKEN_BACK in reading.props else reading
    if current.props["outcome"] == reading.props["outcome"]:
        return None
    return reading._replace(
        key=f"remapped:{reading.props['outcome']}:{current.key}",
        props={**reading.props, "supersedes": current.key},
    )
