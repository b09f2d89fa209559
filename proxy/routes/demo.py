"""A small shop to try everything in: `/` and `/shop/<product_id>`, under a strict policy."""

from typing import NamedTuple

from flask import Blueprint, Response, make_response, redirect, render_template, request

from proxy.services import services
from proxy.web.problems import Problem

# As strict as a shop's page can be: what the button does, it must do under this.
STRICT_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


class Shoe(NamedTuple):
    """The product id's beginning picks a scenario in the vendor simulator."""

    product_id: str
    title: str
    kind: str
    price: str
    picture: str
    words: str


SHOES = (
    Shoe(
        "trail-runner",
        "Trail Runner 3",
        "Running",
        "€129",
        "demo/trail-runner.svg",
        "A light shoe for soft ground: grippy sole, roomy toes, and a heel that stays where it is.",
    ),
    Shoe(
        "court-classic",
        "Court Classic",
        "Sneaker",
        "€95",
        "demo/court-classic.svg",
        "White leather, gum sole, nothing to explain. Goes with whatever you put on this morning.",
    ),
    Shoe(
        "city-boot",
        "City Boot",
        "Boot",
        "€179",
        "demo/city-boot.svg",
        "Waxed leather that minds the rain less than you do, and a sole that can be replaced.",
    ),
    Shoe(
        "sim-500-sandal",
        "Harbour Sandal",
        "Sandal",
        "€69",
        "demo/harbour-sandal.svg",
        "Two straps and a cork footbed. Its try-on fails on purpose, to show what shoppers see.",
    ),
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
    return _page(render_template("demo/index.html", shoes=SHOES))


@routes.get("/shop/<product_id>")
def product(product_id: str) -> Response:
    shoe = next((shoe for shoe in SHOES if shoe.product_id == product_id), None)
    if shoe is None:
        raise Problem("not_found")
    others = [other for other in SHOES if other != shoe]
    category = services().settings.categories[0]
    return _page(render_template("demo/product.html", shoe=shoe, others=others, category=category))


def _page(html: str) -> Response:
    response = make_response(html)
    response.headers["Content-Security-Policy"] = STRICT_POLICY
    return response
