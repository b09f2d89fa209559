"""The shopper's side: the launch page of a session, and its QR code."""

import io
import time

import segno
from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from simulator import callbacks
from simulator.catalog import product_of
from simulator.vendor import Session, the_vendor

blueprint = Blueprint("launch", __name__)

ENDINGS = ("completed", "abandoned", "failed")


@blueprint.get("/s/<session_id>")
def show(session_id: str) -> tuple[str, int]:
    """Ask for the camera, then show the product worn: `?camera` says that it was allowed."""
    session = _find(session_id)
    if session.over:
        return _page("ended.html", session), 200
    if time.time() >= session.expires_at:
        return _page("ended.html", session, expired=True), 410
    # A link preview asks with HEAD, and no shopper has come by that.
    vendor, scenario = the_vendor(), session.scenario
    first = request.method == "GET" and vendor.start(session)
    if first and scenario.ends and scenario.when == "once opened":
        callbacks.in_background(0.3, callbacks.conclude, vendor, session, scenario.ends)
    return _page("worn.html" if "camera" in request.args else "launch.html", session), 200


@blueprint.post("/s/<session_id>")
def finish(session_id: str) -> AnyResponse:
    session = _find(session_id)
    state = request.form.get("state")
    if state not in ENDINGS:
        abort(400)
    vendor = the_vendor()
    vendor.start(session)
    if vendor.end(session, state):
        sendings = callbacks.MANNERS[session.scenario.manner](session, state)
        callbacks.in_background(0, callbacks.send, vendor, session, sendings)
    return redirect(url_for(".show", session_id=session.id), 303)


@blueprint.get("/qr/<session_id>.png")
def qr(session_id: str) -> Response:
    image = io.BytesIO()
    segno.make_qr(_find(session_id).document()["launch_url"]).save(image, "png", scale=8)
    return Response(image.getvalue(), mimetype="image/png")


@blueprint.errorhandler(404)
def unknown(_error: Exception) -> tuple[str, int]:
    return render_template("ended.html", session=None, product=None), 404


def _page(template: str, session: Session, **values: object) -> str:
    product = product_of(session.product_id)
    return render_template(template, session=session, product=product, **values)


def _find(session_id: str) -> Session:
    return the_vendor().find(session_id) or abort(404)
