"""What is read of a feed before it is a product: rows, entries, and what is left out."""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from proxy.catalog_rules import Said, tails

TAG = re.compile(r"<[^<>]*>")
LONGEST_TITLE = 200
NO_RULE = "no rule knows it"
NO_PARENT = "its parent is not in the catalogue"
OF_URLS = "!#$%&'()*+,/:;=?@[]~"  # what a URL may have as it is


class CatalogError(ValueError):
    """A catalogue that cannot be used; the message names the file, and the place in it."""


class LeftOut(NamedTuple):
    """What of a feed is in no catalogue; `column` is empty where it is the whole row."""

    line: int
    column: str
    reason: str

    @property
    def is_unruled(self) -> bool:
        """Tell whether nothing is wrong with it: a shop has more than what can be tried on."""
        return self.reason in (NO_RULE, NO_PARENT)

    def __str__(self) -> str:
        return f"line {self.line}{self.column and ', '}{self.column}: {self.reason}"


class Row(NamedTuple):
    """The cells of a row that are not empty, by column; of elements that repeat, a line each."""

    line: int
    cells: Mapping[str, Any]

    def text(self, *columns: str) -> str:
        """Return the first of these cells that has text."""
        texts = (str(self.cells.get(column, "")).strip() for column in columns)
        return next(filter(None, texts), "")


@dataclass(frozen=True, slots=True)
class Entry:
    """A product as a feed has it; without a `category` of its own the rules know, or `parent`."""

    line: int
    product: Mapping[str, Any]  # fields of `Product`
    said: Said = field(default_factory=dict)
    parent: str = ""  # the id of the product whose variant it is


Rows = Iterable[Row | LeftOut]
Entries = Iterator[Entry | LeftOut]


class Format(NamedTuple):
    """A shop system's way to write its products."""

    name: str
    columns: Mapping[str, str]  # where each field of `Product` stands
    read: Callable[[Callable[[], Rows]], Entries]  # from rows, which can be had again


def plain(text: str) -> str:
    """Return the text of a title without its markup, in one line."""
    if "<" in text or "&" in text:
        text = html.unescape(TAG.sub(" ", html.unescape(text)))
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_TITLE else f"{text[: LONGEST_TITLE - 1]}…"


def url(text: str) -> str:
    """Return a URL with what it may not have as it is encoded: letters of all scripts, spaces."""
    return text if text.isascii() and " " not in text else quote(text, safe=OF_URLS)


def paths(texts: Sequence[str]) -> list[str]:
    """List product types with what is below each of their levels."""
    return [tail for text in texts if text.strip() for tail in tails(plain(text))]


def listed(text: str) -> list[str]:
    """Split a list with commas."""
    return [part for part in map(str.strip, text.split(",")) if part]
