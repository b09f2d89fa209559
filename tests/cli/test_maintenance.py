"""Commands that keep the database in order: verify, rebuild, purge, erase, compact."""

import csv
import io
import json
import sqlite3
from contextlib import closing

from storage.events import Entry
from tests.cli.terminal import DAYS, store_of, told
from tests.servers import Shop
from tests.storage.histories import attempt_id, click, moment


def test_a_single_tampered_figure_is_found_and_mended(shop: Shop) -> None:
    assert "agrees" in told(shop, "verify")
    with closing(sqlite3.connect(shop.database)) as db, db:
        db.execute("UPDATE totals_day SET completed = completed + 1 WHERE local_day = '2026-11-02'")
    found = shop.command("verify")
    assert found.returncode == 1
    assert "totals_day (2026-11-02, phone, qr, en, ) completed: stored 2, counted 1" in found.stdout
    told(shop, "rebuild")
    assert "agrees" in told(shop, "verify")


def test_a_purge_leaves_the_totals(shop: Shop) -> None:
    before = json.loads(told(shop, "stats", *DAYS, "--json"))
    assert "deleted" in told(shop, "purge", "--before", "2026-11-03")
    assert told(shop, "purge", "--quiet") == ""  # as a worker runs it
    after = json.loads(told(shop, "stats", *DAYS, "--json"))
    assert after["totals"] == before["totals"]
    assert after["raw_since"] == "2026-11-03"
    assert len(list(csv.reader(io.StringIO(told(shop, "export", "attempts", *DAYS))))) == 1
    assert "agrees" in told(shop, "verify")


def test_an_erasure_takes_a_reference_out_of_the_totals_too(shop: Shop) -> None:
    reference = "=cmd|' /C calc'!A0"
    assert "7 attempts were erased" in told(shop, "erase", reference)
    assert json.loads(told(shop, "stats", *DAYS, "--json"))["totals"]["clicks"] == 0
    assert "agrees" in told(shop, "verify")
    files = b"".join(path.read_bytes() for path in shop.folder.glob("tryon.db*"))
    assert b"calc" not in files


def test_the_room_of_deleted_rows_is_given_back_while_nobody_else_works_with_it(
    shop: Shop,
) -> None:
    with closing(store_of(shop)) as store:
        at = moment("2026-10-01T12:00")
        store.commit([Entry((click(attempt_id(at, n), title="x" * 500),)) for n in range(900)])
        refused = shop.command("compact")
        assert refused.returncode == 1
        assert "is in use; stop the app first" in refused.stderr
    told(shop, "purge", "--before", "2026-10-31")
    before = shop.database.stat().st_size
    said = told(shop, "compact")
    after = shop.database.stat().st_size
    assert after < before / 2
    assert f"takes {(before - after) / 1024**2:,.1f} MiB less" in said
    assert "agrees" in told(shop, "verify")
