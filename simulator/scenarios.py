"""Scenarios: a product id that begins with one of these names gets what it says."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Literal

from flask import Response, jsonify

from simulator import replies
from simulator.replies import Document, error


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """The vendor's behaviour towards one product's sessions."""

    about: str
    delay: float = 0  # seconds before any answer
    refuse: Callable[[], Response] | None = None  # answers in place of a session
    times: float = math.inf  # refuses so many of a product's first calls
    reply: Callable[[Document], Response] = jsonify  # tells of the session that was created
    lifetime: float = 3600  # seconds
    manner: str = "plain"  # of its callbacks
    ends: str | None = None  # the state that it comes to by itself ...
    when: Literal["before the reply", "after the reply", "once opened"] = "once opened"


def limited(retry_after: str | None) -> Callable[[], Response]:
    headers = {} if retry_after is None else {"Retry_After": retry_after}
    return partial(error, 429, "rate_limited", "Rate limit exceeded for the plan.", **headers)


def limited_until() -> Response:
    until = datetime.now(UTC) + timedelta(seconds=30)
    return limited(format_datetime(until, usegmt=True))()


def with_launch(url: str) -> Callable[[Document], Response]:
    return lambda document: jsonify(document | {"launch_url": url.format(document["id"])})


def without_launch(document: Document) -> Response:
    return jsonify({name: value for name, value in document.items() if name != "launch_url"})


def with_more(document: Document) -> Response:
    return jsonify(document | {"region": "eu-1", "beta": {"flags": [1, None, "x"]}, "note": "é"})


bad_request = partial(error, 400, "invalid_request", "This product has no model yet.")
unauthorized = partial(error, 401, "unauthorized", "Missing or invalid bearer token.")
not_found = partial(error, 404, "not_found", "Session not found.")
broken = partial(error, 500, "internal_error", "Internal service error.")
overloaded = partial(error, 503, "unavailable", "Service unavailable.")


SCENARIOS: dict[str, Scenario] = {
    "sim-400": Scenario(about="400: the request is refused", refuse=bad_request),
    "sim-400-slow": Scenario(about="400, after 4 s", refuse=bad_request, delay=4),
    "sim-401": Scenario(about="401: the token is refused, though right", refuse=unauthorized),
    "sim-401-once": Scenario(about="401, then a session", refuse=unauthorized, times=1),
    "sim-404": Scenario(about="404", refuse=not_found),
    "sim-429": Scenario(about="429, Retry-After: 2", refuse=limited("2")),
    "sim-429-long": Scenario(about="429, Retry-After: 3600", refuse=limited("3600")),
    "sim-429-date": Scenario(about="429, Retry-After as a date, 30 s on", refuse=limited_until),
    "sim-429-bare": Scenario(about="429 without Retry-After", refuse=limited(None)),
    "sim-429-garbled": Scenario(about="429, Retry-After: soon", refuse=limited("soon")),
    "sim-429-once": Scenario(
        about="429, Retry-After: 1, then a session", refuse=limited("1"), times=1
    ),
    "sim-500": Scenario(about="500", refuse=broken),
    "sim-500-once": Scenario(about="500, then a session", refuse=broken, times=1),
    "sim-500-twice": Scenario(about="500 two times, then a session", refuse=broken, times=2),
    "sim-503": Scenario(about="503", refuse=overloaded),
    "sim-created-then-500": Scenario(
        about="500, though the session exists; its callback comes a second later",
        reply=lambda _document: broken(),
        ends="completed",
        when="after the reply",
    ),
    "sim-slow": Scenario(about="a session, after 2 s", delay=2),
    "sim-hang": Scenario(about="no answer for 60 s, then a reset", refuse=replies.hang),
    "sim-drip": Scenario(about="a body of one byte each 0.2 s, for 60 s", refuse=replies.drip),
    "sim-drip-headers": Scenario(
        about="a header of one byte each 0.2 s, for 60 s", refuse=replies.drip_headers
    ),
    "sim-reset": Scenario(
        about="the connection is reset once the request was read", refuse=replies.reset
    ),
    "sim-truncated": Scenario(about="half of the promised body", reply=replies.truncated),
    "sim-bad-json": Scenario(about="a body that is not JSON", reply=replies.bad_json),
    "sim-wrong-type": Scenario(about="an HTML page, 200", reply=replies.wrong_type),
    "sim-redirect": Scenario(about="302 to the launch page", reply=replies.redirect),
    "sim-huge": Scenario(about="a session object of 50 MB", reply=replies.huge),
    "sim-gzip-bomb": Scenario(about="50 MB that travel as 50 KB", reply=replies.gzip_bomb),
    "sim-bad-launch-host": Scenario(
        about="a launch URL on another host", reply=with_launch("https://launch.example.net/s/{}")
    ),
    "sim-http-launch": Scenario(
        about="a launch URL without TLS", reply=with_launch("http://launch.tryon-api.com/s/{}")
    ),
    "sim-script-launch": Scenario(
        about="a launch URL that is a script", reply=with_launch("javascript:alert('{}')")
    ),
    "sim-userinfo-launch": Scenario(
        about="a launch URL that hides its host behind an @",
        reply=with_launch("https://launch.tryon-api.com@launch.example.net/s/{}"),
    ),
    "sim-missing-field": Scenario(about="no launch_url", reply=without_launch),
    "sim-extra-fields": Scenario(about="fields that nobody documented", reply=with_more),
    "sim-expires": Scenario(about="a session of 2 s", lifetime=2),
    "sim-expires-soon": Scenario(about="a session of 30 s, to watch it end", lifetime=30),
    "sim-expired": Scenario(about="a session that ended an hour ago", lifetime=-3600),
    "sim-no-callback": Scenario(about="no callback ever comes", manner="none"),
    "sim-late-callback": Scenario(about="the callback comes 3 s after the end", manner="late"),
    "sim-late-callback-expired": Scenario(
        about="a session of 2 s whose callback comes 3 s after the end", manner="late", lifetime=2
    ),
    "sim-duplicate-callback": Scenario(
        about="the same callback 5 times at once", manner="duplicate"
    ),
    "sim-early-callback": Scenario(
        about="the callback is answered before the session is",
        ends="completed",
        when="before the reply",
    ),
    "sim-reordered-callbacks": Scenario(
        about='after the ending come "abandoned" and "started"', manner="reordered"
    ),
    "sim-malformed-callback": Scenario(about="a callback cut short", manner="malformed"),
    "sim-unknown-state": Scenario(
        about='the callback\'s state is "evaporated"', manner="unknown-state"
    ),
    "sim-wrong-session": Scenario(
        about="the callback names another session", manner="wrong-session"
    ),
    "sim-bad-signature": Scenario(
        about="the callback is signed with a wrong secret", manner="bad-signature"
    ),
    "sim-callback-camel-case": Scenario(about="the callback's sessionId", manner="camel-case"),
    "sim-callback-pascal-case": Scenario(about="the callback's SessionId", manner="pascal-case"),
    "sim-callback-webhook": Scenario(
        about="the callback is shaped after Standard Webhooks: its type says the state",
        manner="webhook",
    ),
    "sim-callback-envelope": Scenario(
        about="the callback's content is three objects deep", manner="envelope"
    ),
    "sim-callback-api-answer": Scenario(
        about='the callback\'s content is in data, beside "status": "ok"', manner="api-answer"
    ),
    "sim-callback-list-of-one": Scenario(about="the callback is in a list", manner="list-of-one"),
    "sim-callback-several": Scenario(
        about="three callbacks in one body, the last of them the ending", manner="several"
    ),
    "sim-callback-own-id": Scenario(
        about="the callback's id is its own, and it names no session", manner="own-id"
    ),
    "sim-callback-no-session": Scenario(about="the callback names no session", manner="no-session"),
    "sim-callback-upper-case": Scenario(
        about="the callback's state is SESSION_COMPLETED", manner="upper-case"
    ),
    "sim-callback-state-object": Scenario(
        about="the callback's state is an object with a code", manner="state-object"
    ),
    "sim-callback-flag": Scenario(about='the callback says "completed": true', manner="flag"),
    "sim-callback-bom": Scenario(about="the callback begins with a byte order mark", manner="bom"),
    "sim-callback-form": Scenario(about="the callback is a form", manner="form"),
    "sim-callback-unreadable": Scenario(
        about="the callback is JSON in which nothing is named as a state", manner="unreadable"
    ),
    "sim-auto-complete": Scenario(about="completes 0.3 s after it is opened", ends="completed"),
    "sim-auto-abandon": Scenario(about="is left 0.3 s after it is opened", ends="abandoned"),
    "sim-auto-fail": Scenario(about="fails 0.3 s after it is opened", ends="failed"),
}

AS_DOCUMENTED = Scenario(about="a session, as documented")


def scenario_of(product_id: str) -> Scenario:
    """Find the longest name that the product id is, or begins with before a hyphen."""
    parts = product_id.split("-")
    for length in range(len(parts), 0, -1):
        if scenario := SCENARIOS.get("-".join(parts[:length])):
            return scenario
    return AS_DOCUMENTED
