"""Connections that ask without a pause, never read, or break off: others are served as before.

In the environment, `CROWD` says how many there are in the slow tests (100).
"""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers import ALONE, Shop, Vendor, eventually, running_shop, unique
from tests.wire import answered, connected, http

HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n"
FAULTS = ("Traceback", "WORKER TIMEOUT", "SIGABRT", "SIGKILL")
CROWD = int(os.environ.get("CROWD", "100"))


@contextmanager
def standing_still(shop: Shop) -> Iterator[None]:
    """What is sent meanwhile has all come when the workers go on."""
    workers = shop.workers()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def test_who_pipelines_gets_one_answer_before_it_is_the_next_one_s_turn(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor, **ALONE) as shop, ExitStack() as open_:
        before = len(shop.logged())
        with standing_still(shop):
            greedy = [open_.enter_context(connected(shop)) for _ in range(4)]
            for connection in greedy:
                connection.sendall(HEALTHZ * 50)
            other = open_.enter_context(connected(shop))
            other.sendall(HEALTHZ.replace(b"healthz", b"other"))
        assert b" 404 " in other.recv(4096)
        eventually(lambda: shop.logged().count('"path": "/healthz"', before) == 200)
        lines = shop.logged()[before:].splitlines()
        assert next(at for at, line in enumerate(lines) if "/other" in line) < 40


# --- Connections that end with their answer -------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 9999999\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
    ids=["length", "chunks"],
)
def test_a_body_that_no_route_reads_ends_its_connection(shop: Shop, body: bytes) -> None:
    with connected(shop) as connection:
        connection.sendall(b"POST /callbacks/nobody-s HTTP/1.1\r\nHost: shop\r\n" + body)
        answer = answered(connection)  # to its end; it would be ten seconds and a time-out
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nConnection: close\r\n" in answer


def test_a_small_body_that_no_route_reads_leaves_its_connection_open(shop: Shop) -> None:
    with connected(shop) as connection:
        post = b"POST /callbacks/nobody-s HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\n{}"
        connection.sendall(post + HEALTHZ.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = answered(connection)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"HTTP/1.1 200 OK" in answer


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n",
        b"1\r\nabc\r\n",
        b"1;a\rb\r\nc\r\n0\r\n\r\n",
        b"0" * 12_000,
        b"1;" + b"a" * 12_000,
        b"0\r\na: " + b"b" * 12_000,
        b"1\r\n \r\n" * 4_097 + b"0\r\n\r\n",
    ],
    ids=["size", "end", "extension", "long size", "long extension", "long trailer", "many"],
)
@pytest.mark.parametrize("path", ["/healthz", "/callbacks/nobody-s", "/sessions/x/cancel"])
def test_bad_chunks_that_no_route_reads_are_one_answer_and_one_line(
    quiet_shop: Shop, path: str, chunks: bytes
) -> None:
    method = "GET" if path == "/healthz" else "POST"
    before = len(quiet_shop.logged())
    with connected(quiet_shop) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + chunks)
        answer = answered(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    told = eventually(lambda: "chunks cannot be read" in quiet_shop.logged()[before:])
    assert told
    assert "Traceback" not in quiet_shop.logged()[before:]


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"1;" + b"a" * 12_000, b"0\r\na: " + b"b" * 12_000])
def test_what_follows_a_body_that_broke_off_is_no_request(shop: Shop, chunks: bytes) -> None:
    with connected(shop) as connection:
        head = f"POST /sessions HTTP/1.1\r\nHost: shop\r\nOrigin: {shop.origin}\r\n"
        head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + chunks)
        first = connection.recv(4096)
        with suppress(OSError):
            connection.sendall(HEALTHZ)
        answer = first + answered(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert b"200 OK" not in answer


# --- Crowds ---------------------------------------------------------------------------------------


def pipeline(shop: Shop, over: threading.Event) -> None:
    """Ask a thousand times at once, again and again; read all that is answered."""
    while not over.is_set():
        with suppress(OSError), connected(shop) as connection:
            connection.sendall(HEALTHZ * 1_000)
            answered(connection)


def assert_others_are_served(shop: Shop) -> None:
    session = shop.click(unique()).json()
    for _ in range(20):
        assert http().get(session["status_url"], timeout=60).status_code == 200
        assert shop.click(unique()).status_code == 201


def assert_it_stops_by_itself(shop: Shop) -> None:
    shop.process.terminate()
    assert shop.process.wait(30) == 0
    assert not [fault for fault in FAULTS if fault in shop.logged()]


@pytest.mark.slow
def test_eight_clients_that_pipeline_without_end_leave_others_served(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor) as shop:
        over = threading.Event()
        crowd = [threading.Thread(target=pipeline, args=[shop, over]) for _ in range(8)]
        for each in crowd:
            each.start()
        try:
            assert_others_are_served(shop)
            assert_it_stops_by_itself(shop)
        finally:
            over.set()
            for each in crowd:
                each.join()


@contextmanager
def never_reading(shop: Shop, *paths: str) -> Iterator[None]:
    """A crowd that asks for more than buffers hold, and takes nothing of it."""
    with ExitStack() as crowd:
        for _, path in zip(range(CROWD), cycle(paths), strict=False):
            connection = crowd.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", urlsplit(shop.url).port))
            connection.sendall(HEALTHZ.replace(b"/healthz", path.encode()) * 900)
        yield


def open_files(shop: Shop) -> int:
    return sum(1 for pid in shop.workers() for _ in Path(f"/proc/{pid}/fd").iterdir())


@pytest.mark.slow
def test_clients_that_never_read_are_let_go_of(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor) as shop:
        before = open_files(shop)
        with never_reading(shop, "/custom-elements.json"):
            assert_others_are_served(shop)
            assert open_files(shop) > before + CROWD / 2
            eventually(lambda: open_files(shop) < before + 20, 60 + CROWD)
        assert_it_stops_by_itself(shop)


@pytest.mark.slow
def test_clients_that_never_read_hold_up_no_stop(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor) as shop:
        events = urlsplit(shop.click(unique()).json()["events_url"]).path
        with never_reading(shop, "/custom-elements.json", events):
            assert_others_are_served(shop)
            assert_it_stops_by_itself(shop)
