"""Answer exceptions with a problem document, or with the same as a page for a browser."""

import logging

from flask import Flask, Response, g, jsonify, make_response, redirect, render_template, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from proxy.refusals import Refusal
from proxy.web.problems import PROBLEMS, Problem
from storage.store import StorageUnavailable

BY_STATUS = {kind.status: code for code, kind in reversed(PROBLEMS.items())}
# Blueprints whose addresses are pages; elsewhere only who names text/html gets one.
PAGES = frozenset({"challenge", "dashboard", "demo", "embed", "go", "handoff", "qr", "static", "t"})

log = logging.getLogger("tryon")


def install(app: Flask) -> None:
    """Answer every exception; none of them shows its text to a client."""

    @app.errorhandler(Exception)
    def failed(error: Exception) -> Response:
        response = answer(problem_of(error))
        if isinstance(error, MethodNotAllowed):
            response.allow.update(error.valid_methods or ())
        return response


def problem_of(error: Exception) -> Problem:
    """Say what a client is told of an exception, and log what it is not told."""
    match error:
        case Problem():
            return error
        case Refusal():
            return Problem(error.code, retry_after=error.wait_s)
        case StorageUnavailable():
            log.error("storage unavailable: %s", error)
            return Problem("storage_unavailable", retry_after=5)
        case HTTPException():
            return Problem(BY_STATUS.get(error.code or 500, "bad_request"))
    log.error("request %s failed", g.get("request_id"), exc_info=error)
    return Problem("internal")


def answer(problem: Problem, **more: object) -> Response:
    """Answer with a problem, in the form that the client reads; `more` is for its page."""
    g.code = problem.code
    if _reads_html():
        name = "dashboard/error.html" if _area() == "dashboard" else "error.html"
        page = render_template(name, problem=problem, request_id=g.get("request_id"), **more)
        response = make_response(page)
    else:
        response = jsonify(problem.body())
        response.mimetype = "application/problem+json"
    response.status_code = problem.status
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def lead(problem: Problem, address: str) -> Response:
    """Lead a form (303) to the page that says what to do about a problem."""
    g.code = problem.code
    return make_response(redirect(address, 303))


def _reads_html() -> bool:
    accepted = request.accept_mimetypes
    if _area() in PAGES:
        return accepted["text/html"] >= accepted["application/json"]
    return "text/html" in request.headers.get("Accept", "")


def _area() -> str:
    """Name what an address belongs to: the dashboard's pages have several blueprints."""
    return (request.blueprint or "").partition("_")[0]
