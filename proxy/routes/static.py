"""`/static/…`, and the files that a shop's pages load by a name that stays."""

from flask import Blueprint, Response, abort, request

from proxy.services import services
from proxy.web import i18n
from proxy.web.openapi import JSON, TEXT, file

routes = Blueprint("static", __name__)


@routes.get("/try-on-button.js", **file("text/javascript"))
@routes.get("/try-on-loader.js", **file("text/javascript"))
@routes.get("/try-on-button.d.ts", **file(TEXT))
@routes.get("/custom-elements.json", **file(JSON))
@routes.get("/theme.css", **file("text/css"))
def floating() -> Response:
    """What a shop's page loads, in its latest version."""
    return services().static.floating(request.path.removeprefix("/"), request)


@routes.get("/static/words.<digest>/<path:tag>.json", **file(JSON), problems="not_found")
def words(digest: str, tag: str) -> Response:
    """The dialog's words, in the language that is nearest to a tag, else the shop's own."""
    lang = i18n.negotiate(tag, default=services().settings.locale)
    return services().static.part(f"words.{digest}.json", lang, request) or abort(404)


@routes.get("/static/<path:hashed_name>", **file("*/*"), problems="not_found")
def immutable(hashed_name: str) -> Response:
    """A file that never changes: its name has the hash of its content."""
    return services().static.immutable(hashed_name, request) or abort(404)
