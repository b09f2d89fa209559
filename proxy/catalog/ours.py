"""Our own format: CSV or JSON with the fields of `Product`, a category among them."""

from collections.abc import Callable

from proxy.catalog.entries import Entries, Entry, Format, LeftOut, Rows

FIELDS = ("product_id", "category", "title", "image_url", "page_url", "asset_urls")


def fits(header: set[str]) -> bool:
    return "product_id" in header


def _entries(rows: Callable[[], Rows]) -> Entries:
    for row in rows():
        yield row if isinstance(row, LeftOut) else Entry(row.line, row.cells)


FORMAT = Format("products", {name: name for name in FIELDS}, _entries)
