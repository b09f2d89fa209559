"""The vendor's documented API: sessions for whoever holds the token."""

import hmac
import re
import time
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from simulator import callbacks, scenarios
from simulator.replies import Document, error
from simulator.scenarios import scenario_of
from simulator.vendor import CATEGORIES, Session, Vendor, the_vendor

blueprint = Blueprint("api", __name__)

LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@blueprint.post("/sessions")
def create_session() -> Response:
    vendor = the_vendor()
    body: Any = request.get_json(silent=True) if request.is_json else None
    product_id = body.get("product_id") if isinstance(body, dict) else None
    counted = product_id if isinstance(product_id, str) else ""
    calls = vendor.count(counted, "calls")
    answer = _unauthorized(vendor) or _invalid(body) or _create(vendor, body, calls)
    vendor.count(counted, str(answer.status_code))
    return answer


@blueprint.get("/sessions/<session_id>")
def read_session(session_id: str) -> Response:
    vendor = the_vendor()
    session = vendor.find(session_id)
    return _unauthorized(vendor) or (
        jsonify(session.document()) if session else scenarios.not_found()
    )


def _unauthorized(vendor: Vendor) -> Response | None:
    given = request.headers.get("Authorization", "").encode()
    if hmac.compare_digest(given, f"Bearer {vendor.token}".encode()):
        return None
    return scenarios.unauthorized()


def _invalid(body: object) -> Response | None:
    """Refuse a request as the vendor would. Unknown fields are let pass."""
    if not isinstance(body, dict):
        return error(400, "invalid_request", "The body must be a JSON object.")
    checks = {
        "product_id": _is_text(body.get("product_id")),
        "category": _is_text(body.get("category")),
        "experience": body.get("experience") == "browser",
        "callback_url": _is_web_address(body.get("callback_url")),
        "locale": _is_text(body.get("locale")) and LOCALE.fullmatch(body["locale"]),
        "assets": _are_assets(body.get("assets", [])),
        "merchant_reference": _is_text(body.get("merchant_reference", "-")),
    }
    wrong = [name for name, right in checks.items() if not right]
    if wrong:
        return error(400, "invalid_request", f"Missing or invalid: {', '.join(wrong)}.")
    if body["category"] not in CATEGORIES:
        return error(400, "unsupported_category", "This category is not supported.")
    return None


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= 2048 and value.isprintable()


def _is_web_address(value: object) -> bool:
    try:
        parts = urlsplit(value if _is_text(value) else "")
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _are_assets(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(asset, dict) and _is_web_address(asset.get("url")) for asset in value
    )


def _create(vendor: Vendor, body: Document, calls: int) -> Response:
    scenario = scenario_of(vendor.outage or body["product_id"])
    time.sleep(scenario.delay)
    if scenario.refuse and calls <= scenario.times:
        return scenario.refuse()
    session = Session(
        product_id=body["product_id"],
        category=body["category"],
        locale=body["locale"],
        callback_url=body["callback_url"],
        merchant_reference=body.get("merchant_reference"),
        base_url=vendor.base_url or request.host_url.rstrip("/"),
        scenario=scenario,
    )
    document = session.document()
    vendor.keep(session)
    if scenario.ends and scenario.when == "before the reply":
        callbacks.conclude(vendor, session, scenario.ends)
    elif scenario.ends and scenario.when == "after the reply":
        callbacks.in_background(1, callbacks.conclude, vendor, session, scenario.ends)
    return scenario.reply(document)
