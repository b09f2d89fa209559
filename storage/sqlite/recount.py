"""Count everything again from the events: to find a wrong figure, or to put it right."""

# ruff: noqa: S608 - names of tables and columns come from our own code
import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby, repeat
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from storage.funnel import (
    HISTOGRAMS,
    MONTHS,
    TOTALS,
    Attempt,
    Contribution,
    contribution,
    fold_all,
    impression,
    local_day,
    vendor_latency,
)
from storage.sqlite.batch import SELECT_ATTEMPT, SELECT_EVENTS, Terms, Totals, to_event
from storage.sqlite.connection import Connection
from storage.sqlite.purge import purge_all
from storage.sqlite.rows import SUMMED, WRITE_ATTEMPTS, months_from_days
from storage.sqlite.store import SQLiteStore
from storage.store import Difference, Progress, StorageUnavailable

KEYS = TOTALS | HISTOGRAMS
BY_DAY = [table for table, key in KEYS.items() if key[0] == "local_day"]
EVERY = 1_000  # events between two calls of `progress`
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)

EVENTS = f"{SELECT_EVENTS} WHERE attempt_id >= ? ORDER BY attempt_id, id"
ATTEMPTS = f"{SELECT_ATTEMPT} WHERE id >= ? ORDER BY id"
IMPRESSIONS = f"""{SELECT_EVENTS}
WHERE name = 'impression' AND attempt_id = '' AND received_ms >= ? ORDER BY received_ms
"""
CALLS = """
SELECT at_ms, duration_ms FROM upstream_calls WHERE tries > 0 AND at_ms >= ? ORDER BY at_ms
"""
ONLY_IN = "SELECT {names} FROM {0}.{table} EXCEPT SELECT {names} FROM {1}.{table} ORDER BY {order}"

Row = tuple[Any, ...]


def verify(store: SQLiteStore, progress: Progress) -> list[Difference]:
    """See `Maintenance.verify`.

    The recount goes to temporary tables, which hide the stored ones of the same name. Memory holds
    one day's totals.
    """
    with store.snapshot() as db:
        terms = Terms.read(db, store.zone)
        found: list[Difference] = []
        for table in KEYS:
            schema = "SELECT sql FROM main.sqlite_master WHERE name = ?"
            (sql,) = db.execute(schema, (table,)).fetchone()
            db.execute(sql.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
        for table in BY_DAY:
            _copy(db, table, "local_day < ?", terms.line)
        recount = Recount(db, terms, terms.line_ms, progress, found)
        recount.write_totals(_compare_attempts(db, terms, recount.attempts(), found))
        _copy(db, "totals_hour", "utc_hour < ?", terms.first_hour)
        for table in KEYS:
            found.extend(_compare_totals(db, table))
    return found


def rebuild(store: SQLiteStore, progress: Progress) -> None:
    """See `Maintenance.rebuild`."""
    with store.transaction() as db:
        _rebuild(db, Terms.read(db, store.zone), store.zone, progress)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('timezone', ?)", (store.zone.key,))


def ensure_timezone(store: SQLiteStore, progress: Progress) -> bool:
    """See `Maintenance.ensure_timezone`."""
    key = store.zone.key
    settled = "SELECT value FROM meta WHERE key = 'timezone'"
    if store.read(settled) == [(key,)]:
        return False
    with store.transaction() as db:
        terms = Terms.read(db, store.zone)  # another worker may have been first
        moved = terms.zone.key != key
        if moved:
            _rebuild(db, terms, store.zone, progress)
        db.execute("INSERT OR REPLACE INTO meta VALUES ('timezone', ?)", (key,))
    return moved


def _rebuild(db: Connection, terms: Terms, zone: ZoneInfo, progress: Progress) -> None:
    purge_all(db, terms)  # the totals that are kept include these already
    for table in BY_DAY:
        db.execute(f"DELETE FROM {table} WHERE local_day >= ?", (terms.line,))
    for table in (*MONTHS, "totals_hour", "attempts"):
        db.execute(f"DELETE FROM {table}")
    # What the other zone puts before the line is added there, and goes with the next purge.
    found: list[Difference] = []
    recount = Recount(db, terms._replace(zone=zone), 0, progress, found)
    recount.write_totals(_write_attempts(db, recount.attempts()))
    if found:
        raise StorageUnavailable(f"unreadable: {found[:3]}")


class Recount:
    """Attempts and totals of all that is not purged, from the events and calls alone.

    Ids begin with a time, so that all three streams run through the days in order.
    """

    def __init__(
        self,
        db: Connection,
        terms: Terms,
        since_ms: int,
        progress: Progress,
        found: list[Difference],
    ) -> None:
        self._db = db
        self._terms = terms
        self._since_ms = since_ms
        self._progress = progress
        self._found = found

    def attempts(self) -> Iterator[Attempt]:
        """Yield every attempt, in the order of ids; events that cannot be read are noted."""
        rows = self._db.execute(EVENTS, (f"{self._since_ms:012x}",))
        done = 0
        for attempt_id, group in groupby(rows, itemgetter(1)):
            its_rows = list(group)
            try:
                attempt = fold_all(attempt_id, map(to_event, its_rows), self._terms.zone)
            except UNREADABLE as error:
                self._note(attempt_id, error)
            else:
                yield attempt
            done += len(its_rows)
            if done >= EVERY:
                self._progress(done)
                done = 0
        self._progress(done)

    def write_totals(self, attempts: Iterable[Attempt]) -> None:
        """Add everything to tables that hold what is kept of the days before, a day at a time."""
        for sql in months_from_days():
            self._db.execute(sql)
        counted = ((attempt.local_day, contribution(attempt)) for attempt in attempts)
        merged = heapq.merge(counted, self._impressions(), self._calls(), key=itemgetter(0))
        for _, of_a_day in groupby(merged, itemgetter(0)):
            totals = Totals()
            for _, rows in of_a_day:
                totals.add(rows)
            totals.write(self._db)
        hour = self._terms.first_hour
        self._db.execute("DELETE FROM totals_hour WHERE utc_hour < ?", (hour,))

    def _impressions(self) -> Iterator[tuple[str, Contribution]]:
        zone = self._terms.zone
        for row in self._db.execute(IMPRESSIONS, (self._since_ms,)):
            try:
                seen = to_event(row)
                rows = impression(seen, zone)
            except UNREADABLE as error:
                self._note(row[2], error)
            else:
                yield local_day(seen.received_ms, zone), rows

    def _calls(self) -> Iterator[tuple[str, Contribution]]:
        zone = self._terms.zone
        for at_ms, duration_ms in self._db.execute(CALLS, (self._since_ms,)):
            yield local_day(at_ms, zone), vendor_latency(at_ms, duration_ms, zone)

    def _note(self, key: str, error: Exception) -> None:
        self._found.append(Difference("events", (key,), "props", repr(error), None))


def _copy(db: Connection, table: str, condition: str, value: str | int) -> None:
    db.execute(f"INSERT INTO temp.{table} SELECT * FROM main.{table} WHERE {condition}", (value,))


def _write_attempts(db: Connection, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
    for attempt in attempts:
        WRITE_ATTEMPTS.write(db, [attempt])
        yield attempt


def _compare_attempts(
    db: Connection, terms: Terms, attempts: Iterable[Attempt], found: list[Difference]
) -> Iterator[Attempt]:
    """Yield the recounted attempts, and note where the stored one differs."""
    stored = db.execute(ATTEMPTS, (terms.first_id,))
    for key, old, new in _pairs(stored, attempts, 1):
        if old and new:
            found.extend(_differences("attempts", Attempt._fields, key, old, new))
        else:
            found.append(Difference("attempts", key, "id", old and old[0], new and new[0]))
        if new:
            yield Attempt._make(new)


def _compare_totals(db: Connection, table: str) -> Iterator[Difference]:
    key, counts = SUMMED[table]
    columns = (*key, *counts)
    names = {"names": ", ".join(columns), "table": table, "order": ", ".join(key)}
    stored = db.execute(ONLY_IN.format("main", "temp", **names))
    recounted = db.execute(ONLY_IN.format("temp", "main", **names))
    for row_key, old, new in _pairs(stored, recounted, len(key)):
        zeros = (*row_key, *[0] * (len(columns) - len(key)))  # which say the same as no row
        yield from _differences(table, columns, row_key, old or zeros, new or zeros)


def _differences(
    table: str, columns: Iterable[str], key: Row, stored: Row, recounted: Row
) -> Iterator[Difference]:
    for column, old, new in zip(columns, stored, recounted, strict=True):
        if old != new:
            yield Difference(table, key, column, old, new)


def _pairs(
    stored: Iterable[Row], recounted: Iterable[Row], width: int
) -> Iterator[tuple[Row, Row | None, Row | None]]:
    """Yield rows of two sources side by side, by their first columns, in whose order both come."""
    sided = heapq.merge(
        zip(stored, repeat(0)), zip(recounted, repeat(1)), key=lambda pair: pair[0][:width]
    )
    for key, group in groupby(sided, lambda pair: pair[0][:width]):
        rows = {side: row for row, side in group}
        yield key, rows.get(0), rows.get(1)
