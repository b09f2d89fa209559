"""The numbers in a terminal: the same as the dashboard's, whoever reads them."""

import csv
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from app import cli
from proxy.numbers.exports import safe
from storage.events import Entry, now_ms
from storage.sqlite.store import SQLiteStore
from tests.e2e.test_dashboard import ZONE, small_history
from tests.servers import ROOT, Shop, Vendor, eventually, free_port
from tests.storage.histories import attempt_id, click

DAYS = ("--from", "2026-11-01", "--to", "2026-11-02")


def store_of(shop: Shop) -> SQLiteStore:
    return SQLiteStore(shop.database, ZoneInfo(ZONE))


@pytest.fixture
def shop(tmp_path: Path, vendor: Vendor) -> Iterator[Shop]:
    """Not running: commands need the settings and the database alone."""
    shop = Shop(tmp_path, vendor.url, free_port(), TRYON_TIMEZONE=ZONE)
    with closing(store_of(shop)) as store:
        store.commit(small_history())
    yield shop


def told(shop: Shop, *arguments: str, status: int = 0) -> str:
    """What a command says: its output, or its complaint."""
    found = CliRunner().invoke(cli, arguments, env=shop.environ | {"COLUMNS": "120"})
    assert found.exit_code == status, found.output
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found.stdout if status == 0 else found.stderr


def test_stats_are_drawn_counted_and_split(shop: Shop) -> None:
    drawn = told(shop, "stats", *DAYS, "--by", "product_id")
    assert "2026-11-01 to 2026-11-02 (America/New_York)" in drawn
    assert "█" * 40 in drawn
    assert "80%" in drawn  # four launches of five sessions
    assert "sku-2" in drawn
    found = json.loads(told(shop, "stats", *DAYS, "--by", "product_id", "--json"))
    assert found["totals"]["clicks"] == 5
    assert {row["key"]: row["clicks"] for row in found["by"]}["sku-1"] == 3
    rows = list(csv.DictReader(io.StringIO(told(shop, "stats", *DAYS, "--csv"))))
    assert [(row["day"], row["clicks"]) for row in rows] == [
        ("2026-11-01", "4"),
        ("2026-11-02", "1"),
    ]
    narrowed = json.loads(told(shop, "stats", *DAYS, "--device", "desktop", "--json"))
    assert narrowed["totals"]["clicks"] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("stats", "--from", "2026-02-30"), "from: must be a day that exists"),
        (("stats", "--from", "2026-11-02", "--to", "2026-11-01"), "from: 2026-11-02 is after"),
        (("stats", "--by", "moon"), "--by"),
        (("stats", "--range", "decade"), "range: must be one of"),
        (("export", "secrets"), "secrets"),
        (("purge", "--before", "2999-01-01"), "still to come"),
        (("purge", "--before", "soon"), "--before"),
    ],
)
def test_what_cannot_be_answered_is_named(
    shop: Shop, arguments: tuple[str, ...], says: str
) -> None:
    assert says in told(shop, *arguments, status=2)


def test_events_are_listed_and_followed(shop: Shop) -> None:
    lines = told(shop, "events").splitlines()
    assert len(lines) == 20
    assert any("callback" in line and "done" in line for line in lines)
    listed = [json.loads(line) for line in told(shop, "events", "--json").splitlines()]
    table = [*csv.DictReader(io.StringIO(told(shop, "events", "--csv")))]
    assert table == [{name: str(safe(value)) for name, value in each.items()} for each in listed]
    process = subprocess.Popen(
        [sys.executable, "-c", "from app import cli; cli()", "events", "--follow", "--json"],
        cwd=ROOT,
        env=shop.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        for _ in range(20):
            process.stdout.readline()
        with closing(store_of(shop)) as store:
            for number in range(30):  # more than are listed at once
                a = attempt_id(now_ms(), number)
                store.commit([Entry((click(a, product_id=f"new-{number}"),))])
        seen = [json.loads(process.stdout.readline())["product_id"] for _ in range(30)]
        assert seen == [f"new-{number}" for number in range(30)]
    finally:
        process.terminate()  # who starts the tests may have their children ignore an interrupt
        process.wait(10)
        process.stdout.close()


def test_a_hostile_product_cannot_move_the_terminals_cursor(shop: Shop) -> None:
    with closing(store_of(shop)) as store:
        a = attempt_id(now_ms())
        store.commit([Entry((click(a, product_id="\x1b[2J[bold]x[/bold]\r\n"),))])
    for arguments in (("events",), ("stats", "--by", "product_id")):
        shown = told(shop, *arguments)
        assert "\x1b[2J" not in shown
        assert "[bold]x" in shown


@pytest.mark.parametrize("name", ["attempts", "events", "daily"])
def test_an_export_is_the_same_in_a_file(shop: Shop, tmp_path: Path, name: str) -> None:
    shown = told(shop, "export", name, *DAYS)
    assert len(list(csv.reader(io.StringIO(shown)))) > 2
    told(shop, "export", name, *DAYS, "--output", str(tmp_path / "file.csv"))
    with (tmp_path / "file.csv").open(newline="") as file:
        assert file.read().splitlines() == shown.splitlines()


def test_a_single_tampered_figure_is_found_and_mended(shop: Shop) -> None:
    assert "agrees" in told(shop, "verify")
    with closing(sqlite3.connect(shop.database)) as db, db:
        db.execute("UPDATE totals_day SET completed = completed + 1 WHERE local_day = '2026-11-02'")
    found = shop.command("verify")
    assert found.returncode == 1
    assert "totals_day (2026-11-02, phone, qr, en) completed: stored 2, counted 1" in found.stdout
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


def test_demo_data_fill_an_empty_database_alone_and_add_up(shop: Shop, tmp_path: Path) -> None:
    assert "--force" in told(shop, "demo-data", status=1)
    fresh = Shop(tmp_path / "fresh", shop.environ["TRYON_API_URL"].removesuffix("/v1"), free_port())
    fresh.folder.mkdir()
    assert "clicks" in told(fresh, "demo-data", "--days", "40")
    found: dict[str, Any] = json.loads(told(fresh, "stats", "--json"))
    totals = found["totals"]
    assert totals["impressions"] > totals["clicks"] > totals["created"] > totals["opened"]
    assert totals["opened"] > totals["completed"] > 100
    assert "agrees" in told(fresh, "verify")
    eventually(lambda: "P50" in told(fresh, "forecast"))
    assert json.loads(told(fresh, "forecast", "--json"))["next_month"]["p50"] > 0


def test_without_enough_data_the_forecast_says_so(shop: Shop) -> None:
    assert "Not enough data" in told(shop, "forecast")
    assert json.loads(told(shop, "forecast", "--json"))["this_month"] is None


def test_a_command_on_no_database_is_a_sentence(shop: Shop) -> None:
    shop.environ["TRYON_DATABASE"] = "sqlite:////nowhere/at/all.db"
    assert "the database:" in told(shop, "stats", status=1)
