"""Shopify's product export: a row for each variant and each picture of a product.

https://help.shopify.com/en/manual/products/import-export/using-csv
"""

from collections.abc import Callable, Iterator

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

# Each as exports have named it, and as newer ones do.
HANDLE = ("handle", "url_handle")
SKU = ("variant_sku", "sku")
PICTURE = ("image_src", "product_image_url")
VARIANT_PICTURE = ("variant_image", "variant_image_url")
PUBLISHED = ("published", "published_on_online_store")
OF_VARIANTS = ("option1_value", "variant_price", "price")
COLUMNS = {"product_id": "variant_sku", "title": "title", "image_url": "image_src"}


def fits(header: set[str]) -> bool:
    return bool(header & {*HANDLE}) and "title" in header


def _entries(rows: Callable[[], Rows]) -> Entries:
    parent: Row | None = None
    has_own = False  # the parent is in already, by its handle
    for row in rows():
        if isinstance(row, LeftOut):
            yield row
            continue
        if parent is None or row.text(*HANDLE) != parent.text(*HANDLE):
            parent = row if row.text("title") else None
            has_own = False
            if wrong := _wrong(row):
                yield wrong
        if parent is None or _wrong(parent):
            continue
        by_handle = not row.text(*SKU)
        if row is parent or row.text(*SKU) or (row.text(*OF_VARIANTS) and not has_own):
            yield _entry(row, parent)
            has_own = has_own or by_handle


def _wrong(first: Row) -> LeftOut | None:
    """Say why a product is left out, by its first row."""
    return next(_faults(first), None)


def _faults(first: Row) -> Iterator[LeftOut]:
    if not first.text("title"):
        yield LeftOut(first.line, "Title", "is empty, and no row with this handle stands before it")
    if first.text("status").casefold() not in ("", "active"):
        yield LeftOut(first.line, "Status", f"is {first.text('status')}")
    if first.text(*PUBLISHED).casefold() == "false":
        yield LeftOut(first.line, "Published", "is false")


def _entry(row: Row, parent: Row) -> Entry:
    title = plain(parent.text("title"))
    product = {
        "product_id": row.text(*SKU) or parent.text(*HANDLE),
        "title": title,
        "image_url": url(row.text(*VARIANT_PICTURE) or parent.text(*PICTURE)),
    }
    said = {
        "product_type": paths([parent.text("type")]),
        "google_product_category": paths([parent.text("product_category")]),
        "tag": listed(parent.text("tags")),
        "title": [title],
    }
    return Entry(row.line, product, said)


FORMAT = Format("Shopify", COLUMNS, _entries)
