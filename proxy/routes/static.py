"""`/static/…`, and the files that a shop's pages load by a name that stays."""

from flask import Blueprint, Response, abort, request

from proxy.services import services
from proxy.web.openapi import JSON, TEXT, file

routes = Blueprint("static", __name__)


@routes.get("/try-on-button.js", **file("text/javascript"))
@routes.get("/try-on-button.d.ts", **file(TEXT))
@routes.get("/custom-elements.json", **file(JSON))
@routes.get("/theme.css", **file("text/css"))
def floating() -> Response:
    """What a shop's page loads, in its latest version."""
    return services().static.floating(request.path.removeprefix("/"), request)


@routes.get("/static/<path:hashed_name>", **file("*/*"), problems="not_found")
def immutable(hashed_name: str) -> Response:
    """A file that never changes: its name has the hash of its content."""
    return services().static.immutable(hashed_name, request) or abort(404)
