"""`/go/<launch key>`: the link that launches, on the device where it is followed."""

from flask import Blueprint, Response, make_response, redirect, render_template, request

from proxy.services import services
from proxy.tryon.state import TERMINAL, state
from proxy.web import devices, pages
from proxy.web.openapi import HTML, LANGUAGE, STRING, query
from proxy.web.problems import Problem
from proxy.web.request import client
from proxy.web.response import policy_with_form_target
from storage.events import Entry, event, now_ms
from storage.funnel import Attempt

GONE = ("It has ended; the page can make a new one.", {HTML: STRING})
LAUNCHED = "The launch is recorded; on to the vendor's page."
PARAMETERS = (query("q", "Its presence says that a QR was scanned."), LANGUAGE)

routes = Blueprint("go", __name__)


@routes.get(
    "/go/<launch_key>",
    answers={
        200: ("For what is no browser: a page with a button.", {HTML: STRING}),
        302: LAUNCHED,
        410: GONE,
    },
    problems="prefetch_refused",
    parameters=PARAMETERS,
)
def go(launch_key: str) -> Response:
    """Launch on this device, unless something other than a browser follows the link."""
    attempt = services().sessions.find_launch(launch_key, client())
    if request.method == "HEAD":
        return Response()
    if devices.is_prefetch(request.headers):
        raise Problem("prefetch_refused")
    if state(attempt) in TERMINAL:
        return _ended(attempt)
    if devices.is_browser(request.user_agent.string):
        return _launch(attempt, 302)
    _record(attempt, bot=True)
    return _preview(attempt)


@routes.post("/go/<launch_key>", answers={303: LAUNCHED, 410: GONE}, parameters=PARAMETERS)
def go_on(launch_key: str) -> Response:
    """Launch by the button of the page that everybody gets who has no browser that is known."""
    attempt = services().sessions.find_launch(launch_key, client())
    if state(attempt) in TERMINAL:
        return _ended(attempt)
    return _launch(attempt, 303)


def _launch(attempt: Attempt, status: int) -> Response:
    """Record the first launch, then send the phone to the vendor's page."""
    if not attempt.channel:
        attempt = _record(attempt)
    # The URL was checked against the allowed hosts when the vendor gave it.
    return make_response(redirect(attempt.launch_url or "", status))


def _record(attempt: Attempt, *, bot: bool = False) -> Attempt:
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
    return services().writer.submit(Entry((launch,))).attempt or attempt


def _ended(attempt: Attempt) -> Response:
    page = render_template(
        "go_ended.html",
        state=state(attempt),
        product_id=attempt.product_id,
        category=attempt.category,
        t=pages.translator(services().settings, attempt.locale),
        **pages.product(attempt, services().catalog),
    )
    return make_response(page, 410)


def _preview(attempt: Attempt) -> Response:
    page = render_template(
        "go_preview.html",
        t=pages.translator(services().settings, attempt.locale),
        **pages.product(attempt, services().catalog),
    )
    response = make_response(page)
    # The form's answer leads to the vendor's page, which `form-action` has to allow.
    response.headers["Content-Security-Policy"] = policy_with_form_target(attempt.launch_url or "")
    return response
