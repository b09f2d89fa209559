"""The merchant's catalogue, a CSV or JSON file, which replaces what a browser says of a product."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, from_json

# Markup, segments that a path loses on its way, and what stands for bytes that were no text are no
# id in any shop.
NAMING = re.compile(r'(?!\.+$)[^<>"\\\ufffd]{1,128}')
NOT_AN_ID = 'must be 1 to 128 printable characters without < > " \\, and not dots alone'
PRODUCT_ID = {  # as near as JSON Schema comes to it
    "type": "string",
    "minLength": 1,
    "maxLength": 128,
    "pattern": r'^(?!\.+$)[^\x00-\x1f<>"\\\x7f-\xa0\ufffd]+$',
    "description": "As the shop writes it: printable characters of any script, and spaces.",
}
CATEGORY = r"^[a-z0-9][a-z0-9_-]{0,63}$"
URL = r"^https?://[!-~]{1,2000}$"


def _split(value: Any) -> Any:
    """Split a CSV cell, which holds several URLs with spaces between them."""
    return value.split() if isinstance(value, str) else value


def is_product_id(text: str) -> bool:
    """Tell whether a text can be a product's id. It is compared as it is, never normalized."""
    return bool(NAMING.fullmatch(text)) and text.isprintable()


def _product_id(text: str) -> str:
    if not is_product_id(text):
        raise PydanticCustomError("product_id", NOT_AN_ID)
    return text


ProductID = Annotated[str, AfterValidator(_product_id), WithJsonSchema(PRODUCT_ID)]
OptionalURL = Annotated[
    Annotated[str, Field(pattern=URL)] | None, BeforeValidator(lambda value: value or None)
]


class Product(BaseModel):
    model_config = ConfigDict(frozen=True)

    product_id: ProductID
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
