"""`/embed`: how to put the button into a shop, and a check of pages that have it."""

import json
from typing import Any

from flask import Blueprint, Response, render_template, request

from proxy.catalog.products import PRODUCT_ID, is_product_id
from proxy.services import services
from proxy.web import openapi
from proxy.web.static import FOLDER

MANIFEST = json.loads((FOLDER / "custom-elements.json").read_text("utf-8"))
ELEMENT = MANIFEST["modules"][0]["declarations"][0]
REFERENCE = {
    "attributes": "Attributes",
    "events": "Events",
    "slots": "Slots",
    "cssParts": "Parts",
    "cssProperties": "Custom properties",
}

routes = Blueprint("embed", __name__)


@routes.get(
    "/embed",
    **openapi.page(openapi.query("product", "The product that the examples name.", **PRODUCT_ID)),
)
def embed() -> Response:
    """How to put the button into a shop, with examples to copy, and a check of pages."""
    page = render_template(
        "embed.html", shop=_shop(), element=ELEMENT, reference=REFERENCE, **_example()
    )
    return Response(
        page, headers={"Cache-Control": "public, max-age=300", "Vary": "Accept-Language"}
    )


def _shop() -> dict[str, Any]:
    """Say what a page must keep to; all of it, each click is told too."""
    built = services()
    settings, button = built.settings, "try-on-button.js"
    return {
        "home": settings.public_url,
        "origin": settings.public_origin,
        "script": f"{settings.public_url}/{button}",
        "pinned": built.static.url(button),
        "integrity": built.static.integrity(button),
        "origins": sorted(settings.allowed_origins | {settings.public_origin}),
        "categories": settings.categories,
        "catalog": len(built.catalog),
        "signed": bool(settings.click_secret),
        "attributes": [each["name"] for each in ELEMENT["attributes"]],
    }


def _example() -> dict[str, str]:
    """Choose the product of the examples: the one asked for, else one that can be tried on."""
    built = services()
    asked = request.args.get("product", "")
    product_id = asked if is_product_id(asked) else built.catalog.first() or "sku-12345"
    known = built.catalog.get(product_id)
    return {
        "product_id": product_id,
        "category": known.category if known else built.settings.categories[0],
    }
