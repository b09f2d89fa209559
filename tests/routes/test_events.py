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
