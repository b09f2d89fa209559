"""`/static/…`, and the files that a shop's pages load by a name that stays."""

import re

import pytest

from tests.servers import Shop, http

FLOATING = {
    "/try-on-button.js": "text/javascript; charset=utf-8",
    "/try-on-button.d.ts": "text/plain; charset=utf-8",
    "/custom-elements.json": "application/json",
    "/theme.css": "text/css; charset=utf-8",
}


@pytest.mark.parametrize("path", FLOATING)
def test_a_name_that_stays_is_looked_up_again_after_minutes(shop: Shop, path: str) -> None:
    answer = http().get(shop.url + path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, FLOATING[path])
    assert "max-age=300" in answer.headers["Cache-Control"]
    tag = {"If-None-Match": answer.headers["ETag"]}
    again = http().get(shop.url + path, headers=tag)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", FLOATING)
def test_a_shop_on_another_origin_may_load_it(shop: Shop, path: str) -> None:
    answer = http().get(shop.url + path, headers={"Origin": "https://any.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def hashed(shop: Shop) -> list[str]:
    """The addresses of all files that a page loads."""
    page = http().get(f"{shop.url}/embed").text
    return re.findall(r'(?:src|href)="([^"]+/static/[^"]+)"', page)


def test_a_hashed_name_is_good_for_ever(shop: Shop) -> None:
    found = hashed(shop)
    assert len(found) >= 4
    for address in found:
        answer = http().get(address)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_what_is_sent_is_compressed_as_the_browser_likes_it(shop: Shop, coding: str) -> None:
    address = f"{shop.url}/try-on-button.js"
    plain = http().get(address, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    answer = http().get(address, headers={"Accept-Encoding": coding})
    assert answer.headers["Content-Encoding"] == coding
    assert int(answer.headers["Content-Length"]) < len(plain.content) / 2
    assert answer.content == plain.content


@pytest.mark.parametrize("name", ["theme.css", "theme.000000000000.css", "nothing.js", ""])
def test_without_its_hash_nothing_is_found(shop: Shop, name: str) -> None:
    answer = http().get(f"{shop.url}/static/{name}")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")
