"""`/go/<launch key>`: whoever follows it launches, once; who looks, or comes late, does not."""

import json
import re
from html import unescape
from typing import Any

import pytest

from tests.servers import DESKTOP, PHONE, Shop, Vendor, unique
from tests.wire import at_once, get, http, launches, rows

PREVIEWER = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"


@pytest.fixture
def session(shop: Shop) -> dict[str, Any]:
    return dict(shop.click(unique(), title="Trail Runner").json())


@pytest.mark.parametrize(("mark", "channel"), [("", "direct"), ("?q", "qr")])
def test_however_often_a_link_is_followed_it_is_one_launch(
    shop: Shop, session: dict[str, Any], mark: str, channel: str
) -> None:
    answers = at_once(20, lambda _: get(session["launch_url"] + mark, **{"User-Agent": PHONE}))
    assert {answer.status_code for answer in answers} == {302}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert launches(shop, session) == [(channel, 1)]
    sql = "SELECT sum(opened) FROM totals_day_product WHERE product_id = ?"
    assert rows(shop, sql, session["product_id"]) == [(1,)]


def test_the_redirect_gives_nothing_away(session: dict[str, Any]) -> None:
    answer = get(session["launch_url"], **{"User-Agent": PHONE})
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert session["id"] not in json.dumps(dict(answer.headers)) + answer.text


def test_a_head_launches_nothing(shop: Shop, session: dict[str, Any]) -> None:
    answer = http().head(session["launch_url"], headers={"User-Agent": PHONE})
    assert answer.status_code == 200
    assert "Location" not in answer.headers
    assert shop.state(session) == "waiting"
    assert launches(shop, session) == [("", 0)]


@pytest.mark.parametrize("agent", [PREVIEWER, "curl/8.14.1", "python-requests/2.32.4", "Unknown/1"])
def test_whoever_has_no_browser_goes_on_by_a_button(
    shop: Shop, vendor: Vendor, session: dict[str, Any], agent: str
) -> None:
    url = session["launch_url"] + "?q"
    page = get(url, **{"User-Agent": agent})
    assert (page.status_code, shop.state(session)) == (200, "waiting")
    assert '<form class="wide" method="post">' in page.text
    answer = http().post(url, headers={"User-Agent": agent}, allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == vendor.sessions(session["product_id"])[0]["launch_url"]
    assert shop.state(session) == "opened"
    assert launches(shop, session) == [("qr", 1)]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("agent", [PHONE, DESKTOP, PREVIEWER])
def test_an_expired_link_offers_a_new_one_and_leads_nowhere(
    shop: Shop, vendor: Vendor, method: str, agent: str
) -> None:
    product_id = unique("sim-expired")
    session = shop.click(product_id, title='<b>"Trail" & Runner').json()
    answer = http().request(
        method, session["launch_url"], headers={"User-Agent": agent}, allow_redirects=False
    )
    assert (answer.status_code, "Location" in answer.headers) == (410, False)
    assert vendor.sessions(product_id)[0]["id"] not in answer.text
    fields = {
        name: unescape(value)
        for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', answer.text)
    }
    again = http().post(
        f"{shop.url}/sessions", data=fields, headers={"Origin": shop.origin}, allow_redirects=False
    )
    assert (again.status_code, vendor.calls(product_id)) == (303, 2)
    assert launches(shop, session) == [("", 0)]
