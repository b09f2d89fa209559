"""Calls to the vendor: what each answer becomes, within one deadline, no secret in any of it."""

import gzip
import json
import logging
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import responses
from pydantic import SecretStr
from urllib3.exceptions import MaxRetryError, NewConnectionError

from proxy.refusals import Refusal
from proxy.upstream import connections as exchange
from proxy.upstream.breaker import Breaker
from proxy.upstream.client import UpstreamClient, UpstreamFailure
from proxy.upstream.contract import session_request
from storage.events import UpstreamCall
from storage.sqlite.counters import SQLiteCounters
from tests.servers import make_certificate

TOKEN = "canary-token"
API = "https://api.tryon-api.com/v1"
URL = f"{API}/sessions"
SESSION = {
    "id": "tsn_01HZZXYZ123",
    "status": "ready",
    "launch_url": "https://launch.tryon-api.com/s/tsn_01HZZXYZ123",
    "expires_at": "2026-03-24T18:00:00Z",
    "qr_code_url": "https://launch.tryon-api.com/qr/tsn_01HZZXYZ123.png",
}
REQUEST = session_request(
    product_id="sku-12345",
    category="footwear",
    callback_url="https://merchant.example/callbacks/tryon",
    locale="en-US",
)
SUBJECT = "footwear:en-US:sku-12345"


class World:
    """A client with a breaker whose clock moves as the client sleeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slept: list[float] = []
        self.breaker = Breaker(SQLiteCounters(folder / "counters.db"), self.now_ms)
        self.clients: list[UpstreamClient] = []

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + round(sum(self.slept) * 1000)

    def client(self, api_url: str = API, deadline: float = 8.0) -> UpstreamClient:
        client = UpstreamClient(
            SimpleNamespace(
                api_url=api_url,
                api_token=SecretStr(TOKEN),
                launch_hosts=frozenset({"launch.tryon-api.com"}),
                allow_http=False,
            ),
            self.breaker,
            deadline,
        )
        self.clients.append(client)
        return client


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    for client in world.clients:
        client.close()


@pytest.fixture
def no_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's waits between tries take no time; what other tests left running waits on."""
    sleep = time.sleep

    def nap(seconds: float) -> None:
        ours = threading.current_thread() is threading.main_thread()
        (world.slept.append if ours else sleep)(seconds)

    monkeypatch.setattr(time, "sleep", nap)


@pytest.fixture
def vendor(no_waits: None) -> Iterator[responses.RequestsMock]:
    """A vendor without a wire."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def failure(client: UpstreamClient, request: bytes = REQUEST, subject: str = "") -> UpstreamFailure:
    """The failure of a call, by default for what was never refused.

    Whatever is printed of it must not hold the token.
    """
    with pytest.raises(UpstreamFailure) as caught:
        client.create_session(request, subject or str(uuid.uuid4()))
    raised = caught.value
    assert isinstance(raised, Refusal)
    assert raised.call.error == raised.code
    printed = [*traceback.format_exception(raised), repr(raised), str(raised), repr(raised.call)]
    assert TOKEN not in "".join([*printed, repr(client)])
    return raised


# --- What is sent ---------------------------------------------------------------------------------


def test_it_sends_what_the_page_documents(world: World, vendor: responses.RequestsMock) -> None:
    vendor.post(URL, json=SESSION)
    session, call = world.client().create_session(REQUEST, SUBJECT)
    assert session.id == SESSION["id"]
    sent = vendor.calls[0].request
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert sent.headers["Content-Type"] == "application/json"
    body = b"".join(sent.body)
    assert json.loads(body) == json.loads(REQUEST)
    assert sent.headers["Content-Length"] == str(len(body))
    assert (call.operation, call.status, call.error, call.tries) == ("create_session", 200, None, 1)
    assert call.detail == ""
    assert TOKEN not in repr((session, call))


def test_it_verifies_the_vendors_certificate(world: World, vendor: responses.RequestsMock) -> None:
    vendor.post(URL, json=SESSION)
    world.client().create_session(REQUEST, SUBJECT)
    assert vendor.calls[0].request.req_kwargs.get("verify", True) is True


@pytest.mark.parametrize("token", ["", " canary", "canary\n", "can ary", "canäry", "canary\x00"])
def test_it_refuses_a_token_that_would_be_quoted_in_an_error(world: World, token: str) -> None:
    with pytest.raises(ValueError, match="the API token has whitespace") as caught:
        UpstreamClient(
            SimpleNamespace(
                api_url=API,
                api_token=SecretStr(token),
                launch_hosts=frozenset(),
                allow_http=False,
            ),
            world.breaker,
            8,
        )
    assert "canary" not in "".join(traceback.format_exception(caught.value)[-1:])


# --- What each answer becomes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "tries", "retry_after"),
    [
        (302, "bad_upstream_reply", 1, None),
        (307, "bad_upstream_reply", 1, None),
        (206, "bad_upstream_reply", 1, None),
        (400, "not_available", 1, None),
        (401, "unavailable", 1, 10),
        (403, "bad_upstream_reply", 1, None),
        (404, "bad_upstream_reply", 1, None),
        (422, "bad_upstream_reply", 1, None),
        (429, "busy", 1, 5),
        (500, "upstream_error", 3, None),
        (503, "upstream_error", 3, None),
        (599, "upstream_error", 3, None),
    ],
)
def test_a_status_becomes_a_problem(
    world: World,
    vendor: responses.RequestsMock,
    status: int,
    code: str,
    tries: int,
    retry_after: int | None,
) -> None:
    body = {"error": {"message": f"no, {TOKEN}!\r\nnot " + "so " * 300}}
    vendor.post(URL, json=body, status=status, headers={"Location": "https://evil.example/"})
    raised = failure(world.client())
    assert (raised.code, raised.wait_s) == (code, retry_after)
    assert (raised.call.status, raised.call.tries, len(vendor.calls)) == (status, tries, tries)
    assert "no, [token]! not so so" in raised.call.detail
    assert len(raised.call.detail) <= 500
    assert "so so" not in str(raised)  # the vendor's reason is for the merchant alone


@pytest.mark.parametrize("failures", [1, 2])
def test_a_5xx_is_tried_again_with_backoff(
    world: World, vendor: responses.RequestsMock, failures: int
) -> None:
    for _ in range(failures):
        vendor.post(URL, status=500)
    vendor.post(URL, json=SESSION)
    _, call = world.client().create_session(REQUEST, SUBJECT)
    assert (call.status, call.error, call.tries) == (200, None, failures + 1)
    assert len(world.slept) == failures
    assert all(0 <= slept <= window for slept, window in zip(world.slept, (0.5, 1), strict=False))


def test_a_backoff_has_full_jitter(world: World, vendor: responses.RequestsMock) -> None:
    vendor.post(URL, status=500)
    waits = []
    for _ in range(20):
        failure(world.client())
        waits.append(world.slept[-2])
        world.breaker.succeeded()
    assert min(waits) < 0.25 < max(waits)


@pytest.mark.parametrize("error", [requests.ConnectTimeout(), requests.exceptions.SSLError()])
def test_what_was_not_sent_is_tried_again(
    world: World, vendor: responses.RequestsMock, error: Exception
) -> None:
    vendor.post(URL, body=error)
    raised = failure(world.client())
    assert (raised.code, raised.call.status, raised.call.tries) == ("upstream_error", None, 3)


def test_an_error_that_holds_the_request_stays_silent_about_it(
    world: World, vendor: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    refused = NewConnectionError(None, f"Bearer {TOKEN} refused")  # type: ignore[arg-type]
    error = requests.ConnectionError(MaxRetryError(None, URL, refused))  # type: ignore[arg-type]
    vendor.post(URL, body=error)
    assert "[token]" in failure(world.client()).call.detail
    assert TOKEN not in caplog.text


def retry_after(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [("0", 0, 1), ("2", 2, 3), (3, 0, 4), (-60, 0, 1)],
)
def test_a_429_is_tried_again_when_its_retry_after_fits(
    world: World, vendor: responses.RequestsMock, header: str | int, least: float, most: float
) -> None:
    header = header if isinstance(header, str) else retry_after(header)
    vendor.post(URL, status=429, headers={"Retry-After": header})
    vendor.post(URL, json=SESSION)
    _, call = world.client().create_session(REQUEST, SUBJECT)
    assert call.tries == 2
    assert least < world.slept[0] < most


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("8", 8),
        ("3600", 3600),
        (3600, 3600),
        ("999999999", 3600),
        ("soon", 5),
        ("-1", 5),
        ("1.5", 5),
        ("9" * 400, 5),
        ("Mon, 99 Foo 2026 00:00:00 GMT", 5),
        (f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", 5),
    ],
)
def test_a_429_holds_all_workers_off(
    world: World, vendor: responses.RequestsMock, header: str | int, seconds: int
) -> None:
    header = header if isinstance(header, str) else retry_after(header)
    vendor.post(URL, status=429, headers={"Retry-After": header})
    raised = failure(world.client())
    assert (raised.code, raised.call.status, raised.call.tries) == ("busy", 429, 1)
    assert raised.wait_s == pytest.approx(seconds, abs=60)
    other = failure(world.client())
    assert (other.code, other.call.status, other.call.tries) == ("busy", None, 0)
    assert other.wait_s == pytest.approx(seconds, abs=60)
    assert len(vendor.calls) == 1


def test_a_second_429_is_not_answered_with_a_third_try_while_others_are_held(
    world: World, vendor: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.post(URL, status=429, headers={"Retry-After": "1"})
    client = world.client()

    def sleep(seconds: float) -> None:  # meanwhile another worker was told to wait for longer
        world.slept.append(seconds)
        world.breaker.hold_off(60)

    monkeypatch.setattr(time, "sleep", sleep)
    assert (failure(client).code, len(vendor.calls)) == ("busy", 1)
    assert len(world.slept) == 1


def test_a_401_pauses_all_workers_and_a_success_ends_it(
    world: World, vendor: responses.RequestsMock
) -> None:
    vendor.post(URL, status=401)
    vendor.post(URL, json=SESSION)
    assert failure(world.client()).call.detail == "the token is refused."
    assert failure(world.client()).call.tries == 0
    assert world.breaker.state()["token_refused"] is True
    world.slept.append(10)
    world.client().create_session(REQUEST, SUBJECT)
    assert world.breaker.state()["token_refused"] is False


def test_an_hour_of_500s_costs_fewer_calls_than_clicks(
    world: World, vendor: responses.RequestsMock
) -> None:
    vendor.post(URL, status=500)
    client, clicks = world.client(), 400
    for _ in range(clicks):
        raised = failure(client)
        assert raised.code in ("upstream_error", "unavailable")
        world.slept.append(0.25)
    assert len(vendor.calls) < clicks / 2
    vendor.upsert("POST", URL, json=SESSION)
    world.slept.append(1)
    client.create_session(REQUEST, SUBJECT)
    client.create_session(REQUEST, SUBJECT)
    assert world.breaker.state()["breaker"] == "closed"


def test_a_probe_of_the_breaker_gets_one_try(world: World, vendor: responses.RequestsMock) -> None:
    for _ in range(10):
        world.breaker.failed()
    now = world.now_ms()
    world.breaker._clock = lambda: now  # the second of the probe lasts
    vendor.post(URL, status=500)
    assert failure(world.client()).call.tries == 1
    assert world.slept == []
    raised = failure(world.client())
    assert (raised.code, raised.wait_s, raised.call.tries) == ("unavailable", 1, 0)


def test_a_refused_product_shows_that_the_vendor_is_back(
    world: World, vendor: responses.RequestsMock
) -> None:
    for _ in range(10):
        world.breaker.failed()
    vendor.post(URL, status=400)
    assert failure(world.client()).code == "not_available"
    assert world.breaker.state()["breaker"] == "closed"


@pytest.mark.parametrize("status", [400, 429, 404, 302])
def test_a_vendor_that_answers_is_not_broken(
    world: World, vendor: responses.RequestsMock, status: int
) -> None:
    vendor.post(URL, status=status, headers={"Retry-After": "60"})
    for _ in range(20):
        failure(world.client())
        world.slept.append(60)
    assert world.breaker.state()["breaker"] == "closed"


# --- Replies that cannot be used ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"body": json.dumps(SESSION), "content_type": "text/html"}, "the reply is text/html"),
        ({"body": json.dumps(SESSION), "content_type": "application/jsonp"}, "jsonp"),
        ({"body": b"", "content_type": "application/json"}, "unreadable JSON: not_json"),
        ({"body": b'{"id": "a', "content_type": "application/json"}, "not_json"),
        ({"body": b"[" * 9999, "content_type": "application/json"}, "too_deep"),
        ({"body": b'{"id":"a","id":"b"}', "content_type": "application/json"}, "duplicate_key"),
        ({"body": b" " * 262_145, "content_type": "application/json"}, "more than 262144 bytes"),
        ({"json": []}, "not a session: object"),
        ({"json": {}}, "not a session: id, status, launch_url, expires_at"),
        ({"json": SESSION | {"expires_at": TOKEN}}, "not a session: expires_at"),
        ({"json": SESSION | {"launch_url": "http://launch.tryon-api.com/s"}}, "not https or"),
        ({"json": SESSION | {"launch_url": "https://evil.example/s"}}, "LAUNCH_HOSTS: evil.exa"),
        ({"json": SESSION | {"launch_url": f"https://{TOKEN}/s"}}, "[token]"),
        ({"json": SESSION | {"launch_url": "javascript:alert(1)//"}}, "LAUNCH_HOSTS"),
    ],
)
def test_it_refuses_a_reply(
    world: World, vendor: responses.RequestsMock, options: dict[str, object], detail: str
) -> None:
    vendor.post(URL, **options)
    raised = failure(world.client())
    assert (raised.code, raised.call.status, raised.call.tries) == ("bad_upstream_reply", 200, 1)
    assert detail in raised.call.detail


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/vnd.x+JSON"])
def test_it_takes_json_by_its_other_names(
    world: World, vendor: responses.RequestsMock, kind: str
) -> None:
    vendor.post(URL, body=json.dumps(SESSION), content_type=kind, status=201)
    assert world.client().create_session(REQUEST, SUBJECT)[0].id == SESSION["id"]


# --- Over real sockets ----------------------------------------------------------------------------

Script = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = json.dumps(SESSION).encode()
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
LAST = WHOLE.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


class Wire:
    """A vendor of bare sockets: reads a request whole, then does what the script says."""

    def __init__(self, script: Script | None, greeting: Script | None = None) -> None:
        self.script, self.greeting = script, greeting
        self.tls: ssl.SSLContext | None = None
        self.requests: list[bytes] = []
        self.connections = 0
        self.ended = threading.Semaphore(0)  # one for each connection that is over
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            with connection:
                if self.greeting:
                    self.greeting(connection)
                while self.script and (request := self._read(connection)):
                    self.requests.append(request)
                    self.script(connection)
        self.ended.release()

    def _read(self, connection: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            part = connection.recv(65536)
            if not part:
                return b""
            got += part
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        while len(body) < length:
            part = connection.recv(65536)
            if not part:
                return b""
            body += part
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()


@pytest.fixture
def wire() -> Iterator[Callable[..., Wire]]:
    wires: list[Wire] = []

    def start(script: Script | None, greeting: Script | None = None) -> Wire:
        wires.append(Wire(script, greeting))
        return wires[-1]

    yield start
    for each in wires:
        each.close()


def say(*parts: bytes, close: bool = True) -> Script:
    def script(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        if close:
            connection.shutdown(socket.SHUT_WR)
            connection.close()

    return script


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reset_at_hello(connection: socket.socket) -> None:
    connection.recv(1)
    reset(connection)


def silent(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass  # until the other side gives up


def drip(start: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(200):
            connection.sendall(b" ")
            time.sleep(0.05)

    return script


ONCE = {
    "whole": (say(WHOLE, close=False), None, 200),
    "chunked": (
        say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
        None,
        200,
    ),
    "until closed": (say(HEAD + b"\r\n" + BODY), None, 200),
    "after 100": (say(b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE), None, 200),
    "closed": (say(), "upstream_timeout", None),
    "reset": (reset, "upstream_timeout", None),
    "two headers of a name": (say(WHOLE.replace(b"\r\n", b"\r\nX: 1\r\nX: 2\r\n", 1)), None, 200),
    "trailers": (
        say(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(BODY), BODY),
            b"0\r\nContent-Type: text/plain\r\n\r\n",
        ),
        None,
        200,
    ),
    "cut in the headers": (say(HEAD), "bad_upstream_reply", None),
    "two lengths": (
        say(HEAD + b"Content-Length: 9\r\nContent-Length: 999\r\n\r\n" + BODY),
        "bad_upstream_reply",
        None,
    ),
    "length and chunks": (
        say(HEAD + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        "bad_upstream_reply",
        None,
    ),
    "another protocol": (
        say(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        "bad_upstream_reply",
        None,
    ),
    "endless interim answers": (
        say(b"HTTP/1.1 102 Processing\r\n\r\n" * 5_000),
        "bad_upstream_reply",
        None,
    ),
    "no HTTP": (say(b"220 mail.example ESMTP\r\n"), "bad_upstream_reply", None),
    "endless header": (say(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000), "bad_upstream_reply", None),
    "truncated": (
        say(HEAD + b"Content-Length: 999\r\n\r\n" + BODY),
        "bad_upstream_reply",
        200,
    ),
    "truncated chunk": (
        say(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n" + BODY),
        "bad_upstream_reply",
        200,
    ),
    "truncated 400": (
        say(b"HTTP/1.1 400 Bad\r\nContent-Length: 999\r\n\r\n{"),
        "not_available",
        400,
    ),
}


@pytest.mark.parametrize(("script", "code", "status"), ONCE.values(), ids=ONCE)
def test_what_may_have_reached_the_vendor_is_sent_once(
    world: World, wire: Callable[..., Wire], script: Script, code: str | None, status: int | None
) -> None:
    server = wire(script)
    client = world.client(f"http://{server.host}/v1")
    call = client.create_session(REQUEST, SUBJECT)[1] if code is None else failure(client).call
    assert (call.error, call.status, call.tries) == (code, status, 1)
    assert len(server.requests) == 1
    if code == "upstream_timeout":
        assert "outcome unknown" in call.detail


def test_a_refused_connection_is_tried_again(world: World, no_waits: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = closed.getsockname()[1]
    call = failure(world.client(f"http://127.0.0.1:{host}/v1")).call
    assert (call.error, call.status, call.tries) == ("upstream_error", None, 3)
    assert "Connection refused" in call.detail


@pytest.mark.parametrize(
    "greeting", [reset_at_hello, say(), say(b"HTTP/1.1 400 Bad Request\r\n\r\n")]
)
def test_a_failed_handshake_is_tried_again_as_nothing_was_sent(
    world: World, wire: Callable[..., Wire], no_waits: None, greeting: Script
) -> None:
    server = wire(None, greeting)
    call = failure(world.client(f"https://{server.host}/v1")).call
    assert (call.error, call.status, call.tries) == ("upstream_error", None, 3)
    assert (server.connections, server.requests) == (3, [])
    assert call.detail.startswith("not sent: ")


def test_a_connection_is_used_again(world: World, wire: Callable[..., Wire]) -> None:
    server = wire(say(WHOLE, close=False))
    client = world.client(f"http://{server.host}/v1")
    for _ in range(5):
        client.create_session(REQUEST, SUBJECT)
    assert (len(server.requests), server.connections) == (5, 1)
    assert all(b"Accept-Encoding: identity" in request for request in server.requests)


def test_a_connection_that_the_vendor_closed_meanwhile_is_replaced(
    world: World, wire: Callable[..., Wire]
) -> None:
    server = wire(say(WHOLE))
    client = world.client(f"http://{server.host}/v1")
    for _ in range(3):
        assert client.create_session(REQUEST, SUBJECT)[1].tries == 1
        assert server.ended.acquire(timeout=60)
    assert (len(server.requests), server.connections) == (3, 3)


@pytest.mark.parametrize(
    "more",
    [WHOLE, HEAD + b"Content-Length: 99\r\n\r\n{", b"\0garbage"],
    ids=["an answer", "a beginning", "garbage"],
)
def test_what_follows_an_answer_is_not_taken_for_the_next(
    world: World, wire: Callable[..., Wire], more: bytes
) -> None:
    server = wire(say(WHOLE + more, close=False))
    client = world.client(f"http://{server.host}/v1")
    for number in (1, 2, 3):
        assert client.create_session(REQUEST, SUBJECT)[1].tries == 1
        assert server.connections == number


def test_a_connection_that_is_to_be_closed_is_not_used_again(
    world: World, wire: Callable[..., Wire]
) -> None:
    server = wire(say(LAST, close=False))
    client = world.client(f"http://{server.host}/v1")
    for number in (1, 2):
        client.create_session(REQUEST, SUBJECT)
        assert server.connections == number


def test_a_connection_that_was_idle_for_long_is_not_used_again(
    world: World, wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(exchange, "monotonic", lambda: now)
    server = wire(say(WHOLE, close=False))
    client = world.client(f"http://{server.host}/v1")
    for later, connections in [(0, 1), (9, 1), (9, 1), (11, 2), (9, 2)]:
        now += later
        client.create_session(REQUEST, SUBJECT)
        assert server.connections == connections
    assert server.ended.acquire(timeout=60)


def test_what_is_idle_for_long_is_closed_though_others_are_used(
    world: World, wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(exchange, "monotonic", lambda: now)
    both = threading.Barrier(2)

    def script(connection: socket.socket) -> None:
        if len(server.requests) <= both.parties:
            both.wait(timeout=60)
        connection.sendall(WHOLE)

    server = wire(script)
    client = world.client(f"http://{server.host}/v1")
    with ThreadPoolExecutor(both.parties) as pool:
        list(pool.map(client.create_session, [REQUEST] * both.parties, [SUBJECT] * both.parties))
    for _ in range(2):
        now += 6
        client.create_session(REQUEST, SUBJECT)
    assert server.ended.acquire(timeout=60)
    assert (len(server.requests), server.connections) == (4, 2)


def test_the_kernel_probes_an_idle_connection(world: World, wire: Callable[..., Wire]) -> None:
    client = world.client(f"http://{wire(say(WHOLE, close=False)).host}/v1")
    client.create_session(REQUEST, SUBJECT)
    ((_, idle),) = client._adapter._connections._idle
    assert idle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    assert [idle.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [5, 1, 3]


def with_tls(server: Wire, folder: Path) -> str:
    """Give the server a certificate, `cert.pem` in the folder; return the URL that it is for."""
    make_certificate(folder)
    server.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return f"https://localhost:{server.host.partition(':')[2]}/v1"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_the_trusted_certificates_are_read_once(
    world: World, wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = wire(say(LAST, close=False))
    url = with_tls(server, tmp_path)
    monkeypatch.setattr(exchange, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "cert.pem"))
    client = world.client(url)
    (tmp_path / "cert.pem").unlink()
    for number in (1, 2):
        client.create_session(REQUEST, SUBJECT)
        assert server.connections == number


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_certificate_must_be_trusted_and_of_this_host(
    world: World,
    wire: Callable[..., Wire],
    monkeypatch: pytest.MonkeyPatch,
    no_waits: None,
    tmp_path: Path,
) -> None:
    server = wire(say(WHOLE, close=False))
    at_localhost = with_tls(server, tmp_path)
    stranger = failure(world.client(at_localhost)).call
    assert (stranger.error, server.requests) == ("upstream_error", [])
    assert "self-signed certificate" in stranger.detail
    monkeypatch.setattr(exchange, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "cert.pem"))
    elsewhere = failure(world.client(f"https://{server.host}/v1")).call
    assert (elsewhere.error, server.requests) == ("upstream_error", [])
    assert "not valid for '127.0.0.1'" in elsewhere.detail
    client, before = world.client(at_localhost), server.connections
    for _ in range(3):
        client.create_session(REQUEST, SUBJECT)
    assert (len(server.requests), server.connections) == (3, before + 1)


def test_it_follows_no_redirect(world: World, wire: Callable[..., Wire]) -> None:
    trap = wire(say(WHOLE))
    location = f"Location: http://{trap.host}/\r\n".encode()
    server = wire(say(b"HTTP/1.1 307 Over There\r\nContent-Length: 0\r\n" + location + b"\r\n"))
    assert failure(world.client(f"http://{server.host}/v1")).code == "bad_upstream_reply"
    assert trap.connections == 0


def test_it_keeps_its_token_whatever_the_environment_says(
    world: World, wire: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, trap = wire(say(WHOLE)), wire(say(WHOLE))
    netrc = world.folder / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password eve\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://{trap.host}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    world.client(f"http://{server.host}/v1").create_session(REQUEST, SUBJECT)
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in server.requests[0]
    assert trap.connections == 0


def test_a_compression_bomb_is_not_inflated(world: World, wire: Callable[..., Wire]) -> None:
    bomb = gzip.compress(b'{"id": "' + b"x" * 5_000_000 + b'"}')
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    call = failure(world.client(f"http://{wire(say(head + bomb)).host}/v1")).call
    assert (call.error, call.status) == ("bad_upstream_reply", 200)
    assert "compressed" in call.detail


def test_a_huge_reply_is_left_unread(world: World, wire: Callable[..., Wire]) -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(HEAD + b"\r\n")
        for _ in range(800):
            connection.sendall(b" " * 65536)
            sent += 65536

    call = failure(world.client(f"http://{wire(flood).host}/v1")).call
    assert (call.error, call.status) == ("bad_upstream_reply", 200)
    assert "more than 262144 bytes" in call.detail
    assert sent < 10_000_000  # what the two sockets' buffers took; the flood has 52 MB


# --- The deadline ---------------------------------------------------------------------------------


@pytest.fixture
def blackhole() -> Iterator[str]:
    """A port whose queue is full: the kernel drops every further attempt to connect."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        for each in waiting:
            each.close()


def under_gevent(*cases: tuple[str, str, float, int]) -> list[dict[str, object]]:
    script = Path(__file__).with_name("calls_under_gevent.py")
    run = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=script.parents[3],
        env={"PYTHONPATH": str(script.parents[3]), "PATH": "/usr/bin:/bin"},
    )
    assert "canary-token" not in run.stdout + run.stderr
    assert run.returncode == 0, run.stderr
    found: list[dict[str, object]] = json.loads(run.stdout)
    return found


SLOW = {  # what is done after a request, what before it, the scheme, the code
    "silent": (silent, None, "http", "upstream_timeout"),
    "drips headers": (drip(HEAD + b"X-Drip: "), None, "http", "upstream_timeout"),
    "drips a body": (drip(HEAD + b"\r\n"), None, "http", "upstream_timeout"),
    "drips a 500": (drip(b"HTTP/1.1 500 Oops\r\n\r\n"), None, "http", "upstream_error"),
    "no handshake": (None, silent, "https", "upstream_error"),
    "drips a handshake": (None, drip(b"\x16\x03\x03\x3f\xff\x02"), "https", "upstream_error"),
}
DEADLINE = 1.5
SLACK = 3.0  # seconds that a busy machine may stand still


def test_the_deadline_holds_under_gevent(wire: Callable[..., Wire], blackhole: str) -> None:
    cases = {
        name: (f"{scheme}://{wire(script, greeting).host}/v1", code)
        for name, (script, greeting, scheme, code) in SLOW.items()
    }
    cases["no connection"] = (f"http://{blackhole}/v1", "upstream_error")
    cases["no name"] = ("http://slow-dns.invalid/v1", "upstream_error")
    found = under_gevent(*((url, "sku-1", DEADLINE, 1) for url, _ in cases.values()))
    for (name, (_, code)), call in zip(cases.items(), found, strict=True):
        assert (name, call["error"]) == (name, code)
        assert DEADLINE - 0.05 < call["seconds"] < DEADLINE + SLACK, (name, call)


def test_a_replaced_connection_and_a_reset_are_told_apart_under_gevent(
    wire: Callable[..., Wire],
) -> None:
    closing, keeping, resetting = wire(say(WHOLE)), wire(say(WHOLE, close=False)), wire(reset)
    found = under_gevent(
        (f"http://{closing.host}/v1", "sku-1", 5, 3),
        (f"http://{keeping.host}/v1", "sku-1", 5, 3),
        (f"http://{resetting.host}/v1", "sku-1", 5, 1),
    )
    assert [(call["error"], call["tries"]) for call in found] == [
        (None, 1),
        (None, 1),
        ("upstream_timeout", 1),
    ]
    assert [each.connections for each in (closing, keeping, resetting)] == [3, 1, 1]


# Headers and handshakes that drip are left out: only gevent's timer bounds those.
@pytest.mark.parametrize("name", ["silent", "drips a body", "drips a 500", "no handshake"])
def test_the_deadline_holds_without_gevent(
    world: World, wire: Callable[..., Wire], name: str
) -> None:
    script, greeting, scheme, code = SLOW[name]
    server = wire(script, greeting)
    call = failure(world.client(f"{scheme}://{server.host}/v1", deadline=DEADLINE)).call
    assert call.error == code
    assert call.duration_ms < (DEADLINE + SLACK) * 1000


def test_an_unreachable_vendor_takes_no_longer_without_gevent(world: World, blackhole: str) -> None:
    call = failure(world.client(f"http://{blackhole}/v1", deadline=DEADLINE)).call
    assert (call.error, call.tries) == ("upstream_error", 1)
    assert call.duration_ms < (DEADLINE + SLACK) * 1000


# --- The probe ------------------------------------------------------------------------------------


def answer(status: int) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status


@pytest.mark.parametrize(
    ("status", "ok", "detail"),
    [
        (404, True, "not refused"),
        (200, True, "not refused"),
        (401, False, "refuses the token"),
        (429, False, "not checked"),
        (500, False, "not checked"),
    ],
)
def test_a_probe_asks_for_a_session_that_does_not_exist(
    world: World, wire: Callable[..., Wire], status: int, ok: bool, detail: str
) -> None:
    asked: list[bytes] = []

    def greeting(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        if asked[-1]:
            connection.sendall(answer(status))

    result = world.client(f"http://{wire(None, greeting).host}/v1").probe()
    assert [step.name for step in result] == ["dns", "tcp", "tls", "token"]
    assert all(step.ok for step in result) == ok
    assert detail in result[-1].detail
    (request,) = filter(None, asked)
    assert request.startswith(b"GET /v1/sessions/doctor HTTP/1.1\r\n")
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in request
    assert TOKEN not in repr(result)


def test_a_probe_says_how_far_it_came(world: World, wire: Callable[..., Wire]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url, name in [
        ("http://no-such-host.invalid/v1", "dns"),
        (f"http://127.0.0.1:{port}/v1", "tcp"),
        (f"https://{wire(None, say()).host}/v1", "tls"),
        (f"http://{wire(None, say()).host}/v1", "token"),
    ]:
        result = world.client(url).probe()
        assert (result[-1].name, result[-1].ok) == (name, False)
        assert all(step.ok for step in result[:-1])


# --- The simulator --------------------------------------------------------------------------------

SIMULATED = {
    "sku-1": (None, 200),
    "sim-400": ("not_available", 400),
    "sim-401": ("unavailable", 401),
    "sim-404": ("bad_upstream_reply", 404),
    "sim-429": ("busy", 429),
    "sim-429-long": ("busy", 429),
    "sim-429-date": ("busy", 429),
    "sim-429-bare": ("busy", 429),
    "sim-429-garbled": ("busy", 429),
    "sim-429-once": (None, 200),
    "sim-500": ("upstream_error", 500),
    "sim-500-once": (None, 200),
    "sim-500-twice": (None, 200),
    "sim-503": ("upstream_error", 503),
    "sim-created-then-500": ("upstream_error", 500),
    "sim-slow": (None, 200),
    "sim-hang": ("upstream_timeout", None),
    "sim-drip": ("upstream_timeout", 200),
    "sim-drip-headers": ("upstream_timeout", None),
    "sim-reset": ("upstream_timeout", None),
    "sim-truncated": ("bad_upstream_reply", 200),
    "sim-bad-json": ("bad_upstream_reply", 200),
    "sim-wrong-type": ("bad_upstream_reply", 200),
    "sim-redirect": ("bad_upstream_reply", 302),
    "sim-huge": ("bad_upstream_reply", 200),
    "sim-gzip-bomb": ("bad_upstream_reply", 200),
    "sim-bad-launch-host": ("bad_upstream_reply", 200),
    "sim-http-launch": ("bad_upstream_reply", 200),
    "sim-script-launch": ("bad_upstream_reply", 200),
    "sim-userinfo-launch": ("bad_upstream_reply", 200),
    "sim-missing-field": ("bad_upstream_reply", 200),
    "sim-extra-fields": (None, 200),
}


@pytest.fixture
def simulator() -> Iterator[str]:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-m", "simulator", "--port", "0", "--token", TOKEN]
    environment = {"PATH": "/usr/bin:/bin"}
    with subprocess.Popen(
        command, env=environment, cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def test_every_answer_of_the_simulator_becomes_what_the_table_says(simulator: str) -> None:
    found = under_gevent(*((f"{simulator}/v1", name, 8.0, 1) for name in SIMULATED))
    became = {
        name: (call["error"], call["status"]) for name, call in zip(SIMULATED, found, strict=True)
    }
    assert became == SIMULATED
    assert all(call["seconds"] < 8 + SLACK for call in found)


def test_a_call_is_recorded_as_it_was(world: World, vendor: responses.RequestsMock) -> None:
    vendor.post(URL, status=500)
    before = time.time_ns() // 1_000_000
    call = failure(world.client()).call
    assert isinstance(call, UpstreamCall)
    assert before <= call.at_ms <= time.time_ns() // 1_000_000
    assert 0 <= call.duration_ms <= time.time_ns() // 1_000_000 - before + 1
