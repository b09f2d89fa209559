"""What every request goes through: its id, its log line, its headers, its bounded body."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent
from flask import Flask, Response, g, request
from gevent.monkey import is_module_patched
from gunicorn.http.errors import ParseException
from pydantic_core import to_json
from werkzeug.exceptions import ClientDisconnected

from proxy import i18n, metrics
from proxy.errors import Problem
from proxy.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BODY_DEADLINE_S = 15.0
NOT_IN_A_QUERY = re.compile(r"[^!-~]")  # bytes, as WSGI has them
CUT_SHORT = "The body could not be read to its end."
REQUEST_ID = "tryon.request_id"  # in WSGI's environ
KEY = re.compile(r"[A-Za-z0-9_.-]{20,}")
# A client may make up methods; each would be another label in the metrics.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Pages load what is ours, and pictures from the merchant's own hosts. Nothing is inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; "
    "connect-src 'self'; form-action 'self'{form_action}; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with that a browser sends `Origin: null` from our own forms.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def install(app: Flask, settings: Settings) -> None:
    """Give each answer its id and headers, and write one line of JSON about it."""
    # Merging the slashes of a path is answered with a redirect, which would be built from Host.
    app.url_map.merge_slashes = False
    app.wsgi_app = _Envelope(app.wsgi_app, settings)  # type: ignore[method-assign, assignment]

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.request_id = request.environ[REQUEST_ID]

    @app.after_request
    def finish(response: Response) -> Response:
        _report(response.status_code)
        return response


class _Envelope:
    """Adds the headers of every answer, where it has not its own. On WSGI's plain list that costs
    little; in Werkzeug's, each name would be looked for in all of them."""

    def __init__(self, app: "WSGIApplication", settings: Settings) -> None:
        self._app = app
        headers = HEADERS | {
            "Content-Security-Policy": POLICY.format(form_action=""),
            "Cache-Control": "no-store",
        }
        if settings.public_url.startswith("https://"):
            headers["Strict-Transport-Security"] = "max-age=31536000"
        self._standing = [(name.lower(), (name, value)) for name, value in headers.items()]

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        environ[REQUEST_ID] = request_id = token_hex(8)

        def start_with_all(
            status: str, headers: list[tuple[str, str]], *error: Any
        ) -> Callable[[bytes], object]:
            given = {name.lower() for name, _ in headers}
            headers += [header for name, header in self._standing if name not in given]
            headers.append(("X-Request-ID", request_id))
            return start(status, headers, *error)

        return self._app(environ, start_with_all)


def _report(status: int) -> None:
    # Through Flask's proxies each access would look for the context again.
    asked, noted = request._get_current_object(), g._get_current_object()  # type: ignore[attr-defined]
    seconds = time.perf_counter() - noted.started
    route = asked.url_rule.rule if asked.url_rule else "none"
    code = noted.get("code")
    method = asked.method if asked.method in METHODS else "other"
    metrics.count(metrics.REQUESTS, method, route, str(status))
    metrics.observe(metrics.DURATION, seconds, route)
    if code:
        metrics.count(metrics.PROBLEMS, code)
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": "request",
        "request_id": noted.request_id,
        "method": asked.method,
        "path": mask(asked.path),
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 1),
        **({"code": code} if code else {}),
        **noted.get("log", {}),
    }
    with suppress(OSError):  # a full disk under the log must not fail what was served
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class Address:
    """A request's address as the app is to read it: without the public URL's path, where the proxy
    before us passes that on, and with nothing but ASCII in its query."""

    def __init__(self, app: "WSGIApplication", public_url: str) -> None:
        self._app = app
        self._prefix = urlsplit(public_url).path

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if self._prefix and path.startswith(f"{self._prefix}/"):
            environ["PATH_INFO"] = path[len(self._prefix) :]
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + self._prefix
        # Werkzeug raises UnicodeDecodeError at the first look into a query that is not UTF-8.
        if query := environ.get("QUERY_STRING", ""):
            environ["QUERY_STRING"] = NOT_IN_A_QUERY.sub(lambda byte: f"%{ord(byte[0]):02X}", query)
        return self._app(environ, start)


def answer(members: Mapping[str, Any], status: int = 200) -> Response:
    """A JSON answer, by pydantic's serializer: a fifth of `jsonify`'s time for a session's."""
    return Response(to_json(members), status, mimetype="application/json")


def language(settings: Settings, *wishes: str | None) -> str:
    """The catalogue to answer in: the first wish that we can meet, else the browser's, else the
    shop's own language."""
    return i18n.negotiate(
        *wishes,
        accept_language=request.headers.get("Accept-Language"),
        default=settings.locale,
    )


def policy_with_form_target(url: str) -> str:
    """The pages' policy, for a page whose form's answer leads to this URL."""
    target = urlsplit(url)
    return POLICY.format(form_action=f" {target.scheme}://{target.netloc}")


def note(**fields: object) -> None:
    """Further fields for this request's log line."""
    g.log = getattr(g, "log", {}) | fields


def mask(path: str) -> str:
    """A path without its capability keys: of each the first four characters are left."""
    return KEY.sub(lambda key: key[0][:4] + "…", path)[:200]


def is_coded() -> bool:
    """Whether the request's body would have to be decoded first. Nothing here is inflated, and so
    nothing can burst; `identity` is the name of no coding, in whatever case (RFC 9110, 8.4.1)."""
    coding = request.headers.get("Content-Encoding", "")
    return coding.strip().lower() not in ("", "identity")


def read_body(limit: int) -> bytes:
    """The request's body of at most `limit` bytes, whatever Content-Length says.

    :raises Problem: `payload_too_large`; `request_timeout` where it drips too slowly;
        `bad_request` where it breaks off, or its chunks cannot be read.
    """
    if (request.content_length or 0) > limit:
        raise Problem("payload_too_large")
    # gevent's timer ends a read that waits; without gevent (in a test client) nothing waits.
    timer = gevent.Timeout(BODY_DEADLINE_S if is_module_patched("socket") else None)
    try:
        with timer:
            body = request.stream.read(limit + 1)
    except gevent.Timeout as fired:
        if fired is not timer:
            raise
        raise Problem("request_timeout") from None
    except (OSError, ClientDisconnected, ParseException):  # gunicorn's: of chunks, of trailers
        raise Problem("bad_request", CUT_SHORT) from None
    if len(body) > limit:
        raise Problem("payload_too_large")
    if len(body) < (request.content_length or 0):
        raise Problem("bad_request", CUT_SHORT)
    return body
