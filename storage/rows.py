"""Writing many rows by few statements.

Every step of a statement gives up Python's lock, and waits to get it back from a busy event loop.
So one statement takes several rows: powers of two, that few texts need preparing.
"""

# ruff: noqa: S608 - names of tables and columns come from our own code
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from storage.connection import Connection
from storage.events import UpstreamCall
from storage.funnel import COUNTS, HISTOGRAM_KEY, TOTALS, Attempt

MOST_ROWS = 64  # of one statement


class Statement(NamedTuple):
    """A statement about rows of so many values, which stand between its two parts."""

    start: str
    width: int
    end: str = ""

    def write(self, db: Connection, rows: Sequence[Sequence[Any]]) -> None:
        done = 0
        while left := len(rows) - done:
            size = min(MOST_ROWS, 1 << (left.bit_length() - 1))
            db.execute(_text(self, size), [*chain.from_iterable(rows[done : done + size])])
            done += size


@cache
def _text(statement: Statement, size: int) -> str:
    row = f"({', '.join('?' * statement.width)})"
    return f"{statement.start} VALUES {', '.join([row] * size)} {statement.end}"


def _insert(table: str, columns: Sequence[str], on_conflict: str = "") -> Statement:
    return Statement(f"INSERT INTO {table} ({', '.join(columns)})", len(columns), on_conflict)


def _add_to(table: str, key: tuple[str, ...], counts: tuple[str, ...]) -> Statement:
    sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in counts)
    return _insert(table, (*key, *counts), f"ON CONFLICT DO UPDATE SET {sums}")


EVENT = ("name", "attempt_id", "dedupe_key", "occurred_ms", "received_ms", "source", "props")
INSERT_EVENTS = _insert("events", EVENT)
RECEIPT = ("attempt_id", "received_ms", "headers", "body", "verdict", "reason")
INSERT_RECEIPTS = _insert("receipts", RECEIPT)
INSERT_CALLS = _insert("upstream_calls", UpstreamCall._fields)
# Not INSERT OR REPLACE: that would delete another attempt that holds the same session ID.
WRITE_ATTEMPTS = _insert(
    "attempts",
    Attempt._fields,
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in Attempt._fields[1:]),
)
ADD_TO_TOTALS = {table: _add_to(table, key, COUNTS) for table, key in TOTALS.items()} | {
    "histograms": _add_to("histograms", HISTOGRAM_KEY, ("n",))
}


@cache
def update_attempts(columns: tuple[str, ...]) -> Statement:
    """For rows of an id and new values of these columns. The others' indexes are left alone, which
    takes a callback a third of the time of writing its whole attempt."""
    values = ", ".join(f"{name} = column{number}" for number, name in enumerate(columns, 2))
    start = f"UPDATE attempts SET {values} FROM ("
    return Statement(start, len(columns) + 1, ") WHERE id = column1")
