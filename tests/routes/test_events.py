"""`/events`: what only the button sees, counted once."""

import json
import uuid

import pytest

from tests.servers import Shop, unique
from tests.wire import post, refused, rows


@pytest.mark.parametrize("kind", ["text/plain;charset=UTF-8", "application/json"])
def test_an_impression_is_counted_once(shop: Shop, kind: str) -> None:
    product_id, sighting = unique(), str(uuid.uuid4())
    body = json.dumps({"name": "impression", "product_id": product_id, "id": sighting})
    for _ in range(2):
        answer = post(shop, "/events", body, Content_Type=kind)
        assert (answer.status_code, answer.content) == (204, b"")
    sql = "SELECT impressions FROM totals_day_product WHERE product_id = ?"
    assert rows(shop, sql, product_id) == [(1,)]


@pytest.mark.parametrize(
    "body",
    ['{"name": "callback", "product_id": "a"}', '{"name": "impression"}', "[]", "", "{", "\x00",
     '{"name": "error", "product_id": "a", "code": "<x>"}'],
)  # fmt: skip
def test_a_wrong_beacon_is_refused(shop: Shop, body: str) -> None:
    refused(post(shop, "/events", body), 400, "bad_request")


def test_an_impression_of_a_bot_counts_nowhere(shop: Shop) -> None:
    product_id = unique()
    body = json.dumps({"name": "impression", "product_id": product_id})
    assert post(shop, "/events", body, User_Agent="Googlebot/2.1").status_code == 204
    sql = "SELECT impressions FROM totals_day_product WHERE product_id = ? AND impressions"
    assert rows(shop, sql, product_id) == []


def test_a_failure_that_only_the_browser_saw_is_kept_with_its_code(shop: Shop) -> None:
    body = json.dumps({"name": "error", "product_id": unique(), "code": (code := unique("lost"))})
    assert post(shop, "/events", body, Content_Type="text/plain").status_code == 204
    sql = "SELECT name, source FROM events WHERE props ->> 'code' = ?"
    assert rows(shop, sql, code) == [("error", "button")]


def test_a_category_that_is_not_offered_is_refused(shop: Shop) -> None:
    body = {"name": "impression", "product_id": unique(), "category": "hats"}
    refused(post(shop, "/events", json.dumps(body)), 400, "unsupported_category")
