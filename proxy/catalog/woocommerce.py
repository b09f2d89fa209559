"""WooCommerce's product export, in which variations stand under their parent.

https://woocommerce.com/document/product-csv-importer-exporter/
"""

from collections.abc import Callable

from proxy.catalog.entries import (
    Entries,
    Entry,
    Format,
    LeftOut,
    Row,
    Rows,
    listed,
    paths,
    plain,
    url,
)

COLUMNS = {"product_id": "sku", "title": "name", "image_url": "images"}
HIDDEN = {"0": "private", "-1": "a draft"}
ATTRIBUTES = 10  # of a variation that its title may need


def fits(header: set[str]) -> bool:
    return {"sku", "name", "type"} <= header


def _entries(rows: Callable[[], Rows]) -> Entries:
    """Yield the variations last: each is what its parent is, wherever that stands."""
    has_variations = False
    for row in rows():
        if isinstance(row, LeftOut):
            yield row
        elif _is_variation(row):
            has_variations = True
        else:
            yield _hidden(row) or _product(row)
    for row in rows() if has_variations else ():
        # Without a SKU it is its parent's, which is there already.
        if isinstance(row, Row) and _is_variation(row) and row.text("sku"):
            yield _hidden(row) or _variation(row)


def _is_variation(row: Row) -> bool:
    return "variation" in listed(row.text("type").casefold())


def _hidden(row: Row) -> LeftOut | None:
    how = HIDDEN.get(row.text("published"))
    return LeftOut(row.line, "Published", f"is {how}") if how else None


def _product(row: Row) -> Entry:
    title = plain(row.text("name"))
    said = {
        "product_type": paths(listed(row.text("categories"))),
        "tag": listed(row.text("tags")),
        "title": [title],
    }
    return Entry(row.line, _fields(row, title), said)


def _variation(row: Row) -> Entry:
    title = plain(row.text("name"))
    numbers = range(1, ATTRIBUTES + 1)
    values = filter(None, (row.text(f"attribute_{n}_value(s)") for n in numbers))
    more = [value for value in values if value not in title]
    title = plain(" - ".join(filter(None, (title, ", ".join(more)))))
    return Entry(row.line, _fields(row, title), parent=row.text("parent").removeprefix("id:"))


def _fields(row: Row, title: str) -> dict[str, str]:
    return {
        "product_id": row.text("sku", "id"),
        "title": title,
        "image_url": url(next(iter(listed(row.text("images"))), "")),
    }


FORMAT = Format("WooCommerce", COLUMNS, _entries)
