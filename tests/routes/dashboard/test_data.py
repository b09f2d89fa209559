"""`/dashboard/*.json` and `*.csv`: the numbers of a history that a person counted too."""

import csv
import io
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests

from storage.events import Entry, now_ms
from storage.funnel import COUNTS, local_day
from storage.sqlite.maintenance import SQLiteMaintenance
from storage.sqlite.store import SQLiteStore
from tests.routes.dashboard.merchant import BASIC, log_in, stats
from tests.servers import ALONE, Shop, Vendor, eventually, running_shop, unique
from tests.storage.histories import (
    ZONE,
    attempt_id,
    click,
    moment,
    small_history,
)


def only(**counts: int) -> dict[str, int]:
    """All counts, of which these are not zero."""
    durations = {"launch_ms_sum": 0, "complete_ms_sum": 0}
    return dict.fromkeys((*COUNTS, "open"), 0) | durations | counts


def test_it_counts_a_small_history_as_a_person_does(known: Shop) -> None:
    found = stats(known, **{"from": "2026-11-01", "to": "2026-11-02", "by": "day"})
    first = only(
        impressions=1, clicks=4, created=4, reused=1, opened=3, completed=1, abandoned=1,
        expired_unlaunched=1, open=1, launch_ms_sum=30_000, complete_ms_sum=30_000,
    )  # fmt: skip
    second = only(
        clicks=1, created=1, opened=1, completed=1, launch_ms_sum=10_000, complete_ms_sum=30_000
    )
    day_before = second | {"impressions": 1}
    assert found["by"] == [{"key": "2026-11-01"} | first, {"key": "2026-11-02"} | second]
    assert found["totals"] == {name: first[name] + second[name] for name in first}
    assert (found["previous_from"], found["previous_to"]) == ("2026-10-25", "2026-10-26")
    a_week_on = stats(known, **{"from": "2026-11-02", "to": "2026-11-09"})
    assert (a_week_on["previous_from"], a_week_on["previous_to"]) == ("2026-10-19", "2026-10-26")
    assert stats(known, **{"from": "2026-11-07", "to": "2026-11-08"})["previous"] == {
        name: day_before[name] + first[name] for name in first
    }
    assert (found["from"], found["to"], found["timezone"]) == ("2026-11-01", "2026-11-02", ZONE)
    times = {each["metric"]: each for each in found["times"]}
    assert times["launch"]["n"] == 4
    assert times["launch"]["p50_ms"] == pytest.approx(10_000, rel=0.045)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"by": "product_id"}, {"sku-1": 3, "sku-2": 1, "=1+1": 1, "x": 0}),
        ({"by": "category"}, {"shoes": 4, "glasses": 1}),
        ({"by": "device"}, {"phone": 3, "desktop": 2}),
        ({"by": "locale"}, {"en": 4, "de": 1}),
        ({"by": "channel"}, {"qr": 4, "": 1}),
        ({"by": "device", "product_id": "sku-1"}, {"phone": 2, "desktop": 1}),
        ({"by": "product_id", "channel": "(none)"}, {"=1+1": 1, "x": 0}),
        ({"by": "channel", "locale": "de"}, {"": 1}),
    ],
)
def test_segments_are_the_whole_in_parts(
    known: Shop, parameters: dict[str, str], expected: dict[str, int]
) -> None:
    found = stats(known, **{"from": "2026-11-01", "to": "2026-11-02"}, **parameters)
    assert {row["key"]: row["clicks"] for row in found["by"]} == expected
    for name in COUNTS:
        assert sum(row[name] for row in found["by"]) == found["totals"][name]


def test_a_new_shop_has_zeros_everywhere(known: Shop) -> None:
    found = stats(known, **{"from": "2025-01-01", "to": "2025-01-01"})
    assert {*found["totals"].values()} == {0}
    assert found["by"] == []
    page = log_in(known).get(f"{known.url}/dashboard/?from=2025-01-01&to=2025-01-01")
    assert "No clicks in this time." in page.text


def test_the_default_range_is_the_last_thirty_days_of_the_shop(known: Shop) -> None:
    before, found, after = shop_day(), stats(known), shop_day()  # which may be the next
    last = date.fromisoformat(found["to"])
    assert last in (before, after)
    assert found["from"] == str(last - timedelta(29))


def shop_day() -> date:
    return date.fromisoformat(local_day(now_ms(), ZoneInfo(ZONE)))


def test_the_newest_events_are_there_within_a_moment(
    shop: Shop, merchant: requests.Session
) -> None:
    product_id = unique()
    address = f"{shop.url}/dashboard/live.json"
    last = max((each["id"] for each in merchant.get(address).json()["events"]), default=0)
    shop.click(product_id)
    events = merchant.get(address, params={"after": str(last)}).json()["events"]
    assert {"click", "created"} <= {
        each["name"] for each in events if each["product_id"] == product_id
    }


# --- Bad questions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("from=2026-11-02&to=2026-11-01", "from"),
        ("from=2026-02-30", "from"),
        ("to=yesterday", "to"),
        ("to=2026-W45-1", "to"),
        ("from=0001-01-01", "from"),
        ("to=9999-12-31", "to"),
        ("from=2000-01-01&to=2026-01-01", "from"),
        ("from=2026-11-01&from=2026-11-02", "from"),
        ("range=decade", "range"),
        ("range=7d&from=2026-11-01", "range"),
        ("by=outcome", "by"),
        ("by=clicks;DROP TABLE events", "by"),
        ("sort=1", "sort"),
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e9", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("colour=red", "colour"),
        ("product_id=" + "x" * 301, "product_id"),
    ],
)
def test_what_cannot_be_answered_is_named(known: Shop, query: str, parameter: str) -> None:
    for path in ("stats.json", "export/attempts.csv", "export/table.csv"):
        answer = known.http.get(f"{known.url}/dashboard/{path}?{query}", auth=BASIC)
        assert answer.status_code == 400
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (answer.json()["code"], answer.json()["parameter"]) == ("bad_request", parameter)
        assert parameter in answer.json()["detail"]


HOSTILE = [
    "'; DROP TABLE attempts; --",
    '" OR ""="',
    "1) UNION SELECT launch_key FROM attempts --",
    "%00",
    "😀" * 20,
    "{{7*7}}",
    "<script>alert(1)</script>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_any_parameter_is_refused_or_finds_nothing(known: Shop, text: str) -> None:
    before = stats(known, **{"from": "2026-11-01", "to": "2026-11-02"})
    browser = log_in(known) if text == HOSTILE[-1] else None
    for name in ("from", "to", "range", "by", "sort", "limit", "count", "before", "after"):
        for path in ("stats.json", "live.json"):
            address = f"{known.url}/dashboard/{path}"
            answer = known.http.get(address, params={name: text}, auth=BASIC)
            assert answer.status_code in (200, 400), answer.text
    for name in ("product_id", "category", "locale", "device", "channel"):
        assert {*stats(known, **{name: text})["totals"].values()} == {0}
        if browser:
            page = browser.get(f"{known.url}/dashboard/attempts", params={name: text})
            assert page.status_code == 200
            assert text not in page.text
    assert stats(known, **{"from": "2026-11-01", "to": "2026-11-02"}) == before


# --- Exports --------------------------------------------------------------------------------------


def export(shop: Shop, name: str, **parameters: str) -> list[dict[str, str]]:
    address = f"{shop.url}/dashboard/export/{name}.csv"
    answer = shop.http.get(address, params=parameters, auth=BASIC)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))


DAYS = {"from": "2026-11-01", "to": "2026-11-02"}


def test_attempts_are_exported_without_keys_and_without_formulas(known: Shop) -> None:
    found = export(known, "attempts", **DAYS)
    assert [row["product_id"] for row in found] == [
        "sku-2", "sku-1", "sku-1", "'=1+1", "sku-1", "sku-1"
    ]  # fmt: skip
    assert {row["reference"] for row in found} == {"'=cmd|' /C calc'!A0"}
    assert [row["bot"] for row in found] == ["0", "0", "0", "0", "1", "0"]
    assert found[0]["clicked_at"] == "2026-11-01T04:00:00.000Z"
    assert found[0]["first_ms"] == str(moment("2026-11-01T00:00", ZONE))
    text = repr(found)
    assert "vendor.example/launch" not in text
    assert not {"public_id", "launch_key", "launch_url", "early"} & found[0].keys()
    assert [row["id"] for row in export(known, "attempts", **DAYS, device="desktop")] == [
        row["id"] for row in found if row["device"] == "desktop"
    ]


def test_events_are_exported_without_keys(known: Shop) -> None:
    found = export(known, "events", **DAYS, product_id="sku-2")
    names = [row["name"] for row in found]
    assert names == ["click", "reused", "created", "launch", "callback"]
    text = repr(export(known, "events", **DAYS))
    assert "vendor.example/launch" not in text
    assert "l-0" not in text


def test_days_are_exported_as_they_are_counted(known: Shop) -> None:
    found = export(known, "daily", **DAYS)
    rows = stats(known, **DAYS, by="day")["by"]
    assert found == [
        {"day": row["key"], **{name: str(row[name]) for name in (*COUNTS, "open")}} for row in rows
    ]
    by_product = export(known, "table", **DAYS, by="product_id")
    assert "'=1+1" in {row["product_id"] for row in by_product}


@pytest.mark.parametrize("name", ["attempts", "events", "daily", "table"])
def test_an_empty_export_is_its_header_or_zeros(known: Shop, name: str) -> None:
    found = export(known, name, **{"from": "2025-01-01", "to": "2025-01-01"})
    assert len(found) == (1 if name == "daily" else 0)


def test_another_time_zone_moves_the_numbers_to_its_days_while_the_app_runs(
    tmp_path: Path, vendor: Vendor
) -> None:
    with closing(SQLiteStore(tmp_path / "tryon.db", ZoneInfo(ZONE))) as store:
        SQLiteMaintenance(store).ensure_timezone()
        store.commit(small_history())
    with running_shop(tmp_path, vendor, **ALONE, TRYON_TIMEZONE="Asia/Kolkata") as shop:
        eventually(lambda: "agrees" in shop.command("verify").stdout)
        by_day = stats(shop, **DAYS, by="day")["by"]
        # Nine and a half hours or more after New York: 1 of the day before comes, 1 goes on.
        assert [(day["key"], day["clicks"]) for day in by_day] == [
            ("2026-11-01", 4),
            ("2026-11-02", 2),
        ]


@pytest.mark.parametrize(
    ("name", "head"), [("daily", "day;impressions;"), ("table", "product_id;"), ("events", "id;")]
)
def test_cells_are_separated_as_is_asked_for(known: Shop, name: str, head: str) -> None:
    address = f"{known.url}/dashboard/export/{name}.csv"
    asked = DAYS | {"separator": ";"}
    answer = known.http.get(address, params=asked, auth=BASIC)
    assert answer.text.startswith(head)
    refused = known.http.get(address, params=asked | {"separator": "|"}, auth=BASIC)
    assert (refused.status_code, refused.json()["parameter"]) == (400, "separator")


@pytest.mark.parametrize(
    ("name", "rows"), [("attempts", 6), ("events", 26), ("daily", 2), ("table", 4), ("list", 5)]
)
def test_an_export_is_whole_and_a_part_of_it_says_so(known: Shop, name: str, rows: int) -> None:
    address, days = f"{known.url}/dashboard/export/{name}.csv", DAYS
    whole = known.http.get(address, params=days, auth=BASIC)
    assert len(whole.text.splitlines()) == 1 + rows
    assert whole.headers["Content-Disposition"].endswith('2026-11-01-2026-11-02.csv"')
    assert "X-Row-Limit" not in whole.headers
    part = known.http.get(address, params=days | {"limit": "2"}, auth=BASIC)
    assert part.text.splitlines() == whole.text.splitlines()[:3]
    assert part.headers["Content-Disposition"].endswith('2026-11-01-2026-11-02-first-2.csv"')
    assert part.headers["X-Row-Limit"] == "2"


@pytest.mark.slow
def test_a_breakdown_is_exported_whole(tmp_path: Path, vendor: Vendor) -> None:
    noon = moment("2026-11-01T12:00")
    clicks = (click(attempt_id(noon, n), product_id=f"sku-{n}") for n in range(1_001))
    with closing(SQLiteStore(tmp_path / "tryon.db", ZoneInfo("UTC"))) as store:
        store.commit([Entry((each,)) for each in clicks])
    with running_shop(tmp_path, vendor, **ALONE) as shop:
        assert len(export(shop, "table", **DAYS)) == 1_001
        assert len(export(shop, "table", **DAYS, limit="3")) == 3
