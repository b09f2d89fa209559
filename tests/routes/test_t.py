"""`/t/<product id>`: the page behind the button's link, where scripts are off."""

import re
from html import unescape

import pytest

from tests.servers import PHONE, Shop, Vendor, http, unique
from tests.wire import at_once, rows


def form(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))


def press(shop: Shop, fields: dict[str, str]) -> str:
    """Where the form of a page of ours leads."""
    answer = http().post(
        f"{shop.url}/sessions", data=fields, headers={"Origin": shop.origin}, allow_redirects=False
    )
    assert answer.status_code == 303
    return answer.headers["Location"]


def test_without_scripts_a_form_leads_to_the_handoff_page(shop: Shop) -> None:
    product_id = unique()
    page = shop.http.get(f"{shop.url}/t/{product_id}?category=footwear")
    address = press(shop, form(page.text))
    assert "/handoff/" in address
    assert shop.http.get(address).status_code == 200


def test_looking_at_it_creates_nothing(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    answer = http().get(f"{shop.url}/t/{product_id}", headers={"User-Agent": PHONE})
    assert answer.status_code == 200
    assert vendor.calls(product_id) == 0
    assert rows(shop, "SELECT 1 FROM attempts WHERE product_id = ?", product_id) == []


@pytest.mark.parametrize(
    ("path", "product_id", "category"),
    [
        ("sku-1", "sku-1", "footwear"),
        ("sku-1?category=eyewear", "sku-1", "eyewear"),
        ("shoes/sku-1", "shoes/sku-1", "footwear"),
        ("a+b%20c%3F%26%25", "a+b c?&%", "footwear"),
        ("?product_id=a%2F..%2F%2Fb+c%2B", "a/..//b c+", "footwear"),
        ("?product_id=%E9%9E%8B&category=eyewear", "鞋", "eyewear"),
    ],
)
def test_its_form_asks_for_the_product_of_the_address(
    shop: Shop, path: str, product_id: str, category: str
) -> None:
    page = http().get(f"{shop.url}/t/{path}").text
    assert f'<form class="wide" method="post" action="{shop.url}/sessions">' in page
    fields = form(page)
    assert (unescape(fields["product_id"]), fields["category"]) == (product_id, category)


@pytest.mark.parametrize(
    "path", ["", "?product_id=", "?product_id=a%00", "a%09b", "%22%3E", "a" * 129]
)
def test_what_is_no_id_is_refused_by_name(shop: Shop, path: str) -> None:
    answer = http().get(f"{shop.url}/t/{path}")
    assert answer.status_code == 400
    assert "product_id: must be 1 to 128 printable characters" in answer.text


def test_its_address_needs_no_slash_and_redirects_nobody(shop: Shop) -> None:
    answer = http().get(f"{shop.url}/t?product_id=sku-1", allow_redirects=False)
    assert answer.status_code == 200


def test_it_speaks_the_language_that_is_asked_for(shop: Shop) -> None:
    address = f"{shop.url}/t/sku-1"
    page = http().get(address, headers={"Accept-Language": "de-AT, en;q=0.5"}).text
    assert '<html lang="de"' in page
    assert '<html lang="fr"' in http().get(f"{address}?lang=fr").text


@pytest.mark.parametrize("page", ["/t/", "launch_url", "handoff_url"])
def test_a_form_pressed_twice_buys_one_session_and_two_visits_two(
    shop: Shop, vendor: Vendor, page: str
) -> None:
    product_id, address = unique(), ""
    if page != "/t/":  # of what has ended
        session = shop.click(product_id).json()
        shop.http.post(session["status_url"] + "/cancel")
        address = session[page]
    before = vendor.calls(product_id)

    def visit() -> dict[str, str]:
        where = address or f"{shop.url}/t/{product_id}"
        return form(http().get(where, headers={"User-Agent": PHONE}).text)

    fields = visit()
    found = at_once(8, lambda _: press(shop, fields))  # on both workers
    assert len(set(found)) == 1
    assert press(shop, fields) == found[0]
    assert vendor.calls(product_id) == before + 1
    assert press(shop, visit()) != found[0]
    assert vendor.calls(product_id) == before + 2


def test_no_cache_gives_one_visitors_click_to_another(shop: Shop) -> None:
    answer = http().get(f"{shop.url}/t/sku-1")
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert len(form(answer.text)["click_id"]) == 22
    for name in ("ETag", "Last-Modified"):  # by which a browser would keep it after all
        assert name not in answer.headers
