"""`/t/<product id>` or `/t/?product_id=`: where the button's link leads without scripts."""

from flask import Blueprint, Response, make_response, render_template, request

from proxy.catalog.products import CATEGORY, NOT_AN_ID, PRODUCT_ID, is_product_id
from proxy.services import services
from proxy.web import openapi
from proxy.web.problems import Problem

OF_ANY = openapi.query("product_id", "The product.", **PRODUCT_ID) | {"required": True}
MORE = (
    openapi.query(
        "category",
        "Read where there is no catalogue; by default the first of TRYON_CATEGORIES.",
        pattern=CATEGORY,
    ),
    openapi.query("signature", "Needed where clicks are signed."),
    openapi.LANGUAGE,
)

routes = Blueprint("t", __name__)


@routes.get(
    "/t/",
    **openapi.page(OF_ANY, *MORE),
    problems="bad_request not_found catalog_unavailable",
    strict_slashes=False,
)
def product_in_query() -> Response:
    """The page behind the button's link, for ids that a path cannot carry, such as `a/../b`."""
    return product(request.args.get("product_id", ""))


@routes.get(
    "/t/<path:product_id>", **openapi.page(*MORE), problems="bad_request catalog_unavailable"
)
def product(product_id: str) -> Response:
    """The page behind the button's link. A GET creates nothing: the form does."""
    if not is_product_id(product_id):
        raise Problem("bad_request", f"product_id: {NOT_AN_ID}")
    services().catalog.demand()
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
        page_url=known.page_url if known else None,
    )
    response = make_response(page)
    # Its form is one click, which two visitors must not share. No `no-store`: with that the form
    # would be another one after a step back.
    response.headers["Cache-Control"] = "private, no-cache"
    return response
