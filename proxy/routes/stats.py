"""The numbers as data: `/dashboard/stats.json`, exports as CSV, and the newest events."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, jsonify, request

from proxy.access import Access
from proxy.errors import Problem
from proxy.numbers import asked, exports, timeline
from proxy.numbers.questions import Question, answer
from proxy.services import Services
from storage.stats import Stats


def blueprint(services: Services, access: Access) -> Blueprint:
    routes = Blueprint("stats", __name__, url_prefix="/dashboard")
    routes.before_request(access.demand_data)
    store, threads, zone = services.store, services.threads, services.settings.timezone

    @routes.after_request
    def ask_for_login(response: Response) -> Response:
        # Not the page's own poll: a browser would put up its own dialog.
        if response.status_code == 401 and request.endpoint != "stats.live":
            response.headers["WWW-Authenticate"] = 'Basic realm="Try-on numbers", charset="UTF-8"'
        return response

    @routes.get("/stats.json")
    def totals() -> Response:
        """The counts of a period beside those of the one before, and by a dimension or day."""
        question = asked.question(zone)

        def read() -> dict[str, Any]:
            with store.snapshot() as db:
                return answer(Stats(db, store.zone), question)

        return jsonify(threads.run(read))

    @routes.get("/export/<any(attempts, events, daily):name>.csv")
    def export(name: str) -> Response:
        """Try-ons, events or days as CSV."""
        question = asked.question(zone)
        return _csv(services, name, question, exports.EXPORTS[name](store, question))

    @routes.get("/export/table.csv")
    def table() -> Response:
        """The counts for each value of a dimension as CSV."""
        question = asked.question(zone)
        by = question.by or "product_id"
        return _csv(services, f"by-{by}", question, exports.table(store, question, by))

    @routes.get("/live.json")
    def live() -> Response:
        """The newest events."""
        after = request.args.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 16):
            raise Problem("bad_request", "after: must be the id of an event", parameter="after")
        return jsonify(events=threads.run(timeline.latest, store, int(after)))

    return routes


def _csv(services: Services, name: str, question: Question, parts: exports.Parts) -> Response:
    parts = services.threads.iterate(parts)
    head = next(parts)  # what fails at once is answered as such

    def body() -> Iterator[str]:
        yield head
        yield from parts

    response = Response(body(), content_type="text/csv; charset=utf-8; header=present")
    scope = question.scope
    file = f"try-on-{name}-{scope.first}-{scope.last}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file}"'
    response.call_on_close(parts.close)
    return response
