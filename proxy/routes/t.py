"""`/t/<product id>`: the page behind the button's link, where scripts are off."""

from flask import Blueprint, Response, render_template, request

from proxy.catalog.products import CATEGORY
from proxy.services import services
from proxy.web import openapi, pages
from proxy.web.problems import Problem

routes = Blueprint("t", __name__)


@routes.get(
    "/t/<path:product_id>",
    **openapi.page(
        openapi.query("category", "Needed where there is no catalogue.", pattern=CATEGORY),
        openapi.query("signature", "Needed where clicks are signed."),
        openapi.LANGUAGE,
    ),
)
def product(product_id: str) -> Response:
    """The page behind the button's link. A GET creates nothing: the form does."""
    known = services().catalog.get(product_id)
    if known is None and services().catalog:
        raise Problem("not_found")
    asked = request.args.get("category", services().settings.categories[0])
    page = render_template(
        "t.html",
        product_id=product_id,
        category=known.category if known else asked,
        signature=request.args.get("signature"),
        title=known.title if known else None,
        image_url=known.image_url if known else None,
    )
    return pages.kept(page, 60)
