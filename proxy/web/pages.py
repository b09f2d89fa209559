"""Globals and helpers for the templates of shoppers' pages."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from flask import Flask, request

from proxy.catalog.kept import Catalog
from proxy.settings import Settings
from proxy.tryon.keys import ClickKeys, new_token
from proxy.web import i18n
from proxy.web.request import language
from proxy.web.static import StaticFiles
from storage.funnel import Attempt


def install(app: Flask, settings: Settings, static: StaticFiles, click_keys: ClickKeys) -> None:
    """Give every template `asset`, `integrity`, `link`, `url`, `merchant`, `signed`, `new_token`
    and `t`.

    `link` is a product's, for browsers without scripts; `signed` makes the signature for a form of
    a product that has been tried on, `new_token` its `click_id`.

    A route that knows the session's own language passes its own `t`, which wins.
    """
    shops = settings.allowed_origins
    if not settings.demo:  # with it, a shop is here too
        shops -= {settings.public_origin}
    app.jinja_env.globals.update(
        asset=static.url,
        integrity=static.integrity,
        apology=i18n.apology,
        new_token=new_token,
        signed=lambda product_id: click_keys.sign(product_id, datetime.now(UTC)),
        link=lambda product_id: f"{settings.public_url}{link(product_id)}",
        url=lambda path: f"{settings.public_url}{path}",
        merchant={
            "name": settings.merchant_name,
            "logo_url": settings.logo_url,
            "url": next(iter(shops)) if len(shops) == 1 else None,
        },
    )
    app.context_processor(lambda: {"t": translator(settings)})


def link(product_id: str) -> str:
    """Return the path of a product's try-on page, with the id in the query where it is not plain:
    proxies refuse an encoded slash in a path, or take it for one."""
    encoded = quote(product_id, safe="")
    return f"/t/{encoded}" if encoded == product_id else f"/t/?product_id={encoded}"


def translator(settings: Settings, locale: str | None = None) -> i18n.Translator:
    """Return a translator for the language in the query, else the session's, else the browser's."""
    return i18n.Translator(language(settings, request.args.get("lang"), locale))


def product(attempt: Attempt, catalog: Catalog) -> dict[str, Any]:
    """Describe an attempt's product for a template."""
    known = catalog.get(attempt.product_id)
    return {
        "title": attempt.title,
        "image_url": known.image_url if known else None,
        "page_url": known.page_url if known else None,
    }
