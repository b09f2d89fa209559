"""The dashboard's numbers as data: `stats.json`, exports as CSV, and the newest events."""

from collections.abc import Iterator

from flask import Blueprint, Response, jsonify, request

from proxy.numbers import exports, timeline
from proxy.numbers.questions import Question, answer
from proxy.routes.dashboard import question, read
from proxy.services import services
from proxy.web.problems import Problem

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


@routes.get("/stats.json")
def totals() -> Response:
    """The counts of a period beside those of the one before, and by a dimension or day."""
    asked = question()
    return jsonify(read(lambda numbers: answer(numbers, asked)))


@routes.get("/export/<any(attempts, events, daily):name>.csv")
def export(name: str) -> Response:
    """Try-ons, events or days as CSV."""
    asked = question()
    return _csv(name, asked, exports.EXPORTS[name](services().store, asked))


@routes.get("/export/table.csv")
def table() -> Response:
    """The counts for each value of a dimension as CSV."""
    asked = question()
    by = asked.by or "product_id"
    return _csv(f"by-{by}", asked, exports.table(services().store, asked, by))


@routes.get("/live.json")
def live() -> Response:
    """The newest events."""
    after = request.args.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) < 16):
        raise Problem("bad_request", "after: must be the id of an event", parameter="after")
    return jsonify(events=read(lambda numbers: timeline.latest(numbers, int(after))))


def _csv(name: str, asked: Question, parts: exports.Parts) -> Response:
    parts = services().threads.iterate(parts)
    head = next(parts)  # what fails at once is answered as such

    def body() -> Iterator[str]:
        yield head
        yield from parts

    response = Response(body(), content_type="text/csv; charset=utf-8; header=present")
    file = f"try-on-{name}-{asked.scope.first}-{asked.scope.last}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    response.call_on_close(parts.close)
    return response
