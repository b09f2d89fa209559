"""`/embed`: how to put the button into a shop."""

import re

from flask import Blueprint, Response, render_template, request

from proxy.services import services
from proxy.web import openapi, pages

routes = Blueprint("embed", __name__)


@routes.get(
    "/embed", **openapi.page(openapi.query("product", "The product that the examples name."))
)
def embed() -> Response:
    """How to put the button into a shop, with examples to copy."""
    settings = services().settings
    page = render_template(
        "embed.html",
        origin=settings.public_origin,
        product_id=re.sub(r"[^\w.-]", "", request.args.get("product", "")) or "sku-12345",
        category=settings.categories[0],
    )
    return pages.kept(page, 300)
