"""The working set of one transaction: each touched attempt and total is written once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from storage.events import Entry, Event, Receipt, UpstreamCall, to_json
from storage.funnel import (
    Attempt,
    Contribution,
    Key,
    concerns,
    difference,
    fold,
    fold_all,
    impression,
    midnight_ms,
    new_attempt,
    vendor_latency,
)
from storage.sqlite.connection import Connection
from storage.sqlite.rows import (
    ADD_TO_TOTALS,
    EVENT,
    INSERT_CALLS,
    INSERT_EVENTS,
    INSERT_RECEIPTS,
    Statement,
    Stored,
    insert_attempts,
    update_attempts,
)
from storage.store import Committed

# So that a callback URL in wrong hands fills no disk. A bound may drop repetition, but no outcome.
RECEIPTS_PER_ATTEMPT = 50
CALLBACKS_PER_ATTEMPT = 50  # different ones: each word is another event

SELECT_ATTEMPT = f"SELECT {', '.join(Attempt._fields)} FROM attempts"  # noqa: S608 - our own names
SELECT_EVENTS = f"SELECT {', '.join(EVENT)} FROM events"  # noqa: S608 - our own names
TOUCH = "INSERT OR REPLACE INTO meta VALUES ('touched', datetime('now', 'subsec'))"
NOTHING = Entry()
BLANK = Attempt._make([None] * len(Attempt._fields))


class Change(NamedTuple):
    before: Attempt | None  # as stored; None where there was none
    after: Attempt | None  # None as long as no event of it is stored


def to_event(row: Sequence[Any]) -> Event:
    """Read an event from a row of SELECT_EVENTS."""
    return Event._make((*row[:-1], json.loads(row[-1])))


class Totals:
    """A sum of differences, for each row of each table."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[Key, list[int]]] = {}

    def add(self, rows: Contribution) -> None:
        last, parts = None, []
        for (table, key), counts in rows.items():
            if counts is not last:  # an attempt adds the same counts to each table
                last, parts = counts, [(at, n) for at, n in enumerate(counts) if n]
            sums = self._sums.setdefault(table, {})
            row = sums.get(key)
            if row is None:
                row = sums[key] = [0] * len(counts)
            for position, value in parts:
                row[position] += value

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """List (key columns…, counts…) of each row that differs, in the order of the keys."""
        sums = self._sums.get(table, {})
        return [(*key, *sums[key]) for key in sorted(sums) if any(sums[key])]

    def write(self, db: Connection) -> None:
        for table, insert in ADD_TO_TOTALS.items():
            insert.write(db, self.rows(table))


class Terms(NamedTuple):
    """What the whole file is counted by: zone and purge line.

    It stands in the file, so that all workers agree, also those that were started with another
    setting and have not stopped yet.
    """

    zone: ZoneInfo  # whose days are counted
    line: str  # the first day whose raw rows are all there; "": nothing was ever purged

    @classmethod
    def read(cls, db: Connection, zone: ZoneInfo) -> "Terms":
        """Read the terms in force, with `zone` where none has been settled."""
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
    """The entries of one transaction. What they touch is read at once.

    `add` each; `flush` once, before the commit, to write the result.
    """

    def __init__(self, db: Connection, zone: ZoneInfo, entries: Sequence[Entry]) -> None:
        terms = Terms.read(db, zone)
        self._db = db
        self._zone = terms.zone
        self._purged_before = terms.line
        self._totals = Totals()
        self._events: list[tuple[Any, ...]] = []  # to be written, as the next two
        self._receipts: list[tuple[Any, ...]] = []
        self._calls: list[UpstreamCall] = []
        events = [event for entry in entries for event in entry.events]
        ids = {event.attempt_id for event in events}
        ids |= {entry.receipt.attempt_id for entry in entries if entry.receipt}
        self._stored = Stored.of(db, ids, {event.key for event in events})
        stored = self._stored.attempts
        self._changes = {each: Change(stored.get(each), stored.get(each)) for each in ids - {""}}

    def add(self, entry: Entry) -> Committed:
        """Append an entry's events, call and receipt.

        An empty entry writes all the same, which shows that the store can.
        """
        if entry == NOTHING:
            self._db.execute(TOUCH)
        refusals = [refusal for event in entry.events if (refusal := self._take(event))]
        fresh = len(refusals) < len(entry.events)
        if call := entry.call:
            self._calls.append(call)
            if call.tries:
                self._totals.add(vendor_latency(call.at_ms, call.duration_ms, self._zone))
        verdict = self._keep(entry.receipt, fresh, refusals) if entry.receipt else None
        attempt_id = entry.events[0].attempt_id if entry.events else ""
        change = self._changes.get(attempt_id)
        return Committed(change.after if change else None, fresh, verdict)

    def flush(self) -> None:
        """Write the rows, the attempts that changed, and their differences into the totals."""
        self._write_events()
        INSERT_CALLS.write(self._db, self._calls)
        INSERT_RECEIPTS.write(self._db, self._receipts)
        rows: dict[Statement, list[tuple[Any, ...]]] = {}
        for before, after in self._changes.values():
            if after is None or after == before:
                continue
            for added in difference(before, after):
                self._totals.add(added)
            values = _changed_columns(before, after)
            write_attempts = update_attempts if before else insert_attempts
            statement = write_attempts(("id", *values))
            rows.setdefault(statement, []).append((after.id, *values.values()))
        for statement, written in rows.items():
            statement.write(self._db, written)
        self._totals.write(self._db)

    def _write_events(self) -> None:
        INSERT_EVENTS.write(self._db, self._events)
        self._events.clear()

    def _take(self, event: Event) -> str | None:
        """Append an event; return the verdict on one that is not taken."""
        refusal = self._refusal(event)
        if refusal is None:
            self._append(event)
        return refusal

    def _append(self, event: Event) -> None:
        """Write an event that was not there before, and fold it."""
        self._stored.keys.add(event.key)
        self._events.append((*event[:-1], to_json(event.props)))
        if event.name == "callback":
            told = [event.props.get("session_id"), event.props["outcome"]]
            self._stored.callbacks[event.attempt_id].append(told)
        if event.attempt_id:
            after = (
                self._afresh(event.attempt_id)
                if "supersedes" in event.props
                else fold(self._attempt(event.attempt_id), event)
            )
            before = self._changes[event.attempt_id].before
            self._changes[event.attempt_id] = Change(before, after)
        elif event.name == "impression":
            self._totals.add(impression(event, self._zone))

    def _attempt(self, attempt_id: str) -> Attempt:
        return self._changes[attempt_id].after or new_attempt(attempt_id, self._zone)

    def _afresh(self, attempt_id: str) -> Attempt:
        self._write_events()
        rows = self._db.execute(f"{SELECT_EVENTS} WHERE attempt_id = ?", (attempt_id,))
        return fold_all(attempt_id, map(to_event, rows), self._zone)

    def _refusal(self, event: Event) -> str | None:
        """Return the verdict on an event that is not taken; None for one that is."""
        if event.attempt_id:
            attempt = self._attempt(event.attempt_id)
            if attempt.local_day < self._purged_before:
                return "too_old"  # its dedupe key is gone with the purge
            if event.attempt_id in self._stored.erased:
                return "erased"
            if event.name == "callback" and not self._is_ours(attempt, event.props):
                return "mismatch"
        if event.key in self._stored.keys:
            return "duplicate"
        return self._beyond_bound(event) if event.name == "callback" else None

    def _is_ours(self, attempt: Attempt, props: Mapping[str, Any]) -> bool:
        """Tell whether a callback is about the attempt's session, or names none at all."""
        ids = props.get("ids", ())
        if not ids or attempt.session_id in ids:
            return concerns(attempt, props.get("session_id"))
        sql = "SELECT 1 FROM attempts WHERE session_id IN (SELECT value FROM json_each(?))"
        return self._db.execute(sql, (json.dumps(ids),)).fetchone() is None

    def _beyond_bound(self, event: Event) -> str | None:
        """Return the verdict on another word of an attempt that has many, None for a new outcome.

        Another word for an outcome that is known only repeats it; what an unknown word means, it
        alone could tell.
        """
        told = self._stored.callbacks[event.attempt_id]
        if len(told) < CALLBACKS_PER_ATTEMPT or "supersedes" in event.props:
            return None
        attempt, outcome = self._attempt(event.attempt_id), event.props["outcome"]
        if not any(each == outcome and concerns(attempt, of) for of, each in told):
            return None
        return "too_many" if outcome == "other" else "duplicate"

    def _keep(self, receipt: Receipt, fresh: bool, refusals: Sequence[str]) -> str:
        """Keep a receipt, and return its verdict; `too_many` where it is not on disk."""
        if receipt.attempt_id in self._stored.erased:
            return "erased"  # a body may name whom we were asked to forget
        verdict = receipt.verdict
        if refusals and not fresh:
            verdict = next((each for each in refusals if each != "duplicate"), "duplicate")
        if not fresh and not self._has_room(receipt.attempt_id, verdict):
            return verdict if verdict == "duplicate" else "too_many"
        self._stored.receipts[receipt.attempt_id].append(verdict)
        row = receipt._replace(headers=to_json(receipt.headers), verdict=verdict)  # type: ignore[arg-type]
        self._receipts.append(row)
        return verdict

    def _has_room(self, attempt_id: str, verdict: str) -> bool:
        """Tell whether there is room for a receipt that brings no fact. Duplicates, of which there
        may be many, take none from the others."""
        kept = self._stored.receipts[attempt_id]
        if verdict != "duplicate":
            kept = [each for each in kept if each != "duplicate"]
        return verdict != "too_many" and len(kept) < RECEIPTS_PER_ATTEMPT


def _changed_columns(before: Attempt | None, after: Attempt) -> dict[str, Any]:
    """Return the columns that changed, but for the id; of a new attempt, all with a value."""
    every = zip(Attempt._fields[1:], (before or BLANK)[1:], after[1:], strict=True)
    return {name: value for name, old, value in every if value != old}
