"""`/dashboard/…`: the merchant's pages. The numbers of each come from one snapshot."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from flask import Blueprint, Response, g, make_response, render_template, request

from proxy.numbers.definitions import DEFINITIONS
from proxy.numbers.overview import STEPS, First, first, overview, table
from proxy.numbers.questions import today
from proxy.numbers.sentence import facts, sentence, spending, statuses
from proxy.routes.dashboard import demand_known, guard, question, read, searched
from proxy.services import Services, services
from proxy.tryon.limits import LimitReached
from proxy.upstream.outcomes import CHOICES, OUTCOMES, normal_word
from proxy.web import devices
from proxy.web.login import LinkRefused
from proxy.web.problems import Problem
from storage.events import now_ms

CHARTS = (*STEPS, "whole_rate")
DRAWN_MS = 60_000  # so long is a drawing as good as a new one, while nothing happens
ROWS = 500  # of a table on a page of its own

routes = Blueprint("dashboard", __name__, url_prefix="/dashboard")
guard(routes)


@routes.route("/login", methods=["GET", "POST"])
def login() -> Response:
    """The login page; `link` is a signed link that logs in, once."""
    if request.method == "POST":
        return _log_in()
    door, link = services().login, request.args.get("link")
    if link and devices.is_prefetch(request.headers):
        raise Problem("prefetch_refused")
    if link and _is_visit():
        try:
            door.log_in_by_link(link)
        except LinkRefused as refused:
            return _login_form(refused.why, 403)
    if not door.is_logged_in():
        if not link:
            door.try_cookie()
        return _login_form()
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        # A redirect on a way that began on another site would not carry the strict cookie.
        return make_response(render_template("dashboard/entering.html"))
    return door.go("/dashboard/")


def _log_in() -> Response:
    door = services().login
    if door.lacks_cookie():
        return _login_form("cookies", 403)
    try:
        if door.log_in(request.form.get("password", "")):
            return door.go(door.own_page(request.form.get("next", "")))
    except LimitReached as reached:
        g.code, wait_s = reached.code, reached.wait_s or 60
        form = _login_form("many", 429, wait_s)
        form.headers["Retry-After"] = str(wait_s)
        return form
    return _login_form("wrong", 403)


def _is_visit() -> bool:
    """Tell a person's browser from what looks at links on its own, which uses none up."""
    return request.method == "GET" and devices.is_browser(request.user_agent.string)


def _login_form(why: str = "", status: int = 200, wait_s: int = 0) -> Response:
    page = render_template(
        "dashboard/login.html",
        why=why,
        wait_s=wait_s,
        until=now_ms() + wait_s * 1_000,
        next=request.form.get("next", request.args.get("next", "")),
    )
    return make_response(page, status)


@routes.post("/logout")
def logout() -> Response:
    """End the login."""
    services().login.log_out()
    return services().login.go("/dashboard/login")


@routes.get("")
def without_slash() -> Response:
    """Lead to the page."""
    return services().login.go("/dashboard/")  # Flask's own redirect believes the Host header


@routes.get("/")
def home() -> str:
    """The numbers of a period."""
    look = partial(overview, title=services().catalog.title)
    return render_template("dashboard/overview.html", **_seen(look))


@routes.get("/first")
def first_screen() -> str:
    """What is read first, for a page that is open: it draws this anew as things happen."""
    version = services().store.position(), now_ms() // DRAWN_MS
    return drawn(services(), request.query_string, version)


@lru_cache(maxsize=64)
def drawn(_app: Services, _query: bytes, _version: tuple[int, int]) -> str:
    """Draw the first screen once for all who look; what is no event shows in the next minute."""
    return render_template("dashboard/first.html", **_seen(first))


def _seen(look: Callable[..., First]) -> dict[str, Any]:
    asked, day, now = question("chart"), today(services().settings.timezone), now_ms()
    chart = request.args.get("chart") or "clicks"
    if chart not in CHARTS:
        raise Problem("bad_request", "chart: is not known here", parameter="chart")
    breaker, plans = services().breaker.state(), services().settings.plans
    view = read(lambda numbers: look(numbers, asked, day, now, breaker, plans))
    matters = facts(view, [spending(*each, each.part) for each in services().limits.spent()])
    return {
        "view": view,
        "q": asked,
        "chart": chart,
        "sentence": sentence(matters),
        "statuses": statuses(matters),
        "catalog_trouble": services().catalog.trouble(),
    }


@routes.get("/by/<any(product_id, category, locale, device, offered, channel, day):by>")
def breakdown(by: str) -> str:
    """One table with many rows, or those alone that a text finds."""
    asked, search = question("search"), searched()
    catalog = services().catalog  # the thread that reads has no request
    view = read(lambda numbers: table(numbers, asked, by, ROWS, catalog.title, search))
    return render_template("dashboard/breakdown.html", table=view, q=asked, search=search)


@routes.get("/definitions")
def definitions() -> str:
    """What each figure means."""
    demand_known()
    return render_template("dashboard/definitions.html", definitions=DEFINITIONS)


@routes.get("/words")
def words() -> str:
    """The vendor's words that no mapping knows."""
    demand_known("mapped")
    mapping = services().store.mapping()
    unknown = read(lambda numbers: numbers.rows("unknown_words"))
    return render_template(
        "dashboard/words.html",
        # One that was mapped just now stands in the try-ons until they have been read again.
        unknown=[each for each in unknown if normal_word(each["word"]) not in mapping],
        mapping=mapping,
        choices=CHOICES,
        known=OUTCOMES,
        just_mapped=request.args.get("mapped", "")[:100],
    )


@routes.post("/words")
def map_word() -> Response:
    """Map a word, and read earlier callbacks again."""
    word, outcome = request.form.get("word", ""), request.form.get("outcome", "")
    if not word.strip() or len(word) > 200 or outcome not in CHOICES:
        raise Problem("bad_request", "word and outcome: choose one of the list")
    services().threads.run(services().outcomes.map, word, outcome)
    return services().login.go("/dashboard/words", mapped=word)
