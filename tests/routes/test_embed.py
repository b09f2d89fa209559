"""`/embed`: how to put the button into a shop, with examples to copy."""

import base64
import hashlib
import re
from html import unescape

import pytest

from tests.servers import Shop, http


def page(shop: Shop, query: str = "") -> str:
    answer = http().get(f"{shop.url}/embed{query}")
    assert answer.status_code == 200
    return unescape(answer.text)


def test_its_examples_load_the_button_from_here(shop: Shop) -> None:
    text = page(shop)
    script = f"{shop.url}/try-on-button.js"
    assert f'<script type="module" src="{script}"></script>' in text
    assert f"script-src {shop.url}; connect-src {shop.url};" in text
    assert http().get(script).headers["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize(
    ("query", "product_id"),
    [
        ("", "sku-12345"),
        ("?product=trail-runner_3.b", "trail-runner_3.b"),
        ("?product=a%22%3E%3Cb", "ab"),
        ("?product=%22", "sku-12345"),
    ],
)
def test_its_examples_are_of_the_product_that_is_asked_for(
    shop: Shop, query: str, product_id: str
) -> None:
    text = page(shop, query)
    assert f'<try-on-button product-id="{product_id}" category="footwear">' in text
    assert f'<a href="{shop.url}/t/{product_id}">Try it on</a>' in text


def test_the_fixed_version_has_the_content_that_it_promises(shop: Shop) -> None:
    pinned = re.search(r'src="([^"]+)"\s+integrity="sha384-([^"]+)"', page(shop))
    assert pinned
    script = http().get(pinned[1])
    assert "immutable" in script.headers["Cache-Control"]
    assert hashlib.sha384(script.content).digest() == base64.b64decode(pinned[2])


def test_caches_may_keep_it(shop: Shop) -> None:
    answer = http().get(f"{shop.url}/embed")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
