"""Rows of an XML feed, RSS 2.0 or Atom, read piece by piece so that nothing of it adds up."""

import codecs
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO
from xml.sax import SAXParseException, handler

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from proxy.catalog.entries import CatalogError, Row

PIECE = 65_536  # bytes
LONGEST_MARKUP = 4 * 1024 * 1024  # bytes in which no element begins or ends, and no text comes
LONGEST_TEXT = 65_536  # characters of an element that are kept
DEEPEST = 64
GOOGLE = "http://base.google.com/ns/1.0"
ITEMS = {"rss": (["rss", "channel"], "item"), "feed": (["feed"], "entry")}  # by the root


def rows(file: BinaryIO, attributes: set[str]) -> Iterator[Row]:
    """Yield an item each, with those of its elements that are asked for; from the first markup on,
    since a program that wrote a feed may have let a blank line slip out before it.

    :raises CatalogError: it is not well-formed, no feed, or made to hurt.
    """
    above = _skip_blank(file)
    parser = make_parser()
    reader = _Items(attributes, lambda: above + parser.getLineNumber())
    parser.setFeature(handler.feature_namespaces, True)
    parser.setContentHandler(reader)
    try:
        for piece in _pieces(file, reader):
            parser.feed(piece)
            yield from reader.taken()
        parser.close()
        yield from reader.taken()
    except SAXParseException as error:
        place = f"line {reader.line_now()}, column {parser.getColumnNumber() + 1}"
        raise CatalogError(f"{place}: is not well-formed XML: {error.getMessage()}") from None
    except DefusedXmlException:
        raise CatalogError(f"line {reader.line_now()}: declares entities of its own") from None


def _skip_blank(file: BinaryIO) -> int:
    """Skip what is blank before the first markup, which XML forbids; return the lines of it."""
    head = file.read(PIECE)
    text = head.removeprefix(codecs.BOM_UTF8)
    file.seek(len(head) - len(text.lstrip()) if text[:1].isspace() else 0)
    return head[: file.tell()].count(b"\n")


def _pieces(file: BinaryIO, reader: "_Items") -> Iterator[bytes]:
    """Yield the file's bytes as long as the reader hears of what is in them."""
    waited = 0
    for piece in iter(lambda: file.read(PIECE), b""):
        reader.has_heard = False
        yield piece
        waited = 0 if reader.has_heard else waited + len(piece)
        if waited > LONGEST_MARKUP:
            raise CatalogError(f"line {reader.line_now()}: has markup without an end")


class _Items(handler.ContentHandler):
    """Collects the elements of each item."""

    def __init__(self, attributes: set[str], line_now: Callable[[], int]) -> None:
        super().__init__()
        self._attributes = attributes
        self.line_now = line_now
        self.has_heard = False
        self._rows: list[Row] = []
        self._open: list[str] = []  # the elements around
        self._around: list[str] = []  # an item, in this kind of feed
        self._name = ""  # of an item
        self._item: dict[str, list[tuple[bool, str]]] | None = None
        self._line = 0
        self._text: list[str] | None = None
        self._length = 0

    def taken(self) -> list[Row]:
        rows, self._rows = self._rows, []
        return rows

    def startElementNS(  # noqa: N802 - SAX's name
        self, name: tuple[str | None, str], _qname: str | None, attrs: Any
    ) -> None:
        self.has_heard = True
        local = name[1]
        if not self._open:
            self._begin(local)
        elif len(self._open) > DEEPEST:
            raise CatalogError(f"line {self.line_now()}: has elements in elements without an end")
        elif self._item is None and local == self._name and self._open == self._around:
            self._item, self._line = {}, self.line_now()
        elif self._item is not None and len(self._open) == len(self._around) + 1:
            self._text, self._length = None, 0
            if local in self._attributes:
                self._text = [attrs.get((None, "href"), "")]  # of Atom's `link`
        self._open.append(local)

    def _begin(self, root: str) -> None:
        if root == "html":
            raise CatalogError("it is an HTML page, perhaps of a login, and no feed")
        if root not in ITEMS:
            raise CatalogError(f"line {self.line_now()}: is neither RSS nor Atom: {root[:40]}")
        self._around, self._name = ITEMS[root]

    def characters(self, content: str) -> None:
        self.has_heard = True
        if self._text is not None and self._length < LONGEST_TEXT:
            self._text.append(content)
            self._length += len(content)

    def endElementNS(self, name: tuple[str | None, str], _qname: str | None) -> None:  # noqa: N802
        self.has_heard = True
        self._open.pop()
        depth = len(self._open) - len(self._around)
        if self._item is None or depth > 1:
            return
        if depth == 0:
            self._rows.append(Row(self._line, _cells(self._item)))
            self._item = None
        elif self._text is not None:
            value = "".join(self._text).strip()
            self._item.setdefault(name[1], []).append((name[0] == GOOGLE, value))
            self._text = None


def _cells(item: dict[str, list[tuple[bool, str]]]) -> dict[str, str]:
    """Join what repeats; Google's own `id` goes before Atom's."""
    cells = {}
    for name, values in item.items():
        own = [value for is_googles, value in values if is_googles and value]
        texts = own or [value for _, value in values if value]
        if texts:
            cells[name] = "\n".join(texts)
    return cells
