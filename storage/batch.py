"""The working set of one transaction: each touched attempt and total is written once."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from storage.connection import Connection
from storage.events import Entry, Event, Receipt, to_json
from storage.funnel import (
    COUNTS,
    HISTOGRAM_KEY,
    TOTALS,
    Attempt,
    Contribution,
    Key,
    contribution,
    fold,
    impression,
    new_attempt,
    vendor_latency,
)
from storage.store import Committed

# More are answered alike and not kept, so that a callback URL in wrong hands fills no disk.
RECEIPTS_PER_ATTEMPT = 50

COLUMNS = ", ".join(Attempt._fields)
SELECT_ATTEMPT = f"SELECT {COLUMNS} FROM attempts"  # noqa: S608 - names from our own code
# Not INSERT OR REPLACE: that would delete another attempt that holds the same session ID.
WRITE_ATTEMPT = (
    f"INSERT INTO attempts ({COLUMNS}) VALUES ({', '.join('?' * len(Attempt._fields))}) "  # noqa: S608
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in Attempt._fields[1:])
)
INSERT_EVENT = """
INSERT INTO events (name, attempt_id, dedupe_key, occurred_ms, received_ms, source, props)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (dedupe_key) DO NOTHING
"""
INSERT_RECEIPT = """
INSERT INTO receipts (attempt_id, received_ms, headers, body, verdict, reason)
SELECT :attempt_id, :received_ms, :headers, :body, :verdict, :reason
WHERE (SELECT count(*) FROM receipts WHERE attempt_id = :attempt_id) < :bound
"""
INSERT_CALL = """
INSERT INTO upstream_calls
    (at_ms, operation, status, error, duration_ms, tries, attempt_id, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


TOUCH = "INSERT OR REPLACE INTO meta VALUES ('touched', datetime('now', 'subsec'))"


def _add_to(table: str, key: Sequence[str], counts: Sequence[str]) -> str:
    columns = (*key, *counts)
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in counts)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - names from our own code
        f"VALUES ({', '.join('?' * len(columns))}) ON CONFLICT DO UPDATE SET {sums}"
    )


ADD_TO_TOTALS = {table: _add_to(table, key, COUNTS) for table, key in TOTALS.items()} | {
    "histograms": _add_to("histograms", HISTOGRAM_KEY, ("n",))
}


class Change(NamedTuple):
    before: Attempt | None  # as stored; None where there was none
    after: Attempt


class Totals:
    """A sum of differences, for each row of each table."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[Key, list[int]]] = {}

    def add(self, rows: Contribution, sign: int = 1) -> None:
        for (table, key), counts in rows.items():
            row = self._sums.setdefault(table, {}).setdefault(key, [0] * len(counts))
            for position, value in enumerate(counts):
                if value:
                    row[position] += sign * value

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """(key columns…, counts…) of each row that differs, in the order of the keys."""
        sums = self._sums.get(table, {})
        return [(*key, *sums[key]) for key in sorted(sums) if any(sums[key])]

    def write(self, db: Connection) -> None:
        for table, sql in ADD_TO_TOTALS.items():
            if rows := self.rows(table):
                db.executemany(sql, rows)


class Batch:
    """Entries of one transaction. `add` each, then `flush` once, before the commit."""

    def __init__(self, db: Connection, zone: ZoneInfo) -> None:
        self._db = db
        self._zone = zone
        self._changes: dict[str, Change] = {}
        self._totals = Totals()
        line = db.execute("SELECT value FROM meta WHERE key = 'purged_before'").fetchone()
        self._purged_before: str = line[0] if line else ""

    def add(self, entry: Entry) -> Committed:
        """Append an entry's events, call and receipt, and say what became of it.

        An empty entry writes all the same, which shows that the store can.
        """
        if entry == Entry():
            self._db.execute(TOUCH)
        receipt = entry.receipt
        verdict = receipt.verdict if receipt else None
        fresh = False
        for event in entry.events:
            refusal = self._refusal(event) if event.name == "callback" else None
            if refusal is None and not self._append(event):
                refusal = "duplicate"
            fresh = fresh or refusal is None
            if receipt and refusal:
                verdict = refusal
        if call := entry.call:
            self._db.execute(INSERT_CALL, call)
            if call.tries:
                self._totals.add(vendor_latency(call.at_ms, call.duration_ms, self._zone))
        if receipt:
            self._keep(receipt, verdict or receipt.verdict)
        attempt_id = entry.events[0].attempt_id if entry.events else ""
        change = self._changes.get(attempt_id)
        return Committed(change.after if change else None, fresh, verdict)

    def flush(self) -> None:
        """Write the attempts that changed, and their differences into the totals."""
        changes = [change for change in self._changes.values() if change.after != change.before]
        self._db.executemany(WRITE_ATTEMPT, [change.after for change in changes])
        for change in changes:
            if change.before is not None:
                self._totals.add(contribution(change.before), -1)
            self._totals.add(contribution(change.after))
        self._totals.write(self._db)

    def _append(self, event: Event) -> bool:
        """Store an event and fold it; False where its key was there before."""
        attempt = self._attempt(event.attempt_id) if event.attempt_id else None
        row = (*event[:-1], to_json(event.props))
        if self._db.execute(INSERT_EVENT, row).rowcount == 0:
            return False
        if attempt is not None:
            change = self._changes[event.attempt_id]
            self._changes[event.attempt_id] = change._replace(after=fold(attempt, event))
        elif event.name == "impression":
            self._totals.add(impression(event, self._zone))
        return True

    def _attempt(self, attempt_id: str) -> Attempt:
        change = self._changes.get(attempt_id)
        if change is None:
            row = self._db.execute(f"{SELECT_ATTEMPT} WHERE id = ?", (attempt_id,)).fetchone()
            before = Attempt._make(row) if row else None
            change = Change(before, before or new_attempt(attempt_id, self._zone))
            self._changes[attempt_id] = change
        return change.after

    def _refusal(self, callback: Event) -> str | None:
        attempt = self._attempt(callback.attempt_id)
        if attempt.local_day < self._purged_before:
            return "too_old"  # its dedupe key is gone with the purge
        if attempt.session_id not in (None, callback.props["session_id"]):
            return "mismatch"
        return None

    def _keep(self, receipt: Receipt, verdict: str) -> None:
        self._db.execute(
            INSERT_RECEIPT,
            receipt._asdict()
            | {
                "headers": to_json(receipt.headers),
                "verdict": verdict,
                "bound": RECEIPTS_PER_ATTEMPT,
            },
        )
