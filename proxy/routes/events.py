"""`/events`: beacons of the button, for impressions and failures that only it sees."""

from flask import Blueprint, Response, request

from proxy.services import services
from proxy.tryon.keys import new_token
from proxy.web import bodies, devices
from proxy.web.bodies import Beacon
from proxy.web.offer import demand_signature, offered
from proxy.web.openapi import JSON, ORIGIN, PREFLIGHT, STRING, TEXT, reference
from proxy.web.request import client
from storage.events import Entry, event, now_ms

BEACONS = (240, 60_000)  # of one client, and in how many milliseconds
# So many different ones are counted in a day; each makes rows in the merchant's tables.
PRODUCTS, LOCALES = 10_000, 300

routes = Blueprint("events", __name__)


@routes.after_request
def share(response: Response) -> Response:
    return services().origins.share(response)


@routes.route("/events", **PREFLIGHT)
def preflight() -> Response:
    """Ask, as browsers do, before posting from another site."""
    return services().origins.preflight()


@routes.post(
    "/events",
    answers={204: "It is stored."},
    problems="unsupported_category unknown_product catalog_unavailable signature_invalid "
    "rate_limited storage_unavailable",
    parameters=[ORIGIN],
    body={
        JSON: reference(Beacon),
        TEXT: STRING | {"contentMediaType": JSON, "contentSchema": reference(Beacon)},
    },
)
def beacon() -> Response:
    """Report an impression, or a failure that only the browser saw.

    The browser's sendBeacon posts it as text.
    """
    services().origins.demand()
    services().limits.admit("beacons", client(), *BEACONS)
    seen = bodies.read(Beacon, JSON, TEXT)
    category = _named(seen)
    told = event(
        seen.name,
        "",
        now_ms(),
        "button",
        key=f"{seen.name}:{seen.id or new_token()}",
        product_id=seen.product_id,
        category=category,
        locale=seen.locale,
        device=devices.device(request.headers),
        bot=int(devices.is_bot(request.user_agent.string)) or None,
        code=seen.code,
    )
    services().writer.submit(Entry((told,)))
    return Response(status=204)


def _named(seen: Beacon) -> str | None:
    """Refuse what no button of the shop would name; return the product's category."""
    limits, built = services().limits, services()
    demand_signature(built.click_keys, seen.product_id, seen.signature)
    product, category = offered(
        built.catalog, built.settings.categories, seen.product_id, seen.category
    )
    if product is None:
        limits.admit_name("product", seen.product_id, PRODUCTS)
    if seen.locale:
        limits.admit_name("locale", seen.locale, LOCALES)
    return category
