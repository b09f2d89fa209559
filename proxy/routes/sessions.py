"""`/sessions`: create or find again, read, follow, cancel; and the button's beacon `/events`."""

from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, g, make_response, redirect, request

from proxy import devices, failures, i18n, web
from proxy.capability import new_token
from proxy.contract import Unreadable, read_json
from proxy.errors import Problem
from proxy.inbound import Beacon, Wish, read
from proxy.origins import Origins
from proxy.services import Services
from proxy.sessions import Click
from proxy.views import TERMINAL, SessionAnswer, etag, state, view
from storage.events import Entry, event, now_ms
from storage.funnel import Attempt

LARGEST_BODY = 16 * 1024
BEACONS = (240, 60_000)  # of one client, and in how many milliseconds
FORM = "application/x-www-form-urlencoded"


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("sessions", __name__)
    links = services.links
    origins = Origins(services.settings)
    routes.after_request(origins.share)

    # Before all others: Flask gives each of them an OPTIONS of its own, and the first one answers.
    @routes.route("/sessions", methods=["OPTIONS"])
    @routes.route("/sessions/<public_id>", methods=["OPTIONS"])
    @routes.route("/sessions/<public_id>/cancel", methods=["OPTIONS"])
    @routes.route("/events", methods=["OPTIONS"])
    def preflight(public_id: str = "") -> Response:  # noqa: ARG001
        """Ask, as browsers do, before posting from another site."""
        return origins.preflight()

    @routes.post("/sessions")
    def create() -> Response:
        """Start a try-on, or find the one again that this click has already."""
        origins.demand()
        if request.mimetype == FORM:
            return create_by_form()
        attempt, reused = services.sessions.obtain(_click(services, _json_body("application/json")))
        return web.answer(_answer(services, attempt, reused), 200 if reused else 201)

    def create_by_form() -> Response:
        """The way without scripts; a form of another site would need no preflight."""
        origins.demand_own()
        _refuse_coding()
        fields = dict(parse_qsl(web.read_body(LARGEST_BODY).decode(errors="replace")))
        g.wish = fields  # for a page that offers to try again
        attempt, _ = services.sessions.obtain(_click(services, fields))
        return make_response(redirect(links.handoff(attempt), 303))

    @routes.errorhandler(Problem)
    def explain(problem: Problem) -> Response:
        """A failed click, told in the shopper's language too: the button has no words but these."""
        if request.endpoint == "sessions.create":
            words = i18n.strings(web.language(services.settings, g.get("locale")))
            message = words[i18n.apology(problem.code, problem.retryable)]
            problem.extra |= {"message": message, "strings": words}
        return failures.answer(problem)

    @routes.get("/sessions/<public_id>")
    def show(public_id: str) -> Response:
        """Read a session's state."""
        attempt = services.sessions.find(public_id)
        response = web.answer(view(attempt, links))
        response.headers["Cache-Control"] = "private, no-cache"
        response.set_etag(etag(attempt))
        response.make_conditional(request)
        return response

    @routes.get("/sessions/<public_id>/events")
    def follow(public_id: str) -> Response:
        """Follow a session's state as Server-Sent Events, until it is terminal."""
        attempt = services.sessions.find(public_id)
        body = services.live.stream(attempt, request.environ)
        response = Response(body, mimetype="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
        return response

    @routes.post("/sessions/<public_id>/cancel")
    def cancel(public_id: str) -> Response:
        """Give up a session that has not ended; one that has stays as it is."""
        origins.refuse_foreign()
        attempt = services.sessions.find(public_id)
        if state(attempt) not in TERMINAL:
            entry = Entry((event("cancel", attempt.id, now_ms(), "button"),))
            attempt = services.writer.submit(entry).attempt or attempt
        if request.mimetype == FORM:
            return make_response(redirect(links.handoff(attempt), 303))
        return web.answer(view(attempt, links))

    @routes.post("/events")
    def beacon() -> Response:
        """Report an impression, or a failure that only the browser saw.

        The browser's sendBeacon posts it as text.
        """
        origins.demand()
        services.limits.admit("beacons", request.remote_addr or "", *BEACONS)
        seen = read(Beacon, _json_body("application/json", "text/plain"))
        told = event(
            seen.name,
            "",
            now_ms(),
            "button",
            key=f"{seen.name}:{seen.id or new_token()}",
            product_id=seen.product_id,
            category=seen.category,
            locale=seen.locale,
            device=devices.device(request.headers),
            bot=int(devices.is_bot(request.user_agent.string)) or None,
            code=seen.code,
        )
        services.writer.submit(Entry((told,)))
        return Response(status=204)

    return routes


def _json_body(*types: str) -> Any:
    if request.mimetype not in types:
        raise Problem("unsupported_media_type")
    _refuse_coding()
    try:
        return read_json(web.read_body(LARGEST_BODY))
    except Unreadable as error:
        raise Problem("bad_request", "The body is not valid JSON.", reason=error.reason) from None


def _refuse_coding() -> None:
    if web.is_coded():
        raise Problem("unsupported_media_type")


def _click(services: Services, body: Any) -> Click:
    """A wish, completed from the catalogue, which knows better than a browser."""
    wish = read(Wish, body)
    g.locale = wish.locale
    settings = services.settings
    product = services.catalog.get(wish.product_id)
    if services.catalog and product is None:
        raise Problem("unknown_product")
    category = product.category if product else wish.category
    if category is None:
        needed = {"field": "category", "message": "Field required, since there is no catalogue"}
        raise Problem("bad_request", f"category: {needed['message']}", errors=[needed])
    if category not in settings.categories:
        raise Problem("unsupported_category")
    return Click(
        product_id=wish.product_id,
        category=category,
        locale=wish.locale or settings.locale,
        title=(product.title if product else wish.title) or None,
        reference=wish.reference,
        click_id=wish.click_id,
        resume=wish.resume,
        device=devices.device(request.headers),
        bot=devices.is_bot(request.user_agent.string),
        client=request.remote_addr or "",
    )


def _answer(services: Services, attempt: Attempt, reused: bool) -> SessionAnswer:
    code = services.links.code(attempt)
    product = services.catalog.get(attempt.product_id)
    return {
        **view(attempt, services.links),
        "reused": reused,
        "title": attempt.title,
        "image_url": product.image_url if product else None,
        "qr": {"size": code.size, "path": code.path},
        "strings": i18n.strings(attempt.locale),
        # Seconds: the clock of a shopper's machine may be a day off.
        "expires_in": attempt.expires_ms and max(0, attempt.expires_ms - now_ms()) // 1000,
        "merchant": {"name": services.settings.merchant_name},
    }
