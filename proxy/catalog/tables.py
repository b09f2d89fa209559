"""Rows of a table as CSV, TSV or with semicolons, however untidy."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import TextIO

from proxy.catalog.entries import CatalogError, LeftOut, Row, Rows

LONGEST = 1_048_576  # characters of a line, and of a cell with the lines in it
MOST_BROKEN = 1_000  # each costs a cell's greatest length
DELIMITERS = ",;\t|"

csv.field_size_limit(LONGEST)


class Lines:
    """The lines of a text, of which the last may be given back."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._back: deque[str] = deque()
        self.number = 0  # of the last line
        self.taken: list[str] = []

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._text.readline(LONGEST)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == LONGEST:
            raise CatalogError(f"line {self.number} is longer than any table's")
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """Give back what was taken, but for the first."""
        self.number -= len(self.taken) - 1
        self._back.extendleft(reversed(self.taken[1:]))

    def first(self) -> str:
        """Return the first line that is not empty, and end in front of it."""
        line = next((line for line in self if line.strip()), "")
        if line:
            self._back.appendleft(line)
            self.number -= 1
        return line


class Table:
    """A table with a header."""

    def __init__(self, text: TextIO) -> None:
        self._lines = lines = Lines(text)
        first = lines.first()
        self.delimiter = _delimiter(first)
        if named := re.fullmatch(r"\ufeff?\"?sep=(.)\"?\s*", first, re.IGNORECASE):
            next(lines)
            self.delimiter = named[1]
            lines.first()
        self.titles: dict[str, str] = {}  # of the columns, by their names in normal form
        self.line = 1  # of the header
        self._names: list[str] = []
        for record in self._records():
            if not isinstance(record, LeftOut):
                self.line, titles = record
                self._names = [_normal(title) for title in titles]
                self.titles = {_normal(title): title.strip(" \ufeff") for title in titles if title}
            return

    def rows(self) -> Rows:
        """Yield the rows below the header."""
        width = len(self._names)
        for record in self._records():
            if isinstance(record, LeftOut):
                yield record
                continue
            line, cells = record
            if len(cells) > width and any(cells[width:]):
                yield LeftOut(line, "", f"has {len(cells)} columns, and the header {width}")
            elif any(cells):
                named = zip(self._names, cells, strict=False)
                yield Row(line, {name: cell for name, cell in named if cell})

    def _records(self) -> Iterator[tuple[int, list[str]] | LeftOut]:
        lines, broken = self._lines, 0
        reader = csv.reader(lines, delimiter=self.delimiter)
        while True:
            lines.taken.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:  # a cell that is too long
                cells = []
            first = lines.number - len(lines.taken) + 1
            if cells and not self._is_broken(lines.taken):
                yield first, cells
            elif cells or (lines.taken and lines.taken[0].strip()):
                # The lines that the quote has swallowed are rows of their own.
                lines.give_back()
                reader = csv.reader(lines, delimiter=self.delimiter)
                broken += 1
                if broken > MOST_BROKEN:
                    raise CatalogError(
                        f"line {first}: one of {broken:,} quotes that are not closed"
                    )
                yield LeftOut(first, "", "has a quote that is neither closed nor doubled")

    def _is_broken(self, lines: list[str]) -> bool:
        """Tell whether a quote that was never meant to has made one record of several lines."""
        try:
            return (
                len(lines) > 1
                and len([*csv.reader(lines, delimiter=self.delimiter, strict=True)]) > 1
            )
        except csv.Error:
            return True


def _delimiter(header: str) -> str:
    bare = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=bare.count)


def _normal(title: str) -> str:
    """Return a column's name as formats know it: `g:image link` is `image_link`."""
    return re.sub(r"[\s_]+", "_", title.strip(" \ufeff\t\r\n").casefold()).removeprefix("g:")
