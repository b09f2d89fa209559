"""`/` and `/shop/<product id>`: a small shop to try everything in, where somebody wants it."""

import re
from collections.abc import Iterator

import pytest

from tests.servers import Shop, Vendor, http, running_shop


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    with running_shop(tmp_path_factory.mktemp("demo"), vendor, TRYON_DEMO="1") as shop:
        yield shop


def shelf(demo: Shop) -> list[str]:
    """The addresses of the products on the first page."""
    return re.findall(rf'href="({demo.url}/shop/[^"]+)"', http().get(f"{demo.url}/").text)


def test_every_product_on_the_shelf_has_a_page_with_the_button(demo: Shop) -> None:
    found = shelf(demo)
    assert len(set(found)) == len(found) == 4
    for address in found:
        product_id = address.rpartition("/")[2]
        page = http().get(address)
        assert page.status_code == 200
        assert f'<try-on-button product-id="{product_id}"' in page.text
        assert f'href="{demo.url}/t/{product_id}">Try it on</a>' in page.text


def test_every_product_but_the_one_that_fails_on_purpose_can_be_tried_on(demo: Shop) -> None:
    demo.origin = demo.url  # the shop is here
    for address in shelf(demo):
        product_id = address.rpartition("/")[2]
        expected = 502 if product_id == "sim-500-sandal" else 201
        assert demo.click(product_id).status_code == expected


def test_its_pages_are_as_strict_as_a_shops_can_be(demo: Shop) -> None:
    for path in ("/", "/shop/trail-runner"):
        policy = http().get(demo.url + path).headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= {*policy}
        assert "require-trusted-types-for 'script'" in policy


def test_whoever_typed_another_name_is_led_to_the_one_in_its_links(demo: Shop) -> None:
    typed = demo.url.replace("127.0.0.1", "localhost")
    answer = http().get(f"{typed}/shop/city-boot", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{demo.url}/shop/city-boot")


def test_a_product_that_is_not_sold_is_not_found(demo: Shop) -> None:
    assert http().get(f"{demo.url}/shop/moon-boot").status_code == 404


@pytest.mark.parametrize("path", ["/", "/shop/trail-runner"])
def test_a_real_shop_has_no_demo(shop: Shop, path: str) -> None:
    assert http().get(shop.url + path).status_code == 404
