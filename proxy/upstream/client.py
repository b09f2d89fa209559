"""Call the vendor: one deadline over few tries, and no doubt hidden.

A session costs money, so what counts most is to know whether a request may have reached the vendor.
`_Body` knows: it is asked for its bytes only when the connection stands.
"""

import math
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException, RemoteDisconnected
from typing import NamedTuple
from urllib.parse import urlsplit

import gevent
from gevent.monkey import is_module_patched
from pydantic import ValidationError
from requests import PreparedRequest, Response
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random,
    wait_random_exponential,
)

from proxy.refusals import Refusal
from proxy.settings import Settings
from proxy.strict_json import Unreadable, read_json
from proxy.upstream.breaker import LONGEST_HOLD_S, TOKEN_PAUSE_MS, Breaker, HeldBack
from proxy.upstream.connections import (
    FAILURES,
    Adapter,
    cause,
    causes,
    read_content,
    tls_context,
)
from proxy.upstream.contract import Session, is_launch_url, vendor_reason
from storage.events import UpstreamCall, now_ms

LARGEST_REPLY = 256 * 1024
LONGEST_DETAIL = 500
TRIES = 3
DEFAULT_HOLD_S = 5.0  # for a 429 that does not say how long
CONNECT_S = 3.0  # leaves time for another try
SUCCESS = (200, 201)  # the page says 200; a session is not thrown away for a 201
TIMEOUTS = (gevent.Timeout, TimeoutError)


class UpstreamFailure(Refusal):
    """The vendor made no session. `call` is for the records."""

    def __init__(self, call: UpstreamCall, wait_s: int | None = None) -> None:
        super().__init__(call.error or "internal", wait_s)
        self.call = call


class Step(NamedTuple):
    """Of a probe of the vendor."""

    name: str  # dns, tcp, tls, token
    ok: bool
    detail: str


class _Failed(Exception):
    """One try that brought no session.

    `again`: another try may help and cannot do harm; `wait_s`: how long the vendor asked to wait.
    """

    def __init__(self, code: str, detail: str, *, again: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(code)
        self.code, self.detail, self.again, self.wait_s = code, detail, again, wait_s


class _Body:
    """A request's body that knows whether it was taken: the vendor may have it then."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.taken = False

    def __iter__(self) -> Iterator[bytes]:
        self.taken = True
        yield self.content


class _Running:
    """A call under way, and what its tries have brought so far."""

    def __init__(self, content: bytes, subject: str, deadline: float) -> None:
        self.content = content
        self.subject = subject
        self.at_ms = now_ms()
        self.started = time.monotonic()
        self.ends = self.started + deadline
        self.tries = 0
        self.single = False  # a probe of the breaker gets one try
        self.status: int | None = None
        self.last: _Failed | None = None


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes | None  # None where it could not be read to its end


class UpstreamClient:
    """The vendor's API; to be built once per worker, after the fork.

    `deadline` is in seconds and bounds all tries together. Where gevent has patched the sockets, as
    under gunicorn, it holds exactly, whatever the vendor does; elsewhere (a test, `doctor`) each
    single wait on the network is bounded by what is left: only headers or a handshake that drip
    can outlast it.
    """

    def __init__(self, settings: Settings, breaker: Breaker, deadline: float) -> None:
        secret = settings.api_token.get_secret_value()
        if not re.fullmatch(r"[!-~]+", secret):  # requests would quote it in its error message
            raise ValueError("the API token has whitespace or a character that no token has")
        self._settings = settings
        self._breaker = breaker
        self._deadline = deadline
        self._cooperative = is_module_patched("socket")
        self._adapter = Adapter(settings.api_url)
        self._headers = {
            "Authorization": f"Bearer {secret}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # nothing to inflate, no bomb to bound
            "Content-Type": "application/json",
            "User-Agent": "tryon-proxy",
        }
        self._retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, _Failed) and error.again),
            wait=_wait,
            stop=stop_after_attempt(TRIES) | stop_before_delay(deadline),
            reraise=True,
        )

    def create_session(self, body: bytes, subject: str) -> tuple[Session, UpstreamCall]:
        """`POST /v1/sessions` with a body of `contract.session_request`.

        `subject` is what of it the vendor may refuse: a refusal holds for the same subject.

        :raises UpstreamFailure: docs/http.md says when with which code.
        """
        running = _Running(body, subject, self._deadline)
        try:
            running.single = self._breaker.check(subject)
            session = self._retrying(self._try, running)
        except _Failed as failed:
            call = self._call(running, failed.code, failed.detail)
            wait_s = math.ceil(min(max(failed.wait_s, 1), LONGEST_HOLD_S))
            asks = failed.code in ("busy", "unavailable")
            raise UpstreamFailure(call, wait_s if asks else None) from None
        except HeldBack as held:
            call = self._call(running, held.code, f"held back {held.why}, not sent")
            raise UpstreamFailure(call, held.wait_s) from None
        return session, self._call(running, None, "")

    def _call(self, running: _Running, code: str | None, detail: str) -> UpstreamCall:
        masked = detail.replace(self._settings.api_token.get_secret_value(), "[token]")
        return UpstreamCall(
            operation="create_session",
            status=running.status,
            error=code,
            duration_ms=round((time.monotonic() - running.started) * 1000),
            tries=running.tries,
            at_ms=running.at_ms,
            detail=" ".join(masked.split())[:LONGEST_DETAIL],
        )

    def _try(self, running: _Running) -> Session:
        """Try once, and tell the breaker."""
        if running.last:
            try:
                running.single = self._breaker.check(running.subject)
            except HeldBack:  # opened meanwhile, by others' failures or our own
                running.last.again = False
                raise running.last from None
        running.tries += 1
        try:
            session = self._exchange(running)
        except _Failed as failed:
            running.last = failed
            failed.again = failed.again and not running.single
            self._report(failed, running.subject)
            raise
        self._breaker.succeeded()
        return session

    def _report(self, failed: _Failed, subject: str) -> None:
        match failed.code:
            case "upstream_error" | "upstream_timeout":
                self._breaker.failed()
            case "busy":
                self._breaker.hold_off(failed.wait_s)
            case "unavailable":
                self._breaker.refuse_token()
            case "not_available":  # a no to this product from a vendor that is well
                self._breaker.succeeded()
                self._breaker.decline(subject)

    def _exchange(self, running: _Running) -> Session:
        """Send the request and read what its answer means."""
        running.status = None
        reply = self._send(running)
        running.status = reply.status
        if reply.status in SUCCESS:
            return self._session(reply)
        reason = vendor_reason(reply.content) if reply.content else ""
        match reply.status:
            case 400:
                raise _Failed("not_available", reason)
            case 401:
                wait_s = TOKEN_PAUSE_MS / 1000
                raise _Failed("unavailable", f"the token is refused. {reason}", wait_s=wait_s)
            case 429:
                asked_s = _retry_after(reply.headers.get("Retry-After"))
                wait_s = DEFAULT_HOLD_S if asked_s is None else asked_s
                raise _Failed("busy", reason, again=asked_s is not None, wait_s=wait_s)
            case status if status >= 500:
                raise _Failed("upstream_error", reason, again=True)
        raise _Failed("bad_upstream_reply", f"status {reply.status} is not documented. {reason}")

    def _request(self, method: str, path: str) -> PreparedRequest:
        """Build a request by hand: `prepare` would check at each click what never changes."""
        request = PreparedRequest()
        request.method, request.url = method, self._settings.api_url + path
        request.headers = self._headers.copy()  # type: ignore[assignment]  # a dict does
        return request

    def _send(self, running: _Running) -> Reply:
        """POST, and read the answer to its end or to one byte over what is allowed."""
        body = _Body(running.content)
        request = self._request("POST", "/sessions")
        request.headers["Content-Length"] = str(len(running.content))
        request.body = body  # type: ignore[assignment]  # any iterable does
        left = max(running.ends - time.monotonic(), 0.01)
        timer = gevent.Timeout(left) if self._cooperative else nullcontext()
        response: Response | None = None
        content: bytes | None = None
        failure: BaseException | None = None
        try:
            with timer:
                times = (min(left, CONNECT_S), left)
                response = self._adapter.send(request, stream=True, timeout=times)
                content = read_content(response, LARGEST_REPLY, running.ends)
        except gevent.Timeout as fired:
            failure = fired
            if fired is not timer:
                raise
        except FAILURES as error:
            failure = error
        finally:
            if response is not None:
                response.close()  # where it was read to its end, the connection is pooled by now
        if response is None:
            raise _unanswered(failure, sent=body.taken)
        if response.status_code in SUCCESS and isinstance(failure, TIMEOUTS):
            running.status = response.status_code
            raise _unanswered(failure, sent=True)
        return Reply(response.status_code, response.headers, content)

    def _session(self, reply: Reply) -> Session:
        """Read the session in a 200. One that cannot be used the vendor may bill all the same."""
        flaw = _flaw(reply)
        if flaw or reply.content is None:
            raise _Failed("bad_upstream_reply", flaw)
        try:
            session = Session.model_validate(read_json(reply.content))
        except Unreadable as bad:
            raise _Failed("bad_upstream_reply", f"unreadable JSON: {bad.reason}") from None
        except ValidationError as error:
            fields = ", ".join(".".join(map(str, entry["loc"])) for entry in error.errors())
            raise _Failed("bad_upstream_reply", f"not a session: {fields or 'object'}") from None
        if not is_launch_url(
            session.launch_url,
            self._settings.launch_hosts,
            allow_http=self._settings.allow_http,
        ):
            where = session.launch_url.partition("//")[2].partition("/")[0][:100]
            flaw = f"launch_url is not https or its host is not in TRYON_LAUNCH_HOSTS: {where}"
            raise _Failed("bad_upstream_reply", flaw)
        return session

    def close(self) -> None:
        self._adapter.close()

    def probe(self) -> list[Step]:
        """Check name, connection, TLS and token, for `tryon doctor`; the last step may have failed.

        The token is checked by asking for a session that does not exist, which spends nothing.
        """
        steps: list[Step] = []
        try:
            for step in self._probe():
                steps.append(step)
        except FAILURES as error:
            name = ("dns", "tcp", "tls", "token")[len(steps)]
            steps.append(Step(name, False, cause(error)))
        return steps

    def _probe(self) -> Iterator[Step]:
        url = urlsplit(self._settings.api_url)
        host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        yield Step("dns", True, ", ".join(dict.fromkeys(str(entry[4][0]) for entry in found)))
        with socket.create_connection((host, port), timeout=self._deadline) as plain:
            yield Step("tcp", True, f"port {port}")
            if url.scheme == "https":
                trust = tls_context(DEFAULT_CA_BUNDLE_PATH)
                with trust.wrap_socket(plain, server_hostname=host) as secure:
                    yield Step("tls", True, str(secure.version()))
            else:
                yield Step("tls", True, "none: plain http")
        request = self._request("GET", "/sessions/doctor")
        with closing(self._adapter.send(request, stream=True, timeout=self._deadline)) as reply:
            status = reply.status_code
        if status == 401:
            yield Step("token", False, "the vendor refuses the token (401)")
        elif status == 429 or status >= 500:
            yield Step("token", False, f"not checked: the vendor answered {status}")
        else:  # 404 is the documented answer; the token is looked at before it
            yield Step("token", True, f"not refused (status {status})")


def _flaw(reply: Reply) -> str:
    """Say what is wrong with a reply before it is parsed; empty where nothing is."""
    media_type = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if reply.content is None:
        return "the reply was cut short"
    if len(reply.content) > LARGEST_REPLY:
        return f"the reply has more than {LARGEST_REPLY} bytes"
    if reply.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return "the reply is compressed, which was not asked for"
    if not re.fullmatch(r"application/([!-~]+\+)?json", media_type):
        return f"the reply is {media_type or 'of no stated type'}, not application/json"
    return ""


def _wait(state: RetryCallState) -> float:
    """Return the seconds until the next try.

    What the vendor asked for and a little, so that those who were told the same don't all come back
    at once; else exponential backoff with full jitter.
    """
    failed = state.outcome.exception() if state.outcome else None
    if isinstance(failed, _Failed) and failed.code == "busy":
        return failed.wait_s + wait_random(0.02, 0.5)(state)
    return wait_random_exponential(multiplier=0.5, max=2)(state)


def _retry_after(value: str | None) -> float | None:
    """Read the seconds to wait (RFC 9110, 10.2.3: seconds or a date), or None."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _unanswered(error: BaseException | None, *, sent: bool) -> _Failed:
    """Say what it means that no answer came."""
    if not sent:
        return _Failed("upstream_error", f"not sent: {cause(error)}", again=True)
    garbled = any(
        isinstance(each, HTTPException) and not isinstance(each, RemoteDisconnected)
        for each in causes(error)
    )
    if garbled:
        return _Failed("bad_upstream_reply", f"the reply is not HTTP: {cause(error)}")
    detail = f"outcome unknown, the request was sent and not answered: {cause(error)}"
    return _Failed("upstream_timeout", detail)
