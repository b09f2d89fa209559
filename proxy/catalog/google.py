"""Google Merchant Center's product data: TSV, CSV, RSS 2.0 and Atom.

https://support.google.com/merchants/answer/7052112
"""

from collections.abc import Callable

from proxy.catalog.entries import Entries, Entry, Format, LeftOut, Row, Rows, paths, plain, url

COLUMNS = {
    "product_id": "id",
    "title": "title",
    "page_url": "link",
    "image_url": "image_link",
    "asset_urls": "virtual_model_link",
}
ATTRIBUTES = {
    *COLUMNS.values(),
    "additional_image_link",
    "product_type",
    "google_product_category",
    "availability",
}


def fits(header: set[str]) -> bool:
    return {"id", "title"} <= header and bool(
        header & {"link", "image_link", "product_type", "google_product_category", "availability"}
    )


def _entries(rows: Callable[[], Rows]) -> Entries:
    for row in rows():
        yield row if isinstance(row, LeftOut) else _entry(row)


def _entry(row: Row) -> Entry:
    others = row.text("additional_image_link").replace(",", " ").split()
    product = {
        "product_id": row.text("id"),
        "title": plain(row.text("title")),
        "page_url": url(row.text("link")),
        "image_url": url(row.text("image_link") or next(iter(others), "")),
        "asset_urls": row.text("virtual_model_link"),
    }
    said = {
        "product_type": paths(row.text("product_type").split("\n")),
        "google_product_category": paths([row.text("google_product_category")]),
        "availability": [row.text("availability")],
        "title": [product["title"]],
    }
    return Entry(row.line, product, said)


FORMAT = Format("Google Merchant Center", COLUMNS, _entries)
