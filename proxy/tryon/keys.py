"""Keys: what only its holder can know. Ids, callback URLs, and the vendor's signature.

A secret is compared as bytes and in constant time. Of several keys the first signs, all verify.
"""

import hmac
import re
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

from pydantic import SecretStr
from standardwebhooks import Webhook

TOKEN_LENGTH = 22  # characters of base64url for 128 random bits
TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_LENGTH}}}")
REF = re.compile(r"[0-9a-f]{32}")
SIGNATURE_TOLERANCE_S = 600  # either way: clocks jump, and a replay is caught by its dedupe key


def new_token() -> str:
    """Make an unguessable id or key of TOKEN_LENGTH characters."""
    return secrets.token_urlsafe(16)


class CallbackKeys:
    """Seal and open the secret part of a session's callback URL, `<ref>.<mac>`."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._keys = [
            hmac.digest(key.get_secret_value().encode(), b"tryon callback url", sha256)
            for key in keys
        ]

    def seal(self, ref: str) -> str:
        """Make the capability for an attempt's callback URL."""
        return f"{ref}.{_mac(self._keys[0], ref).decode()}"

    def open(self, capability: str) -> str | None:
        """Return the attempt's id, None unless every bit is ours."""
        ref, _, mac = capability.partition(".")
        given = mac.encode("utf-8", "surrogatepass")
        if not REF.fullmatch(ref):
            return None
        genuine = [hmac.compare_digest(_mac(key, ref), given) for key in self._keys]
        return ref if any(genuine) else None


def _mac(key: bytes, ref: str) -> bytes:
    return urlsafe_b64encode(hmac.digest(key, ref.encode(), sha256)).rstrip(b"=")


class ClickKeys:
    """Sign and verify clicks: HMAC-SHA256, in hex, of the product's id, a line feed and the day.

    Days are those of UTC, as YYYY-MM-DD. A signature is good for two days either way, so that pages
    out of a cache work, and shops that count the day in another zone.
    """

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._keys = [key.get_secret_value().encode() for key in keys]

    def sign(self, product_id: str, at: datetime) -> str | None:
        """Sign a click; None where none needs a signature."""
        return _signature(self._keys[0], product_id, at) if self._keys else None

    def verify(self, product_id: str, signature: str | None, at: datetime) -> bool:
        """Tell whether a click may be made."""
        given = (signature or "").encode()
        days = [at + timedelta(days=days) for days in (0, -1, 1, -2, 2)]
        return not self._keys or any(
            hmac.compare_digest(_signature(key, product_id, day).encode(), given)
            for key in self._keys
            for day in days
        )


def _signature(key: bytes, product_id: str, day: datetime) -> str:
    return hmac.new(key, f"{product_id}\n{day:%Y-%m-%d}".encode(), sha256).hexdigest()


class Headers(Protocol):
    """Request headers, looked up by name in whatever case; KeyError for one that was not sent."""

    def __getitem__(self, name: str, /) -> str: ...


def signature_is_valid(secrets_: Sequence[SecretStr], body: bytes, headers: Headers) -> bool:
    """Tell whether a callback carries a Standard Webhooks signature by one of the secrets.

    The library signs; reading the headers is ours, since its `verify` raises ValueError,
    binascii.Error or UnicodeDecodeError on malformed ones, and fixes the tolerance at 5 minutes.
    """
    try:
        text = body.decode()
        sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        message_id = headers["webhook-id"]
        given = [part.encode() for part in headers["webhook-signature"].split(" ")]
    except (KeyError, ValueError, OverflowError, OSError):
        return False
    if abs(time.time() - sent.timestamp()) > SIGNATURE_TOLERANCE_S:
        return False
    # Once for each secret: a header may hold thousands of signatures.
    ours = [
        Webhook(secret.get_secret_value()).sign(message_id, sent, text).encode()
        for secret in secrets_
    ]
    genuine = [hmac.compare_digest(each, signature) for each in ours for signature in given]
    return any(genuine)
