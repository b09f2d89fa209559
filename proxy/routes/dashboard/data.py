"""The dashboard's numbers as data: `stats.json`, exports as CSV, and the newest events."""

from collections.abc import Iterator, Mapping

from flask import Blueprint, Response, jsonify, request

from proxy.numbers import exports, timeline
from proxy.numbers.answers import answer
from proxy.numbers.questions import BY, RANGES, SORTS, Question
from proxy.routes.dashboard import listing, question, read
from proxy.services import services
from proxy.web.openapi import JSON, STRING, WORDS, Members, object_of, query
from proxy.web.problems import Problem
from storage.events import now_ms
from storage.funnel import COUNTS
from storage.numbers import DIMENSIONS, LISTED

PERIOD = (
    query("from", "The first day, in the shop's time zone.", format="date"),
    query("to", "The last day, included.", format="date"),
    query("range", "Instead of both: days that move with the day.", enum=[*RANGES]),
    *(query(name, f"Of this {name} alone; (none) for none.") for name in DIMENSIONS),
)
PARTS = (
    query("by", "What to divide by.", enum=[*BY]),
    query("sort", "Which count is greatest first.", enum=[*SORTS]),
)
LIST = (
    query("count", "Those behind this count; clicks are all.", enum=[*LISTED]),
    query(
        "search",
        "Those with this id, or whose product or reference begins like this.",
        maxLength=300,
    ),
)
SEPARATOR = query("separator", "What stands between cells.", enum=[*exports.SEPARATORS])
LIMIT = query("limit", "The most rows; without it all.")
DATE = STRING | {"format": "date"}
COUNTED = {name: {"type": "integer"} for name in (*COUNTS, "open")}
NUMBERS = {
    "from": DATE,
    "to": DATE,
    "timezone": STRING,
    "filters": WORDS,
    "totals": object_of(COUNTED),
    "previous_from": DATE,
    "previous_to": DATE,
    "previous": object_of(COUNTED) | {"type": ["object", "null"]},
    "by": {"type": "array", "items": object_of({"key": STRING, **COUNTED})},
    "more": {"type": "integer", "description": "How many parts the limit left out."},
    "source": {"enum": ["totals", "attempts"]},
    "raw_since": {"type": ["string", "null"]},
    "times": {"type": "array", "items": {"type": "object"}},
}


def _data(schemas: Mapping[str, Members], *parameters: Members) -> Members:
    return {
        "answers": {200: ("The numbers.", schemas)},
        "problems": "bad_request not_found rate_limited storage_unavailable",
        "parameters": parameters,
        "security": ["dashboard_password", "dashboard_cookie"],
    }


routes = Blueprint("stats", __name__, url_prefix="/dashboard")


@routes.before_request
def demand() -> None:
    services().login.demand_data()


@routes.after_request
def ask_for_login(response: Response) -> Response:
    # Not the page's own poll: a browser would put up its own dialog.
    if response.status_code == 401 and request.endpoint != "stats.live":
        response.headers["WWW-Authenticate"] = 'Basic realm="Try-on numbers", charset="UTF-8"'
    return response


@routes.get(
    "/stats.json",
    **_data({JSON: object_of(NUMBERS)}, *PERIOD, *PARTS, query("limit", "The most parts.")),
)
def totals() -> Response:
    """The counts of a period beside those of the one before as it stood at the same moment, and by
    a dimension or day."""
    asked = question()
    return jsonify(read(lambda numbers: answer(numbers, asked, now_ms())))


@routes.get(
    "/export/<any(attempts, events, daily):name>.csv",
    **_data({"text/csv": {}}, *PERIOD, LIMIT, SEPARATOR),
)
def export(name: str) -> Response:
    """Try-ons, events or days as CSV."""
    asked = question("separator")
    return _csv(name, asked, exports.export(services().store, asked, name, _separator()))


@routes.get("/export/table.csv", **_data({"text/csv": {}}, *PERIOD, *PARTS, LIMIT, SEPARATOR))
def table() -> Response:
    """The counts for each value of a dimension as CSV."""
    asked = question("separator")
    by = asked.by or "product_id"
    return _csv(f"by-{by}", asked, exports.table(services().store, asked, by, _separator()))


@routes.get("/export/list.csv", **_data({"text/csv": {}}, *PERIOD, *LIST, LIMIT, SEPARATOR))
def listed() -> Response:
    """The list of try-ons as its page shows it, but whole, as CSV."""
    asked = listing("separator")
    parts = exports.listed(
        services().store, asked.question, asked.count, asked.search, _separator()
    )
    return _csv("list", asked.question, parts)


def _separator() -> str:
    separator = request.args.get("separator") or ","
    if separator not in exports.SEPARATORS:
        raise Problem("bad_request", "separator: must be , or ;", parameter="separator")
    return separator


@routes.get(
    "/live.json",
    **_data(
        {JSON: object_of({"events": {"type": "array", "items": {"type": "object"}}})},
        query("after", "The id of the last event that is known.", pattern="^[0-9]{1,15}$"),
    ),
)
def live() -> Response:
    """The newest events."""
    after = request.args.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        raise Problem("bad_request", "after: must be the id of an event", parameter="after")
    found = read(lambda numbers: timeline.latest(numbers, int(after)))
    title = services().catalog.title
    return jsonify(events=[{**each, "title": title(each["product_id"])} for each in found])


def _csv(name: str, asked: Question, parts: exports.Parts) -> Response:
    parts = services().threads.iterate(parts)
    head = next(parts)  # what fails at once is answered as such

    def body() -> Iterator[str]:
        yield head
        yield from parts

    response = Response(body(), content_type="text/csv; charset=utf-8; header=present")
    file = f"try-on-{name}-{asked.scope.first}-{asked.scope.last}"
    if asked.limit:  # nobody should take a part for the whole
        file += f"-first-{asked.limit}"
        response.headers["X-Row-Limit"] = str(asked.limit)
    response.headers["Content-Disposition"] = f'attachment; filename="{file}.csv"'
    response.call_on_close(parts.close)
    return response
