"""A log that takes nothing, no more files, a clock that jumps, a database that others hold."""

import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import requests

from tests.servers import ALONE, ROOT, Shop, Vendor, eventually, free_port, running_shop, unique
from tests.wire import answered, assert_whole, connected, http, rows

pytestmark = pytest.mark.slow

DAY_S = 86_400
CLOCK = """
import time
from pathlib import Path

offset = Path(__file__).with_name("offset")
clocks = time.time, time.time_ns
time.time = lambda: clocks[0]() + int(offset.read_text())
time.time_ns = lambda: clocks[1]() + int(offset.read_text()) * 10**9
"""


def test_a_log_that_takes_nothing_holds_up_nothing(tmp_path: Path, vendor: Vendor) -> None:
    shop = Shop(tmp_path, vendor.url, free_port())
    shop.within = ("bash", "-c", 'exec "$@" >/dev/full 2>&1', "full")
    shop.start()
    try:
        for _ in range(4):  # both workers
            product_id = unique()
            session = shop.click(product_id).json()
            assert vendor.call_back(product_id, state="completed")[0]["status"] == 204
            assert shop.state(session) == "completed"
        assert http().get(f"{shop.url}/readyz").status_code == 200
        os.kill(shop.workers()[0], 9)  # what the master says of it goes nowhere either
        eventually(lambda: len(shop.workers()) == 2)
        assert vendor.call_back(product_id, manner="duplicate")[0]["status"] == 204
    finally:
        shop.stop()
    assert shop.logged() == ""


def test_a_log_whose_reader_stands_still_holds_up_nobody(tmp_path: Path, vendor: Vendor) -> None:
    shop = Shop(tmp_path, vendor.url, free_port(), TRYON_WORKERS="1")
    shop.within = ("bash", "-c", 'exec "$@" > >(exec sleep 300) 2>&1', "still")
    shop.start()
    try:
        client = http()
        for _ in range(1_000):  # lines; a pipe holds 64 KiB, which are 360
            assert client.get(f"{shop.url}/healthz", timeout=60).status_code == 200
        shop.click(unique(), click_id="x")  # 400
        with connected(shop) as connection:  # and the server's own log
            connection.sendall(b"no request\r\n\r\n")
            assert answered(connection).startswith(b"HTTP/1.1 400 ")
        assert shop.click(unique()).status_code == 201
    finally:
        shop.kill()


def test_without_a_standard_output_it_serves(tmp_path: Path, vendor: Vendor) -> None:
    shop = Shop(tmp_path, vendor.url, free_port(), TRYON_WORKERS="1")
    shop.within = ("bash", "-c", 'exec "$@" >&- 2>&-', "closed")
    shop.start()
    try:
        assert shop.click(unique()).status_code == 201
    finally:
        shop.stop()


@contextmanager
def no_more_files(shop: Shop) -> Iterator[None]:
    """No worker may open another file or connection than those it has."""
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in shop.workers()}
    for pid, (_, hard) in limits.items():
        number = max(int(each.name) for each in Path(f"/proc/{pid}/fd").iterdir())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (number + 1, hard))
    try:
        yield
    finally:
        for pid, before in limits.items():
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_without_another_file_nothing_false_is_said_and_it_goes_on_after(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor, **ALONE) as shop:
        product_id = unique()
        session = shop.click(product_id).json()  # over a connection that is kept
        workers = shop.workers()
        with no_more_files(shop):
            answers = [shop.click(unique()) for _ in range(4)]
            with suppress(requests.RequestException):
                http().get(f"{shop.url}/healthz", timeout=1)
        assert {answer.status_code for answer in answers} <= {201, 502, 503}
        eventually(lambda: http().get(f"{shop.url}/readyz", timeout=60).status_code == 200)
        assert shop.workers() == workers
        assert vendor.call_back(product_id, state="completed")[0]["status"] == 204
        assert shop.state(session) == "completed"
        assert shop.click(unique()).status_code == 201
        promised = {answer.json()["id"] for answer in answers if answer.status_code == 201}
        assert promised <= {row[0] for row in rows(shop, "SELECT public_id FROM attempts")}
        assert_whole(shop)


def test_a_clock_that_jumps_by_three_days_stops_nobody(tmp_path: Path, vendor: Vendor) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    offset = tmp_path / "offset"
    offset.write_text("0")
    settings = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "TRYON_CLIENT_RATE": "3/minute"}
    with running_shop(tmp_path, vendor, TRYON_DAILY_SESSIONS="100", **settings) as shop:
        for jump in (0, 3 * DAY_S, 0, -3 * DAY_S, 0):
            offset.write_text(str(jump))
            product_id = unique()
            answer = shop.click(product_id)
            assert answer.status_code == 201, (jump, answer.text)
            assert vendor.call_back(product_id, state="completed")[0]["status"] == 204, jump
            assert shop.state(answer.json()) == "completed", jump
            assert http().get(f"{shop.url}/readyz").status_code == 200
        assert_whole(shop)


def test_a_database_that_another_program_holds_is_said_and_nothing_false_is(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor) as shop:
        product_id = unique()
        session = shop.click(product_id).json()
        with closing(sqlite3.connect(shop.database, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            assert vendor.call_back(product_id, state="completed")[0]["status"] == 503
            assert shop.state(session) == "waiting"  # who only reads is served
            assert http().get(f"{shop.url}/readyz", timeout=60).status_code == 503
            assert http().get(f"{shop.url}/healthz").status_code == 200
            holder.execute("ROLLBACK")
        assert "storage unavailable: database is locked" in shop.logged()
        eventually(lambda: http().get(f"{shop.url}/readyz", timeout=60).status_code == 200)
        assert vendor.call_back(product_id, state="completed")[0]["status"] == 204
        assert shop.state(session) == "completed"
        assert_whole(shop)
