"""`/sessions`: create or find again, read, follow, cancel."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Blueprint, Response, make_response, redirect, request
from gunicorn.workers.base_async import ALREADY_HANDLED

from proxy.catalog.products import Product
from proxy.services import services
from proxy.tryon.limits import ClientOverRate
from proxy.tryon.live import Live
from proxy.tryon.sessions import Click
from proxy.tryon.state import TERMINAL, SessionAnswer, SessionView, etag, state, view
from proxy.upstream.siteverify import ChallengeFailed
from proxy.web import bodies, devices, error_pages, i18n
from proxy.web.bodies import Wish
from proxy.web.offer import demand_signature, offered
from proxy.web.openapi import JSON, ORIGIN, PREFLIGHT, SAME, header, reference
from proxy.web.problems import Problem
from proxy.web.request import FORM, client, language
from proxy.web.response import answer
from storage.events import Entry, event, now_ms
from storage.funnel import Attempt

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

VIEW = ("The session.", {JSON: reference(SessionView)})
TO_DIALOG = {JSON: reference(SessionAnswer)}
HANDOFF = "To a form: the handoff page."
ON = "To a form: the handoff page, or the challenge's."
MAYBE_ORIGIN = header("Origin", "Where it is sent it has to be an allowed one.")

routes = Blueprint("sessions", __name__)


@routes.after_request
def share(response: Response) -> Response:
    return services().origins.share(response)


# Before all others: Flask gives each of them an OPTIONS of its own, and the first one answers.
@routes.route("/sessions", **PREFLIGHT)
@routes.route("/sessions/<public_id>", **PREFLIGHT)
@routes.route("/sessions/<public_id>/cancel", **PREFLIGHT)
def preflight(public_id: str = "") -> Response:  # noqa: ARG001
    """Ask, as browsers do, before posting from another site."""
    return services().origins.preflight()


@routes.post(
    "/sessions",
    answers={
        201: ("A new session.", TO_DIALOG),
        200: ("The session that there was already.", TO_DIALOG),
        303: ON,
    },
    problems="unsupported_category unknown_product catalog_unavailable signature_invalid gone "
    "not_available rate_limited budget_exhausted upstream_error bad_upstream_reply unavailable "
    "busy storage_unavailable upstream_timeout challenge_failed challenge_unavailable",
    parameters=[ORIGIN],
    body={JSON: reference(Wish), FORM: reference(Wish)},
)
def create() -> Response:
    """Start a try-on, or find the one again that this click has already."""
    wish = None
    try:
        wish = _read_wish()
        click = _click(wish)
        attempt, reused = services().sessions.obtain(click)
    except Exception as error:
        return _explained(error, wish)
    if request.mimetype == FORM:
        return make_response(redirect(services().links.handoff(attempt), 303))
    return answer(_answer(attempt, click, reused), 200 if reused else 201)


def _read_wish() -> Wish:
    origins = services().origins
    if request.mimetype == FORM:  # of another site it would need no preflight
        origins.demand_own()
        return bodies.read_fields(Wish)
    origins.demand()
    return bodies.read(Wish, "application/json")


def _explained(error: Exception, wish: Wish | None) -> Response:
    """Answer a failed click in the shopper's language too."""
    problem = error_pages.problem_of(error)
    t = i18n.Translator(language(services().settings, wish.locale if wish else None))
    problem.extra["message"] = t(i18n.apology(problem.code, problem.retryable))
    if wish and services().challenge and isinstance(error, ClientOverRate | ChallengeFailed):
        return _challenged(problem, wish)
    return error_pages.answer(problem, wish=wish)  # a page offers to try again


def _challenged(problem: Problem, wish: Wish) -> Response:
    """Lead to the challenge, from which the click can go on."""
    again = {} if wish.challenge is None else {"again": "1"}
    address = services().links.challenge(wish.carried | again)
    if request.mimetype == FORM:
        return error_pages.lead(problem, address)
    problem.extra["challenge_url"] = address
    return error_pages.answer(problem)


def _click(wish: Wish) -> Click:
    settings = services().settings
    return Click(
        product=_product(wish),
        locale=wish.locale or settings.locale,
        reference=wish.reference,
        click_id=wish.click_id,
        resume=wish.resume,
        challenge=wish.challenge,
        device=(device := devices.device(request.headers)),
        offered=_offered(wish, device),
        bot=devices.is_bot(request.user_agent.string),
        client=client(),
    )


def _offered(wish: Wish, device: str) -> str:
    """Tell what the shopper is given; the button knows better than the request's headers."""
    direct = device != "desktop" if wish.direct is None else wish.direct
    return "direct" if direct else "qr"


def _product(wish: Wish) -> Product:
    """Resolve the product: the catalogue, where there is one, knows better than a browser."""
    built = services()
    demand_signature(built.click_keys, wish.product_id, wish.signature)
    product, category = offered(
        built.catalog, built.settings.categories, wish.product_id, wish.category
    )
    if category is None:
        needed = {"field": "category", "message": "Field required, since there is no catalogue"}
        raise Problem("bad_request", f"category: {needed['message']}", errors=[needed])
    return product or Product(product_id=wish.product_id, category=category, title=wish.title or "")


def _answer(attempt: Attempt, click: Click, reused: bool) -> SessionAnswer:
    links = services().links
    code = links.code(attempt)
    return {
        **view(attempt, links),
        "reused": reused,
        "title": attempt.title,
        "image_url": click.product.image_url,
        "qr": {"size": code.size, "path": code.path},
        # Seconds: the clock of a shopper's machine may be a day off.
        "expires_in": attempt.expires_ms and max(0, attempt.expires_ms - now_ms()) // 1000,
        "merchant": {"name": services().settings.merchant_name},
    }


@routes.get("/sessions/<public_id>", answers={200: VIEW, 304: SAME})
def show(public_id: str) -> Response:
    """Read a session's state."""
    attempt = services().sessions.find(public_id, client())
    response = answer(view(attempt, services().links))
    response.headers["Cache-Control"] = "private, no-cache"
    response.set_etag(etag(attempt))
    response.make_conditional(request)
    return response


@routes.get(
    "/sessions/<public_id>/events",
    answers={
        200: ("Events named state; the data of each is the session.", {"text/event-stream": {}})
    },
)
def follow(public_id: str) -> Response:
    """Follow a session's state as Server-Sent Events, until it is terminal."""
    return _EventStream(services().live, services().sessions.find(public_id, client()))


class _EventStream(Response):
    """An answer that hands its connection over to `Live` after the first state, where it can."""

    automatically_set_content_length = False

    def __init__(self, live: Live, attempt: Attempt) -> None:
        super().__init__(live.first(attempt), mimetype="text/event-stream")
        self.headers["X-Accel-Buffering"] = "no"  # nginx would hold events back
        self._live, self._attempt = live, attempt

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        body, status, headers = self.get_wsgi_response(environ)
        write = start_response(status, headers)
        if environ["REQUEST_METHOD"] != "GET":
            return body
        for part in body:
            write(part)
        handed_over = self._live.take_over(self._attempt, environ)
        return ALREADY_HANDLED if handed_over else ()


@routes.post(
    "/sessions/<public_id>/cancel",
    answers={200: VIEW, 303: HANDOFF},
    parameters=[MAYBE_ORIGIN],
)
def cancel(public_id: str) -> Response:
    """Give up a session that has not ended; one that has stays as it is."""
    services().origins.refuse_foreign()
    attempt = services().sessions.find(public_id, client())
    if state(attempt) not in TERMINAL:
        entry = Entry((event("cancel", attempt.id, now_ms(), "button"),))
        attempt = services().writer.submit(entry).attempt or attempt
    if request.mimetype == FORM:
        return make_response(redirect(services().links.handoff(attempt), 303))
    return answer(view(attempt, services().links))
