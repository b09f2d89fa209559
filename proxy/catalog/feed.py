"""A feed of whatever format, recognised by its content and read as products."""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from pydantic import ValidationError

from proxy.catalog import google, json_lists, ours, shopify, woocommerce, xml_feeds
from proxy.catalog.entries import NO_PARENT, NO_RULE, CatalogError, Entry, LeftOut, Rows
from proxy.catalog.products import Product
from proxy.catalog.tables import Table
from proxy.catalog_rules import Rule, category_of

LARGEST = 1_073_741_824  # bytes
PIECE = 1_048_576
HEAD = 4_096  # bytes by which a feed is recognised
ARCHIVES = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"\x1f\x8b": "compressed with gzip",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"%PDF": "a PDF",
}
PAGE = re.compile(r"<(!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
ROOT = re.compile(r"<(\w+)")
KINDS = {"rss": "RSS", "feed": "Atom"}
TABLES = (ours, google, woocommerce, shopify)
BY_DELIMITER = {",": "CSV", "\t": "TSV", ";": "CSV with semicolons", "|": "CSV with bars"}


class Feed:
    """A file of products.

    :raises CatalogError: it is in no format that is known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._titles: dict[str, str] = {}
        self.rows = 0  # that were read
        try:
            self._recognise()
        except OSError as error:
            raise CatalogError(f"cannot be read: {error.strerror}") from None

    def products(
        self, rules: Sequence[Rule], known: Callable[[str], Product | None]
    ) -> Iterator[tuple[int, Product] | LeftOut]:
        """Yield each product with its line, or why a row is none.

        `known` finds one that has been yielded, since a variant is what its parent is.

        :raises CatalogError: there is no reading on.
        """
        for entry in self._format.read(self._counted):
            yield entry if isinstance(entry, LeftOut) else self._product(entry, rules, known)

    def title(self, name: str) -> str:
        """Return what the column is called in the file that has a field of `Product`."""
        column = self._format.columns.get(name, name)
        return self._titles.get(column, column)

    def _counted(self) -> Rows:
        self.rows = 0
        for row in self._rows():
            self.rows += 1
            yield row

    def _recognise(self) -> None:
        with self._path.open("rb") as file:
            demand_size(file)
            head = file.read(HEAD)
        for mark, what in ARCHIVES.items():
            if head.startswith(mark):
                raise CatalogError(f"it is {what}, and not the text of a feed")
        self.encoding = _encoding(self._path, head)
        text = head.decode(self.encoding, "ignore").lstrip("\ufeff \t\r\n")
        if not text:
            raise CatalogError("it is empty")
        if PAGE.match(text):
            raise CatalogError("it is an HTML page, perhaps of a login, and no feed")
        if text.startswith("<"):
            self._is_xml(text)
        elif text.startswith(("[", "{")):
            self._is_json()
        else:
            self._is_table()

    def _is_xml(self, text: str) -> None:
        self._format, self._rows = google.FORMAT, self._xml
        root = ROOT.search(text)
        self.format = f"{self._format.name}, {KINDS.get(root[1] if root else '', 'XML')}"

    def _is_json(self) -> None:
        self._format, self._rows = ours.FORMAT, self._json
        self.format = f"{self._format.name}, JSON"

    def _is_table(self) -> None:
        with self._text() as text:
            table = Table(text)
        header = {*table.titles}
        found = next((each for each in TABLES if each.fits(header)), None)
        if found is None:
            names = ", ".join(table.titles.values())[:200]
            raise CatalogError(f"line {table.line}: no format has these columns: {names}")
        self._format, self._rows, self._titles = found.FORMAT, self._table, table.titles
        self.format = f"{self._format.name}, {BY_DELIMITER.get(table.delimiter, 'CSV')}"

    def _text(self) -> TextIO:
        return self._path.open(encoding=self.encoding, errors="replace", newline="")

    def _xml(self) -> Rows:
        with self._path.open("rb") as file:
            yield from xml_feeds.rows(file, google.ATTRIBUTES)

    def _json(self) -> Rows:
        with self._text() as text:
            yield from json_lists.rows(text)

    def _table(self) -> Rows:
        with self._text() as text:
            yield from Table(text).rows()

    def _product(
        self, entry: Entry, rules: Sequence[Rule], known: Callable[[str], Product | None]
    ) -> tuple[int, Product] | LeftOut:
        fields: dict[str, Any] = {**entry.product}
        if entry.parent:
            parent = known(entry.parent)
            if parent is None:
                return LeftOut(entry.line, self.title("parent"), NO_PARENT)
            fields["category"] = parent.category
            fields["image_url"] = fields["image_url"] or parent.image_url
        elif not fields.get("category") and (category := category_of(rules, entry.said)):
            fields["category"] = category
        if "category" not in fields and self._format is not ours.FORMAT:
            return LeftOut(entry.line, "", NO_RULE)
        try:
            return entry.line, Product.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            column = self.title(str(first["loc"][0])) if first["loc"] else ""
            return LeftOut(entry.line, column, first["msg"])


def demand_size(file: BinaryIO) -> None:
    """Require that a file is not larger than any feed. :raises CatalogError: it is."""
    if file.seek(0, 2) > LARGEST:
        raise CatalogError(f"it is larger than {LARGEST // PIECE:,} MiB")
    file.seek(0)


def _encoding(path: Path, head: bytes) -> str:
    """Find how a text is encoded; what is no UTF-8 from its first letter on is Windows' own."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head[1:64:2].count(0) > 16:
        return "utf-16-le"
    if head[:64:2].count(0) > 16:
        return "utf-16-be"
    return "utf-8-sig" if _begins_as_utf8(path) else "cp1252"


def _begins_as_utf8(path: Path) -> bool:
    decoder, has_letters = codecs.getincrementaldecoder("utf-8")(), False
    with path.open("rb") as file:
        for piece in chain(iter(lambda: file.read(PIECE), b""), [b""]):
            try:
                has_letters |= not decoder.decode(piece, final=not piece).isascii()
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                return has_letters or not before.isascii()
    return True
