"""The challenge's page, with a service of another origin on it."""

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.stage import PAUSE, Merchant
from tests.browser.test_access import faults
from tests.browser.test_everybody import LOOK
from tests.browser.test_layout import sticking_out
from tests.servers import ALONE, Shop, Vendor, running_shop, unique
from tests.siteverify import SCRIPT, Service

Contexts = Callable[..., BrowserContext]


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, vendor: Vendor, service: Service
) -> Iterator[Shop]:
    """Nobody may start a second session today without a challenge."""
    settings = ALONE | service.settings | {"TRYON_CLIENT_RATE": "1/day", "TRYON_DEMO": "1"}
    with running_shop(tmp_path_factory.mktemp("guarded"), vendor, **settings) as shop:
        shop.click(unique())
        yield shop


def address(shop: Shop, **click: str) -> str:
    return f"{shop.url}/challenge?{urlencode({'product_id': 'sku-1'} | click)}"


def test_a_person_goes_on_to_the_try_on(
    context: Contexts, guarded: Shop, service: Service, vendor: Vendor
) -> None:
    sku = unique()
    service.script = SCRIPT % unique("ok")
    page = context().new_page()
    page.goto(f"{guarded.url}/t/{sku}")
    page.get_by_role("button", name="Try it on").click()
    page.wait_for_url("**/challenge?*")
    expect(page.get_by_role("heading")).to_contain_text("Please confirm")
    expect(page.frame_locator("iframe").get_by_text("I am a person")).to_be_visible()
    assert page.evaluate("broken") == []
    page.get_by_role("button", name="Start the try-on").click()
    page.wait_for_url("**/handoff/**")
    assert vendor.calls(sku) == 1


def test_the_button_leads_there_and_works_without_it_afterwards(
    context: Contexts, guarded: Shop, service: Service
) -> None:
    while guarded.click(unique()).status_code == 201:
        pass  # what an earlier test's pass has left
    service.script = SCRIPT % unique("ok")
    page = context().new_page()
    page.goto(f"{guarded.url}/shop/trail-runner")
    page.get_by_role("link", name="Try it on").click()
    page.wait_for_url("**/challenge?*")
    page.frame_locator("iframe").get_by_text("I am a person").wait_for()
    page.get_by_role("button", name="Start the try-on").click()
    page.wait_for_url("**/handoff/**")
    page.goto(f"{guarded.url}/shop/trail-runner")
    page.get_by_role("link", name="Try it on").click()
    expect(page.locator("try-on-button")).to_have_attribute("state", "waiting")


def test_axe_finds_nothing_on_it(context: Contexts, guarded: Shop) -> None:
    page = context().new_page()
    page.goto(address(guarded, again="1"))
    expect(page.get_by_role("alert")).to_have_text("Please try again in a moment.")
    page.frame_locator("iframe").get_by_text("I am a person").wait_for()
    assert faults(page) == []
    assert page.evaluate("shift") == 0


def test_it_may_arrive_in_pieces(context: Contexts, guarded: Shop, merchant: Merchant) -> None:
    html = guarded.http.get(address(guarded)).text
    html = html.replace('="/', f'="{guarded.url}/')
    html = html.replace('<div class="widget', f'{PAUSE.decode()}<div class="widget')
    page = context().new_page()
    page.goto(merchant.page(html, ""))
    page.frame_locator("iframe").get_by_text("I am a person").wait_for()
    assert page.evaluate("shift") == 0


def test_nothing_sticks_out_of_it(context: Contexts, families: list[str], guarded: Shop) -> None:
    page = context().new_page()
    for lang in ("ar", "de", "fi"):
        page.goto(address(guarded, locale=lang, again="1"))
        assert sticking_out(page, families) == {}, lang
        assert page.evaluate("document.documentElement.lang") == lang
        page.evaluate(LOOK)
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("look.withLongWords(look.crowded, document.dir)") == [], lang
