"""`/dashboard/…`: the merchant's pages, behind a login. Their numbers come from one snapshot."""

import re
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from flask import Blueprint, Response, make_response, render_template, request

from proxy.access import Access, form
from proxy.apart import run_apart
from proxy.contract import OUTCOMES, normal_word
from proxy.errors import Problem
from proxy.numbers import asked, charts, timeline
from proxy.numbers.definitions import BY_KEY, DEFINITIONS
from proxy.numbers.overview import NAMES, overview, table
from proxy.numbers.questions import RANGES, today
from proxy.services import Services
from proxy.words import CHOICES
from storage.events import now_ms
from storage.stats import BEHIND, Stats

T = TypeVar("T")

ATTEMPT = re.compile(r"[0-9a-f]{32}")
ROWS = 500  # of a table on a page of its own
# Until every worker knows a new mapping, so that no callback falls between it and the replay.
REPLAY_AFTER_S = 2.0


def blueprint(services: Services, access: Access) -> Blueprint:
    routes = Blueprint("dashboard", __name__, url_prefix="/dashboard")
    routes.context_processor(lambda: _words_of_pages(services, access))
    settings, store = services.settings, services.store
    zone = settings.timezone

    def read(look: Callable[[Stats], T]) -> T:
        """What one snapshot says, looked up off the event loop."""

        def in_snapshot() -> T:
            with store.snapshot() as db:
                return look(Stats(db, store.zone))

        return services.threads.run(in_snapshot)

    @routes.before_request
    def demand() -> Response | None:
        return None if request.endpoint == "dashboard.login" else access.demand_page()

    @routes.route("/login", methods=["GET", "POST"])
    def login() -> Response | tuple[str, int]:
        """The login page; `link` is a signed link that logs in."""
        if request.method == "POST":
            if access.log_in(form().get("password", "")):
                return access.go(access.own_page(form().get("next", "")))
            return _login_form(wrong=True)
        link = request.args.get("link")
        if link and not access.log_in_by_link(link):
            return _login_form(wrong=True)
        if link and request.headers.get("Sec-Fetch-Site") == "cross-site":
            # A redirect on a way that began on another site would not carry the strict cookie.
            return make_response(render_template("dashboard/entering.html"))
        return access.go("/dashboard/") if access.is_logged_in() else _login_form()

    @routes.post("/logout")
    def logout() -> Response:
        """End the login."""
        access.log_out()
        return access.go("/dashboard/login")

    @routes.get("")
    def without_slash() -> Response:
        """Lead to the page."""
        return access.go("/dashboard/")  # not Flask's own redirect, which believes the Host header

    @routes.get("/")
    def home() -> str:
        """The numbers of a period."""
        question, day, now = asked.question(zone), today(zone), now_ms()
        gate = services.gate.state()
        view = read(lambda stats: overview(stats, question, day, now, gate, settings.plans))
        latest = services.threads.run(timeline.latest, store)
        return render_template("dashboard/overview.html", view=view, q=question, latest=latest)

    @routes.get("/by/<any(product_id, category, locale, device, channel, day):by>")
    def breakdown(by: str) -> str:
        """One table, whole."""
        question = asked.question(zone)
        view = read(lambda stats: table(stats, question, by, ROWS))
        return render_template("dashboard/breakdown.html", table=view, q=question)

    @routes.get("/attempts")
    def attempts() -> str:
        """The try-ons behind a count, newest first."""
        question = asked.question(zone, "count", "before")
        count, before = request.args.get("count") or "clicks", request.args.get("before") or None
        if count not in BEHIND:
            raise Problem("bad_request", "count: is not known here", parameter="count")
        if before and not ATTEMPT.fullmatch(before):
            raise Problem("bad_request", "before: must be an attempt's id", parameter="before")
        found = read(lambda stats: stats.attempts(question.scope, count, before))
        return render_template(
            "dashboard/attempts.html",
            found=found,
            q=question,
            count=BY_KEY[count],
            extra={"count": count},
        )

    @routes.get("/attempts/<attempt_id>")
    def attempt(attempt_id: str) -> str:
        """One try-on and all that is kept of it."""
        view = None
        if ATTEMPT.fullmatch(attempt_id):
            view = read(lambda stats: timeline.timeline(stats, attempt_id))
        if view is None:
            raise Problem("not_found")
        return render_template("dashboard/attempt.html", view=view)

    @routes.get("/definitions")
    def definitions() -> str:
        """What each figure means."""
        return render_template("dashboard/definitions.html", definitions=DEFINITIONS)

    @routes.get("/words")
    def words() -> str:
        """The vendor's words that no mapping knows."""
        mapping = services.words.mapped()
        unknown = read(lambda stats: stats.rows("unknown_words"))
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
        word, outcome = form().get("word", ""), form().get("outcome", "")
        if not word.strip() or len(word) > 200 or outcome not in CHOICES:
            raise Problem("bad_request", "word and outcome: choose one of the list")
        services.threads.run(services.words.map, word, outcome)
        timer = threading.Timer(REPLAY_AFTER_S, run_apart, ("replay", "--quiet"))
        timer.daemon = True
        timer.start()
        return access.go("/dashboard/words", mapped=word)

    return routes


def _login_form(*, wrong: bool = False) -> tuple[str, int]:
    asked_for = form().get("next", request.args.get("next", ""))
    page = render_template("dashboard/login.html", wrong=wrong, next=asked_for)
    return page, 403 if wrong else 200


# What became of a callback, in words.
VERDICTS = {
    "accepted": "counted",
    "duplicate": "came again",
    "mismatch": "names another session",
    "too_old": "of a day that is purged",
    "too_many": "one too many of its try-on",
    "erased": "of a try-on that was erased",
    "unreadable": "not readable",
    "unsigned": "signature missing or wrong",
}

BREAKER = {
    "closed": "Calls to it go through.",
    "open": "Calls to it are held back, since many failed in a row.",
    "half-open": "Calls to it are tried again one by one, since many failed in a row.",
}


def _words_of_pages(services: Services, access: Access) -> dict[str, Any]:
    """What the templates write with: numbers, moments and addresses."""
    zone, public = services.settings.timezone, services.settings.public_url

    def moment(at_ms: int | None) -> str:
        if at_ms is None:
            return "—"
        return datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")

    return {
        "access": access,
        "base": f"{public}/dashboard",
        "ranges": RANGES,
        "names": NAMES,
        "charts": charts,
        "define": BY_KEY,
        "verdicts": VERDICTS,
        "breaker": BREAKER,
        "moment": moment,
        "now_ms": now_ms(),
        "percent": lambda rate: "—" if rate is None else f"{100 * rate:.1f}%",
        "number": lambda value: "—" if value is None else f"{value:,}",
        "duration": timeline.duration,
        "some": lambda n, what: f"{n:,} {what}" if n == 1 else f"{n:,} {what}s",
    }
