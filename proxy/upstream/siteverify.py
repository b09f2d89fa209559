"""Ask a siteverify service whether a challenge was passed: Turnstile, hCaptcha, or their like.

It is asked once about each answer, for which it has one word only. Where it fails, nobody has
passed. It is not told the shopper's address: it has spoken with their browser.
"""

import re
import time
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import gevent
from gevent.monkey import is_module_patched
from pydantic import SecretStr
from requests import PreparedRequest

from proxy.refusals import Refusal
from proxy.settings import Settings
from proxy.strict_json import Unreadable, read_json
from proxy.upstream.connections import FAILURES, Adapter, cause, read_content

DEADLINE_S = 4.0
LARGEST_REPLY = 16 * 1024  # bytes
ERROR_CODE = re.compile(r"[a-z-]{1,64}")
HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/x-www-form-urlencoded",
    "User-Agent": "tryon-proxy",
}


class ChallengeFailed(Refusal):
    """Nobody has passed: `challenge_failed`, or `challenge_unavailable` where the service fails.

    `why` has neither the secret nor the answer.
    """

    def __init__(self, code: str, why: str) -> None:
        super().__init__(code)
        self.why = why


class Siteverify:
    """A siteverify service; to be built once per worker, after the fork. `deadline` in seconds."""

    def __init__(self, url: str, secret: SecretStr, deadline: float = DEADLINE_S) -> None:
        self._url = url
        self._secret = secret
        self._deadline = deadline
        self._adapter = Adapter(url)

    def demand(self, answer: str) -> None:
        """Require that a challenge was passed. :raises ChallengeFailed: it was not."""
        try:
            status, reply = self._post(answer)
            verdict = read_json(reply)
        except Unreadable as error:
            raise _unavailable(f"status {status}, {error.reason}") from None
        except FAILURES as error:
            raise _unavailable(cause(error)) from None
        codes = _error_codes(verdict)
        match status, verdict:
            case 200, {"success": True}:
                pass
            case 200, {"success": False} if "secret" not in codes:
                raise ChallengeFailed("challenge_failed", codes)
            case _:
                raise _unavailable(f"status {status}, {codes or 'no verdict'}")

    def _post(self, answer: str) -> tuple[int, bytes]:
        ends = time.monotonic() + self._deadline
        late = TimeoutError("the deadline passed")
        timer = gevent.Timeout(self._deadline if is_module_patched("socket") else None, late)
        request = self._request({"secret": self._secret.get_secret_value(), "response": answer})
        with (
            timer,
            closing(self._adapter.send(request, stream=True, timeout=self._deadline)) as response,
        ):
            status, reply = response.status_code, read_content(response, LARGEST_REPLY, ends)
        if len(reply) > LARGEST_REPLY:
            raise _unavailable(f"status {status}, more than {LARGEST_REPLY} bytes")
        return status, reply

    def _request(self, fields: dict[str, str]) -> PreparedRequest:
        body = urlencode(fields).encode()
        request = PreparedRequest()
        request.method, request.url = "POST", self._url
        request.headers = HEADERS | {"Content-Length": str(len(body))}  # type: ignore[assignment]
        request.body = (body,)  # type: ignore[assignment]  # any iterable does
        return request

    def close(self) -> None:
        self._adapter.close()


def siteverify(settings: Settings) -> Siteverify | None:
    """Return the shop's service; None where no challenge is set."""
    url, secret = settings.challenge_url, settings.challenge_secret
    return Siteverify(url, secret) if url and secret else None


def _unavailable(why: str) -> ChallengeFailed:
    return ChallengeFailed("challenge_unavailable", why)


def _error_codes(verdict: Any) -> str:
    """Return what the service says is wrong, as far as it speaks in codes."""
    codes = verdict.get("error-codes") if isinstance(verdict, dict) else None
    words = map(str, codes if isinstance(codes, list) else [])
    return ", ".join(word for word in words if ERROR_CODE.fullmatch(word))
