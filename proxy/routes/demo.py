"""A small shop to try everything in: `/` and `/shop/<product_id>`, under a strict policy."""

from flask import Blueprint, Response, make_response, redirect, render_template, request

from proxy.catalog.demo import PRODUCTS, DemoProduct
from proxy.services import services
from proxy.web.problems import Problem

# As strict as a shop's page can be: what the button does, it must do under this.
STRICT_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

routes = Blueprint("demo", __name__)  # registered only where `TRYON_DEMO` is on


@routes.before_request
def one_address() -> Response | None:
    """Redirect somebody who typed `localhost` to the address that the links and policies name."""
    own = services().settings.public_origin
    if request.host_url.rstrip("/") == own:
        return None
    return make_response(redirect(f"{own}{request.path}"))


@routes.get("/")
def shelf() -> Response:
    return _page(render_template("demo/index.html", products=_sold()))


@routes.get("/shop/<product_id>")
def product(product_id: str) -> Response:
    found = _find(product_id)
    others = [other for other in _sold() if other != found and not other.shows]
    return _page(render_template("demo/product.html", product=found, others=others[:4]))


@routes.get("/shop/<product_id>.svg")
def picture(product_id: str) -> Response:
    """The product's picture at an address that stays, for the catalogue."""
    name = f"demo/{_find(product_id).product_id}.svg"
    return services().static.floating(name, request)


def _sold() -> list[DemoProduct]:
    """Only what can be tried on here: settings of one's own may name fewer categories."""
    categories = services().settings.categories
    return [product for product in PRODUCTS if product.category in categories]


def _find(product_id: str) -> DemoProduct:
    for each in _sold():
        if each.product_id == product_id:
            return each
    raise Problem("not_found")


def _page(html: str) -> Response:
    response = make_response(html)
    response.headers["Content-Security-Policy"] = STRICT_POLICY
    return response
