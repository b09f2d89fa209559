"""Read and write many rows by few statements.

Every step of a statement gives up Python's lock, and waits to get it back from a busy event loop.
So one statement takes many rows. There are as many places as the next power of two, so that few
texts need preparing; places that are left over are skipped. (They don't hold NULL, which pysqlite3
takes about a microsecond to bind.)
"""

# ruff: noqa: S608 - names of tables and columns come from our own code
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain, repeat
from typing import Any, NamedTuple

from storage.events import UpstreamCall
from storage.funnel import COUNTS, HISTOGRAMS, TOTALS, Attempt
from storage.sqlite.connection import Connection

MOST_ROWS = 64  # of one statement
LEFT_OVER = -1  # no key and no time is negative


class Statement(NamedTuple):
    """A statement about rows of so many values; the rows' values are column1, column2, …"""

    text: str  # with {rows} in it
    width: int

    def write(self, db: Connection, rows: Sequence[Sequence[Any]]) -> None:
        for start in range(0, len(rows), MOST_ROWS):
            some = rows[start : start + MOST_ROWS]
            places = 1 << (len(some) - 1).bit_length()
            rest = repeat(LEFT_OVER, (places - len(some)) * self.width)
            db.execute(_sql(self, places), [*chain.from_iterable(some), *rest])


@cache
def _sql(statement: Statement, places: int) -> str:
    row = f"({', '.join('?' * statement.width)})"
    return statement.text.format(rows=f"(VALUES {', '.join([row] * places)})")


def _insert(
    table: str, columns: Sequence[str], on_conflict: str = "", verb: str = "INSERT"
) -> Statement:
    text = f"{verb} INTO {table} ({', '.join(columns)}) SELECT * FROM {{rows}}"
    return Statement(f"{text} WHERE column1 IS NOT {LEFT_OVER} {on_conflict}", len(columns))


def _add_to(table: str, key: tuple[str, ...], counts: tuple[str, ...]) -> Statement:
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in counts)
    return _insert(table, (*key, *counts), f"ON CONFLICT DO UPDATE SET {sums}")


EVENT = ("name", "attempt_id", "dedupe_key", "occurred_ms", "received_ms", "source", "props")
INSERT_EVENTS = _insert("events", EVENT)
RECEIPT = ("attempt_id", "received_ms", "headers", "body", "verdict", "reason")
INSERT_RECEIPTS = _insert("receipts", RECEIPT)
INSERT_CALLS = _insert("upstream_calls", UpstreamCall._fields)
# Another attempt that holds one of its names by mistake goes; a commit would call it a conflict.
WRITE_ATTEMPTS = _insert("attempts", Attempt._fields, verb="INSERT OR REPLACE")
# The columns of each table of sums: those of its key, and those that are summed.
SUMMED = {table: (key, COUNTS) for table, key in TOTALS.items()} | {
    table: (key, ("n",)) for table, key in HISTOGRAMS.items()
}
ADD_TO_TOTALS = {table: _add_to(table, *columns) for table, columns in SUMMED.items()}


def month_from_days(month: str, day: str, others: Sequence[str], counts: Sequence[str]) -> str:
    """Return the statement that fills an empty table of months from that of days."""
    columns = ", ".join((*others, *counts))
    return f"INSERT INTO {month} (local_month, {columns}) {sums_by_month(day, others, counts)}"


def sums_by_month(day: str, others: Sequence[str], counts: Sequence[str]) -> str:
    """Return the query that sums up a table of days, whose key has `others` after the day."""
    key = ", ".join(("substr(local_day, 1, 7)", *others))
    return f"SELECT {key}, {', '.join(f'sum({name})' for name in counts)} FROM {day} GROUP BY {key}"


@cache
def insert_attempts(columns: tuple[str, ...]) -> Statement:
    """Insert rows of these columns of new attempts; the others stay NULL."""
    return _insert("attempts", columns)


@cache
def update_attempts(columns: tuple[str, ...]) -> Statement:
    """Update rows of an id and new values of the other columns.

    Indexes of columns that stay are left alone: for a callback a fifth of the time of writing its
    whole attempt.
    """
    values = ", ".join(f"{name} = column{number}" for number, name in enumerate(columns[1:], 2))
    text = f"UPDATE attempts SET {values} FROM {{rows}} WHERE id = column1"
    return Statement(text, len(columns))


class Stored(NamedTuple):
    """What the store has of some attempts and events."""

    attempts: dict[str, Attempt]
    keys: set[str]  # of those events that are there already
    erased: set[str]  # attempts of which nothing may be stored again
    callbacks: dict[str, list[list[Any]]]  # of each attempt: [session ID or None, outcome]
    receipts: dict[str, list[str]]  # of each attempt: verdicts

    @classmethod
    def of(cls, db: Connection, attempt_ids: Iterable[str], keys: Iterable[str]) -> "Stored":
        asked = {"ids": json.dumps([*attempt_ids]), "keys": json.dumps([*keys])}
        attempts, known, erased, callbacks, receipts = map(
            json.loads, db.execute(STORED, asked).fetchone()
        )
        found = map(Attempt._make, attempts)
        return cls(
            {attempt.id: attempt for attempt in found},
            set(known),
            set(erased),
            _by_attempt(callbacks),
            _by_attempt(receipts),
        )


def _by_attempt(rows: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for attempt_id, value in rows:
        found[attempt_id].append(value)
    return found


IDS, KEYS = (f"(SELECT value FROM json_each(:{name}))" for name in ("ids", "keys"))
STORED = f"""
SELECT
    (SELECT json_group_array(json_array({", ".join(Attempt._fields)}))
        FROM attempts WHERE id IN {IDS}),
    (SELECT json_group_array(dedupe_key) FROM events WHERE dedupe_key IN {KEYS}),
    (SELECT json_group_array(ids.value) FROM json_each(:ids) AS ids
        JOIN meta ON meta.key = 'erased:' || ids.value),
    (SELECT json_group_array(
            json_array(attempt_id, json_array(props ->> 'session_id', props ->> 'outcome')))
        FROM events WHERE attempt_id IN {IDS} AND name = 'callback'
            AND props ->> 'supersedes' IS NULL),
    (SELECT json_group_array(json_array(attempt_id, verdict))
        FROM receipts WHERE attempt_id IN {IDS})
"""
