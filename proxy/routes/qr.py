"""`/qr/<id>.svg` and `.png`: the QR of a session's launch link."""

from flask import Blueprint, Response

from proxy.services import services
from proxy.tryon import qr
from proxy.web.request import client

IMAGES = {"svg": (qr.svg, "image/svg+xml"), "png": (qr.png, "image/png")}

routes = Blueprint("qr", __name__)


@routes.get(
    "/qr/<public_id>.<any(svg, png):kind>",
    answers={200: ("The picture.", {"image/svg+xml": {}, "image/png": {}})},
)
def image(public_id: str, kind: str) -> Response:
    """The QR of a session's launch link, as a picture."""
    draw, mimetype = IMAGES[kind]
    attempt = services().sessions.find(public_id, client())
    response = Response(draw(services().links.qr(attempt)), mimetype=mimetype)
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response
