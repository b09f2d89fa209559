"""No layout rests on the width of somebody's font: each is looked at in a wide and a narrow one."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from proxy.web import i18n
from tests.browser import fonts
from tests.browser.stage import Product, lacking, log_in
from tests.servers import Shop, Vendor, running_shop, unique

Contexts = Callable[..., BrowserContext]

WIDTHS = (320, 390, 768, 1024, 1440)


@pytest.fixture(scope="module")
def busy_shop(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """One with a month behind it: its tables have figures of several digits, and reasons."""
    with running_shop(tmp_path_factory.mktemp("busy"), vendor) as shop:
        assert shop.command("demo-data", "--days=31").returncode == 0
        shop.click("sim-401")
        yield shop


@pytest.fixture
def page(context: Contexts, font: str) -> Page:
    opened = context()
    fonts.dress(opened, font)
    return opened.new_page()


def at_each_width(page: Page, address: str) -> dict[int, list[str]]:
    """What sticks out of a page, at the widths where something does."""
    found = {}
    page.goto(address)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found[width] = fonts.sticks_out(page)
    return {width: faults for width, faults in found.items() if faults}


def test_nothing_sticks_out_of_the_dashboard(page: Page, font: str, busy_shop: Shop) -> None:
    assert at_each_width(page, f"{busy_shop.url}/dashboard/login") == {}
    log_in(page, busy_shop)
    assert fonts.is_set_in(page, font)
    for path in ("", "?range=today", "attempts", "by/product_id", "by/day", "words", "definitions"):
        assert at_each_width(page, f"{busy_shop.url}/dashboard/{path}") == {}, path


@pytest.mark.parametrize("width", [768, 1024, 1440])
def test_the_overview_is_read_without_scrolling(page: Page, busy_shop: Shop, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    log_in(page, busy_shop)
    page.get_by_text("Days", exact=True).click()
    for box in page.locator(".scroll").all():
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth"), box.inner_text()[:60]


def test_nothing_sticks_out_of_the_pages_around_the_button(
    page: Page, font: str, tryon: Shop
) -> None:
    for path in ("", "shop/trail-runner", "t/sku-1?category=footwear", "nothing", "embed"):
        assert at_each_width(page, f"{tryon.url}/{path}") == {}, path
        assert fonts.is_set_in(page, font), path


@pytest.mark.parametrize("lang", ["ar", "de", "el", "fi", "hu"])  # the longest words, and a mirror
def test_nothing_sticks_out_of_the_handoff(page: Page, font: str, tryon: Shop, lang: str) -> None:
    session = tryon.click(unique(), locale=lang, title="Trail Runner, the wide one").json()
    assert at_each_width(page, session["handoff_url"]) == {}
    assert fonts.is_set_in(page, font)
    tryon.http.post(session["status_url"] + "/cancel", headers={"Origin": tryon.origin})
    assert at_each_width(page, session["launch_url"]) == {}


def test_nothing_sticks_out_of_the_dialog_in_any_language(
    product: Callable[..., Product], font: str
) -> None:
    page = product(policy="", before=f"<style>body {{ --try-on-font: {font} }}</style>")
    assert page.api
    for lang in i18n.LOCALES:
        page.button.evaluate("(button, lang) => { button.lang = lang; button.refresh() }", lang)
        page.page.evaluate("document.querySelector('try-on-button').open()")
        expect(page.dialog).to_have_attribute("lang", lang)
        page.reaches("waiting")
        for width in (320, 1440):
            page.page.set_viewport_size({"width": width, "height": 900})
            wide = page.page.evaluate("""() => [...document.querySelector('try-on-button')
                .shadowRoot.querySelectorAll('dialog, dialog *:not(svg, svg *)')]
                .filter(each => each.clientWidth && each.scrollWidth > each.clientWidth + 1)
                .map(each => each.part.value)""")
            assert wide == [], (lang, width)


def test_every_language_has_its_letters_here(chromium: Browser) -> None:
    """Or what is seen of it in a browser test, or on a screenshot, is a row of boxes."""
    page = chromium.new_page()
    missing = {
        lang: fonts.boxes(page, "".join(sorted(set("".join(words.values())))))
        for lang, words in i18n.CATALOGUES.items()
    }
    page.close()
    if without := [lang for lang, letters in missing.items() if letters]:
        lacking(
            f"no font here has all letters of {', '.join(without)}"
            " (Debian: fonts-noto-core, fonts-noto-cjk)"
        )
