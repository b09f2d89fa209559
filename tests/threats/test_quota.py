"""Nobody burns the merchant's quota: rates, budgets and the catalogue, exact over all workers."""

import json
import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import (
    ALONE,
    DESKTOP,
    METRICS_TOKEN,
    PASSWORD,
    Shop,
    Vendor,
    eventually,
    running_shop,
    unique,
)
from tests.wire import asking, assert_whole, at_once, counted, http, post, rows, spread


def click(
    shop: Shop, product_id: str, forwarded: str | None = None, **body: str
) -> tuple[int, str]:
    """Status and problem code of a click over a connection of its own."""
    answer = post(
        shop,
        "/sessions",
        json.dumps({"product_id": product_id, "category": "footwear"} | body),
        X_Forwarded_For=forwarded,
    )
    return answer.status_code, answer.json().get("code", "")


# --- The rate of one client -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("limited")
    with running_shop(folder, vendor, TRYON_CLIENT_RATE="5/hour") as shop:
        yield shop


def test_a_client_has_its_rate_whatever_address_it_claims(limited: Shop, vendor: Vendor) -> None:
    product_id = unique()
    found = at_once(40, lambda n: click(limited, product_id, f"198.51.100.{n}, 10.0.0.{n}"))
    assert counted(found) == {(201, ""): 5, (429, "rate_limited"): 35}
    assert vendor.calls(product_id) == 5
    answer = limited.click(product_id)
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert "challenge_url" not in answer.json()  # none is set up
    # Who only looks, or clicks what is there, is not held up.
    session = rows(limited, "SELECT public_id FROM attempts LIMIT 1")[0][0]
    assert limited.click(product_id, resume=session).status_code == 200
    assert http().get(f"{limited.url}/sessions/{session}").status_code == 200


def test_a_session_is_found_again_ten_times_as_often_as_a_new_one_is_made(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor, TRYON_CLIENT_RATE="2/hour") as shop:
        product_id = unique()
        session = shop.click(product_id).json()
        found = at_once(30, lambda _: click(shop, product_id, resume=session["id"]))
        assert counted(found) == {(200, ""): 20, (429, "rate_limited"): 10}
        assert rows(shop, "SELECT clicks FROM attempts") == [(21,)]
        assert click(shop, unique()) == (201, "")  # none of it counts as new


def test_behind_a_proxy_of_ours_each_client_has_its_own_rate(
    tmp_path: Path, vendor: Vendor
) -> None:
    settings = ALONE | {"TRYON_CLIENT_RATE": "3/hour", "TRYON_TRUSTED_PROXIES": "1"}
    with running_shop(tmp_path, vendor, **settings) as shop:
        product_id = unique()
        for address in ("198.51.100.1", "198.51.100.2", "2001:db8::1"):
            found = at_once(6, lambda _, address=address: click(shop, product_id, address))
            assert counted(found) == {(201, ""): 3, (429, "rate_limited"): 3}
        # What stands before the last hop came from the client, and is not believed.
        found = at_once(6, lambda n: click(shop, product_id, f"203.0.113.{n}, 198.51.100.3"))
        assert counted(found) == {(201, ""): 3, (429, "rate_limited"): 3}
        assert vendor.calls(product_id) == 12


def test_a_network_and_all_together_have_their_rates(tmp_path: Path, vendor: Vendor) -> None:
    settings = ALONE | {
        "TRYON_CLIENT_RATE": "1/hour",
        "TRYON_SESSION_RATE": "20/hour",
        "TRYON_TRUSTED_PROXIES": "1",
    }
    with running_shop(tmp_path, vendor, **settings) as shop:
        product_id = unique()
        found = at_once(30, lambda n: click(shop, product_id, f"2001:db8:0:{n:x}00::1"))
        assert counted(found) == {(201, ""): 16, (429, "rate_limited"): 14}  # one /48
        found = at_once(20, lambda n: click(shop, product_id, f"198.51.100.{n}"))
        assert counted(found) == {(201, ""): 4, (429, "rate_limited"): 16}
        assert vendor.calls(product_id) == 20


# --- Refused products, and calls ------------------------------------------------------------------


def test_a_product_that_the_vendor_refuses_costs_one_call(shop: Shop, vendor: Vendor) -> None:
    product_id = unique("sim-400")
    found = [click(shop, product_id) for _ in range(6)]
    found += at_once(6, lambda _: click(shop, product_id, click_id=str(uuid.uuid4())))
    assert counted(found) == {(422, "not_available"): 12}
    assert vendor.calls(product_id) == 1
    sql = "SELECT clicks, create_failed FROM totals_day_product WHERE product_id = ?"
    assert rows(shop, sql, product_id) == [(12, 12)]
    sql = """SELECT tries, upstream_calls.detail FROM upstream_calls JOIN attempts
             ON attempts.id = attempt_id WHERE product_id = ? ORDER BY upstream_calls.id"""
    (first, *others) = rows(shop, sql, product_id)
    assert first[0] == 1
    assert set(others) == {(0, "held back since the vendor refused it minutes ago, not sent")}


@pytest.mark.parametrize("other", [{"locale": "de-DE"}, {"category": "eyewear"}])
def test_a_refusal_holds_for_no_other_language_or_category(
    shop: Shop, vendor: Vendor, other: dict[str, str]
) -> None:
    product_id = unique("sim-400")
    assert click(shop, product_id) == click(shop, product_id, **other) == (422, "not_available")
    assert vendor.calls(product_id) == 2


def test_calls_have_a_ceiling_that_counts_each_try(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor, TRYON_CALL_RATE="7/hour") as shop:
        failing, refused, product_id = unique("sim-500"), unique("sim-400"), unique()
        assert click(shop, failing) == (502, "upstream_error")
        assert click(shop, refused) == (422, "not_available")
        calls = vendor.calls(failing) + vendor.calls(refused)
        found = at_once(6, lambda _: click(shop, product_id))
        assert counted(found) == {(201, ""): 7 - calls, (503, "busy"): calls - 1}
        answer = shop.click(product_id)
        assert 0 < int(answer.headers["Retry-After"]) <= 3600


# --- Budgets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "budget",
    ["TRYON_DAILY_SESSIONS", pytest.param("TRYON_MONTHLY_SESSIONS", marks=pytest.mark.slow)],
)
def test_a_budget_is_exact_over_workers_and_a_kill(
    tmp_path: Path, vendor: Vendor, budget: str
) -> None:
    with running_shop(tmp_path, vendor, **{budget: "25", "TRYON_MONTHLY_SPREAD": "0"}) as shop:
        product_id, refused = unique(), unique("sim-400")
        assert {click(shop, refused) for _ in range(5)} == {(422, "not_available")}
        found = at_once(20, lambda _: click(shop, product_id))
        assert counted(found) == {(201, ""): 20}  # what the vendor refused was put back
        shop.kill()
        shop.start()
        found = at_once(60, lambda _: click(shop, product_id))
        assert counted(found) == {(201, ""): 5, (429, "budget_exhausted"): 55}
        shop.kill()
        for counters in tmp_path.glob("tryon.db-counters*"):
            counters.unlink()  # as after a power cut
        shop.start()
        assert counted(at_once(10, lambda _: click(shop, product_id))) == {
            (429, "budget_exhausted"): 10
        }
        assert vendor.calls(product_id) == 25
        assert rows(shop, "SELECT count(*) FROM attempts WHERE created_ms NOT NULL") == [(25,)]


def test_a_product_has_its_rate_however_many_addresses_ask(tmp_path: Path, vendor: Vendor) -> None:
    settings = ALONE | {"TRYON_PRODUCT_RATE": "5/hour", "TRYON_TRUSTED_PROXIES": "1"}
    with running_shop(tmp_path, vendor, **settings) as shop:
        flooded, other = unique(), unique()
        found = at_once(40, lambda n: click(shop, flooded, f"198.51.100.{n}"))
        assert counted(found) == {(201, ""): 5, (429, "rate_limited"): 35}
        assert vendor.calls(flooded) == 5
        assert click(shop, other, "198.51.100.1") == (201, "")


def test_a_click_that_a_budget_refuses_is_in_the_funnel_and_one_of_a_flood_is_not(
    tmp_path: Path, vendor: Vendor
) -> None:
    settings = ALONE | {"TRYON_DAILY_SESSIONS": "1", "TRYON_CLIENT_RATE": "4/hour"}
    with running_shop(tmp_path, vendor, **settings) as shop:
        product_id, click_id = unique(), str(uuid.uuid4())
        assert click(shop, product_id) == (201, "")
        assert click(shop, product_id) == (429, "budget_exhausted")
        for _ in range(2):  # the same click, tried again
            assert click(shop, product_id, click_id=click_id) == (429, "budget_exhausted")
        assert click(shop, product_id) == (429, "rate_limited")
        sql = "SELECT clicks, created, create_failed FROM totals_day_product"
        assert rows(shop, sql) == [(3, 1, 2)]
        sql = "SELECT reason FROM attempts WHERE outcome = 'create_failed'"
        assert rows(shop, sql) == [("budget_exhausted",)] * 2
        assert vendor.calls(product_id) == 1
        assert_whole(shop)
        header = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        figures = http().get(f"{shop.url}/metrics", headers=header).text
        assert 'tryon_budget_spent_ratio{budget="daily"} 1.0\n' in figures
        assert "100 % of the daily budget of 1 sessions is spent" in shop.logged()
        merchant = http()
        merchant.post(f"{shop.url}/dashboard/login", data={"password": PASSWORD})
        page = merchant.get(f"{shop.url}/dashboard/").text
        assert "100.0% of the daily budget is spent: 1 of 1 session." in page


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_budget_twice(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor, TRYON_DAILY_SESSIONS="10") as shop:
        product_id = unique()
        assert counted(at_once(4, lambda _: click(shop, product_id))) == {(201, ""): 4}
        before = shop.workers()
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        eventually(lambda: len(shop.workers()) == 2 and not set(shop.workers()) & set(before))
        found = at_once(20, lambda _: click(shop, product_id))
        assert counted(found) == {(201, ""): 6, (429, "budget_exhausted"): 14}


@pytest.mark.slow
def test_ten_thousand_spoofed_clicks_cost_no_more_than_the_limits_say(
    tmp_path: Path, vendor: Vendor
) -> None:
    settings = {"TRYON_CLIENT_RATE": "50/hour", "TRYON_DAILY_SESSIONS": "40"}
    with running_shop(tmp_path, vendor, **settings) as shop:
        product_id = unique()

        def burst(client: int) -> list[int]:
            """Many clicks over one connection, as a script sends them, each as someone else."""
            body = json.dumps({"product_id": product_id, "category": "footwear"})
            clicks = []
            for n in range(625):
                headers = {
                    "Origin": shop.origin,
                    "Content-Type": "application/json",
                    "User-Agent": f"{DESKTOP} {uuid.uuid4()}",
                    "X-Forwarded-For": f"10.{client}.{n >> 8}.{n & 255}",
                    "X-Real-IP": f"10.{client}.{n >> 8}.{n & 255}",
                }
                clicks.append(("POST", "/sessions", body, headers))
            return [status for status, _ in asking(shop, clicks)]

        found = counted(status for statuses in spread(16, burst) for status in statuses)
        assert found == {201: 40, 429: 9_960}
        assert vendor.calls(product_id) == 40


# --- The catalogue --------------------------------------------------------------------------------

CSV = (
    "product_id,category,title,image_url,page_url,asset_urls\n"
    "{known},eyewear,Round Frame,https://shop.example/1.jpg,https://shop.example/round,"
    "https://shop.example/1.glb\n"
    "watch-1,watches,A Watch,,,\n"
)


def seen(shop: Shop, product_id: str, category: str = "footwear") -> tuple[int, str]:
    """Status and problem code of an impression."""
    body = {"name": "impression", "product_id": product_id, "category": category}
    answer = post(shop, "/events", json.dumps(body))
    return answer.status_code, answer.json()["code"] if answer.content else ""


@pytest.mark.parametrize("kind", ["csv", pytest.param("json", marks=pytest.mark.slow)])
def test_with_a_catalogue_the_browsers_word_counts_for_nothing(
    tmp_path: Path, vendor: Vendor, kind: str
) -> None:
    known, unknown = unique(), unique()
    catalog = tmp_path / f"products.{kind}"
    text = CSV.format(known=known)
    if kind == "json":
        names, *lines = (line.split(",") for line in text.splitlines())
        entries = [
            {name: value for name, value in zip(names, line, strict=True) if value}
            for line in lines
        ]
        text = json.dumps(entries)
    catalog.write_text(text)
    with running_shop(tmp_path, vendor, **ALONE, TRYON_CATALOG=str(catalog)) as shop:
        answer = shop.click(known, category="footwear", title="Something else")
        session = answer.json()
        assert answer.status_code == 201
        assert (session["category"], session["title"]) == ("eyewear", "Round Frame")
        assert session["image_url"] == "https://shop.example/1.jpg"
        assert vendor.sessions(known)[0]["category"] == "eyewear"
        page = http().get(session["handoff_url"]).text
        assert '<a href="https://shop.example/round">Back to the product</a>' in page
        assert http().get(f"{shop.url}/t/{known}").status_code == 200
        body = json.dumps({"product_id": known})
        assert post(shop, "/sessions", body).status_code == 201
        assert click(shop, unknown) == (400, "unknown_product")
        assert click(shop, "watch-1") == (400, "unsupported_category")
        detail = shop.click(unknown).json()["detail"]
        assert detail == f"“{unknown}” is not in the catalogue (TRYON_CATALOG)."
        assert http().get(f"{shop.url}/t/{unknown}").status_code == 404
        assert (vendor.calls(unknown), vendor.calls("watch-1")) == (0, 0)
        assert seen(shop, known, "anything") == (204, "")
        assert seen(shop, unknown) == (400, "unknown_product")
        assert seen(shop, "watch-1") == (400, "unsupported_category")
        sql = "SELECT category, impressions FROM totals_day_category WHERE impressions"
        assert rows(shop, sql) == [("eyewear", 1)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("products.csv", "product_id,category\nsku<2,footwear\n",
         ["line 2", "product_id"]),
        ("products.json", '[{"product_id": "sku-1"}]', ["line 1", "category"]),
    ],
)  # fmt: skip
def test_a_wrong_catalogue_stops_the_start_and_says_where(
    tmp_path: Path, vendor: Vendor, name: str, content: str, said: list[str]
) -> None:
    catalog = tmp_path / name
    catalog.write_text(content)
    shop = Shop(tmp_path, vendor.url, 1, TRYON_CATALOG=str(catalog))
    answer = shop.command("serve")
    assert answer.returncode != 0
    for word in (name, *said):
        assert word in answer.stderr, answer.stderr
    assert "Traceback" not in answer.stderr
