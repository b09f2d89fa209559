"""The dashboard over real HTTP: who is let in, what it answers, what it refuses."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from flask import Flask

from app import create_app
from proxy.settings import load
from proxy.web.login import login_link
from storage.events import Entry, event, now_ms
from storage.funnel import COUNTS, local_day
from storage.sqlite.store import SQLiteStore
from tests.servers import PASSWORD, Shop, Vendor, eventually, http, running_shop, unique
from tests.storage.histories import (
    attempt_id,
    callback,
    click,
    created,
    impression,
    launch,
    moment,
)

BASIC = ("anybody", PASSWORD)
ZONE = "America/New_York"


def log_in(shop: Shop) -> requests.Session:
    """A browser that is logged in."""
    browser = http()
    answer = browser.post(f"{shop.url}/dashboard/login", data={"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return browser


@pytest.fixture(scope="module")
def merchant(shop: Shop) -> requests.Session:
    return log_in(shop)


def stats(shop: Shop, **parameters: str) -> dict[str, Any]:
    answer = shop.http.get(f"{shop.url}/dashboard/stats.json", params=parameters, auth=BASIC)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def token(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


# --- A small history, counted by hand -------------------------------------------------------------


def small_history() -> list[Entry]:
    """Two days in New York around the night in which the clock goes back, and the day before."""
    at = {
        name: moment(time, ZONE)
        for name, time in {
            "early": "2026-10-31T23:59:59",  # the day before
            "first": "2026-11-01T00:00",
            "twice": "2026-11-01T01:30",  # an hour that comes twice
            "last": "2026-11-01T23:59:59",
            "next": "2026-11-02T12:00",
        }.items()
    }
    entries = []
    for number, (name, outcome, props) in enumerate(
        [
            ("early", "completed", {}),
            ("first", "completed", {"product_id": "sku-2", "device": "desktop"}),
            ("twice", "abandoned", {}),
            ("twice", None, {"device": "desktop"}),  # launched, and open
            ("last", "nothing", {"product_id": "=1+1", "locale": "de"}),  # never launched
            ("last", "failed", {"bot": 1}),  # which counts nowhere
            ("next", "completed", {"category": "glasses"}),
        ]
    ):
        a, start = attempt_id(at[name], number), at[name]
        made = created(a, start + 100)
        if outcome is None:  # for so long that no sweep ends it meanwhile
            made = made._replace(props={**made.props, "expires_ms": now_ms() + 3_600_000})
        events = [click(a, reference="=cmd|' /C calc'!A0", **props), made]
        if outcome != "nothing":
            events.append(launch(a, start + 10_100, "qr"))
        if outcome == "nothing":
            events.append(event("expired", a, start + 900_000, "proxy"))
        elif outcome:
            word = {"completed": "done", "abandoned": "left", "failed": "error"}[outcome]
            events.append(callback(a, start + 40_100, word))
        entries.append(Entry(tuple(events)))
    entries.append(Entry((impression(at["first"] - 1), impression(at["first"], product_id="x"))))
    a = attempt_id(at["first"], 1)
    entries.append(Entry((event("reused", a, at["first"] + 5, "button", key="reused:1"),)))
    return entries


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop in New York with a small history."""
    folder = tmp_path_factory.mktemp("known")
    store = SQLiteStore(folder / "tryon.db", ZoneInfo(ZONE))
    store.commit(small_history())
    store.close()
    plans = '[{"name": "S", "price": 1, "included_sessions": 10, "price_per_extra_session": 1}]'
    with running_shop(folder, vendor, TRYON_TIMEZONE=ZONE, TRYON_PLANS=plans) as shop:
        yield shop


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
    assert "Nothing happened" in page.text


def test_the_default_range_is_the_last_thirty_days_of_the_shop(known: Shop) -> None:
    before, found, after = shop_day(), stats(known), shop_day()  # which may be the next
    last = date.fromisoformat(found["to"])
    assert last in (before, after)
    assert found["from"] == str(last - timedelta(29))


def shop_day() -> date:
    return date.fromisoformat(local_day(now_ms(), ZoneInfo(ZONE)))


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


# --- Pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "", "?from=2026-11-01&to=2026-11-02", "?from=2026-11-01&to=2026-11-01", "?range=365d",
        "?product_id=sku-1", "?product_id=sku-1&device=phone", "by/product_id", "by/day?range=7d",
        "by/channel?sort=completed", "attempts", "attempts?count=completed&range=90d", "words",
        "definitions",
    ],
)  # fmt: skip
def test_every_page_is_there(known: Shop, path: str) -> None:
    answer = log_in_once(known).get(f"{known.url}/dashboard/{path}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_bad_question_is_answered_within_the_dashboard(known: Shop) -> None:
    page = log_in_once(known).get(
        f"{known.url}/dashboard/?from=2026-11-20&to=2026-11-01", headers={"Accept": "text/html"}
    )
    assert page.status_code == 400
    assert "2026-11-20 is after 2026-11-01, the last day" in page.text
    assert f'href="{known.url}/dashboard/words"' in page.text


BROWSERS: dict[str, requests.Session] = {}


def log_in_once(shop: Shop) -> requests.Session:
    """Logins are throttled."""
    if shop.url not in BROWSERS:
        BROWSERS[shop.url] = log_in(shop)
    return BROWSERS[shop.url]


def test_a_cell_opens_the_attempts_behind_it_and_each_its_timeline(known: Shop) -> None:
    browser = log_in_once(known)
    page = browser.get(f"{known.url}/dashboard/?from=2026-11-01&to=2026-11-01").text
    link = re.search(r'href="([^"]+count=abandoned[^"]*)"', page)
    assert link
    attempts = browser.get(link[1].replace("&amp;", "&")).text
    ids = {*re.findall(r"/dashboard/attempts/([0-9a-f]{32})", attempts)}
    assert ids == {attempt_id(moment("2026-11-01T01:30", ZONE), 2)}
    attempt = browser.get(f"{known.url}/dashboard/attempts/{ids.pop()}").text
    for name in ("click", "created", "launch", "callback"):
        assert f"event: {name}" in attempt
    assert "vendor.example/launch" not in attempt


@pytest.mark.parametrize("name", ["0" * 32, "x", "0" * 31, "%27", "g" * 32])
def test_an_unknown_attempt_is_not_found(known: Shop, name: str) -> None:
    answer = log_in_once(known).get(f"{known.url}/dashboard/attempts/{name}")
    assert answer.status_code == 404


def test_a_receipt_is_shown_as_text(shop: Shop, vendor: Vendor, merchant: requests.Session) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    hostile = "</pre><script>alert(1)</script>"
    call_back(shop, vendor, product_id, hostile)
    eventually(lambda: shop.state(session) == "abandoned")
    page = merchant.get(f"{shop.url}/dashboard/attempts", params={"product_id": product_id}).text
    found = re.search(r"/dashboard/attempts/[0-9a-f]{32}", page)
    assert found
    attempt = merchant.get(f"{shop.url}{found[0]}").text
    assert "&lt;/pre&gt;&lt;script&gt;" in attempt
    assert "<script>alert" not in attempt


def call_back(shop: Shop, vendor: Vendor, product_id: str, state: str) -> None:
    """A callback as the vendor would send it, with any word."""
    session = vendor.sessions(product_id)[0]
    answer = shop.http.post(
        session["callback_url"], json={"session_id": session["id"], "state": state}
    )
    assert answer.status_code == 204, answer.text


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


# --- Words ----------------------------------------------------------------------------------------


def test_a_word_that_is_mapped_moves_its_attempts(
    shop: Shop, vendor: Vendor, merchant: requests.Session
) -> None:
    product_id, word = unique(), unique("Half Way")
    shop.click(product_id)
    call_back(shop, vendor, product_id, word)
    assert stats(shop, product_id=product_id)["totals"]["other"] == 1
    page = merchant.get(f"{shop.url}/dashboard/words").text
    assert word in page
    fields = {"token": token(page), "word": word, "outcome": "completed"}
    answer = merchant.post(f"{shop.url}/dashboard/words", data=fields)
    assert answer.status_code == 200
    unknown, _, mapped = answer.text.partition("Mapped here")
    assert word not in unknown.partition("Words that no mapping knows")[2]
    assert re.sub(r"\W", "_", word.lower()) in mapped
    moved = {"other": 0, "completed": 1}
    eventually(
        lambda: moved.items() <= stats(shop, product_id=product_id)["totals"].items(), seconds=20
    )
    again = unique()
    shop.click(again)
    call_back(shop, vendor, again, word.lower().replace(" ", "-"))
    assert stats(shop, product_id=again)["totals"]["completed"] == 1


@pytest.mark.parametrize("fields", [{}, {"token": ""}, {"token": "wrong"}, {"token": "é" * 32}])
def test_a_form_without_its_token_changes_nothing(
    shop: Shop, merchant: requests.Session, fields: dict[str, str]
) -> None:
    word = unique()
    sent = fields | {"word": word, "outcome": "completed"}
    answer = merchant.post(f"{shop.url}/dashboard/words", data=sent)
    assert answer.status_code == 403
    assert word not in merchant.get(f"{shop.url}/dashboard/words").text
    assert merchant.post(f"{shop.url}/dashboard/logout", data=fields).status_code == 403
    assert merchant.get(f"{shop.url}/dashboard/", allow_redirects=False).status_code == 200


@pytest.mark.parametrize("fields", [{"outcome": "sold"}, {"word": " "}, {"word": "x" * 201}, {}])
def test_only_known_outcomes_can_be_mapped(
    shop: Shop, merchant: requests.Session, fields: dict[str, str]
) -> None:
    page = merchant.get(f"{shop.url}/dashboard/words").text
    answer = merchant.post(f"{shop.url}/dashboard/words", data=fields | {"token": token(page)})
    assert answer.status_code == 400


# --- Who is let in --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Flask:
    """Not served: what it knows its routes by."""
    database = tmp_path_factory.mktemp("routes") / "tryon.db"
    return create_app(load(shop.environ | {"TRYON_DATABASE": f"sqlite:///{database}"}))


def test_nothing_of_the_dashboard_is_shown_without_a_login(app: Flask, shop: Shop) -> None:
    values = {"by": "device", "name": "daily", "attempt_id": "0" * 32}
    seen = 0
    with app.test_request_context():
        adapter = app.url_map.bind("127.0.0.1")
        for rule in app.url_map.iter_rules():
            if not rule.rule.startswith("/dashboard") or rule.endpoint == "dashboard.login":
                continue
            path = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
            for method in (rule.methods or set()) - {"OPTIONS"}:
                answer = http().request(method, f"{shop.url}{path}", allow_redirects=False)
                if rule.endpoint.startswith("stats."):
                    assert answer.status_code == 401
                    asks = answer.headers.get("WWW-Authenticate", "")
                    assert asks.startswith("Basic ") != (path == "/dashboard/live.json")
                else:
                    assert answer.status_code == 303
                    where = answer.headers["Location"]
                    assert where.startswith(f"{shop.url}/dashboard/login")
                assert "Set-Cookie" not in answer.headers
                assert answer.headers["Cache-Control"] == "no-store"
                seen += 1
    assert seen > 20


def test_the_login_leads_on_to_the_page_that_was_asked_for(shop: Shop) -> None:
    browser = http()
    page = browser.get(f"{shop.url}/dashboard/by/device?range=7d")
    asked = re.search(r'name="next" value="([^"]*)"', page.text)
    assert asked
    fields = {"password": PASSWORD, "next": asked[1]}
    answer = browser.post(f"{shop.url}/dashboard/login", data=fields)
    assert answer.url == f"{shop.url}/dashboard/by/device?range=7d"


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/go/x", "\\\\evil"])
def test_the_login_leads_nowhere_else(lonely: Shop, where: str) -> None:
    answer = http().post(
        f"{lonely.url}/dashboard/login",
        data={"password": PASSWORD, "next": where},
        allow_redirects=False,
    )
    assert answer.headers["Location"] == f"{lonely.url}/dashboard/"


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop behind https and a prefix, where nobody else uses up the tries."""
    folder = tmp_path_factory.mktemp("lonely")
    with running_shop(folder, vendor, TRYON_TRUSTED_PROXIES="1") as shop:
        yield shop


def test_a_cookie_is_strict_and_a_logout_ends_it(shop: Shop) -> None:
    browser = http()
    answer = browser.post(
        f"{shop.url}/dashboard/login", data={"password": PASSWORD}, allow_redirects=False
    )
    cookie = answer.headers["Set-Cookie"]
    assert re.search(r"^tryon_dashboard=.*HttpOnly; Path=/dashboard; SameSite=Strict$", cookie)
    page = browser.get(f"{shop.url}/dashboard/words").text
    browser.post(f"{shop.url}/dashboard/logout", data={"token": token(page)})
    after = browser.get(f"{shop.url}/dashboard/words", allow_redirects=False)
    assert after.status_code == 303


def test_behind_https_the_cookie_is_secure_and_keeps_to_its_path(
    tmp_path_factory: pytest.TempPathFactory, shop: Shop
) -> None:
    folder = tmp_path_factory.mktemp("https")
    app = create_app(
        load(
            shop.environ
            | {
                "TRYON_PUBLIC_URL": "https://shop.example/try",
                "TRYON_DATABASE": f"sqlite:///{folder}/tryon.db",
            }
        )
    )
    answer = app.test_client().post("/dashboard/login", data={"password": PASSWORD})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "https://shop.example/try/dashboard/"
    assert "Secure; HttpOnly; Path=/try/dashboard;" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("site", ["none", "cross-site", None])
def test_a_signed_link_logs_in(lonely: Shop, site: str | None) -> None:
    browser = http()
    browser.headers["X-Forwarded-For"] = f"198.51.100.{len(site or '')}"
    headers = {"Sec-Fetch-Site": site} if site else {}
    answer = browser.get(login_link(load(lonely.environ)), headers=headers, allow_redirects=False)
    if site == "cross-site":  # the page goes on by itself: a redirect would not carry the cookie
        assert answer.status_code == 200
        assert f'content="0; url={lonely.url}/dashboard/"' in answer.text
    else:
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"{lonely.url}/dashboard/"
    assert browser.get(f"{lonely.url}/dashboard/words", allow_redirects=False).ok


@pytest.mark.parametrize("link", ["x", "", "a.b.c", "é"])
def test_another_link_does_not(lonely: Shop, link: str) -> None:
    browser = http()
    browser.headers["X-Forwarded-For"] = "198.51.100.99"
    browser.get(f"{lonely.url}/dashboard/login", params={"link": link})
    assert browser.get(f"{lonely.url}/dashboard/", allow_redirects=False).status_code == 303


@pytest.mark.parametrize("way", ["form", "basic"])
def test_guessing_is_throttled_for_each_client(lonely: Shop, way: str) -> None:
    def guess(client: str, password: str) -> int:
        headers = {"X-Forwarded-For": client}
        if way == "form":
            return (
                http()
                .post(
                    f"{lonely.url}/dashboard/login",
                    data={"password": password},
                    headers=headers,
                    allow_redirects=False,
                )
                .status_code
            )
        address = f"{lonely.url}/dashboard/stats.json"
        return http().get(address, auth=("x", password), headers=headers).status_code

    client, other = f"203.0.113.{len(way)}", f"203.0.113.1{len(way)}"
    wrong = [guess(client, f"guess-{number}") for number in range(13)]
    assert wrong == [403 if way == "form" else 401] * 10 + [429] * 3
    assert guess(client, PASSWORD) == 429  # the right one, too: else it would be told apart
    assert guess(other, PASSWORD) == (303 if way == "form" else 200)


def test_a_spreadsheet_may_ask_as_often_as_it_likes(lonely: Shop) -> None:
    headers = {"X-Forwarded-For": "203.0.113.77"}
    address = f"{lonely.url}/dashboard/stats.json"
    statuses = [http().get(address, auth=BASIC, headers=headers).status_code for _ in range(40)]
    assert {*statuses} == {200}


def test_another_sites_form_logs_nobody_in(lonely: Shop) -> None:
    answer = http().post(
        f"{lonely.url}/dashboard/login",
        data={"password": PASSWORD},
        headers={"Origin": "https://evil.example"},
        allow_redirects=False,
    )
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_without_a_password_there_is_no_dashboard(
    tmp_path_factory: pytest.TempPathFactory, shop: Shop
) -> None:
    folder = tmp_path_factory.mktemp("closed")
    environ = shop.environ | {"TRYON_DATABASE": f"sqlite:///{folder}/tryon.db"}
    client = create_app(load(environ | {"TRYON_DASHBOARD_PASSWORD": ""})).test_client()
    for path in ("/dashboard/", "/dashboard/login", "/dashboard/stats.json"):
        assert client.get(path).status_code == 404


def test_another_password_ends_the_logins_with_the_old_one(
    tmp_path_factory: pytest.TempPathFactory, shop: Shop
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    environ = shop.environ | {"TRYON_DATABASE": f"sqlite:///{folder}/tryon.db"}
    old = create_app(load(environ)).test_client()
    cookie = old.post("/dashboard/login", data={"password": PASSWORD}).headers["Set-Cookie"]
    value = cookie.partition("=")[2].partition(";")[0]
    rotated = f"{'fedcba9876543210' * 3},{environ['TRYON_SECRET_KEY']}"
    for changed, status in (
        ({"TRYON_SECRET_KEY": rotated}, 200),
        ({"TRYON_DASHBOARD_PASSWORD": "another-password"}, 303),
        ({"TRYON_SECRET_KEY": "fedcba9876543210" * 3}, 303),
    ):
        client = create_app(load(environ | changed)).test_client()
        client.set_cookie("tryon_dashboard", value, path="/dashboard")
        assert client.get("/dashboard/words").status_code == status


def test_moments_are_in_the_zone_of_the_shop(known: Shop) -> None:
    a = attempt_id(moment("2026-11-01T00:00", ZONE), 1)
    page = log_in_once(known).get(f"{known.url}/dashboard/attempts/{a}").text
    assert "2026-11-01 00:00:00" in page
    utc = datetime.fromtimestamp(int(a[:12], 16) / 1000, UTC)
    assert f"{utc:%Y-%m-%d %H:%M:%S}" not in page
