"""Who is let in to the dashboard: a signed cookie, or HTTP Basic for data; forms need a token."""

import hmac
import re
from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, Response, g, make_response, redirect, request, session

from proxy import web
from proxy.errors import Problem
from proxy.limits import Limits
from proxy.login import COOKIE_LASTS_S, link_is_valid, password_is_right
from proxy.settings import Settings

TRIES = (10, 60_000)  # logins of one client, and in how many milliseconds
LARGEST_FORM = 16 * 1024  # bytes
OWN_PAGE = re.compile(r"/dashboard/[\w./?=&%+:()-]{0,2000}")


def install(app: Flask, settings: Settings, limits: Limits) -> "Access":
    """Flask's signed session, for the dashboard alone: other answers set no cookie."""
    public = urlsplit(settings.public_url)
    first, *others = (key.get_secret_value() for key in settings.secret_key)
    app.config.update(
        SECRET_KEY=first,
        SECRET_KEY_FALLBACKS=others,
        SESSION_COOKIE_NAME="tryon_dashboard",
        SESSION_COOKIE_PATH=f"{public.path}/dashboard",
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=public.scheme == "https",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=COOKIE_LASTS_S),
    )
    return Access(settings, limits)


def form() -> dict[str, str]:
    """The fields of this request's form."""
    if "form" not in g:
        is_form = request.mimetype == "application/x-www-form-urlencoded"
        body = web.read_body(LARGEST_FORM) if is_form else b""
        g.form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    fields: dict[str, str] = g.form
    return fields


class Access:
    """The door of the dashboard."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits
        self._origin = settings.public_origin
        self._known: set[str] = set()  # clients whose Basic login was right

    def demand_page(self) -> Response | None:
        """For pages: the login page first. For forms: their token, too."""
        if not self.is_logged_in():
            asked = request.full_path.rstrip("?") if request.method == "GET" else ""
            parameters = {"next": asked} if OWN_PAGE.fullmatch(asked) else {}
            return self.go("/dashboard/login", **parameters)
        if request.method == "POST":
            self.demand_token()
        return None

    def demand_data(self) -> None:
        """:raises Problem: `unauthorized`, or `rate_limited` after too many wrong passwords."""
        if not (self.is_logged_in() or self._basic()):
            raise Problem("unauthorized")

    def is_logged_in(self) -> bool:
        given = str(session.get("mark", "")).encode()
        same = [hmac.compare_digest(mark.encode(), given) for mark in self._marks()]
        return any(same)

    def log_in(self, password: str) -> bool:
        """With the password of the form, which only our own page may send."""
        if request.headers.get("Origin", self._origin) != self._origin:
            raise Problem("origin_not_allowed")
        self._limits.admit("login", self._client(), *TRIES)
        return password_is_right(self._settings, password) and self._enter()

    def log_in_by_link(self, link: str) -> bool:
        self._limits.admit("login", self._client(), *TRIES)
        return link_is_valid(self._settings, link) and self._enter()

    def log_out(self) -> None:
        session.clear()

    def token(self) -> str:
        """What a form of this visitor carries."""
        return str(session.get("token", ""))

    def demand_token(self) -> None:
        given = form().get("token", "").encode(errors="replace")
        if not (self.token() and hmac.compare_digest(self.token().encode(), given)):
            raise Problem("forbidden")

    def go(self, path: str, **parameters: str) -> Response:
        """See other: an address of ours, from the public URL."""
        address = f"{self._settings.public_url}{path}"
        if parameters:
            address += f"?{urlencode(parameters)}"
        return make_response(redirect(address, 303))

    def own_page(self, path: str) -> str:
        """Where to go after the login: a page of ours, or the first one."""
        return path if OWN_PAGE.fullmatch(path) else "/dashboard/"

    def _enter(self) -> bool:
        session.clear()
        session.permanent = True
        session["mark"] = self._marks()[0]
        session["token"] = token_urlsafe(24)
        return True

    def _marks(self) -> list[str]:
        """Tells one password from another: a new one ends all logins with the old."""
        password = self._settings.dashboard_password
        text = password.get_secret_value().encode() if password else b""
        return [
            hmac.new(key.get_secret_value().encode(), b"dashboard " + text, sha256).hexdigest()[:32]
            for key in self._settings.secret_key
        ]

    def _basic(self) -> bool:
        """With any user name. A client that was right before may ask as often as it likes."""
        try:
            given = request.authorization
        except ValueError:  # Werkzeug's, where the base64 is not even ASCII
            return False
        if given is None or given.type != "basic":
            return False
        is_right = password_is_right(self._settings, given.password or "")
        if not (is_right and self._client() in self._known):
            self._limits.admit("login", self._client(), *TRIES)
        if is_right and len(self._known) < 1_000:
            self._known.add(self._client())
        return is_right

    def _client(self) -> str:
        return request.remote_addr or ""
