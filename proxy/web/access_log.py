"""Access log: one line of JSON for each request, and its metrics."""

import json
import re
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

from flask import Flask, Response, g, request

from proxy import metrics
from proxy.web.response import REQUEST_ID

KEY = re.compile(r"[A-Za-z0-9_.-]{20,}")
# A client may make up methods; each would be another label in the metrics.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def install(app: Flask) -> None:
    """Log and count each request."""

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        g.request_id = request.environ[REQUEST_ID]

    @app.after_request
    def finish(response: Response) -> Response:
        _report(response.status_code)
        return response


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


def note(**fields: object) -> None:
    """Add fields to this request's log line."""
    g.log = getattr(g, "log", {}) | fields


def mask(path: str) -> str:
    """Hide the capability keys of a path but for the first four characters of each."""
    return KEY.sub(lambda key: key[0][:4] + "…", path)[:200]
