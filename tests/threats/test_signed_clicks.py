"""With TRYON_CLICK_SECRET, only what the shop's own pages show can be tried on."""

import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.servers import ALONE, Shop, Vendor, running_shop, unique
from tests.wire import get, http, post, refused, rows

SECRETS = ("the-shops-secret-of-32-characters", "the-secret-that-it-had-before-this")


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("signed")
    with running_shop(folder, vendor, **ALONE, TRYON_CLICK_SECRET=",".join(SECRETS)) as shop:
        yield shop


def signature(product_id: str, days: int = 0, secret: str = SECRETS[0]) -> str:
    """What a shop's page makes on a day so many days from today."""
    day = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d")
    return hmac.new(secret.encode(), f"{product_id}\n{day}".encode(), "sha256").hexdigest()


@pytest.mark.parametrize("days", [0, -1, 1])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_signed_click_gets_its_session(signed: Shop, days: int, secret: str) -> None:
    product_id = unique()
    answer = signed.click(product_id, signature=signature(product_id, days, secret))
    assert answer.status_code == 201


def test_any_other_click_costs_nothing(signed: Shop, vendor: Vendor) -> None:
    product_id = unique()
    others = [
        {},
        {"signature": None},
        {"signature": signature(unique())},
        {"signature": signature(product_id, -4)},
        {"signature": signature(product_id, 4)},
        {"signature": signature(product_id, secret="x" * 32)},
    ]
    for other in others:
        refused_with = refused_code(signed.click(product_id, **other))
        assert refused_with == (401, "signature_invalid"), other
    for malformed in ("", "a", signature(product_id).upper(), 1):
        answer = signed.click(product_id, signature=malformed)
        assert refused_code(answer) == (400, "bad_request")
    assert vendor.calls(product_id) == 0


def refused_code(answer) -> tuple[int, str]:  # type: ignore[no-untyped-def]
    return answer.status_code, answer.json()["code"]


def test_a_beacon_needs_the_signature_too(signed: Shop) -> None:
    product_id = unique()
    body = {"name": "impression", "product_id": product_id}
    refused(post(signed, "/events", json.dumps(body)), 401, "signature_invalid")
    body["signature"] = signature(product_id)
    assert post(signed, "/events", json.dumps(body)).status_code == 204
    sql = "SELECT impressions FROM totals_day_product WHERE product_id = ?"
    assert rows(signed, sql, product_id) == [(1,)]


def test_the_links_signature_goes_through_the_form(signed: Shop, vendor: Vendor) -> None:
    product_id = unique()
    link = f"{signed.url}/t/{product_id}?category=footwear"
    assert submit(signed, http().get(link).text) == 401
    assert vendor.calls(product_id) == 0
    assert submit(signed, http().get(f"{link}&signature={signature(product_id)}").text) == 303


def test_a_page_of_an_ended_try_on_can_make_a_new_one(signed: Shop, vendor: Vendor) -> None:
    product_id = unique()
    session = signed.click(product_id, signature=signature(product_id)).json()
    http().post(f"{session['status_url']}/cancel")
    for page in (get(session["handoff_url"]), signed.launch(session["launch_url"])):
        assert submit(signed, page.text) == 303
    assert vendor.calls(product_id) == 3


def submit(shop: Shop, page: str) -> int:
    """The status of the page's form."""
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    headers = {"Origin": shop.origin}
    answer = http().post(f"{shop.url}/sessions", fields, headers=headers, allow_redirects=False)
    return answer.status_code


def test_without_a_secret_a_signature_means_nothing(shop: Shop) -> None:
    assert shop.click(unique(), signature="0" * 64).status_code == 201
