"""A disk that is full, and files that another program holds: said, and nothing false is."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from proxy.web.i18n import CATALOGUES
from tests.servers import (
    ALONE,
    DESKTOP,
    Shop,
    Vendor,
    all_running,
    eventually,
    running_shop,
    unique,
)
from tests.wire import assert_whole, clicking, counted, http, rows


@contextmanager
def full_disk(shop: Shop) -> Iterator[None]:
    """No process of the shop may write another byte to any file, its log included."""
    pids = [shop.process.pid, *shop.workers()]
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid, before in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_nothing_false_is(tmp_path: Path, vendor: Vendor) -> None:
    with all_running(tmp_path, vendor) as shop:
        product_id, other = unique(), unique()
        session = shop.click(product_id).json()
        with full_disk(shop):
            for _ in range(4):  # both workers
                delivery = vendor.call_back(product_id, state="completed")[0]
                assert delivery["status"] == 503
            answer = shop.click(other)
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["message"] == CATALOGUES["en"]["oops"]
            assert vendor.calls(other) == 0  # a session that cannot be recorded is not bought
            ready = http().get(f"{shop.url}/readyz")
            assert (ready.status_code, ready.json()["parts"]["database"]) == (
                503,
                "nothing can be written",
            )
            assert shop.state(session) == "waiting"  # who only reads is served
            page = http().get(session["handoff_url"], headers={"User-Agent": DESKTOP})
            assert page.status_code == 200
        assert vendor.call_back(product_id, state="completed")[0]["status"] == 204
        assert shop.state(session) == "completed"
        assert shop.click(other).status_code == 201
        eventually(lambda: http().get(f"{shop.url}/readyz").status_code == 200)
        assert_whole(shop)


def test_counters_that_another_program_holds_are_said_soon_and_hold_up_nothing_else(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor, **ALONE) as shop:
        product_id = unique()
        session = shop.click(product_id).json()
        path = f"{shop.database}-counters"
        with (
            closing(sqlite3.connect(path, isolation_level=None)) as holder,
            closing(sqlite3.connect(path, timeout=4, check_same_thread=False)) as patient,
        ):
            holder.execute("BEGIN IMMEDIATE")
            # Whoever waits for four seconds is still waiting when the click has its answer.
            waiting = threading.Thread(target=wait_in_vain, args=[patient])
            waiting.start()
            answer = shop.click(unique())
            assert waiting.is_alive(), "the click waited longer"
            waiting.join()
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert shop.launch(session["launch_url"]).status_code == 302
            assert vendor.call_back(product_id)[0]["status"] == 204
            assert shop.state(session) == "completed"
            holder.execute("ROLLBACK")
        assert shop.click(unique()).status_code == 201


def wait_in_vain(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        connection.execute("BEGIN IMMEDIATE")


HOLD = """
import fcntl, sys
with open(sys.argv[1], "r+b") as locks:
    fcntl.lockf(locks, fcntl.LOCK_EX, 1, 0)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the holder is not known")
def test_a_stopped_process_that_holds_writers_off_is_named_and_none_waits_for_ever(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor) as shop:
        session = shop.click(unique()).json()
        command = [sys.executable, "-c", HOLD, f"{shop.database}-lock"]
        with subprocess.Popen(command, stdin=-1, stdout=-1) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            os.kill(holder.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, holder.pid, os.WSTOPPED)
            answer = shop.http.post(session["status_url"] + "/cancel", timeout=60)
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            named = f"process {holder.pid} is stopped and holds tryon.db-lock"
            assert named in shop.logged()
            assert http().get(f"{shop.url}/readyz", timeout=60).status_code == 503
            assert http().get(f"{shop.url}/healthz").status_code == 200
            assert shop.state(session) == "waiting"
            holder.kill()
        assert shop.http.post(session["status_url"] + "/cancel").status_code == 200
        assert shop.state(session) == "cancelled"
        assert_whole(shop)


@pytest.mark.slow
def test_a_disk_that_fills_up_now_and_then_never_makes_a_false_answer(
    tmp_path: Path, vendor: Vendor
) -> None:
    with all_running(tmp_path, vendor) as shop:
        product_id = unique()
        with clicking(shop, product_id) as found:
            for _ in range(5):
                count = len(found)
                eventually(lambda count=count: len(found) > count + 5)
                with full_disk(shop):
                    count = len(found)
                    eventually(lambda count=count: len(found) > count + 5)
        statuses = counted(answer[0] for answer in found)
        assert set(statuses) == {201, 503}
        promised = {answer[1] for answer in found if answer[0] == 201}
        kept = {row[0] for row in rows(shop, "SELECT public_id FROM attempts")}
        assert promised <= kept
        assert_whole(shop)
