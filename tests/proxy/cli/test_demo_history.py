"""The made-up past of the demo shop: believable, complete, and over."""

import json
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from proxy.cli import cli, demo_history
from storage.events import now_ms
from storage.numbers import Scope
from storage.sqlite.store import SQLiteStore


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "demo.db"


@pytest.fixture(scope="module")
def told(path: Path) -> str:
    """Sixty days of it."""
    return run(path, "demo-data", "--days", "60")


def environ(path: Path) -> dict[str, str]:
    return {
        "TRYON_API_TOKEN": "a-token",
        "TRYON_API_URL": "https://vendor.example/v1",
        "TRYON_PUBLIC_URL": "https://shop.example",
        "TRYON_SECRET_KEY": "0123456789abcdef" * 2,
        "TRYON_DATABASE": f"sqlite:///{path}",
    }


def run(path: Path, *arguments: str) -> str:
    found = CliRunner().invoke(cli, arguments, env=environ(path))
    assert found.exit_code == 0, found.output
    return found.stdout


def counted(path: Path, by: str) -> dict[str, dict[str, int]]:
    today = datetime.now(UTC).date()
    scope = Scope(today - timedelta(60), today)
    with closing(SQLiteStore(path, ZoneInfo("UTC"))) as store, store.numbers() as numbers:
        return numbers.by(scope, by)[0]


def rows(path: Path, name: str, **values: Any) -> list[dict[str, Any]]:
    with closing(SQLiteStore(path, ZoneInfo("UTC"))) as store, store.numbers() as numbers:
        return numbers.rows(name, **values)


def test_every_ending_is_there_in_proportion(path: Path, told: str) -> None:
    found = json.loads(run(path, "stats", "--range", "90d", "--json"))["totals"]
    clicks = found["clicks"]
    assert told == f"{clicks:,} clicks on 60 days.\n"
    assert 2_900 < clicks < 4_100
    for name, low, high in (
        ("impressions", 3.8, 4.2),
        ("created", 0.97, 0.99),
        ("create_failed", 0.008, 0.024),
        ("reused", 0.06, 0.1),
        ("opened", 0.75, 0.85),
        ("completed", 0.42, 0.53),
        ("abandoned", 0.14, 0.21),
        ("failed", 0.02, 0.05),
        ("cancelled", 0.014, 0.035),
        ("expired_unlaunched", 0.15, 0.24),
        ("expired_unreported", 0.06, 0.12),
    ):
        assert low < found[name] / clicks < high, name
    assert found["other"] == found["open"] == 0


def test_there_is_enough_of_it_for_a_forecast(path: Path, told: str) -> None:
    assert "P50" in run(path, "forecast")
    assert json.loads(run(path, "forecast", "--json"))["next_month"]["p50"] > 0


def test_it_is_added_to_nothing_unless_that_is_forced(path: Path, told: str) -> None:
    found = CliRunner().invoke(cli, ["demo-data"], env=environ(path))
    assert (found.exit_code, found.stdout) == (1, "")
    assert "there are events already; --force adds to them" in found.stderr


def test_weekends_are_busier_and_weeks_a_little_better_than_the_last(path: Path, told: str) -> None:
    days = {day: counts["clicks"] for day, counts in counted(path, "day").items()}
    whole = [*days.items()][1:-1]
    weekend = [n for day, n in whole if date.fromisoformat(day).weekday() >= 5]
    others = [n for day, n in whole if date.fromisoformat(day).weekday() < 5]
    assert 1.25 < (sum(weekend) / len(weekend)) / (sum(others) / len(others)) < 1.7
    counts = [n for _, n in whole]
    assert 1.03 < sum(counts[-28:]) / sum(counts[:28]) < 1.35


@pytest.mark.parametrize(
    ("by", "values"),
    [
        (
            "product_id",
            {"trail-runner", "court-classic", "city-boot"}
            | {"tide-sunglasses", "meridian-watch", "dew-pendant", "fell-beanie"},
        ),
        ("locale", {"en-US", "en-GB", "de-DE", "fr-FR", "es-ES"}),
        ("device", {"desktop", "phone", "tablet"}),
        ("channel", {"", "qr", "direct"}),
        ("offered", {"", "qr", "direct"}),  # "": impressions
        ("category", {"footwear", "eyewear", "watches", "jewelry", "headwear"}),
    ],
)
def test_every_table_has_its_values(path: Path, told: str, by: str, values: set[str]) -> None:
    assert set(counted(path, by)) == values


def test_desktops_hand_over_by_qr_and_phones_need_no_code(path: Path, told: str) -> None:
    by_device = counted(path, "device")
    rate = {device: n["opened"] / n["created"] for device, n in by_device.items()}
    assert 0.55 < rate["desktop"] < 0.7
    assert rate["phone"] > 0.92
    launched = {channel: n["opened"] for channel, n in counted(path, "channel").items()}
    assert launched["direct"] > by_device["phone"]["opened"]
    assert 0.8 < launched["qr"] / by_device["desktop"]["opened"] < 0.97


def test_the_evening_is_the_busiest_time(path: Path, told: str) -> None:
    with closing(SQLiteStore(path, ZoneInfo("UTC"))) as store, store.numbers() as numbers:
        today = datetime.now(UTC).date()
        scope = Scope(today - timedelta(60), today - timedelta(1))
        page = numbers.export("export_attempts", scope)
        first = page.columns.index("first_ms")
        hours = [row[first] // 3_600_000 % 24 for row in page.rows]
    evening = sum(17 <= hour < 22 for hour in hours)
    assert evening > 3 * sum(2 <= hour < 7 for hour in hours)


def test_all_of_it_is_over(path: Path, told: str) -> None:
    assert max(each["last_ms"] for each in rows(path, "callback_verdicts")) < now_ms()
    newest = rows(path, "latest_events", after=0, impressions=0, limit=1)
    assert newest[0]["received_ms"] < now_ms()
    assert "agrees" in run(path, "verify")


def test_callbacks_and_calls_are_as_the_app_stores_them(path: Path, told: str) -> None:
    [verdict] = rows(path, "callback_verdicts")
    assert verdict["verdict"] == "accepted"
    answers = {each["code"]: each["n"] for each in rows(path, "vendor_answers", since_ms=0)}
    assert set(answers) == {"ok", "upstream_timeout", "upstream_error", "not_available"}
    assert run(path, "replay") == "0 callbacks say something else now.\n"


def test_each_callback_says_what_its_attempt_came_to(path: Path, told: str) -> None:
    today = datetime.now(UTC).date()
    scope = Scope(today - timedelta(7), today)
    with closing(SQLiteStore(path, ZoneInfo("UTC"))) as store, store.numbers() as numbers:
        for count in ("completed", "abandoned", "failed", "cancelled", "expired_unreported"):
            for attempt in numbers.attempts(scope, count, None).attempts:
                bodies = [json.loads(row["body"]) for row in numbers.about("receipts", attempt.id)]
                answered = count in ("completed", "abandoned", "failed")
                body = {"session_id": attempt.session_id, "state": count}
                assert bodies == ([body] if answered else [])


def test_nothing_is_stored_of_what_is_still_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evening = now_ms() // 86_400_000 * 86_400_000 - 4 * 3_600_000  # yesterday at 20:00
    monkeypatch.setattr(demo_history, "now_ms", lambda: evening)
    run(tmp_path / "shop.db", "demo-data", "--days", "2")
    found = rows(tmp_path / "shop.db", "latest_events", after=0, impressions=0, limit=1_000)
    assert evening - 3 * 3_600_000 < max(each["received_ms"] for each in found) < evening


def test_it_can_end_on_a_day_of_the_past(tmp_path: Path) -> None:
    run(tmp_path / "shop.db", "demo-data", "--days", "2", "--until", "2026-03-01")
    found = rows(tmp_path / "shop.db", "latest_events", after=0, impressions=1, limit=10_000)
    days = {datetime.fromtimestamp(each["received_ms"] / 1000, UTC).date() for each in found}
    assert days == {date(2026, 2, 28), date(2026, 3, 1)}


def test_it_is_as_much_each_time(path: Path, told: str, tmp_path: Path) -> None:
    again = run(tmp_path / "again.db", "demo-data", "--days", "3")
    assert run(tmp_path / "more.db", "demo-data", "--days", "3") == again
