"""What a merchant embeds: the button's script, its types, the page that explains them."""

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, abort, make_response, render_template, request

from proxy import i18n, web
from proxy.errors import Problem
from proxy.services import Services

BUTTON = "try-on-button.js"
# The file's name on the floating address, beside its name under `static/`.
FLOATING = (BUTTON, "try-on-button.d.ts", "custom-elements.json", "theme.css")


def install(app: Flask, services: Services) -> None:
    """Give every template `asset`, `integrity`, `url`, `merchant` and `t`.

    A route that knows the session's own language passes its own `t`, which wins.
    """
    settings = services.settings
    shops = settings.allowed_origins
    if not settings.demo:  # with it, a shop is here too
        shops -= {settings.public_origin}
    app.jinja_env.globals.update(
        asset=services.static.url,
        integrity=services.static.integrity,
        apology=i18n.apology,
        url=lambda path: f"{settings.public_url}{path}",
        merchant={
            "name": settings.merchant_name,
            "logo_url": settings.logo_url,
            "url": next(iter(shops)) if len(shops) == 1 else None,
        },
    )

    @app.context_processor
    def words() -> dict[str, Any]:
        return {"t": i18n.Translator(web.language(settings, request.args.get("lang")))}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("embed", __name__)
    static = services.static
    settings = services.settings

    def floating(name: str) -> Callable[[], Response]:
        def serve() -> Response:
            """What a shop's page loads, in its latest version."""
            return static.floating(name, request)

        return serve

    for name in FLOATING:
        routes.add_url_rule(f"/{name}", name.replace(".", "_"), floating(name))

    @routes.get("/static/<path:hashed_name>")
    def immutable(hashed_name: str) -> Response:
        """A file that never changes: its name has the hash of its content."""
        return static.immutable(hashed_name, request) or abort(404)

    @routes.get("/embed")
    def embed() -> Response:
        """How to put the button into a shop, with examples to copy."""
        page = render_template(
            "embed.html",
            origin=settings.public_origin,
            product_id=re.sub(r"[^\w.-]", "", request.args.get("product", "")) or "sku-12345",
            category=settings.categories[0],
        )
        return _kept(page, 300)

    @routes.get("/t/<path:product_id>")
    def product(product_id: str) -> Response:
        """The page behind the button's link. A GET creates nothing: the form does."""
        known = services.catalog.get(product_id)
        if known is None and services.catalog:
            raise Problem("not_found")
        asked = request.args.get("category", settings.categories[0])
        page = render_template(
            "product.html",
            product_id=product_id,
            category=known.category if known else asked,
            title=known.title if known else None,
            image_url=known.image_url if known else None,
        )
        return _kept(page, 60)

    return routes


def _kept(page: str, seconds: int) -> Response:
    response = make_response(page)
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    response.headers["Vary"] = "Accept-Language"
    return response
