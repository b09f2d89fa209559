"""Connections that ask without a pause, never read, or break off: others are served as before."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.servers import Shop, Vendor, eventually, running_shop, unique
from tests.wire import answered, connected, http

HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n"
FAULTS = ("Traceback", "WORKER TIMEOUT", "SIGABRT", "SIGKILL")


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
    with running_shop(tmp_path, vendor, TRYON_WORKERS="1") as shop, ExitStack() as open_:
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
        assert http().get(session["status_url"], timeout=10).status_code == 200
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
