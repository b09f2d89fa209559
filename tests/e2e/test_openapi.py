"""The interface as it is described, against the interface as it is."""

import pytest

from tests.servers import Shop


@pytest.mark.parametrize("path", ["/sessions", "/sessions/x", "/sessions/x/cancel", "/events"])
def test_it_lets_an_allowed_site_ask_before_it_posts_json(shop: Shop, path: str) -> None:
    asked = {
        "Origin": shop.origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = shop.http.options(shop.url + path, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == shop.origin
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"].lower()
