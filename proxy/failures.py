"""Whatever goes wrong becomes a problem document, or the same as a page for a browser."""

import logging

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from proxy.errors import PROBLEMS, Problem
from storage.connection import Error
from storage.store import StorageUnavailable

BY_STATUS = {kind.status: code for code, kind in reversed(PROBLEMS.items())}
PAGES = frozenset({"handoff", "embed", "demo", "dashboard"})

log = logging.getLogger("tryon")


def install(app: Flask) -> None:
    """Answer every exception; none of them shows its text to a client."""
    app.register_error_handler(Problem, answer)
    as_problem = app.handle_user_exception  # as if raised: a blueprint may have more to say of it

    @app.errorhandler(Error)  # of the counters, which are SQLite's own
    @app.errorhandler(StorageUnavailable)
    def storage_unavailable(error: Exception) -> ResponseReturnValue:
        log.error("storage unavailable: %s", error)
        return as_problem(Problem("storage_unavailable", retry_after=5))

    @app.errorhandler(HTTPException)
    def of_werkzeug(error: HTTPException) -> Response:
        if error.response is not None:
            return make_response(error.response)
        response = answer(Problem(BY_STATUS.get(error.code or 500, "bad_request")))
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
        return response

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> ResponseReturnValue:
        log.error("request %s failed", g.get("request_id"), exc_info=error)
        return as_problem(Problem("internal"))


def answer(problem: Problem) -> Response:
    """The response for a failure, in the form that the client reads."""
    g.code = problem.code
    if _reads_html():
        name = "dashboard/error.html" if request.blueprint == "dashboard" else "error.html"
        page = render_template(name, problem=problem, request_id=g.get("request_id"))
        response = make_response(page)
    else:
        response = jsonify(problem.body())
        response.mimetype = "application/problem+json"
    response.status_code = problem.status
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response


def _reads_html() -> bool:
    """A page's address answers with a page; elsewhere only who names text/html gets one."""
    accepted = request.accept_mimetypes
    if request.blueprint in PAGES:
        return accepted["text/html"] >= accepted["application/json"]
    return "text/html" in request.headers.get("Accept", "")
