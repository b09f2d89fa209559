"""`/` and `/shop/<product id>`: a small shop to try everything in, where somebody wants it."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from tests.servers import DESKTOP, Shop, eventually, http, running_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running_demo(tmp_path_factory.mktemp("demo")) as (shop, _):
        yield shop


def shelf(demo: Shop) -> list[str]:
    """The addresses of the products on the first page."""
    return re.findall(rf'href="({demo.url}/shop/[^"]+)"', http().get(f"{demo.url}/").text)


def test_every_product_on_the_shelf_has_a_page_with_the_button(demo: Shop) -> None:
    found = shelf(demo)
    assert len(set(found)) == len(found) == 8
    for address in found:
        product_id = address.rpartition("/")[2]
        page = http().get(address)
        assert page.status_code == 200
        assert f'<try-on-button product-id="{product_id}"' in page.text
        assert f'href="{demo.url}/t/{product_id}?category=' in page.text


def test_every_product_but_the_one_that_fails_on_purpose_can_be_tried_on(demo: Shop) -> None:
    for address in shelf(demo):
        product_id = address.rpartition("/")[2]
        answer = demo.click(product_id)
        if product_id == "sim-500-sandal":
            assert answer.status_code == 502
        else:
            assert answer.status_code == 201
            assert answer.json()["image_url"] == f"{demo.url}/shop/{product_id}.svg"
            assert answer.json()["title"] in http().get(address).text


def test_what_fails_on_purpose_says_so_on_the_shelf_and_before_the_press(demo: Shop) -> None:
    assert http().get(f"{demo.url}/").text.count("Its try-on fails, on purpose") == 1
    page = http().get(f"{demo.url}/shop/sim-500-sandal").text
    assert page.index("Its try-on fails, on purpose.") < page.index("<try-on-button")
    assert "something went wrong on our side" in page


def test_a_picture_has_an_address_that_other_sites_may_show(demo: Shop) -> None:
    picture = http().get(f"{demo.url}/shop/fell-beanie.svg")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert picture.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert picture.text.startswith("<svg")


def press(shopper: requests.Session, page: requests.Response, words: str) -> requests.Response:
    """Follow the link, or send the form, that has these words on it."""
    for link in re.finditer(r'<a [^>]*href="([^"]*)"[^>]*>([^<]*)</a>', page.text):
        if link[2] == words:
            return shopper.get(urljoin(page.url, unescape(link[1])))
    for form in re.finditer(r"<form ([^>]*)>(.*?)</form>", page.text, re.S):
        if button := re.search(rf"<button([^>]*)>{words}</button>", form[2]):
            action = urljoin(page.url, "".join(re.findall(r'action="(.*?)"', form[1])))
            named = re.findall(r'name="(.*?)" value="(.*?)"', form[2].partition("<button")[0])
            named += re.findall(r'name="(.*?)" value="(.*?)"', button[1])
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(action))
            return shopper.post(action, dict(named), headers={"Origin": origin})
    raise AssertionError(f"{words!r} is not on {page.url}")


def without_scripts() -> requests.Session:
    shopper = http()
    shopper.headers.update({"User-Agent": DESKTOP, "Accept": "text/html"})
    return shopper


def test_the_whole_way_without_scripts_shows_the_product_and_leads_back(demo: Shop) -> None:
    shopper = without_scripts()
    product = f"{demo.url}/shop/meridian-watch"
    page, walked = shopper.get(product), []
    for words in (
        "Try it on",
        "Try it on",
        "Use this device instead",
        "Allow the camera",
        "Done",
        "Back to the shop",
    ):
        page = press(shopper, page, words)
        walked.append(page.url)
        assert page.status_code == 200
        assert "Meridian 38" in page.text
        assert re.search(rf"{product}\.svg|/demo/meridian-watch\.\w+\.svg", page.text)
    assert walked[0].startswith(f"{demo.url}/t/meridian-watch")
    assert walked[1].startswith(f"{demo.url}/handoff/")
    assert "/s/tsn_" in walked[2]
    assert walked[-1] == product
    eventually(lambda: "All done" in shopper.get(walked[1]).text)
    assert press(shopper, shopper.get(walked[1]), "Keep shopping").url == product


def test_the_page_of_a_failure_offers_another_try_and_leads_back_to_the_shop(demo: Shop) -> None:
    shopper = without_scripts()
    page = press(shopper, shopper.get(f"{demo.url}/t/sim-500-sandal"), "Try it on")
    assert page.status_code == 502
    assert press(shopper, page, "Try again").status_code == 502
    assert press(shopper, page, "Keep shopping").url == f"{demo.url}/"


def test_its_pages_are_as_strict_as_a_shops_can_be(demo: Shop) -> None:
    for path in ("/", "/shop/trail-runner"):
        policy = http().get(demo.url + path).headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= {*policy}
        assert "require-trusted-types-for 'script'" in policy


def test_whoever_typed_another_name_is_led_to_the_one_in_its_links(demo: Shop) -> None:
    typed = demo.url.replace("127.0.0.1", "localhost")
    answer = http().get(f"{typed}/shop/city-boot", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{demo.url}/shop/city-boot")


@pytest.mark.parametrize("path", ["/shop/moon-boot", "/shop/moon-boot.svg"])
def test_a_product_that_is_not_sold_is_not_found(demo: Shop, path: str) -> None:
    assert http().get(demo.url + path).status_code == 404


@pytest.mark.parametrize("path", ["/", "/shop/trail-runner", "/shop/trail-runner.svg"])
def test_a_real_shop_has_no_demo(shop: Shop, path: str) -> None:
    assert http().get(shop.url + path).status_code == 404
