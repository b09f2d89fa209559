"""Allowed origins: an exact list of sites, and CORS headers for those alone.

Any page may read that it was refused, and no other answer: so its developer learns why.
"""

from contextlib import suppress

from flask import Response, g, request

from proxy import settings_values
from proxy.settings import Settings
from proxy.web.problems import Problem

METHODS = "GET, POST, OPTIONS"
REMEMBER_S = "7200"  # browsers cap it at this or lower


class Origins:
    """The allowlist of one shop."""

    def __init__(self, settings: Settings) -> None:
        self._own = settings.public_origin
        self._allowed = settings.allowed_origins | {self._own}

    def demand(self) -> None:
        """Require an allowed origin.

        :raises Problem: `origin_not_allowed`, also where it is missing or `null`.
        """
        origin = request.headers.get("Origin")
        if origin not in self._allowed:
            raise Problem("origin_not_allowed", _advice(origin))

    def demand_own(self) -> None:
        """Require our own origin, for forms on our own pages."""
        if request.headers.get("Origin") != self._own:
            raise Problem("origin_not_allowed", "A form is taken from this app's own pages alone.")

    def refuse_foreign(self) -> None:
        """Refuse a foreign origin where an id alone permits something: another site's page may not
        do it in a visitor's name."""
        if "Origin" in request.headers:
            self.demand()

    def share(self, response: Response) -> Response:
        """Let an allowed site's script read the answer (Fetch standard, CORS protocol)."""
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin in self._allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Date, ETag, Retry-After"
        elif g.get("code") == "origin_not_allowed" or request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    def preflight(self) -> Response:
        """Answer a browser that asks before it posts JSON from another site.

        Every site may ask to post: a browser shows its page no refusal but that of the POST itself.
        """
        posts = request.headers.get("Access-Control-Request-Method") == "POST"
        if not posts or "Origin" not in request.headers:
            self.demand()
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = "Content-Type, If-None-Match"
        response.headers["Access-Control-Max-Age"] = REMEMBER_S
        return response


def _advice(origin: str | None) -> str | None:
    """Say in a line what would let a page in. What is no origin is not said after it."""
    if origin == "null":
        return "A page from a file or in a sandbox has no origin: serve it from the shop."
    with suppress(ValueError):
        if origin and settings_values.origin(origin) == origin:
            return f"{origin} may not start a try-on here: add it to TRYON_ALLOWED_ORIGINS."
    return None
