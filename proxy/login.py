"""Who may read the stats: one password, a signed cookie, and links that log in once."""

import hmac

from itsdangerous import BadSignature, URLSafeTimedSerializer

from proxy.settings import Settings

LINK_LASTS_S = 3_600
COOKIE_LASTS_S = 12 * 3_600


def _signer(settings: Settings) -> URLSafeTimedSerializer:
    # itsdangerous signs with the last key of a list and verifies with all.
    keys = [key.get_secret_value() for key in reversed(settings.secret_key)]
    return URLSafeTimedSerializer(keys, salt="tryon dashboard link")


def login_link(settings: Settings) -> str:
    """An address that opens the dashboard logged in, for an hour."""
    token = _signer(settings).dumps("dashboard")
    return f"{settings.public_url}/dashboard/login?link={token}"


def link_is_valid(settings: Settings, token: str) -> bool:
    try:
        return bool(_signer(settings).loads(token, max_age=LINK_LASTS_S) == "dashboard")
    except BadSignature:
        return False


def password_is_right(settings: Settings, given: str) -> bool:
    """In constant time, on bytes."""
    password = settings.dashboard_password
    if password is None:
        return False
    return hmac.compare_digest(given.encode(errors="replace"), password.get_secret_value().encode())
