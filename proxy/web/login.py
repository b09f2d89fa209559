"""Log in to the dashboard: a signed cookie, HTTP Basic for data, links that log in."""

import hmac
import re
from datetime import timedelta
from hashlib import sha256
from secrets import randbits, token_urlsafe
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, g, make_response, redirect, request, session
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from proxy.settings import Settings
from proxy.tryon.limits import Limits
from proxy.web.problems import Problem
from proxy.web.request import client
from storage.events import now_ms
from storage.store import Counters

COOKIE = "tryon_dashboard"
LINK_LASTS_S = 3_600
LOGIN_LASTS_S = 12 * 3_600
MOST_LOGINS = 1_000  # at a time; beyond, the oldest ends
OWN_PAGE = re.compile(r"/dashboard/[\w./?=&%+:()-]{0,2000}")


def configure(app: Flask, settings: Settings) -> None:
    """Set up Flask's signed session, for the dashboard alone: other answers set no cookie."""
    public = urlsplit(settings.public_url)
    first, *others = (key.get_secret_value() for key in settings.secret_key)
    app.config.update(
        SECRET_KEY=first,
        SECRET_KEY_FALLBACKS=others,
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_PATH=f"{public.path}/dashboard",
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SECURE=public.scheme == "https",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=LOGIN_LASTS_S),
    )


class LinkRefused(Exception):
    """A link logs nobody in: `expired`, `used`, or `unknown`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Login:
    """The login of the dashboard, with one password and any user name.

    A cookie names its login, which lives among the counters: a logout ends it for every copy.
    """

    def __init__(self, settings: Settings, limits: Limits, counters: Counters) -> None:
        self._settings = settings
        self._limits = limits
        self._counters = counters
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
        """Look once a request; where that fails, the page that says so is nobody's."""
        if "logged_in" not in g:
            g.logged_in = False
            g.logged_in = self._has_login()
        return bool(g.logged_in)

    def _has_login(self) -> bool:
        given = str(session.get("mark", "")).encode()
        is_ours = any(hmac.compare_digest(mark.encode(), given) for mark in self._marks)
        return is_ours and bool(self._counters.under(self._key(), now_ms()))

    def log_in(self, password: str) -> bool:
        """Log in with a password, which no other site's page may send."""
        if request.headers.get("Origin", self._origin) != self._origin:
            raise Problem("origin_not_allowed")
        return self._is_right(password) and self._enter()

    def log_in_by_link(self, link: str) -> None:
        """Log in with a link that nobody has used; whoever is logged in uses none up.

        :raises LinkRefused: it is no good.
        """
        if not self.is_logged_in():
            self._use_up(link)
            self._enter()

    def lacks_cookie(self) -> bool:
        """Tell whether a form comes back without the cookie that was set with it."""
        return "cookie" in request.form and COOKIE not in request.cookies

    def try_cookie(self) -> None:
        """Set a cookie with the form, to see whether it comes back."""
        if COOKIE not in request.cookies:
            session["form"] = 1

    def log_out(self) -> None:
        self._counters.drop(self._key())
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
        self._make_room()
        self._counters.put(self._key(), 1, now_ms() + LOGIN_LASTS_S * 1000)
        g.logged_in = True
        return True

    def _make_room(self) -> None:
        logins = self._counters.under("dashboard:", now_ms())
        newest_first = sorted(logins, key=lambda key: logins[key][1], reverse=True)
        self._counters.drop(*newest_first[MOST_LOGINS - 1 :])

    def _key(self) -> str:
        return f"dashboard:{self.token()}"

    def _use_up(self, link: str) -> None:
        try:
            name = _signer(self._settings).loads(link, max_age=LINK_LASTS_S)
        except SignatureExpired:
            raise LinkRefused("expired") from None
        except BadSignature:
            raise LinkRefused("unknown") from None
        now, mine = now_ms(), randbits(62)
        first, _ = self._counters.agree(f"link:{name}", mine, now + LINK_LASTS_S * 1000, now)
        if first != mine:
            raise LinkRefused("used")

    def _is_right(self, password: str) -> bool:
        given = password.encode(errors="replace")
        is_right = bool(self._password) and hmac.compare_digest(given, self._password)
        return self._limits.admit_guess("login", client(), is_right=is_right)

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
    """Make a URL that opens the dashboard logged in: once, within an hour, while the password is
    this one."""
    token = _signer(settings).dumps(token_urlsafe(12))
    return f"{settings.public_url}/dashboard/login?link={token}"


def _signer(settings: Settings) -> URLSafeTimedSerializer:
    password = settings.dashboard_password
    of_password = password.get_secret_value() if password else ""
    # itsdangerous signs with the last key of a list and verifies with all.
    keys = [key.get_secret_value() for key in reversed(settings.secret_key)]
    return URLSafeTimedSerializer(keys, salt=f"tryon dashboard link {of_password}")
