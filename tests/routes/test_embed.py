"""`/embed`: how to put the button into a shop, with examples to copy."""

import base64
import hashlib
import re
from html import unescape
from pathlib import Path

import pytest

from tests.servers import ALONE, Shop, Vendor, http, running_shop


def page(shop: Shop, query: str = "") -> str:
    answer = http().get(f"{shop.url}/embed{query}")
    assert answer.status_code == 200
    return unescape(answer.text)


def test_its_examples_load_the_button_from_here(shop: Shop) -> None:
    text = page(shop)
    script = f"{shop.url}/try-on-button.js"
    assert f'<script type="module" src="{script}"></script>' in text
    assert f"script-src {shop.url}; connect-src {shop.url};" in text
    assert "wp_enqueue_script_module" not in text  # fatal before WordPress 6.5
    assert http().get(script).headers["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize(
    ("query", "product_id"),
    [
        ("", "sku-12345"),
        ("?product=trail-runner_3.b", "trail-runner_3.b"),
        ("?product=a%22%3E%3Cb", "sku-12345"),
        ("?product=%0A", "sku-12345"),
    ],
)
def test_its_examples_are_of_the_product_that_is_asked_for(
    shop: Shop, query: str, product_id: str
) -> None:
    text = page(shop, query)
    assert f'<try-on-button product-id="{product_id}" category="footwear">' in text
    assert f'<a href="{shop.url}/t/{product_id}">Try it on</a>' in text


def test_an_id_is_encoded_wherever_it_stands_in_an_example(shop: Shop) -> None:
    text = page(shop, "?product=R%26D+%2F+%C3%A9%2B1")  # R&D / é+1
    assert '<try-on-button product-id="R&amp;D / é+1" category="footwear">' in text
    assert f'<a href="{shop.url}/t/?product_id=R%26D%20%2F%20%C3%A9%2B1">Try it on</a>' in text


@pytest.mark.parametrize("name", ["try-on-button", "try-on-dialog"])
def test_a_file_of_the_fixed_version_has_the_content_that_it_promises(
    shop: Shop, name: str
) -> None:
    pinned = re.search(rf'"([^"]+/{name}\.[^"]+)"\s+integrity="sha384-([^"]+)"', page(shop))
    assert pinned
    script = http().get(pinned[1])
    assert "immutable" in script.headers["Cache-Control"]
    assert hashlib.sha384(script.content).digest() == base64.b64decode(pinned[2])


def test_caches_may_keep_it(shop: Shop) -> None:
    answer = http().get(f"{shop.url}/embed")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert "Accept-Language" in answer.headers["Vary"]


def test_it_says_whose_pages_may_have_the_button(tmp_path: Path, vendor: Vendor) -> None:
    catalog = tmp_path / "products.csv"
    catalog.write_text("product_id,category\nR&D 1,eyewear\n")
    settings = ALONE | {
        "TRYON_ALLOWED_ORIGINS": "https://shop.example,https://www.shop.example",
        "TRYON_CATALOG": str(catalog),
        "TRYON_CLICK_SECRET": "the-shops-secret-of-32-characters",
    }
    with running_shop(tmp_path, vendor, **settings) as shop:
        text = page(shop)
        signed = http().get(f"{shop.url}/embed").text
    for origin in ("https://shop.example", "https://www.shop.example", shop.url):
        assert f"<code>{origin}</code>" in text
    assert '<try-on-button product-id="R&amp;D 1" category="eyewear">' in text
    assert "1 in the catalogue" in text
    assert "the-shops-secret" not in signed
    assert "<try-on-button" not in signed  # a live one would need a signature, for all to copy


@pytest.mark.parametrize("kind", ["attributes", "events", "slots", "cssParts", "cssProperties"])
def test_its_reference_is_the_manifest(shop: Shop, kind: str) -> None:
    text = page(shop).partition('id="reference"')[2].replace("\n", " ")
    manifest = http().get(f"{shop.url}/custom-elements.json").json()
    for each in manifest["modules"][0]["declarations"][0][kind]:
        assert f"<dt><code>{each['name'] or '(default)'}</code></dt>" in text
        assert each["description"].replace("`", "") in text
