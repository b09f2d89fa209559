"""`/healthz`, `/readyz`, `/metrics` and `/openapi.json`: for whoever runs the app."""

import hmac

from flask import Blueprint, Response, current_app, jsonify, request

from proxy import metrics
from proxy.services import services
from proxy.web import openapi
from proxy.web.openapi import JSON, TEXT, WORDS, object_of
from proxy.web.problems import PROBLEMS, Problem

READINESS = {JSON: object_of({"status": {"enum": ["ready", "unready"]}, "parts": WORDS})}

routes = Blueprint("ops", __name__)


@routes.get(
    "/healthz", answers={200: ("It serves.", {JSON: object_of({"status": {"const": "ok"}})})}
)
def healthz() -> Response:
    """Whether the process serves."""
    return jsonify(status="ok")


@routes.get(
    "/readyz", answers={200: ("It is ready.", READINESS), 503: ("It is not, and why.", READINESS)}
)
def readyz() -> Response:
    """Whether it can keep callbacks, with the reason of each part that fails, the vendor too."""
    parts = services().parts()
    ready = parts["database"] is None  # where a balancer leaves a machine out, callbacks are lost
    response = jsonify(
        status="ready" if ready else "unready",
        parts={part: reason or "ok" for part, reason in parts.items()},
    )
    response.status_code = 200 if ready else 503
    return response


@routes.after_request
def name_the_scheme(response: Response) -> Response:
    if response.status_code == 401:  # RFC 9110, 15.5.2
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


@routes.get(
    "/metrics",
    answers={200: ("Prometheus text.", {TEXT: {}})},
    problems="not_found",
    security=["metrics"],
)
def exposition() -> Response:
    """Figures for Prometheus; without TRYON_METRICS_TOKEN there are none."""
    token = services().settings.metrics_token
    if token is None:
        raise Problem("not_found")
    given = request.headers.get("Authorization", "").encode("utf-8", "replace")
    if not hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode()):
        raise Problem("unauthorized")
    spent = {budget.name: budget.part for budget in services().limits.spent()}
    text = metrics.text(services().breaker.state(), spent, PROBLEMS)
    return Response(text, content_type=metrics.CONTENT_TYPE)


@routes.get("/openapi.json", **openapi.file(JSON))
def interface() -> Response:
    """This description."""
    response = jsonify(openapi.document(current_app, services().settings.public_url))
    response.headers["Cache-Control"] = "public, max-age=300"
    response.add_etag()
    response.make_conditional(request)
    return response
