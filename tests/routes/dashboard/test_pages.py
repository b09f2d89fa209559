"""`/dashboard/…`: the merchant's pages, and the words that they map."""

import gzip
import html
import re
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.routes.dashboard.merchant import call_back, log_in, log_in_once, stats, token
from tests.servers import ALONE, Shop, Vendor, eventually, running_shop, unique


@pytest.mark.parametrize(
    "path",
    [
        "", "?from=2026-11-01&to=2026-11-02", "?from=2026-11-01&to=2026-11-01", "?range=365d",
        "?product_id=sku-1", "?product_id=sku-1&device=phone", "by/product_id", "by/day?range=7d",
        "by/channel?sort=completed", "attempts", "attempts?count=completed&range=90d", "words",
        "definitions", "first", "first?range=today&chart=whole_rate", "?chart=opened",
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


def test_the_first_screen_says_what_matters(known: Shop) -> None:
    """Whether two of its sessions have run out yet is up to the sweep."""
    page = log_in_once(known).get(f"{known.url}/dashboard/?from=2026-11-01&to=2026-11-02").text
    (sentence,) = re.findall(r'<p class="sentence" id="sentence" data-live>(.+)</p>', page)
    assert re.fullmatch(
        r"Of \d clicks.*, 2 led to a completed try-on \((40\.0|50\.0|66\.7)%\)"
        r".* Nothing is broken\.",
        sentence,
    )
    for stands in ("Vendor <small>no calls", "Callbacks <small>none yet", "Budget <small>not set"):
        assert stands in page


def test_a_card_draws_its_figure_in_the_large_chart(known: Shop) -> None:
    browser, asked = log_in_once(known), "from=2026-11-01&to=2026-11-02"
    page = browser.get(f"{known.url}/dashboard/?{asked}").text
    assert ">Clicks by hour</h2>" in page
    (link,) = re.findall(r'href="([^"]+chart=completed)"', page)
    chosen = browser.get(html.unescape(link)).text
    assert ">Completed by hour</h2>" in chosen
    assert re.search(r'chart=completed" [^>]+aria-current="true"', chosen)
    assert 'name="chart" value="completed"' in chosen  # another range keeps it
    first = browser.get(f"{known.url}/dashboard/first?{asked}&chart=completed").text
    assert ">Completed by hour</h2>" in first
    assert "<html" not in first


@pytest.mark.parametrize("asked", ["", "?range=365d", "?from=2016-11-22&to=2026-11-28"])
def test_a_page_stays_small_however_many_days_it_is_of(known: Shop, asked: str) -> None:
    page = log_in_once(known).get(f"{known.url}/dashboard/{asked}")
    assert len(gzip.compress(page.content)) < 35_000
    assert page.text.count("<tr>") < 150


def test_a_tab_divides_the_page_by_another_property(known: Shop) -> None:
    browser, asked = log_in_once(known), "from=2026-11-01&to=2026-11-02&chart=opened"
    page = browser.get(f"{known.url}/dashboard/?{asked}").text
    assert 'aria-label="By product"' in page
    (link,) = re.findall(r'href="([^"]+by=device[^"]*#by)"', page)
    chosen = browser.get(html.unescape(link)).text
    assert 'aria-label="By device"' in chosen
    assert ">Launches by hour</h2>" in chosen  # the chart stays
    rows = re.findall(
        r'class="key" dir="auto"><a href="[^"]+">(\w+)</a><svg[^>]+><rect width="([\d.]+)%"', chosen
    )
    assert rows == [("phone", "100.0"), ("desktop", "66.7")]


def test_a_time_in_which_nothing_happened_says_so_in_a_line(known: Shop) -> None:
    page = log_in_once(known).get(f"{known.url}/dashboard/?from=2020-01-01&to=2020-01-07").text
    assert "Nothing happened on these days. The first try-on was on 2026-10-31." in page
    for part in ('id="funnel"', 'id="endings"', 'id="times"', 'id="by"', 'id="over-time-chart'):
        assert part not in page


def test_a_table_is_searched_and_says_so_where_nothing_is_found(known: Shop) -> None:
    browser, asked = log_in_once(known), "from=2026-11-01&to=2026-11-02"
    page = browser.get(f"{known.url}/dashboard/by/locale?{asked}&search=germ").text
    assert re.findall(r'class="key" dir="auto"><a [^>]+>(\w+)</a> <small>(\w+)<', page) == [
        ("German", "de")
    ]
    assert 'name="search" value="germ"' in page
    none = browser.get(f"{known.url}/dashboard/by/locale?{asked}&search=<b>").text
    assert "None has “<bdi>&lt;b&gt;</bdi>” in its name." in none


def test_an_open_page_is_drawn_anew_as_soon_as_something_happened(
    shop: Shop, merchant: requests.Session
) -> None:
    def clicks() -> list[str]:
        address = f"{shop.url}/dashboard/first?range=today&product_id={product_id}"
        return re.findall(r"<p class=\"sentence\".*?>(.+?),", merchant.get(address).text)

    product_id = unique()
    for number in ("1 click", "2 clicks", "3 clicks"):
        shop.click(product_id)
        assert clicks() == [f"{number} so far"]


@pytest.mark.parametrize("asked", ["chart=x", "chart=clicks&chart=opened", "chart=abandoned"])
@pytest.mark.parametrize("page", ["", "first"])
def test_a_figure_that_has_no_card_is_refused(known: Shop, page: str, asked: str) -> None:
    answer = log_in_once(known).get(f"{known.url}/dashboard/{page}?{asked}")
    assert answer.status_code == 400


@pytest.mark.parametrize("product_id", ["(none)", "R&D +50% / é #1?", " x", "=1;2"])
def test_a_product_in_a_table_leads_to_itself_whatever_it_is_called(
    shop: Shop, merchant: requests.Session, product_id: str
) -> None:
    assert shop.click(product_id).status_code == 201
    page = merchant.get(f"{shop.url}/dashboard/by/product_id").text
    (link,) = re.findall(rf'href="([^"]+)">{re.escape(escape(product_id, quote=False))}</a>', page)
    narrowed = merchant.get(html.unescape(link))
    assert f'name="product_id" value="{escape(written(product_id))}"' in narrowed.text
    query = parse_qs(urlsplit(html.unescape(link)).query)
    (row,) = stats(shop, by="product_id", product_id=query["product_id"][0])["by"]
    assert row["key"] == product_id


def written(product_id: str) -> str:
    return "\\(none)" if product_id == "(none)" else product_id


@pytest.mark.parametrize(
    "page",
    ["", "first", "by/product_id", "attempts", f"attempts/{'0' * 32}", "words", "callbacks",
     "settings", "definitions"],
)  # fmt: skip
def test_what_a_page_is_not_asked_for_is_refused_by_name(known: Shop, page: str) -> None:
    browser = log_in_once(known)
    for asked in ("x=1", "x=1&x=2", "%00=%ff", "%3Cscript%3E=1", "x" * 4_000 + "=1"):
        answer = browser.get(
            f"{known.url}/dashboard/{page}?{asked}", headers={"Accept": "text/html"}
        )
        assert answer.status_code == 400, asked
        assert "is not known here" in answer.text
        assert "<script>" not in answer.text
        assert len(answer.text) < 20_000


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
        lambda: moved.items() <= stats(shop, product_id=product_id)["totals"].items(), seconds=60
    )
    again = unique()
    shop.click(again)
    call_back(shop, vendor, again, word.lower().replace(" ", "-"))
    assert stats(shop, product_id=again)["totals"]["completed"] == 1


def test_a_mapping_outlives_the_workers_that_took_it(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor, **ALONE) as shop:
        product_id, word = unique(), unique("Half Way")
        shop.click(product_id)
        call_back(shop, vendor, product_id, word)
        merchant = log_in(shop)
        page = merchant.get(f"{shop.url}/dashboard/words").text
        fields = {"token": token(page), "word": word, "outcome": "completed"}
        merchant.post(f"{shop.url}/dashboard/words", data=fields)
        shop.kill()
        shop.start()
        done = {"other": 0, "completed": 1}
        eventually(lambda: done.items() <= stats(shop, product_id=product_id)["totals"].items())


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
