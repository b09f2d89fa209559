"""`/dashboard/…`: the merchant's pages behind a login, and their numbers as data."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from flask import Blueprint, Response, request

from proxy.numbers import charts, timeline
from proxy.numbers.definitions import BY_KEY
from proxy.numbers.overview import NAMES
from proxy.numbers.questions import (
    RANGES,
    BadQuestion,
    Question,
    read_question,
    today,
    written,
)
from proxy.numbers.sentence import some
from proxy.services import services
from proxy.web.problems import Problem
from storage.events import now_ms
from storage.numbers import LISTED, Numbers

T = TypeVar("T")

LONGEST_SEARCH = 300


# Verdicts on callbacks, in words.
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


def guard(routes: Blueprint) -> None:
    """Put pages behind the login, and give their templates what they are written with."""
    routes.before_request(demand)
    routes.context_processor(words_of_pages)


def demand() -> Response | None:
    return None if request.endpoint == "dashboard.login" else services().login.demand_page()


def question(*also: str) -> Question:
    """Read the question from the query; `also` are parameters that the page reads itself.

    :raises Problem: `bad_request`, with `parameter`.
    """
    day = today(services().settings.timezone)
    try:
        return read_question(request.args.to_dict(flat=False), day, also)
    except BadQuestion as error:
        raise Problem("bad_request", str(error), parameter=error.parameter) from None


def demand_known(*names: str) -> None:
    """Refuse parameters that a page does not know, or that are given twice.

    :raises Problem: `bad_request`, with `parameter`.
    """
    for name, texts in request.args.lists():
        if name not in names or len(texts) != 1:
            reason = "is given twice" if name in names else "is not known here"
            raise Problem("bad_request", f"{name[:40]}: {reason}", parameter=name[:40])


@dataclass(frozen=True)
class Listing:
    """A question about a list of try-ons: those behind a count, or that a text finds."""

    question: Question
    count: str
    search: str

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """Return the address's parameters, as those of a question."""
        count = None if self.count == "clicks" else self.count
        return self.question.parameters(**{"count": count, "search": self.search} | changes)


def listing(*also: str) -> Listing:
    """Read which try-ons a page lists.

    :raises Problem: `bad_request`, with `parameter`.
    """
    asked = question("count", "search", *also)
    count = request.args.get("count") or "clicks"
    if count not in LISTED:
        raise Problem("bad_request", "count: is not known here", parameter="count")
    return Listing(asked, count, searched())


def searched() -> str:
    """Read the text that a page looks for.

    :raises Problem: `bad_request`, with `parameter`.
    """
    search = request.args.get("search", "").strip()
    if not search.isprintable() or len(search) > LONGEST_SEARCH:
        reason = f"search: must be text of up to {LONGEST_SEARCH} characters"
        raise Problem("bad_request", reason, parameter="search")
    return search


def read(look: Callable[[Numbers], T]) -> T:
    """Read from one snapshot of the numbers, off the event loop."""
    store = services().store

    def in_snapshot() -> T:
        with store.numbers() as numbers:
            return look(numbers)

    return services().threads.run(in_snapshot)


def words_of_pages() -> dict[str, Any]:
    """Give the templates their formats for numbers and times, and the base of addresses."""
    return {
        "access": services().login,
        "base": f"{services().settings.public_url}/dashboard",
        "ranges": RANGES,
        "names": NAMES,
        "charts": charts,
        "define": BY_KEY,
        "verdicts": VERDICTS,
        "breaker_words": BREAKER,
        "moment": _moment,
        "clock": _clock,
        "title": services().catalog.title,
        "now_ms": now_ms(),
        "percent": charts.percent,
        "number": lambda value: "—" if value is None else f"{value:,}",
        "duration": timeline.duration,
        "written": written,
        "some": some,
    }


def _clock(at_ms: int) -> str:
    """Format a moment, of today by its time alone."""
    day, time = _moment(at_ms).split()
    return time if day == str(today(services().settings.timezone)) else f"{day} {time[:5]}"


def _moment(at_ms: int | None) -> str:
    if at_ms is None:
        return "—"
    zone = services().settings.timezone
    return datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
