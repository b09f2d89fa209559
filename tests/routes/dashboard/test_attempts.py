"""`/dashboard/attempts`: the list of try-ons, what is found in it, and one of them."""

import csv
import html
import re
from datetime import UTC, datetime

import pytest
import requests

from tests.routes.dashboard.merchant import call_back, log_in_once
from tests.servers import Shop, Vendor, eventually, unique
from tests.storage.histories import ZONE, attempt_id, moment

FOUND = re.compile(r"/dashboard/attempts/([0-9a-f]{32})")


def ids(page: str) -> list[str]:
    return FOUND.findall(page)


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


def test_moments_are_in_the_zone_of_the_shop(known: Shop) -> None:
    a = attempt_id(moment("2026-11-01T00:00", ZONE), 1)
    page = log_in_once(known).get(f"{known.url}/dashboard/attempts/{a}").text
    assert "1 November 2026" in page
    assert "00:00:00" in page
    assert "2026-11-01 00:00:00" in page
    utc = datetime.fromtimestamp(int(a[:12], 16) / 1000, UTC)
    assert f"{utc:%Y-%m-%d %H:%M:%S}" not in page


def test_a_receipt_is_shown_as_text(shop: Shop, vendor: Vendor, merchant: requests.Session) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    hostile = "</pre><script>alert(1)</script>"
    call_back(shop, vendor, product_id, hostile)
    eventually(lambda: shop.state(session) == "ended")
    page = merchant.get(f"{shop.url}/dashboard/attempts", params={"product_id": product_id}).text
    found = re.search(r"/dashboard/attempts/[0-9a-f]{32}", page)
    assert found
    attempt = merchant.get(f"{shop.url}{found[0]}").text
    assert "&lt;/pre&gt;&lt;script&gt;" in attempt
    assert "<script>alert" not in attempt


def test_a_try_on_is_told_in_words_and_leads_back_to_its_list(known: Shop) -> None:
    browser, asked = log_in_once(known), "from=2026-11-01&to=2026-11-01&count=abandoned&search=sku"
    listed = browser.get(f"{known.url}/dashboard/attempts?{asked}").text
    (link,) = re.findall(r'href="([^"]+/attempts/[0-9a-f]{32}[^"]*)"', listed)
    page = html.unescape(browser.get(html.unescape(link)).text).translate({0x2068: "", 0x2069: ""})
    for told in ("Clicked on “sku-1” on a phone.", "The vendor reported “left”: abandoned."):
        assert told in page
    assert "As it is stored: 4 records" in page
    (back,) = re.findall(r'href="([^"]+)">\S Back to the list', page)
    assert browser.get(back).text == listed


@pytest.mark.parametrize("asked", ["count=x", "x=1", "search=a&search=b", "from=2026-13-01"])
def test_a_try_on_takes_no_other_parameters_than_its_list(known: Shop, asked: str) -> None:
    a = attempt_id(moment("2026-11-01T00:00", ZONE), 1)
    answer = log_in_once(known).get(f"{known.url}/dashboard/attempts/{a}?{asked}")
    assert answer.status_code == 400


# --- The list -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listed(shop: Shop, vendor: Vendor) -> tuple[str, list[str]]:
    """A product with seven try-ons, the third and the fifth completed; its ids newest first."""
    product_id, sessions = unique("list"), []
    for number in range(7):
        sessions.append(shop.click(product_id, reference=f"{product_id}-{number}").json())
        if number in (2, 4):
            call_back(shop, vendor, product_id, "completed")
    eventually(lambda: shop.state(sessions[4]) == "completed")
    page = log_in_once(shop).get(f"{shop.url}/dashboard/attempts?product_id={product_id}").text
    return product_id, ids(page)


def test_the_list_counts_each_ending_and_leads_to_it(
    shop: Shop, listed: tuple[str, list[str]]
) -> None:
    product_id, found = listed
    browser = log_in_once(shop)
    page = browser.get(f"{shop.url}/dashboard/attempts?product_id={product_id}&range=7d").text
    choices = re.findall(
        r'href="([^"]+)"[^>]*><span class="ending (\w+)">[^<]+</span> <small>(\d+)', page
    )
    counts = {key: int(n) for _, key, n in choices}
    assert counts == {"clicks": 7, "completed": 2, "open": 5} | dict.fromkeys(
        ("abandoned", "failed", "cancelled", "other", "expired_unreported", "expired_unlaunched",
         "create_failed"), 0,
    )  # fmt: skip
    (address,) = [html.unescape(address) for address, key, _ in choices if key == "completed"]
    chosen = browser.get(address).text
    assert ids(chosen) == [found[2], found[4]]
    assert "range=7d" in address
    assert f"product_id={product_id}" in address
    assert 'class="ending completed">Completed</span></td>' in chosen
    assert "2 try-ons, newest first." in chosen


def test_a_search_is_within_the_days_and_the_ending_that_are_chosen(
    shop: Shop, listed: tuple[str, list[str]]
) -> None:
    product_id, found = listed
    browser, address = log_in_once(shop), f"{shop.url}/dashboard/attempts"
    for text, wanted in (
        (product_id, found), (f" {product_id}-3 ", [found[3]]), (found[6], [found[6]]),
        *((f"{product_id}{odd}", []) for odd in ("x", "' OR 1=1 --", "%", "_", "<script>")),
    ):  # fmt: skip
        page = browser.get(address, params={"search": text})
        assert page.status_code == 200
        assert ids(page.text) == wanted
        assert "<script>" not in page.text.partition("<main>")[2]
    page = browser.get(address, params={"search": product_id, "count": "completed"}).text
    assert ids(page) == [found[2], found[4]]
    assert f"Those with the id “<bdi>{product_id}</bdi>”" in page
    old = browser.get(address, params={"search": product_id, "to": "2026-01-02"}).text
    assert ids(old) == []
    assert "None in these days." in old


def test_a_search_that_finds_nothing_offers_all_days(known: Shop) -> None:
    browser, wanted = log_in_once(known), attempt_id(moment("2026-11-01T01:30", ZONE), 2)
    page = browser.get(f"{known.url}/dashboard/attempts?search={wanted}&from=2026-11-02").text
    assert ids(page) == []
    (link,) = re.findall(r'href="([^"]+)">Search all days', page)
    assert ids(browser.get(html.unescape(link)).text) == [wanted]


def test_pages_lose_and_double_nothing_when_new_ones_come(shop: Shop) -> None:
    product_id, browser = unique("pages"), log_in_once(shop)
    for _ in range(52):
        shop.click(product_id)
    address, seen = f"{shop.url}/dashboard/attempts?product_id={product_id}", list[str]()
    first = browser.get(address).text
    seen += ids(first)
    assert len(seen) == 50
    shop.click(product_id)
    (link,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = browser.get(html.unescape(link)).text
    seen += ids(second)
    assert len(seen) == len({*seen}) == 52
    assert 'rel="next"' not in second
    (newest,) = re.findall(r'href="([^"]+)">Newest', second)
    assert len(ids(browser.get(html.unescape(newest)).text)) == 50


@pytest.mark.parametrize("separator", [",", ";"])
def test_the_export_is_what_the_list_shows(
    shop: Shop, listed: tuple[str, list[str]], separator: str
) -> None:
    product_id, found = listed
    browser = log_in_once(shop)
    page = browser.get(
        f"{shop.url}/dashboard/attempts", params={"search": product_id, "count": "completed"}
    ).text
    links = re.findall(r'href="([^"]+/export/list.csv[^"]*)"', page)
    answer = browser.get(html.unescape(links[separator == ";"]))
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="try-on-list-')
    rows = [*csv.DictReader(answer.text.splitlines(), delimiter=separator)]
    assert [row["id"] for row in rows] == [found[2], found[4]]
    assert {row["outcome"] for row in rows} == {"completed"}
    assert rows[0]["reference"] == f"{product_id}-4"
    assert "launch_key" not in rows[0]


@pytest.mark.parametrize("path", ["attempts", "export/list.csv"])
@pytest.mark.parametrize(
    "asked",
    [
        "count=x", "count=clicks&count=open", "search=a&search=b", "search=%00", "search=1%0a1",
        "search=" + "x" * 301, "before=1&limit=0", "before=x", "x=1", "from=2026-13-01",
        "range=never", "separator=x", "search=%E2%80%AE", "before=" + "G" * 32,
    ],
)  # fmt: skip
def test_a_bad_question_is_refused(known: Shop, path: str, asked: str) -> None:
    answer = log_in_once(known).get(f"{known.url}/dashboard/{path}?{asked}")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "asked",
    ["search=%ff", "search=%ed%a0%80", "count=", "search=", "before=" + "f" * 32, "search=+"],
)
def test_an_odd_question_is_answered(known: Shop, asked: str) -> None:
    answer = log_in_once(known).get(f"{known.url}/dashboard/attempts?{asked}")
    assert answer.status_code == 200
