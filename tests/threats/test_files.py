"""The database's files are deleted, replaced or cut off under the running app."""

import os
import random
import re
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.servers import ALONE, Shop, Vendor, all_running, eventually, http, running_shop, unique
from tests.wire import assert_whole, click_of, post


def readiness(shop: Shop) -> tuple[int, str]:
    answer = http().get(f"{shop.url}/readyz")
    return answer.status_code, answer.json()["parts"]["database"]


@contextmanager
def away(path: Path) -> Iterator[None]:
    """Move a file to another place, and back."""
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(path)


def assert_nothing_is_acknowledged(shop: Shop, vendor: Vendor, product_id: str, why: str) -> None:
    for _ in range(4):  # both workers
        assert vendor.call_back(product_id, state="completed")[0]["status"] == 503
    other = unique()
    answer = shop.click(other)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert vendor.calls(other) == 0
    eventually(lambda: readiness(shop)[0] == 503 and why in readiness(shop)[1])
    assert why in shop.logged()


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop whose files each test puts back."""
    with all_running(tmp_path_factory.mktemp("moved"), vendor) as shop:
        yield shop


@pytest.mark.parametrize("file", ["tryon.db", "tryon.db-wal", "tryon.db-shm", "tryon.db-lock"])
def test_nothing_is_acknowledged_while_a_file_is_not_at_its_path(
    moved: Shop, vendor: Vendor, file: str
) -> None:
    product_id = unique()
    session = moved.click(product_id).json()
    with away(moved.folder / file):
        assert_nothing_is_acknowledged(moved, vendor, product_id, f"{file} was deleted")
        assert moved.state(session) == "waiting"  # who only reads is served
        assert not (moved.folder / file).exists()
        shutil.copyfile(moved.folder / "elsewhere", moved.folder / file)
        assert_nothing_is_acknowledged(moved, vendor, product_id, f"{file} was replaced")
    assert vendor.call_back(product_id, state="completed")[0]["status"] == 204
    assert moved.state(session) == "completed"
    eventually(lambda: readiness(moved) == (200, "ok"))
    assert_whole(moved)


@pytest.mark.parametrize(("file", "rest"), [("tryon.db", 0.5), ("tryon.db-wal", 0)])
def test_nothing_is_acknowledged_once_a_file_is_cut_off(
    tmp_path: Path, vendor: Vendor, file: str, rest: float
) -> None:
    with all_running(tmp_path, vendor) as shop:
        product_id = unique()
        shop.click(product_id)
        assert readiness(shop) == (200, "ok")
        os.truncate(tmp_path / file, int((tmp_path / file).stat().st_size * rest))
        assert_nothing_is_acknowledged(shop, vendor, product_id, f"{file} was truncated")


def test_a_budget_does_not_begin_anew_where_its_counters_are_deleted(
    tmp_path: Path, vendor: Vendor
) -> None:
    with all_running(tmp_path, vendor, TRYON_DAILY_SESSIONS="3") as shop:
        product_id = unique()
        assert {shop.click(product_id).status_code for _ in range(2)} == {201}
        for counters in tmp_path.glob("tryon.db-counters*"):
            counters.unlink()
        for _ in range(8):  # both workers
            answer = post(shop, "/sessions", click_of(product_id))
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert "storage unavailable: tryon.db-counters was deleted" in shop.logged()
        assert vendor.call_back(product_id, state="completed")[0]["status"] == 204
        assert readiness(shop) == (200, "ok")
        before = set(shop.workers())
        shop.process.send_signal(signal.SIGHUP)
        eventually(lambda: not before & set(shop.workers()))
        found = [post(shop, "/sessions", click_of(product_id)).status_code for _ in range(4)]
        assert found == [201, 429, 429, 429]
        assert vendor.calls(product_id) == 3


@pytest.mark.slow
def test_what_was_stored_in_deleted_files_is_kept_and_can_be_restored(
    tmp_path: Path, vendor: Vendor
) -> None:
    with all_running(tmp_path, vendor) as shop:
        product_id = unique()
        session = shop.click(product_id).json()
        for file in filter(Path.is_file, tmp_path.glob("tryon.db*")):
            file.unlink()
        assert_nothing_is_acknowledged(shop, vendor, product_id, "tryon.db was deleted")
        (rescued,) = tmp_path.glob("tryon.db.rescued-*")
        assert f"all that was stored is in {rescued}" in shop.logged()
        shop.stop()
        restored = shop.command("restore", str(rescued))
        assert restored.returncode == 0, restored.stderr
        shop.start()
        assert shop.state(session) == "waiting"
        assert vendor.call_back(product_id, state="completed")[0]["status"] == 204
        assert_whole(shop)


def test_what_was_stored_is_kept_though_nobody_stores_anything_more(
    tmp_path: Path, vendor: Vendor
) -> None:
    with all_running(tmp_path, vendor) as shop:
        session = shop.click(unique()).json()
        shop.database.unlink()
        (rescued,) = eventually(lambda: [*tmp_path.glob("tryon.db.rescued-*")])
        eventually(lambda: f"all that was stored is in {rescued}" in shop.logged())
        shop.stop()
        assert shop.command("restore", str(rescued)).returncode == 0
        shop.start()
        assert shop.state(session) == "waiting"


def empty_log(database: Path) -> None:
    with closing(sqlite3.connect(database)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def spoil(database: Path, table: str) -> None:
    """Fill the first page of a table or an index with noise, as a failing disk may."""
    empty_log(database)
    with closing(sqlite3.connect(database)) as db:
        ((root,),) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
    with database.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(random.Random(1).randbytes(4096))


@pytest.mark.slow
def test_damage_that_is_met_is_said_and_callbacks_are_kept(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor, **ALONE) as shop:
        product_id = unique()
        session = shop.click(product_id).json()
        shop.stop()
        spoil(shop.database, "totals_hour")
        spoil(shop.database, "attempts_expiring")
        shop.start()
        eventually(lambda: readiness(shop)[0] == 503)
        said = "damaged: tryon.db: database disk image is malformed; restore with `tryon restore"
        assert said in readiness(shop)[1]
        assert said in shop.logged()
        assert shop.state(session) == "waiting"  # what can be read is
        for command in ("verify", "doctor"):
            found = shop.command(command)
            assert found.returncode == 1
            assert "damaged: " in found.stdout + found.stderr
            assert "Traceback" not in found.stderr
        assert "Traceback" not in shop.logged()


@pytest.mark.slow
@pytest.mark.parametrize("rest", [0.5, 0.01], ids=["half", "less-than-a-page"])
def test_a_damaged_file_is_refused_at_the_start_in_a_sentence(
    tmp_path: Path, vendor: Vendor, rest: float
) -> None:
    with running_shop(tmp_path, vendor, TRYON_WORKERS="4") as shop:
        shop.click(unique())
        shop.stop()
        empty_log(shop.database)  # which might hold all that is cut off
        os.truncate(shop.database, int(shop.database.stat().st_size * rest))
        with pytest.raises(AssertionError):
            shop.start()
        assert shop.process.wait(30) != 0
        said = r"The app cannot start: the database: damaged: tryon.db: .*; restore with `tryon re"
        assert re.search(said, shop.logged())
        assert "Traceback" not in shop.logged()
        for command in ("stats", "verify", "doctor", "rebuild"):
            found = shop.command(command)
            assert found.returncode == 1
            assert "damaged: " in found.stdout + found.stderr
            assert "Traceback" not in found.stderr
