"""`/static/…`, and the files that a shop's pages load by a name that stays."""

from flask import Blueprint, Response, abort, request

from proxy.services import services

routes = Blueprint("static", __name__)


@routes.get("/try-on-button.js")
@routes.get("/try-on-button.d.ts")
@routes.get("/custom-elements.json")
@routes.get("/theme.css")
def floating() -> Response:
    """What a shop's page loads, in its latest version."""
    return services().static.floating(request.path.removeprefix("/"), request)


@routes.get("/static/<path:hashed_name>")
def immutable(hashed_name: str) -> Response:
    """A file that never changes: its name has the hash of its content."""
    return services().static.immutable(hashed_name, request) or abort(404)
