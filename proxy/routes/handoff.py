"""`/handoff/<id>`: the desktop's page with the QR."""

from flask import Blueprint, render_template, request

from proxy.services import services
from proxy.tryon.state import view
from proxy.web import devices, openapi, pages
from proxy.web.request import client

routes = Blueprint("handoff", __name__)


@routes.get("/handoff/<public_id>", **openapi.page(openapi.LANGUAGE))
def handoff(public_id: str) -> str:
    """The desktop's page with the QR, which follows what happens on the phone."""
    links = services().links
    attempt = services().sessions.find(public_id, client())
    code = links.code(attempt)
    session = view(attempt, links) | {"qr_svg_path": code.path, "qr_size": code.size}
    return render_template(
        "handoff.html",
        session=session | pages.product(attempt, services().catalog),
        is_phone=devices.device(request.headers) != "desktop",
        t=pages.translator(services().settings, attempt.locale),
    )
