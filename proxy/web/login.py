"""Log in to the dashboard: a signed cookie, HTTP Basic for data, links that log in."""

import hmac
import re
from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, make_response, redirect, request, session
from itsdangerous import BadSignature, URLSafeTimedSerializer

from proxy.settings import Settings
from proxy.tryon.limits import Limits
from proxy.web.problems import Problem

LINK_LASTS_S = 3_600
COOKIE_LASTS_S = 12 * 3_600
OWN_PAGE = re.compile(r"/dashboard/[\w./?=&%+:()-]{0,2000}")


def configure(app: Flask, settings: Settings) -> None:
    """Set up Flask's signed session, for the dashboard alone: other answers set no cookie."""
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


class Login:
    """The login of the dashboard, with one password and any user name."""

    def __init__(self, settings: Settings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits
        self._origin = settings.public_origin
        password = settings.dashboard_password
        self._password = password.get_secret_value().encode() if password else b""
        # They tell one password from another: a new one ends all logins with the old.
        self._marks = [
            hmac.new(
                key.get_secret_value().encode(), b"dashboard " + self._password, sha256
            ).hexdigest()[:32]
            for key in settings.secret_key
        ]

    def demand_page(self) -> Response | None:
        """Lead to the login page, unless logged in; require the token of a form."""
        if not self.is_logged_in():
            asked = request.full_path.rstrip("?") if request.method == "GET" else ""
            parameters = {"next": asked} if OWN_PAGE.fullmatch(asked) else {}
            return self.go("/dashboard/login", **parameters)
        if request.method == "POST":
            self._demand_token()
        return None

    def demand_data(self) -> None:
        """Require a login, or the password by HTTP Basic.

        :raises Problem: `unauthorized`.
        :raises LimitReached: after too many wrong passwords.
        """
        if not (self.is_logged_in() or self._basic()):
            raise Problem("unauthorized")

    def is_logged_in(self) -> bool:
        given = str(session.get("mark", "")).encode()
        return any(hmac.compare_digest(mark.encode(), given) for mark in self._marks)

    def log_in(self, password: str) -> bool:
        """Log in with a password, which no other site's page may send."""
        if request.headers.get("Origin", self._origin) != self._origin:
            raise Problem("origin_not_allowed")
        return self._is_right(password) and self._enter()

    def log_in_by_link(self, link: str) -> bool:
        try:
            _signer(self._settings).loads(link, max_age=LINK_LASTS_S)
        except BadSignature:
            return False
        return self._enter()

    def log_out(self) -> None:
        session.clear()

    def token(self) -> str:
        """Return the token against forged forms (CSRF) of this login."""
        return str(session.get("token", ""))

    def _demand_token(self) -> None:
        given = request.form.get("token", "").encode(errors="replace")
        if not (self.token() and hmac.compare_digest(self.token().encode(), given)):
            raise Problem("forbidden")

    def go(self, path: str, **parameters: str) -> Response:
        """Redirect (303) to a path below the public URL."""
        address = f"{self._settings.public_url}{path}"
        if parameters:
            address += f"?{urlencode(parameters)}"
        return make_response(redirect(address, 303))

    def own_page(self, path: str) -> str:
        """Return the path if it is one of the dashboard's, else that of its first page."""
        return path if OWN_PAGE.fullmatch(path) else "/dashboard/"

    def _enter(self) -> bool:
        session.clear()
        session.permanent = True
        session["mark"] = self._marks[0]
        session["token"] = token_urlsafe(24)
        return True

    def _is_right(self, password: str) -> bool:
        given = password.encode(errors="replace")
        is_right = bool(self._password) and hmac.compare_digest(given, self._password)
        return self._limits.admit_guess("login", request.remote_addr or "", is_right=is_right)

    def _basic(self) -> bool:
        """Check a password by HTTP Basic, with any user name."""
        try:
            given = request.authorization
        except ValueError:  # Werkzeug's, where the base64 is not even ASCII
            return False
        if given is None or given.type != "basic":
            return False
        return self._is_right(given.password or "")


def login_link(settings: Settings) -> str:
    """Make a URL that opens the dashboard logged in, for an hour."""
    token = _signer(settings).dumps("dashboard")
    return f"{settings.public_url}/dashboard/login?link={token}"


def _signer(settings: Settings) -> URLSafeTimedSerializer:
    # itsdangerous signs with the last key of a list and verifies with all.
    keys = [key.get_secret_value() for key in reversed(settings.secret_key)]
    return URLSafeTimedSerializer(keys, salt="tryon dashboard link")
