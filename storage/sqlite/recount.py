"""Count everything again from the events: to find a wrong figure, or to put it right.

Attempts are folded again from their events, then days are summed again from their attempts, then
months from their days: each page, day and month as one state of the store has it. Commits go on
meanwhile. They change an attempt and its totals by the same difference, so that what a total is
wrong by stays as it is until it is put right.
"""

# ruff: noqa: S608 - names of tables and columns come from our own code
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import chain, groupby
from operator import itemgetter, sub
from typing import Any, NamedTuple
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
    midnight_ms,
    negative,
    vendor_latency,
)
from storage.sqlite.batch import SELECT_ATTEMPT, SELECT_EVENTS, Terms, Totals, to_event
from storage.sqlite.connection import Connection
from storage.sqlite.rows import SUMMED, WRITE_ATTEMPTS, sums_by_month
from storage.sqlite.store import SQLiteStore
from storage.sqlite.turns import in_turns
from storage.store import Difference, Progress, StorageUnavailable, quiet

PAGE = 2_000  # events
LAST = "\U0010ffff"  # no id comes after it
HOUR_MS = 3_600_000
KEYS = TOTALS | HISTOGRAMS
BY_DAY = [table for table, key in KEYS.items() if key[0] == "local_day"]
MONTH_OF = {day: month for month, day in MONTHS.items()}
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)

ID_AFTER = "SELECT attempt_id FROM events WHERE attempt_id > ? ORDER BY 1 LIMIT 1 OFFSET ?"
EVENTS = f"{SELECT_EVENTS} WHERE attempt_id > ? AND attempt_id <= ? ORDER BY attempt_id, id"
ITS_EVENTS = f"{SELECT_EVENTS} WHERE attempt_id = ? ORDER BY id"
ATTEMPTS = f"{SELECT_ATTEMPT} WHERE id > ? AND id <= ?"
ATTEMPT = f"{SELECT_ATTEMPT} WHERE id = ?"
IMPRESSIONS = f"""{SELECT_EVENTS} INDEXED BY events_impressions
WHERE name = 'impression' AND attempt_id = '' AND received_ms >= ? AND received_ms < ?
"""
CALLS = "SELECT at_ms, duration_ms FROM upstream_calls WHERE tries > 0 AND at_ms >= ? AND at_ms < ?"
# Days with anything; those of a time by UTC, so that the shop's may be the one before or after.
DAYS = " UNION ".join(
    [
        *(f"SELECT local_day FROM {table}" for table in (*BY_DAY, "attempts")),
        "SELECT date(utc_hour * 3600, 'unixepoch') FROM totals_hour",
        "SELECT date(received_ms / 1000, 'unixepoch') FROM events WHERE name = 'impression'",
        "SELECT date(at_ms / 1000, 'unixepoch') FROM upstream_calls",
    ]
)


Row = tuple[Any, ...]


class Refolded(NamedTuple):
    """An attempt that differs from what its events give; None where there is none, or no event."""

    id: str
    stored: Attempt | None
    recounted: Attempt | None

    def differences(self) -> Iterator[Difference]:
        if self.stored and self.recounted:
            key, columns = (self.id,), Attempt._fields
            yield from _differences("attempts", key, columns, self.stored, self.recounted)
        else:
            ids = (attempt and attempt.id for attempt in self[1:])
            yield Difference("attempts", (self.id,), "id", *ids)


class Resummed(NamedTuple):
    """A row of totals that differs from the sum of what it counts; no row is a row of zeros."""

    table: str
    key: Row
    stored: Row
    recounted: Row

    def differences(self) -> Iterator[Difference]:
        columns = SUMMED[self.table][1]
        return _differences(self.table, self.key, columns, self.stored, self.recounted)

    def correction(self) -> Contribution:
        return {(self.table, self.key): tuple(map(sub, self.recounted, self.stored))}


def verify(store: SQLiteStore, progress: Progress) -> list[Difference]:
    """See `Maintenance.verify`."""
    recount = Recount(store, progress)
    attempts = chain.from_iterable(recount.attempts())
    totals = chain.from_iterable(chain(recount.days(), recount.months()))
    found = [each.differences() for each in chain[Refolded | Resummed](attempts, totals)]
    return [*chain.from_iterable(found), *recount.unreadable]


def rebuild(store: SQLiteStore, progress: Progress) -> None:
    """See `Maintenance.rebuild`."""
    with store.claim("rebuild") as mine:
        if not mine:  # what both find wrong would be put right twice
            raise StorageUnavailable("another rebuild is at work")
        attempts, totals = Recount(store, progress), Recount(store)
        for some in attempts.attempts():
            in_turns(store, partial(_refold, zone=store.zone, attempts=some))
        for rows in totals.days():
            in_turns(store, partial(_correct, rows=rows))
        for rows in Recount(store).months():
            in_turns(store, partial(_correct, rows=rows))
    if unreadable := attempts.unreadable + totals.unreadable:
        raise StorageUnavailable(f"cannot be read, and was left as it is: {unreadable[:3]}")


def use_timezone(db: Connection, zone: ZoneInfo) -> bool:
    """Count by the days of a zone from now on; True where they were another's before.

    What is counted already stays on its days until a rebuild.
    """
    old = Terms.read(db, zone)
    new = old._replace(zone=zone)
    if old.zone.key != zone.key:
        # A rebuild leaves days before the purge line alone: what crosses it has to move now.
        totals = Totals()
        start, end = sorted((old.line_ms, new.line_ms))
        for rows in _outside_attempts(db, start, end, old.zone, []):
            totals.add(negative(rows))
        for rows in _outside_attempts(db, start, end, new.zone, []):
            totals.add(rows)
        totals.write(db)
    db.execute("INSERT OR REPLACE INTO meta VALUES ('timezone', ?)", (zone.key,))
    return old.zone.key != zone.key


class Recount:
    """What differs from the events, a list at a time; each level is counted from what is right."""

    def __init__(self, store: SQLiteStore, progress: Progress = quiet) -> None:
        self._store = store
        self._progress = progress
        self._refolded: dict[str, Attempt | None] = {}
        self._corrected = Totals()  # of months, by what was wrong with their days
        self.unreadable: list[Difference] = []

    def attempts(self) -> Iterator[list[Refolded]]:
        """Yield attempts, a page at a time."""
        after = ""
        while after != LAST:
            with self._store.snapshot() as db:
                (upto,) = db.execute(ID_AFTER, (after, PAGE)).fetchone() or (LAST,)
                found = [*self._between(db, after, upto)]
            self._refolded.update((each.id, each.recounted) for each in found)
            if found:
                yield found
            after = upto

    def _between(self, db: Connection, after: str, upto: str) -> Iterator[Refolded]:
        terms = Terms.read(db, self._store.zone)
        stored = {row[0]: Attempt._make(row) for row in db.execute(ATTEMPTS, (after, upto))}
        rows = db.execute(EVENTS, (after, upto)).fetchall()
        for attempt_id, its_rows in groupby(rows, itemgetter(1)):
            old = stored.pop(attempt_id, None)
            try:
                new = fold_all(attempt_id, map(to_event, its_rows), terms.zone)
            except UNREADABLE as error:
                self.unreadable.append(_unreadable(attempt_id, error))
            else:
                if new != old and not _is_kept(old or new, terms):
                    yield Refolded(attempt_id, old, new)
        for old in stored.values():
            if not _is_kept(old, terms):
                yield Refolded(old.id, old, None)
        self._progress(len(rows))

    def days(self) -> Iterator[list[Resummed]]:
        """Yield rows of totals, a day at a time, but for days of which not all can be read."""
        with self._store.snapshot() as db:
            days = sorted({each for (day,) in db.execute(DAYS) for each in _around(day)})
        for day in days:
            with self._store.snapshot() as db:
                found = [*self._of_day(db, day)]
            for each in found:
                if month := MONTH_OF.get(each.table):
                    key = (day[:7], *each.key[1:])
                    self._corrected.add(each._replace(table=month, key=key).correction())
            if found:
                yield found

    def _of_day(self, db: Connection, day: str) -> Iterator[Resummed]:
        terms = Terms.read(db, self._store.zone)
        if day < terms.line:
            return
        start, end = (midnight_ms(each, terms.zone) for each in _around(day)[1:])
        # An hour belongs to the day in which it begins, and is counted to its end.
        hours = range(-(-start // HOUR_MS), -(-end // HOUR_MS))
        unread = len(self.unreadable)
        totals = self._counted(db, start, hours.stop * HOUR_MS, terms.zone)
        if len(self.unreadable) == unread:
            for table in BY_DAY:
                yield from _resummed(db, table, totals, day, day)
            yield from _resummed(db, "totals_hour", totals, hours.start, hours.stop - 1)

    def _counted(self, db: Connection, start: int, end: int, zone: ZoneInfo) -> Totals:
        """Sum up all from one moment to another."""
        totals = Totals()
        edges = (f"{start:012x}", f"{end:012x}")
        wrong = {each: new for each, new in self._refolded.items() if edges[0] < each < edges[1]}
        right = (row for row in db.execute(ATTEMPTS, edges) if row[0] not in wrong)
        for attempt in chain(map(Attempt._make, right), filter(None, wrong.values())):
            totals.add(contribution(attempt))
        for rows in _outside_attempts(db, start, end, zone, self.unreadable):
            totals.add(rows)
        return totals

    def months(self) -> Iterator[list[Resummed]]:
        """Yield rows of the tables of months."""
        totals = self._corrected
        with self._store.snapshot() as db:
            for month, day in MONTHS.items():
                (_, *others), counts = SUMMED[month]
                width = len(KEYS[month])
                for row in db.execute(sums_by_month(day, others, counts)):
                    totals.add({(month, row[:width]): row[width:]})
            found = [each for month in MONTHS for each in _resummed(db, month, totals, "", LAST)]
        yield found


def _is_kept(attempt: Attempt, terms: Terms) -> bool:
    """Tell whether an attempt is of a day whose totals stay, whatever is left of its events."""
    return attempt.local_day < terms.line


def _around(day: str) -> list[str]:
    """Return a day between the one before and the one after; none where it is no day."""
    try:
        middle = date.fromisoformat(day)
        return [str(middle + timedelta(days)) for days in (-1, 0, 1)]
    except (OverflowError, TypeError, ValueError):
        return []


def _outside_attempts(
    db: Connection, start: int, end: int, zone: ZoneInfo, unreadable: list[Difference]
) -> Iterator[Contribution]:
    """Yield what impressions and calls from one moment to another add to the totals."""
    for row in db.execute(IMPRESSIONS, (start, end)):
        try:
            yield impression(to_event(row), zone)
        except UNREADABLE as error:
            unreadable.append(_unreadable(row[2], error))
    for at_ms, duration_ms in db.execute(CALLS, (start, end)):
        yield vendor_latency(at_ms, duration_ms, zone)


def _resummed(
    db: Connection, table: str, totals: Totals, first: str | int, last: str | int
) -> Iterator[Resummed]:
    """Compare rows whose key begins with something from `first` to `last`."""
    key, counts = SUMMED[table]
    columns = ", ".join((*key, *counts))
    sql = f"SELECT {columns} FROM {table} WHERE {key[0]} BETWEEN ? AND ?"
    rows = db.execute(sql, (first, last)).fetchall()
    stored = {row[: len(key)]: row[len(key) :] for row in rows}
    recounted = {row[: len(key)]: row[len(key) :] for row in totals.rows(table)}
    zeros = (0,) * len(counts)
    for each in sorted({*stored, *recounted}):
        old, new = stored.get(each, zeros), recounted.get(each, zeros)
        if old != new and first <= each[0] <= last:
            yield Resummed(table, each, old, new)


def _refold(db: Connection, zone: ZoneInfo, attempts: Iterable[Refolded]) -> Iterator[int]:
    """Fold attempts from the events that there are by now, and move them within the totals."""
    terms = Terms.read(db, zone)
    for attempt_id, *_ in attempts:
        row = db.execute(ATTEMPT, (attempt_id,)).fetchone()
        before = Attempt._make(row) if row else None
        if before and _is_kept(before, terms):
            continue
        events = [*map(to_event, db.execute(ITS_EVENTS, (attempt_id,)))]
        totals = Totals()
        if before:
            totals.add(negative(contribution(before)))
        if events:
            after = fold_all(attempt_id, events, terms.zone)
            totals.add(contribution(after))
            WRITE_ATTEMPTS.write(db, [after])
        else:
            db.execute("DELETE FROM attempts WHERE id = ?", (attempt_id,))
        totals.write(db)
        yield 1


def _correct(db: Connection, rows: Iterable[Resummed]) -> Iterator[int]:
    for row in rows:
        totals = Totals()
        totals.add(row.correction())
        totals.write(db)
        yield 1


def _differences(
    table: str, key: Row, columns: Sequence[str], stored: Row, recounted: Row
) -> Iterator[Difference]:
    for column, old, new in zip(columns, stored, recounted, strict=True):
        if old != new:
            yield Difference(table, key, column, old, new)


def _unreadable(key: str, error: Exception) -> Difference:
    return Difference("events", (key,), "props", repr(error), None)
