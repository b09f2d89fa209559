"""`/dashboard/attempts…`: the list of try-ons, and one of them."""

import re
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, render_template, request

from proxy.numbers import timeline
from proxy.numbers.definitions import BY_KEY
from proxy.numbers.overview import ENDINGS
from proxy.numbers.questions import LONGEST_DAYS, today
from proxy.routes.dashboard import Listing, guard, listing, read
from proxy.services import services
from proxy.web.problems import Problem
from storage.funnel import ending
from storage.numbers import Counts, Found, Numbers, answering_table

ATTEMPT = re.compile(r"[0-9a-f]{32}")

routes = Blueprint("dashboard_attempts", __name__, url_prefix="/dashboard")
guard(routes)


@dataclass(frozen=True)
class View:
    """A page of the list. `totals` are those of its period and filters, None where no total has
    them."""

    found: Found
    totals: Counts | None
    cut: bool  # more products or references begin with the text than were looked for
    since: str  # the first day of which there are try-ons
    raw_since: str


@routes.get("/attempts")
def attempts() -> str:
    """The try-ons behind a count, or that a search finds, newest first."""
    asked, before = listing("before"), request.args.get("before") or None
    if before and not ATTEMPT.fullmatch(before):
        raise Problem("bad_request", "before: must be an attempt's id", parameter="before")
    return render_template(
        "dashboard/attempts.html",
        view=read(lambda numbers: _view(numbers, asked, before)),
        asked=asked,
        q=asked.question,
        before=before,
        count=BY_KEY[asked.count],
        endings=ENDINGS,
        ending=ending,
        today=(day := today(services().settings.timezone)),
        earliest=day - timedelta(LONGEST_DAYS - 1),
    )


def _view(numbers: Numbers, asked: Listing, before: str | None) -> View:
    scope, search = asked.question.scope, asked.search
    return View(
        found=numbers.attempts(scope, asked.count, before, search=search),
        totals=numbers.totals(scope) if answering_table(scope) else None,
        cut=bool(search) and numbers.search_is_cut(search),
        since=numbers.since,
        raw_since=numbers.raw_since,
    )


@routes.get("/attempts/<attempt_id>")
def attempt(attempt_id: str) -> str:
    """One try-on and all that is kept of it. The parameters are those of the list before it."""
    asked, view = listing("before"), None
    if ATTEMPT.fullmatch(attempt_id):
        view = read(lambda numbers: timeline.timeline(numbers, attempt_id))
    if view is None:
        raise Problem("not_found")
    before = request.args.get("before")
    back = asked.parameters(before=before if before and ATTEMPT.fullmatch(before) else None)
    return render_template(
        "dashboard/attempt.html", view=view, back=back, ending=ending(view.attempt)
    )
