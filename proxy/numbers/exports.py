"""Tables as CSV (RFC 4180), in parts: as long as it may be, memory holds one part.

A spreadsheet runs a cell that begins like a formula. Such a cell gets an apostrophe before it.
"""

import csv
import io
from collections.abc import Generator, Iterable, Sequence
from itertools import islice
from typing import Any

from proxy.numbers.questions import Question
from storage.funnel import COUNTS
from storage.numbers import Scope
from storage.store import Store

PART = 500  # rows
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

Parts = Generator[str, None, None]


def attempts(store: Store, question: Question) -> Parts:
    """Every attempt that began in the period, bots marked."""
    return _report(store, question, "export_attempts")


def events(store: Store, question: Question) -> Parts:
    """Every event that came in the period."""
    return _report(store, question, "export_events")


def daily(store: Store, question: Question) -> Parts:
    """The counts of each day."""
    return table(store, question, "day")


def table(store: Store, question: Question, by: str) -> Parts:
    """The counts for each value of a dimension, or day."""
    with store.numbers() as numbers:
        rows, _ = numbers.by(question.scope, by, question.sort, question.limit)
        names = (*COUNTS, "open")
        cells = ((key, *(counts[name] for name in names)) for key, counts in rows.items())
        yield from parts((by, *names), cells)


EXPORTS = {"attempts": attempts, "events": events, "daily": daily}


def _report(store: Store, question: Question, name: str) -> Parts:
    with store.numbers() as numbers:
        columns, rows = numbers.export(name, question.scope)
        yield from parts(columns, rows)


def size(store: Store, name: str, scope: Scope) -> int:
    """How many rows an export will have, at most; for a progress bar."""
    with store.numbers() as numbers:
        return numbers.export_size(name, scope)


def parts(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Parts:
    """The header, then the rows, in texts of many lines."""
    rows = iter(rows)
    yield lines([columns])
    while some := list(islice(rows, PART)):
        yield lines(some)


def safe(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula. Numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell


def lines(rows: Iterable[Iterable[Any]]) -> str:
    """Rows as CSV, each cell made safe."""
    text = io.StringIO()
    csv.writer(text).writerows(map(safe, row) for row in rows)
    return text.getvalue()
