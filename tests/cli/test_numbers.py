"""The numbers in a terminal: the same as the dashboard's, whoever reads them."""

import csv
import html
import io
import json
import os
import pty
import re
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from proxy.numbers.exports import safe
from storage.events import Entry, now_ms
from tests.cli.terminal import DAYS, store_of, told
from tests.routes.dashboard.merchant import log_in
from tests.servers import Shop
from tests.storage.histories import attempt_id, click


def test_stats_are_drawn_counted_and_split(shop: Shop) -> None:
    drawn = told(shop, "stats", *DAYS, "--by", "product_id")
    assert "2026-11-01 to 2026-11-02 (America/New_York)" in drawn
    assert "█" * 40 in drawn
    assert "80.0%" in drawn  # four launches of five sessions
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


def test_a_period_is_a_sentence_and_bars_as_wide_as_the_terminal(shop: Shop) -> None:
    shop.environ["COLUMNS"] = "80"
    assert shop.command("stats", *DAYS).stdout.splitlines() == [
        "Of 5 clicks (1 still under way), 2 led to a completed try-on (50.0%). Nothing is",
        "broken.",
        "",
        "2026-11-01 to 2026-11-02 (America/New_York). Nothing is compared: it cannot be",
        "said how the period before stood.",
        "",
        "Step       Try-ons                                        of step before  change",
        "Clicks           5  ████████████████████████████████████",
        "Sessions         5  ████████████████████████████████████          100.0%",
        "Launches         4  ████████████████████████████▊                  80.0%",
        "Completed        2  ██████████████▍                                66.7%",
        "",
        "Ending             Try-ons                                             of clicks",
        "Completed                2  ████████████████▍                              40.0%",
        "Abandoned                1  ████████▎                                      20.0%",
        "Failed                   0                                                  0.0%",
        "Cancelled                0                                                  0.0%",
        "Unknown word             0                                                  0.0%",
        "Launched, no word        0                                                  0.0%",
        "Never launched           1  ████████▎                                      20.0%",
        "No session came          0                                                  0.0%",
        "Still open               1  ████████▎                                      20.0%",
    ]


def test_the_sentence_is_that_of_the_dashboard(quiet_shop: Shop) -> None:
    quiet_shop.click("sku-1")
    page = log_in(quiet_shop).get(f"{quiet_shop.url}/dashboard/").text
    (said,) = re.findall(r'<p class="sentence"[^>]*>(.*)</p>', page)
    shown = quiet_shop.command("stats").stdout
    assert " ".join(shown.partition("\n\n")[0].split()) == html.unescape(said)


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
        [sys.executable, "-c", "from proxy.cli import cli; cli()", "events", "--follow", "--json"],
        cwd=shop.folder,
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


HOSTILE = "a\x9b2J\u202eb\x1b]0;x\x07c\u2066\x85d"


@pytest.mark.parametrize(
    "arguments",
    [("export", "attempts"), ("events", "--csv"), ("stats", "--by", "product_id", "--csv")],
)
def test_a_terminal_gets_printable_text_and_a_pipe_the_data(
    shop: Shop, arguments: tuple[str, ...]
) -> None:
    with closing(store_of(shop)) as store:
        a = attempt_id(now_ms())
        store.commit([Entry((click(a, product_id=HOSTILE),))])
    assert HOSTILE in told(shop, *arguments)
    shown = in_a_terminal(shop, *arguments)
    assert "a�2J�b�]0;x�c��d" in shown
    assert [letter for letter in shown.replace("\r\n", "") if not letter.isprintable()] == []


def in_a_terminal(shop: Shop, *arguments: str) -> str:
    """What a command writes to a terminal."""
    ours, its = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        process = subprocess.Popen(
            [sys.executable, "-c", "from proxy.cli import cli; cli()", *arguments],
            cwd=shop.folder,
            env=shop.environ | {"PYTHONUTF8": "1", "TERM": "dumb"},
            stdout=its,
        )
        os.close(its)
        written = b""
        with suppress(OSError):  # EIO: the other side has closed
            while piece := terminal.read(65536):
                written += piece
        assert process.wait(30) == 0
    return written.decode()


@pytest.mark.parametrize("name", ["attempts", "events", "daily"])
def test_an_export_is_the_same_in_a_file(shop: Shop, tmp_path: Path, name: str) -> None:
    shown = told(shop, "export", name, *DAYS)
    assert len(list(csv.reader(io.StringIO(shown)))) > 2
    told(shop, "export", name, *DAYS, "--output", str(tmp_path / "file.csv"))
    with (tmp_path / "file.csv").open(newline="") as file:
        assert file.read().splitlines() == shown.splitlines()


def test_a_split_is_exported_whole(shop: Shop) -> None:
    with closing(store_of(shop)) as store:
        at = now_ms()
        clicks = [click(attempt_id(at, n), product_id=f"new-{n}") for n in range(1_001)]
        store.commit([Entry((each,)) for each in clicks])
    rows = told(shop, "stats", "--range", "7d", "--by", "product_id", "--csv").splitlines()
    assert len([row for row in rows if row.startswith("new-")]) == 1_001


@pytest.mark.parametrize(
    "arguments",
    [("export", "attempts"), ("export", "daily"), ("stats", "--csv"), ("events", "--csv"),
     ("forecast", "--csv")],
    ids=" ".join,
)  # fmt: skip
def test_semicolons_stand_between_cells_where_they_are_asked_for(
    shop: Shop, arguments: tuple[str, ...]
) -> None:
    days = () if arguments[0] in ("events", "forecast") else DAYS
    by_comma = [*csv.reader(io.StringIO(told(shop, *arguments, *days)))]
    written = io.StringIO(told(shop, *arguments, *days, "--separator", ";"))
    assert [*csv.reader(written, delimiter=";")] == by_comma
    assert len(by_comma[0]) > 1


def test_without_enough_data_the_forecast_says_so(shop: Shop) -> None:
    assert "Not enough data" in told(shop, "forecast")
    assert json.loads(told(shop, "forecast", "--json"))["this_month"] is None
