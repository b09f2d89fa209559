"""Feeds in the shape of the public specifications, as shops' programs write them."""

import csv
import io
from pathlib import Path

from proxy.catalog import entries, feed
from proxy.catalog.products import Product
from proxy.catalog_rules import by_name, parse

RULES = (
    '{"footwear": [{"product_type": "shoes*"}, {"tag": "try-on"}],'
    ' "eyewear": {"title": "*glasses*"}}'
)
SAMPLES = Path(__file__).parent / "samples"

GOOGLE = (SAMPLES / "google.tsv").read_text("utf-8")
RSS = (SAMPLES / "google.rss").read_text("utf-8")
ATOM = (SAMPLES / "google.atom").read_text("utf-8")
# What all three say.
OF_GOOGLE = [
    Product(
        product_id="TR-9",
        category="footwear",
        title="Trail Runner",
        image_url="https://shop.example/1.jpg",
        page_url="https://shop.example/trail",
        asset_urls=("https://shop.example/1.glb",),
    ),
    Product(
        product_id="SU-1",
        category="eyewear",
        title="Tide Sunglasses",
        image_url="https://shop.example/2.jpg",
        page_url="https://shop.example/tide",
    ),
]
SHOPIFY = (SAMPLES / "shopify.csv").read_text("utf-8")
WOOCOMMERCE = (SAMPLES / "woocommerce.csv").read_text("utf-8")


def read(
    folder: Path, content: str | bytes, rules: str | None = RULES
) -> tuple[str, list[Product], list[str]]:
    """The format of a feed, its products, and what was left out."""
    path = folder / "feed"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    opened, known, left_out = feed.Feed(path), {}, []
    for found in opened.products(parse(rules) if rules else by_name(["footwear"]), known.get):
        if isinstance(found, entries.LeftOut):
            left_out.append(str(found))
        else:
            known[found[1].product_id] = found[1]
    return opened.format, [*known.values()], left_out


def read_all(path: Path) -> list[Product]:
    """The products of a file of our own format."""
    found = feed.Feed(path).products((), lambda _: None)
    return [each[1] for each in found if not isinstance(each, entries.LeftOut)]


def table(*rows: tuple[str, ...], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()
