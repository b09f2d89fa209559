"""The numbers' commands on a small database of their own: what they print, to the letter."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from proxy.cli import cli
from proxy.upstream.breaker import Breaker
from storage.database import open_counters
from storage.events import Entry, event
from storage.sqlite.store import SQLiteStore
from tests.storage.histories import attempt_id, callback, click, created, launch, moment

FREE = '[{"name": "Free", "price": 0, "included_sessions": 9999, "price_per_extra_session": 1}]'
SMALL = '[{"name": "Small", "price": 10, "included_sessions": 5, "price_per_extra_session": 0.5}]'


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A shop with three clicks a day on each of sixty days up to yesterday."""
    path = tmp_path / "shop.db"
    entries = []
    for back in range(1, 61):
        noon = moment(f"{today() - timedelta(back)}T12:00")
        for number in range(3):
            a = attempt_id(noon, number)
            events = [click(a), created(a, noon + 200)]
            if number == 0:
                events += [launch(a, noon + 9_000), callback(a, noon + 60_000, "done")]
            else:
                events.append(event("expired", a, noon + 900_000, "proxy"))
            entries.append(Entry(tuple(events)))
    with closing(SQLiteStore(path, ZoneInfo("UTC"))) as store:
        store.commit(entries)
    yield {
        "TRYON_API_TOKEN": "a-token",
        "TRYON_API_URL": "https://vendor.example/v1",
        "TRYON_PUBLIC_URL": "https://shop.example",
        "TRYON_SECRET_KEY": "0123456789abcdef" * 2,
        "TRYON_DATABASE": f"sqlite:///{path}",
        "TRYON_PLANS": SMALL,
        "TRYON_RETENTION_DAYS": "30",
        "COLUMNS": "120",
    }


def today() -> date:
    return datetime.now(UTC).date()


def told(environ: dict[str, str], *arguments: str) -> str:
    found = CliRunner().invoke(cli, arguments, env=environ)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_the_endings_of_a_row_add_up_to_its_clicks(environ: dict[str, str]) -> None:
    shown = told(environ, "stats", "--range", "yesterday", "--by", "device").splitlines()
    rows = [[cell for cell in line.split() if "█" not in cell] for line in shown[-2:]]
    assert rows == [
        ["Device", "Clicks", "completed", "otherwise", "open", "rate"],
        ["phone", "3", "1", "2", "0", "33.3%"],
    ]


def test_a_day_that_is_not_over_is_compared_as_of_the_same_moment(environ: dict[str, str]) -> None:
    """All of a week ago was at noon: at whatever time it is now, none or all of it counts."""
    shown = " ".join(told(environ, "stats", "--range", "today").split())
    assert "as they stood at the same moment" in shown
    assert shown.startswith("No clicks in this time.")
    assert ("-100%" in shown) is (datetime.now(UTC).hour >= 12)


def test_a_refused_token_and_a_spent_budget_are_told(environ: dict[str, str]) -> None:
    path = Path(environ["TRYON_DATABASE"].removeprefix("sqlite:///"))
    environ["TRYON_MONTHLY_SESSIONS"] = "0"
    assert "100.0% of the monthly budget is spent: " in " ".join(told(environ, "stats").split())
    assert not Path(f"{path}-counters").exists()
    with closing(open_counters(path)) as counters:
        Breaker(counters).refuse_token()
    assert "The vendor refuses the token." in " ".join(told(environ, "stats").split())


def test_a_split_as_csv_is_by_day_unless_asked_otherwise(environ: dict[str, str]) -> None:
    days = [*csv.reader(io.StringIO(told(environ, "stats", "--range", "7d", "--csv")))]
    assert (days[0][0], len(days)) == ("day", 8)
    by = [*csv.reader(io.StringIO(told(environ, "stats", "--by", "device", "--csv")))]
    assert [row[0] for row in by] == ["device", "phone"]


def test_an_event_is_a_line_with_its_time_in_the_zone_of_the_shop(environ: dict[str, str]) -> None:
    environ["TRYON_TIMEZONE"] = "Asia/Kolkata"  # 5 h 30 min ahead
    lines = told(environ, "events").splitlines()
    assert len(lines) == 20
    assert lines[-1] == f"{today() - timedelta(60)} 17:45:00  expired sku-1"


def test_a_forecast_is_three_tenths_of_two_months_and_the_plans(environ: dict[str, str]) -> None:
    shown = told(environ, "forecast")
    assert "Sessions; four times in five between P10 and P90." in shown
    rows = [line.replace("│", " ").split() for line in shown.splitlines() if "│" in line]
    assert [row[:2] for row in rows[:2]] == [["This", "month"], ["Next", "month"]]
    for row in rows[:2]:
        low, middle, high = map(int, row[2:])
        assert 60 < low <= middle <= high < 130
    assert rows[2][:2] == ["Small", "(cheapest)"]
    assert len(rows) == 3
    assert "EUR" not in shown
    environ["TRYON_PLANS"] = environ["TRYON_PLANS"].replace("}", ', "currency": "EUR"}')
    assert re.search(r"Small \(cheapest\).*\.\d\d EUR", told(environ, "forecast"))


def test_a_forecast_as_json_or_csv_is_that_alone(environ: dict[str, str]) -> None:
    found = json.loads(told(environ, "forecast", "--json"))
    assert found["reason"] is None
    assert set(found["this_month"]) == set(found["next_month"]) == {"p10", "p50", "p90"}
    assert found["days"][0]["day"] == str(today())
    assert set(found["days"][0]) == {"day", "p10", "p50", "p90"}
    assert set(found["plans"][0]) == {"name", "cheapest", "next_month", "replayed", "run_out"}
    rows = [*csv.reader(io.StringIO(told(environ, "forecast", "--csv")))]
    assert rows[0] == ["day", "p10", "p50", "p90"]
    assert rows[1] == [str(value) for value in found["days"][0].values()]
    assert len(rows) == 1 + len(found["days"])


@pytest.mark.parametrize("form", ["--json", ""])
def test_a_plan_that_costs_nothing_costs_nothing(environ: dict[str, str], form: str) -> None:
    """A cost of 0 is a cost: it was taken for none."""
    environ["TRYON_PLANS"] = FREE
    shown = told(environ, "forecast", *filter(None, [form]))
    if not form:
        assert "0.00" in shown
        return
    [plan] = json.loads(shown)["plans"]
    assert plan["cheapest"]
    assert plan["run_out"] is None
    assert plan["next_month"] == "0"


def test_an_export_to_a_file_that_cannot_be_written_is_a_sentence(environ: dict[str, str]) -> None:
    output = "/nowhere/at/all.csv"
    found = CliRunner().invoke(cli, ["export", "daily", "--output", output], env=environ)
    assert (found.exit_code, found.stdout) == (1, "")
    assert found.stderr == f"Error: {output}: No such file or directory\n"


def test_a_purge_keeps_as_many_days_as_the_setting_says(environ: dict[str, str]) -> None:
    line = today() - timedelta(30)
    assert f"rows of days before {line} were deleted." in told(environ, "purge")
    found = json.loads(told(environ, "stats", "--range", "365d", "--json"))
    assert found["raw_since"] == str(line)
    assert found["totals"]["clicks"] == 180


def test_a_setting_that_is_wrong_ends_a_command_in_a_sentence(environ: dict[str, str]) -> None:
    environ["TRYON_PLANS"] = "[1"
    found = CliRunner().invoke(cli, ["stats"], env=environ)
    assert found.exit_code == 1
    assert found.stderr.startswith("Error: TRYON_PLANS ")
