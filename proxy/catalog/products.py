"""The merchant's catalogue, a CSV or JSON file, which replaces what a browser says of a product."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import from_json

PRODUCT_ID = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$"
CATEGORY = r"^[a-z0-9][a-z0-9_-]{0,63}$"
URL = r"^https?://[!-~]{1,2000}$"


def _split(value: Any) -> Any:
    """Split a CSV cell, which holds several URLs with spaces between them."""
    return value.split() if isinstance(value, str) else value


OptionalURL = Annotated[
    Annotated[str, Field(pattern=URL)] | None, BeforeValidator(lambda value: value or None)
]


class Product(BaseModel):
    model_config = ConfigDict(frozen=True)

    product_id: str = Field(pattern=PRODUCT_ID)
    category: str = Field(pattern=CATEGORY)
    title: str = Field(default="", max_length=200)
    image_url: OptionalURL = None
    page_url: OptionalURL = None
    asset_urls: Annotated[
        tuple[Annotated[str, Field(pattern=URL)], ...], BeforeValidator(_split)
    ] = ()


class CatalogError(ValueError):
    """A catalogue that cannot be read; the message names the file, the entry and the field."""


Catalog = dict[str, Product]
_kept: dict[Path, Catalog] = {}


def keep(path: Path) -> None:
    """Read the products for this process and those that are forked from it.

    :raises CatalogError: they cannot be used; what was kept before stays.
    """
    _kept[path] = load(path)


def current(path: Path) -> Catalog:
    """Return the products that were kept, or read them."""
    return _kept.get(path) or load(path)


def load(path: Path) -> Catalog:
    """Read the products by id, from a CSV with a header line or a JSON list of objects.

    :raises CatalogError: at the first entry that is wrong, or an id that stands twice; or there is
        no product, since without a catalogue every product can be tried on.
    """
    products: Catalog = {}
    for place, row in _rows(path):
        try:
            product = Product.model_validate(row)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise CatalogError(f"{path}: {place}, {field}: {first['msg']}") from None
        if product.product_id in products:
            raise CatalogError(f"{path}: {place}: {product.product_id} stands there twice")
        products[product.product_id] = product
    if not products:
        raise CatalogError(f"{path}: there is no product in it; to allow any, unset TRYON_CATALOG")
    return products


def _rows(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix.lower() == ".json":
            for number, entry in enumerate(from_json(text), 1):
                yield f"entry {number}", entry
            return
    except (OSError, ValueError, TypeError) as error:
        raise CatalogError(f"{path}: {error}") from None
    rows, line = csv.DictReader(io.StringIO(text, newline="")), 1
    try:
        for row in rows:
            line = rows.line_num
            yield f"line {line}", {key: value for key, value in row.items() if value}
    except csv.Error as error:  # a quote that nothing closes swallows the lines after it
        raise CatalogError(f"{path}: after line {line}: {error}") from None
