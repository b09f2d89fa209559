"""The console: the vendor's sessions and calls, and every callback at a click.

It has no login: the simulator belongs on a developer's machine.
"""

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from simulator import callbacks
from simulator.scenarios import SCENARIOS
from simulator.vendor import the_vendor

blueprint = Blueprint("console", __name__)

SHOWN = 50


@blueprint.get("/")
def page() -> str:
    vendor = the_vendor()
    return render_template(
        "console.html",
        sessions=[session.record() for session in vendor.newest(SHOWN)],
        counts=vendor.counts(),
        outage=vendor.outage,
        scenarios=SCENARIOS,
        manners=[
            manner
            for manner in callbacks.MANNERS
            if manner not in ("plain", "none", "late", *callbacks.SHAPES)
        ],
        shapes=list(callbacks.SHAPES),
    )


@blueprint.get("/console/sessions.json")
def sessions() -> Response:
    """List the newest sessions first: `?limit=` (1000), `?product_id=` for one product's alone."""
    product_id = request.args.get("product_id")
    limit = request.args.get("limit", 1000, type=int)
    newest = the_vendor().newest(limit)
    return jsonify(
        sessions=[each.record() for each in newest if product_id in (None, each.product_id)]
    )


@blueprint.get("/console/calls.json")
def calls() -> Response:
    return jsonify(the_vendor().counts())


@blueprint.post("/console/sessions/<session_id>/callback")
def callback(session_id: str) -> AnyResponse:
    """Send a callback now, whatever the session lived through, and wait for the answer.

    `state`   any word (default "completed")
    `manner`  one of MANNERS (default "plain")
    `body`    or exactly these characters, in place of both
    """
    vendor = the_vendor()
    session = vendor.find(session_id) or abort(404)
    wanted = _wanted()
    state, manner = wanted.get("state") or "completed", wanted.get("manner") or "plain"
    if not isinstance(state, str) or not state.isprintable() or manner not in callbacks.MANNERS:
        abort(400)
    if body := wanted.get("body"):
        sendings = [callbacks.Sending(str(body).encode(errors="replace"))]
    else:
        if state != "started":
            vendor.end(session, state)
        sendings = callbacks.MANNERS[manner](session, state)
    deliveries = callbacks.send(vendor, session, sendings)
    return _answer({"deliveries": [asdict(delivery) for delivery in deliveries]})


@blueprint.post("/console/outage")
def outage() -> AnyResponse:
    """Answer every call as `scenario` has it, whatever the product; an empty one ends that."""
    name = _wanted().get("scenario") or None
    if name is not None and name not in SCENARIOS:
        abort(400)
    the_vendor().outage = name
    return _answer({"scenario": name})


@blueprint.post("/console/reset")
def reset() -> AnyResponse:
    """Forget all sessions and counts, and end an outage."""
    the_vendor().reset()
    return _answer({})


def _wanted() -> dict[str, Any]:
    wanted = request.get_json() if request.is_json else request.form.to_dict()
    if not isinstance(wanted, dict):
        abort(400)
    return wanted


def _answer(document: dict[str, Any]) -> AnyResponse:
    return jsonify(document) if request.is_json else redirect(url_for(".page"), 303)
