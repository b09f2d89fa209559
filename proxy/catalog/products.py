"""A product of the merchant's catalogue, which replaces what a browser says of it."""

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from storage.products import ProductRow

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
URL = r"https?://[!-~]{1,2000}"
NO_URL = "must be a URL that begins with https:// or http://"


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


def _url(text: str) -> str:
    if not re.fullmatch(URL, text):
        raise PydanticCustomError("url", NO_URL)
    return text


URLText = Annotated[str, AfterValidator(_url)]
OptionalURL = Annotated[URLText | None, BeforeValidator(lambda value: value or None)]


class Product(BaseModel):
    model_config = ConfigDict(frozen=True)

    product_id: ProductID
    category: str = Field(pattern=CATEGORY)
    title: str = Field(default="", max_length=200)
    image_url: OptionalURL = None
    page_url: OptionalURL = None
    asset_urls: Annotated[tuple[URLText, ...], BeforeValidator(_split)] = ()

    @classmethod
    def of(cls, row: ProductRow) -> "Product":
        """Return the product of a row, which was checked when it was stored."""
        fields = row._asdict()
        return cls.model_construct(**fields | {"asset_urls": tuple(row.asset_urls.split())})

    def row(self) -> ProductRow:
        return ProductRow(
            self.product_id,
            self.category,
            self.title,
            self.image_url,
            self.page_url,
            " ".join(self.asset_urls),
        )
