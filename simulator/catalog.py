"""The merchant's products, where the demo lends them: the API carries neither name nor picture."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import current_app

Catalog = dict[str, "Product"]


@dataclass(frozen=True)
class Product:
    title: str
    image_url: str | None = None
    page_url: str | None = None


def load(path: str | None) -> Catalog:
    """Read a JSON list of products by id; nothing for no path."""
    entries: list[dict[str, Any]] = json.loads(Path(path).read_text("utf-8")) if path else []
    return {
        entry["product_id"]: Product(
            entry.get("title") or entry["product_id"], entry.get("image_url"), entry.get("page_url")
        )
        for entry in entries
    }


def product_of(product_id: str) -> Product:
    """Find a product in the catalogue of the app that is answering; an unknown one has its id."""
    catalog: Catalog = current_app.extensions["catalog"]
    return catalog.get(product_id) or Product(product_id)


def picture_hosts(products: Iterable[Product]) -> list[str]:
    """List the origins that pages have to be allowed to load pictures from."""
    parts = (urlsplit(product.image_url) for product in products if product.image_url)
    return sorted({f"{url.scheme}://{url.netloc}" for url in parts})
