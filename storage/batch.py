"""The working set of one transaction: each touched attempt and total is written once."""

import json
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
    fold_all,
    impression,
    midnight_ms,
    new_attempt,
    vendor_latency,
)
from storage.store import Committed

# More are answered alike and not kept, so that a callback URL in wrong hands fills no disk.
RECEIPTS_PER_ATTEMPT = 50
CALLBACKS_PER_ATTEMPT = 50  # different ones: each word is another event

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
SELECT_EVENTS = """
SELECT name, attempt_id, dedupe_key, occurred_ms, received_ms, source, props FROM events
"""
INSERT_RECEIPT = """
INSERT INTO receipts (attempt_id, received_ms, headers, body, verdict, reason)
SELECT :attempt_id, :received_ms, :headers, :body, :verdict, :reason
WHERE (SELECT count(*) FROM receipts WHERE attempt_id = :attempt_id) < :bound
"""
COUNT_CALLBACKS = "SELECT count(*) FROM events WHERE attempt_id = ? AND name = 'callback'"
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
    after: Attempt | None  # None as long as no event of it is stored


def to_event(row: Sequence[Any]) -> Event:
    """The event in a row of SELECT_EVENTS."""
    return Event._make((*row[:-1], json.loads(row[-1])))


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


class Terms(NamedTuple):
    """What the whole file is counted by. It stands in the file, so that all workers agree, also
    those that were started with another setting and have not stopped yet."""

    zone: ZoneInfo  # whose days are counted
    line: str  # the first day whose raw rows are all there; "": nothing was ever purged

    @classmethod
    def read(cls, db: Connection, zone: ZoneInfo) -> "Terms":
        """The terms in force, with `zone` where none has been settled."""
        meta = dict(db.execute("SELECT * FROM meta WHERE key IN ('timezone', 'purged_before')"))
        zone = ZoneInfo(meta["timezone"]) if "timezone" in meta else zone
        return cls(zone, meta.get("purged_before", ""))

    @property
    def line_ms(self) -> int:
        return midnight_ms(self.line, self.zone) if self.line else 0

    @property
    def first_id(self) -> str:
        """Attempts from the line on have this id or a greater one, since ids begin with a time."""
        return f"{self.line_ms:012x}"

    @property
    def first_hour(self) -> int:
        """The first whole hour, of UTC, from the line on."""
        return -(-self.line_ms // 3_600_000)


class Batch:
    """Entries of one transaction. `add` each, then `flush` once, before the commit."""

    def __init__(self, db: Connection, zone: ZoneInfo) -> None:
        terms = Terms.read(db, zone)
        self._db = db
        self._zone = terms.zone
        self._purged_before = terms.line
        self._changes: dict[str, Change] = {}
        self._totals = Totals()

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
            refusal = self._refusal(event) if event.attempt_id else None
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
        written = []
        for before, after in self._changes.values():
            if after is None or after == before:
                continue
            written.append(after)
            if before is not None:
                self._totals.add(contribution(before), -1)
            self._totals.add(contribution(after))
        self._db.executemany(WRITE_ATTEMPT, written)
        self._totals.write(self._db)

    def _append(self, event: Event) -> bool:
        """Store an event and fold it; False where its key was there before."""
        attempt = self._attempt(event.attempt_id) if event.attempt_id else None
        row = (*event[:-1], to_json(event.props))
        if self._db.execute(INSERT_EVENT, row).rowcount == 0:
            return False
        if attempt is not None:
            supersedes = "supersedes" in event.props
            after = self._afresh(event.attempt_id) if supersedes else fold(attempt, event)
            change = self._changes[event.attempt_id]
            self._changes[event.attempt_id] = change._replace(after=after)
        elif event.name == "impression":
            self._totals.add(impression(event, self._zone))
        return True

    def _attempt(self, attempt_id: str) -> Attempt:
        if attempt_id not in self._changes:
            row = self._db.execute(f"{SELECT_ATTEMPT} WHERE id = ?", (attempt_id,)).fetchone()
            before = Attempt._make(row) if row else None
            self._changes[attempt_id] = Change(before, before)
        return self._changes[attempt_id].after or new_attempt(attempt_id, self._zone)

    def _afresh(self, attempt_id: str) -> Attempt:
        rows = self._db.execute(f"{SELECT_EVENTS} WHERE attempt_id = ?", (attempt_id,))
        return fold_all(attempt_id, map(to_event, rows), self._zone)

    def _refusal(self, event: Event) -> str | None:
        attempt = self._attempt(event.attempt_id)
        if attempt.local_day < self._purged_before:
            return "too_old"  # its dedupe key is gone with the purge
        if self._changes[event.attempt_id].after is None and self._erased(event.attempt_id):
            return "erased"
        if event.name != "callback":
            return None
        if attempt.session_id not in (None, event.props["session_id"]):
            return "mismatch"
        found = self._db.execute(COUNT_CALLBACKS, (event.attempt_id,)).fetchone()
        return "too_many" if found[0] >= CALLBACKS_PER_ATTEMPT else None

    def _erased(self, attempt_id: str) -> bool:
        sql = "SELECT 1 FROM meta WHERE key = 'erased:' || ?"
        return self._db.execute(sql, (attempt_id,)).fetchone() is not None

    def _keep(self, receipt: Receipt, verdict: str) -> None:
        if verdict == "erased":
            return  # its body may name whom we were asked to forget
        self._db.execute(
            INSERT_RECEIPT,
            receipt._asdict()
            | {
                "headers": to_json(receipt.headers),
                "verdict": verdict,
                "bound": RECEIPTS_PER_ATTEMPT,
            },
        )
