"""Exports as CSV (RFC 4180), in parts: however long a table is, memory holds one part.

A spreadsheet runs a cell that begins like a formula, and what a cell is depends on the separator
that its user chose: wherever one could begin, there is an apostrophe before it.
"""

import csv
import io
import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from proxy.numbers.questions import Question
from storage.funnel import COUNTS
from storage.numbers import Export
from storage.store import Damaged, Store

EXPORTS = ("attempts", "events", "daily")
SEPARATORS = (",", ";")
PART = 500  # rows
# Also as they are typed in East Asia, in full width, and in their small forms.
SIGNS = r"=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
# What a cell can begin behind: separators, quotes, and whatever is not seen.
STARTS = r",;|:\s\"\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
# A sign there, but for one with spaces about it: where a space separates, that is all of a cell.
FORMULA = re.compile(rf"^[\t\r\n]|[{SIGNS}](?<![^{STARTS}].)(?!(?<=\w .)(?:\s|$))")

Parts = Generator[str, None, None]
Start = Mapping[str, Any] | None  # of a page; None of the first


def export(
    store: Store, question: Question, name: str, separator: str = ",", *, around: bool = False
) -> Parts:
    """Export the attempts that began in the period, bots marked, the events that came in it, or
    its daily counts. `around`: leave out what is damaged, which `store.damage` then says."""
    if name == "daily":
        yield from table(store, question, "day", separator)
        return
    pages = _pages(lambda start: _page(store, question, name, around, start))
    yield from _written(pages, question.limit, separator)


def listed(
    store: Store, question: Question, count: str, search: str, separator: str = ","
) -> Parts:
    """Export the list of attempts behind a count, or that a text finds, newest first."""

    def page(start: Start) -> Export:
        with store.numbers() as numbers:
            before = start["before"] if start else None
            return numbers.export_attempts(question.scope, count, before, search)

    yield from _written(_pages(page), question.limit, separator)


def _written(pages: Iterable[Export], limit: int | None, separator: str) -> Parts:
    """Write pages below one head, up to a limit if one was asked for."""
    left = limit or sys.maxsize
    for number, page in enumerate(pages):
        head = [] if number else [page.columns]
        yield lines([*head, *page.rows[:left]], separator)
        left -= len(page.rows)
        if left <= 0:
            return


def _pages(read: Callable[[Start], Export]) -> Iterator[Export]:
    page = read(None)
    yield page
    while page.more is not None:
        page = read(page.more)
        yield page


def _page(
    store: Store,
    question: Question,
    name: str,
    around: bool,
    start: Start,
) -> Export:
    """Read some rows in a snapshot of their own: a reader may pause for as long as he likes."""
    try:
        with store.numbers() as numbers:
            return numbers.export(f"export_{name}", question.scope, start)
    except Damaged:
        if not around:
            raise
    with store.numbers() as numbers:
        return numbers.export(f"export_{name}", question.scope, start, around=True)


def table(store: Store, question: Question, by: str, separator: str = ",") -> Parts:
    """Export the counts for each value of a dimension, or of "day"."""
    with store.numbers() as numbers:
        limit = question.limit or sys.maxsize
        rows, _ = numbers.by(question.scope, by, question.sort, limit)
    names = (*COUNTS, "open")
    yield lines([(by, *names)], separator)
    first = islice(rows.items(), limit)  # of days all come
    cells = ((key, *(counts[name] for name in names)) for key, counts in first)
    while some := [*islice(cells, PART)]:
        yield lines(some, separator)


def safe(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula. Numbers stay numbers."""
    # Nearly all cells are found harmless, which has to be quick.
    if isinstance(cell, str) and not cell.isalnum() and FORMULA.search(cell):
        return FORMULA.sub(r"'\g<0>", cell)
    return cell


def lines(rows: Iterable[Iterable[Any]], separator: str = ",") -> str:
    """Return rows as CSV, each cell made safe."""
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(map(safe, row) for row in rows)
    return text.getvalue()
