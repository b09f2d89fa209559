"""Read a request: its address, its language, its body within bounds."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import flask
import gevent
from flask import request
from gevent.monkey import is_module_patched
from gunicorn.http.errors import ParseException
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.exceptions import ClientDisconnected
from werkzeug.utils import cached_property

from proxy.settings import Settings
from proxy.web import i18n
from proxy.web.problems import Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

BODY_DEADLINE_S = 15.0
LARGEST_FORM = 16 * 1024  # bytes
FORM = "application/x-www-form-urlencoded"
# Werkzeug reads a few thousand members of these a second; a browser sends a dozen.
LISTS = ("HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH")
LONGEST_LIST = 1_000  # characters
NOT_IN_A_QUERY = re.compile(r"[^!-~]")  # bytes, as WSGI has them
CUT_SHORT = "The body could not be read to its end."


class Request(flask.Request):
    """A request whose form is bounded like every body."""

    @cached_property
    def form(self) -> ImmutableMultiDict[str, str]:
        """Fields of the form; empty for another media type."""
        if self.mimetype != FORM:
            return ImmutableMultiDict()
        body = read_body(LARGEST_FORM).decode(errors="replace")
        return ImmutableMultiDict(parse_qsl(body, keep_blank_values=True))


class Address:
    """Middleware that puts a request's address and headers in order.

    It takes the public URL's path away, where the proxy before us passes that on, and leaves
    nothing but ASCII in the query, and no header that takes long to read.
    """

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
        _shorten(environ)
        return self._app(environ, start)


def _shorten(environ: "WSGIEnvironment") -> None:
    # Nothing here has a date; Werkzeug reads it all the same, and raises OverflowError at a year
    # of many digits.
    environ.pop("HTTP_IF_MODIFIED_SINCE", None)
    for name in LISTS:
        if len(environ.get(name, "")) > LONGEST_LIST:
            environ[name] = environ[name][:LONGEST_LIST]
    if cookies := environ.get("HTTP_COOKIE"):  # which Flask reads at each request
        # Of a run of spaces Werkzeug's expression takes the square for its time.
        environ["HTTP_COOKIE"] = " ".join(cookies.split())


def client() -> str:
    """Return the client's address, as far as proxies are believed; empty where there is none."""
    return request.remote_addr or ""


def language(settings: Settings, *wishes: str | None) -> str:
    """Choose the language to answer in: the first wish that can be met, else the browser's, else
    the shop's own."""
    return i18n.negotiate(
        *wishes,
        accept_language=request.headers.get("Accept-Language"),
        default=settings.locale,
    )


def is_coded() -> bool:
    """Tell whether the body has a content coding. Nothing is decoded here, so that no bomb can
    burst; `identity`, in whatever case, is none (RFC 9110, 8.4.1)."""
    coding = request.headers.get("Content-Encoding", "")
    return coding.strip().lower() not in ("", "identity")


def read_body(limit: int) -> bytes:
    """Read the body, of at most `limit` bytes, whatever Content-Length says.

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
