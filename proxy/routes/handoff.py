"""From the desktop to the phone: the QR page, the QR itself, and the link that launches."""

from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request

from proxy import devices, i18n, qr, web
from proxy.errors import Problem
from proxy.services import Services
from proxy.views import TERMINAL, state, view
from storage.events import Entry, event, now_ms
from storage.funnel import Attempt

IMAGES = {"svg": (qr.svg, "image/svg+xml"), "png": (qr.png, "image/png")}


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("handoff", __name__)
    links = services.links

    @routes.get("/handoff/<public_id>")
    def handoff(public_id: str) -> str:
        """The desktop's page with the QR, which follows what happens on the phone."""
        attempt = services.sessions.find(public_id)
        code = links.code(attempt)
        session = view(attempt, links) | {"qr_svg_path": code.path, "qr_size": code.size}
        return render_template(
            "handoff.html",
            session=session | _product(services, attempt),
            is_phone=devices.device(request.headers) != "desktop",
            t=_language(services, attempt),
        )

    @routes.get("/qr/<public_id>.<any(svg, png):kind>")
    def image(public_id: str, kind: str) -> Response:
        """The QR of a session's launch link, as a picture."""
        draw, mimetype = IMAGES[kind]
        response = Response(draw(links.qr(services.sessions.find(public_id))), mimetype=mimetype)
        response.headers["Cache-Control"] = "private, max-age=3600"
        return response

    @routes.get("/go/<launch_key>")
    def go(launch_key: str) -> Response:
        """Launch on this device, unless something other than a person follows the link."""
        attempt = services.sessions.find_launch(launch_key)
        if request.method == "HEAD":
            return Response()
        if devices.is_prefetch(request.headers):
            raise Problem("prefetch_refused")
        if state(attempt) in TERMINAL:
            return _ended(services, attempt)
        if devices.is_bot(request.user_agent.string):
            _record(services, attempt, bot=True)
            return _preview(services, attempt)
        return _launch(services, attempt, 302)

    @routes.post("/go/<launch_key>")
    def go_on(launch_key: str) -> Response:
        """Launch by the button of the page that a person gets who was taken for a bot."""
        attempt = services.sessions.find_launch(launch_key)
        if state(attempt) in TERMINAL:
            return _ended(services, attempt)
        return _launch(services, attempt, 303)

    return routes


def _launch(services: Services, attempt: Attempt, status: int) -> Response:
    """Record the first launch, then send the phone to the vendor's page."""
    if not attempt.channel:
        attempt = _record(services, attempt)
    # The URL was checked against the allowed hosts when the vendor gave it.
    return make_response(redirect(attempt.launch_url or "", status))


def _record(services: Services, attempt: Attempt, *, bot: bool = False) -> Attempt:
    name = "preview" if bot else "launch"
    launch = event(
        "launch",
        attempt.id,
        now_ms(),
        "phone",
        key=f"{name}:{attempt.id}",
        channel="qr" if "q" in request.args else "direct",
        bot=int(bot) or None,
    )
    return services.writer.submit(Entry((launch,))).attempt or attempt


def _ended(services: Services, attempt: Attempt) -> Response:
    page = render_template(
        "go_ended.html",
        state=state(attempt),
        product_id=attempt.product_id,
        category=attempt.category,
        t=_language(services, attempt),
        **_product(services, attempt),
    )
    return make_response(page, 410)


def _preview(services: Services, attempt: Attempt) -> Response:
    page = render_template(
        "go_preview.html", t=_language(services, attempt), **_product(services, attempt)
    )
    response = make_response(page)
    # The form's answer leads to the vendor's page, which `form-action` has to allow.
    response.headers["Content-Security-Policy"] = web.policy_with_form_target(
        attempt.launch_url or ""
    )
    return response


def _product(services: Services, attempt: Attempt) -> dict[str, Any]:
    product = services.catalog.get(attempt.product_id)
    return {
        "title": attempt.title,
        "image_url": product.image_url if product else None,
        "page_url": product.page_url if product else None,
    }


def _language(services: Services, attempt: Attempt) -> i18n.Translator:
    asked = request.args.get("lang")
    return i18n.Translator(web.language(services.settings, asked, attempt.locale))
