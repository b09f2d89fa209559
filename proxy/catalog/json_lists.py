"""Rows of a JSON list of objects, read one by one so that nothing of it adds up."""

import json
import re
from typing import Any, TextIO

from proxy.catalog.entries import CatalogError, LeftOut, Row, Rows

PIECE = 262_144  # characters
LONGEST = 1_048_576  # characters of an entry
BLANKS = re.compile(r"[ \t\r\n]*")


def rows(text: TextIO) -> Rows:
    """Yield an object each. :raises CatalogError: it is no list, or no JSON at some place."""
    scan = _Scan(text)
    if scan.peek() != "[":
        raise CatalogError("it is JSON, but no list of products")
    scan.skip(1)
    if scan.peek() == "]":
        return
    while True:
        scan.peek()
        line = scan.line
        entry = scan.value()
        if isinstance(entry, dict):
            yield Row(line, entry)
        else:
            yield LeftOut(line, "", "is no object")
        match scan.peek():
            case ",":
                scan.skip(1)
            case "]":
                return
            case _:
                raise CatalogError(f"{scan.place()}: is not JSON: no comma, and no end of the list")


class _Scan:
    """A window on a text, which goes forward."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._window = ""
        self._at = 0
        self._decoder = json.JSONDecoder()
        self.line = 1
        self._column = 1

    def peek(self) -> str:
        """Skip blanks; return the next character, or "" at the end."""
        while True:
            blanks = BLANKS.match(self._window, self._at)
            self.skip(blanks.end() - self._at if blanks else 0)
            if self._at < len(self._window) or not self._more():
                return self._window[self._at : self._at + 1]

    def skip(self, length: int) -> None:
        passed = self._window[self._at : self._at + length]
        self._at += length
        if lines := passed.count("\n"):
            self.line += lines
            self._column = len(passed) - passed.rfind("\n")
        else:
            self._column += length

    def value(self) -> Any:
        while True:
            try:
                value, end = self._decoder.raw_decode(self._window, self._at)
            except json.JSONDecodeError as error:
                if len(self._window) - self._at < LONGEST and self._more():
                    continue
                self.skip(error.pos - self._at)
                raise CatalogError(f"{self.place()}: is not JSON: {error.msg}") from None
            except RecursionError:
                raise CatalogError(f"{self.place()}: is nested without an end") from None
            self.skip(end - self._at)
            return value

    def place(self) -> str:
        return f"line {self.line}, column {self._column}"

    def _more(self) -> bool:
        if piece := self._text.read(PIECE):
            self._window, self._at = self._window[self._at :] + piece, 0
        return bool(piece)
