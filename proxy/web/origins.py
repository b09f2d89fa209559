"""Allowed origins: an exact list of sites, and CORS headers for those alone."""

from flask import Response, request

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
        if request.headers.get("Origin") not in self._allowed:
            raise Problem("origin_not_allowed")

    def demand_own(self) -> None:
        """Require our own origin, for forms on our own pages."""
        if request.headers.get("Origin") != self._own:
            raise Problem("origin_not_allowed")

    def refuse_foreign(self) -> None:
        """Refuse a foreign origin where an id alone permits something: another site's page may not
        do it in a visitor's name."""
        if request.headers.get("Origin", self._own) not in self._allowed:
            raise Problem("origin_not_allowed")

    def share(self, response: Response) -> Response:
        """Let an allowed site's script read the answer (Fetch standard, CORS protocol)."""
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin in self._allowed:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Date, ETag, Retry-After"
        return response

    def preflight(self) -> Response:
        """Answer a browser that asks before it posts JSON from another site."""
        self.demand()
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = "Content-Type, If-None-Match"
        response.headers["Access-Control-Max-Age"] = REMEMBER_S
        return response
