"""What each route answers: the part of the interface that no code states.

Keys are a method and a path as OpenAPI writes it. `proxy.web.openapi` adds what the app
itself knows.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from proxy.catalog.products import CATEGORY
from proxy.numbers.questions import BY, RANGES, SORTS
from proxy.tryon.state import SessionAnswer, SessionView
from proxy.web.bodies import Beacon, Locale, Wish
from storage.funnel import COUNTS
from storage.numbers import DIMENSIONS

Members = dict[str, Any]
Answer = tuple[str, Mapping[str, Members]]  # what it means, and its schema by media type

JSON, TEXT, HTML, CSV = "application/json", "text/plain", "text/html", "text/csv"
FORM = "application/x-www-form-urlencoded"
SCHEMAS = "#/components/schemas/"
STRING: Members = {"type": "string"}
WORDS: Members = {"type": "object", "additionalProperties": STRING}
DATE = STRING | {"format": "date"}


class Operation(NamedTuple):
    """What cannot be read from a route: its answers, and the codes of its own failures."""

    answers: Mapping[int, Answer]
    problems: str = ""
    parameters: tuple[Members, ...] = ()
    body: Mapping[str, Members] = {}
    security: tuple[str, ...] = ()


def _reference(shape: type) -> Members:
    return {"$ref": SCHEMAS + shape.__name__}


def object_of(properties: Mapping[str, Members], *optional: str) -> Members:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _query(name: str, about: str, **schema: Any) -> Members:
    return {"name": name, "in": "query", "description": about, "schema": STRING | schema}


def _header(name: str, about: str, *, required: bool = False) -> Members:
    return {
        "name": name, "in": "header", "description": about, "schema": STRING, "required": required
    }  # fmt: skip


def _page(*parameters: Members, problems: str = "not_found storage_unavailable") -> Operation:
    return Operation({200: ("The page.", {HTML: STRING})}, problems, parameters)


def _file(media_type: str, problems: str = "") -> Operation:
    return Operation({200: ("The file.", {media_type: {}}), 304: SAME}, problems, (IF_NONE_MATCH,))


def _data(schemas: Mapping[str, Members], *parameters: Members) -> Operation:
    return Operation(
        {200: ("The numbers.", schemas)},
        "bad_request unauthorized not_found rate_limited storage_unavailable",
        parameters,
        security=("dashboard_password", "dashboard_cookie"),
    )


ORIGIN = _header("Origin", "Of the page that asks; it has to be an allowed one.", required=True)
MAYBE_ORIGIN = _header("Origin", "Where it is sent it has to be an allowed one.")
IF_NONE_MATCH = _header("If-None-Match", "The ETag of an earlier answer.")
SIGNATURE = tuple(
    _header(f"webhook-{part}", "Of Standard Webhooks; needed where a callback secret is set.")
    for part in ("id", "timestamp", "signature")
)
LANGUAGE = _query("lang", "The page's language.", **TypeAdapter(Locale).json_schema())
SCANNED = _query("q", "Its presence says that a QR was scanned.")
PERIOD = (
    _query("from", "The first day, in the shop's time zone.", format="date"),
    _query("to", "The last day, included.", format="date"),
    _query("range", "Instead of both: days that move with the day.", enum=[*RANGES]),
    *(_query(name, f"Of this {name} alone; (none) for none.") for name in DIMENSIONS),
)
PARTS = _query("by", "What to divide by.", enum=[*BY])
SORTED = _query("sort", "Which count is greatest first.", enum=[*SORTS])
COUNTS_AND_OPEN = {name: {"type": "integer"} for name in (*COUNTS, "open")}
COUNTED = object_of(COUNTS_AND_OPEN)
NUMBERS = {
    "from": DATE,
    "to": DATE,
    "timezone": STRING,
    "filters": WORDS,
    "totals": COUNTED,
    "previous_from": DATE,
    "previous_to": DATE,
    "previous": COUNTED,
    "by": {"type": "array", "items": object_of({"key": STRING, **COUNTS_AND_OPEN})},
    "more": {"type": "integer", "description": "How many parts the limit left out."},
    "source": {"enum": ["totals", "attempts"]},
    "raw_since": {"type": ["string", "null"]},
    "times": {"type": "array", "items": {"type": "object"}},
}
READINESS = object_of({"status": {"enum": ["ready", "unready"]}, "parts": WORDS})
COMPLETION = object_of({"session_id": STRING, "state": STRING}) | {
    "description": "Other spellings of the names are read too, and whatever else comes is kept."
}
SAME: Answer = ("The client has it.", {})
VIEW: Answer = ("The session.", {JSON: _reference(SessionView)})
HANDOFF: Answer = ("To a form: the handoff page.", {})
GONE: Answer = ("It has ended; the page can make a new one.", {HTML: STRING})
LAUNCHED: Answer = ("The launch is recorded; on to the vendor's page.", {})
UNREADABLE = "bad_request request_timeout payload_too_large unsupported_media_type"
FOUND = "not_found storage_unavailable"
PREFLIGHT = Operation({204: ("What is allowed.", {})}, "origin_not_allowed", (ORIGIN,))
OPERATIONS: Mapping[str, Operation] = {
    "POST /sessions": Operation(
        {
            201: ("A new session.", {JSON: _reference(SessionAnswer)}),
            200: ("The session that there was already.", {JSON: _reference(SessionAnswer)}),
            303: HANDOFF,
        },
        f"{UNREADABLE} unsupported_category unknown_product origin_not_allowed gone not_available "
        "rate_limited budget_exhausted upstream_error bad_upstream_reply unavailable busy "
        "storage_unavailable upstream_timeout",
        (ORIGIN,),
        {JSON: _reference(Wish), FORM: _reference(Wish)},
    ),
    "GET /sessions/{public_id}": Operation({200: VIEW, 304: SAME}, FOUND, (IF_NONE_MATCH,)),
    "GET /sessions/{public_id}/events": Operation(
        {200: ("Events named state; the data of each is the session.", {"text/event-stream": {}})},
        FOUND,
    ),
    "POST /sessions/{public_id}/cancel": Operation(
        {200: VIEW, 303: HANDOFF}, f"origin_not_allowed {FOUND}", (MAYBE_ORIGIN,)
    ),
    "POST /events": Operation(
        {204: ("It is stored.", {})},
        f"{UNREADABLE} origin_not_allowed rate_limited storage_unavailable",
        (ORIGIN,),
        {
            JSON: _reference(Beacon),
            TEXT: STRING | {"contentMediaType": JSON, "contentSchema": _reference(Beacon)},
        },
    ),
    "GET /handoff/{public_id}": _page(LANGUAGE),
    "GET /qr/{public_id}.{kind}": Operation(
        {200: ("The picture.", {"image/svg+xml": {}, "image/png": {}})}, FOUND
    ),
    "GET /go/{launch_key}": Operation(
        {200: ("For a bot: a page with a button.", {HTML: STRING}), 302: LAUNCHED, 410: GONE},
        f"prefetch_refused {FOUND}",
        (SCANNED, LANGUAGE),
    ),
    "POST /go/{launch_key}": Operation({303: LAUNCHED, 410: GONE}, FOUND, (SCANNED, LANGUAGE)),
    "GET /t/{product_id}": _page(
        _query("category", "Needed where there is no catalogue.", pattern=CATEGORY), LANGUAGE
    ),
    "GET /embed": _page(_query("product", "The product that the examples name."), problems=""),
    "GET /try-on-button.js": _file("text/javascript"),
    "GET /try-on-button.d.ts": _file(TEXT),
    "GET /custom-elements.json": _file(JSON),
    "GET /theme.css": _file("text/css"),
    "GET /static/{hashed_name}": _file("*/*", "not_found"),
    "POST /callbacks/{capability}": Operation(
        {204: ("It is stored; a duplicate gets the same answer.", {})},
        f"{UNREADABLE} signature_invalid {FOUND}",
        SIGNATURE,
        {JSON: COMPLETION},
    ),
    "GET /dashboard/stats.json": _data(
        {JSON: object_of(NUMBERS)}, *PERIOD, PARTS, SORTED, _query("limit", "The most parts.")
    ),
    "GET /dashboard/export/{name}.csv": _data({CSV: {}}, *PERIOD),
    "GET /dashboard/export/table.csv": _data({CSV: {}}, *PERIOD, PARTS, SORTED),
    "GET /dashboard/live.json": _data(
        {JSON: object_of({"events": {"type": "array", "items": {"type": "object"}}})},
        _query("after", "The id of the last event that is known.", pattern="^[0-9]{1,15}$"),
    ),
    "GET /healthz": Operation(
        {200: ("It serves.", {JSON: object_of({"status": {"const": "ok"}})})}
    ),
    "GET /readyz": Operation(
        {200: ("It is ready.", {JSON: READINESS}), 503: ("It is not, and why.", {JSON: READINESS})}
    ),
    "GET /metrics": Operation(
        {200: ("Prometheus text.", {TEXT: {}})}, "unauthorized not_found", security=("metrics",)
    ),
    "GET /openapi.json": _file(JSON),
}
