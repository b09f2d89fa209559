"""No layout rests on the width of somebody's font: each is looked at in a wide and a narrow one."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from proxy.web import i18n
from tests.browser import fonts
from tests.browser.stage import Product, lacking, log_in
from tests.servers import ALONE, Shop, Vendor, running_shop, unique

WIDTHS = (320, 390, 768, 1024, 1440)


@pytest.fixture(scope="module")
def busy_shop(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """One with a month behind it: its tables have figures of several digits, and reasons."""
    with running_shop(tmp_path_factory.mktemp("busy"), vendor, **ALONE) as shop:
        assert shop.command("demo-data", "--days=31").returncode == 0
        shop.click("sim-401")
        yield shop


@pytest.fixture
def page(context: Callable[..., BrowserContext], families: list[str]) -> Page:
    return context().new_page()


def sticking_out(page: Page, families: list[str]) -> dict[tuple[int, str], list[str]]:
    """What sticks out of the page that is open, in the widths and fonts where something does."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for family in families:
            fonts.dress(page, family)
            found[width, family] = fonts.sticks_out(page)
    return {look: faults for look, faults in found.items() if faults}


def test_nothing_sticks_out_of_the_dashboard(
    page: Page, families: list[str], busy_shop: Shop
) -> None:
    page.goto(f"{busy_shop.url}/dashboard/login")
    assert sticking_out(page, families) == {}
    log_in(page, busy_shop)
    for path in (
        "", "?range=today", "attempts", "by/product_id", "by/offered", "words", "definitions",
        "settings", "callbacks",
    ):  # fmt: skip
        page.goto(f"{busy_shop.url}/dashboard/{path}")
        assert sticking_out(page, families) == {}, path


def test_the_overview_is_read_without_scrolling(
    page: Page, families: list[str], busy_shop: Shop
) -> None:
    log_in(page, busy_shop)
    page.goto(f"{busy_shop.url}/dashboard/?by=day")
    for width in (768, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        for family in families:
            fonts.dress(page, family)
            for box in page.locator(".scroll").all():
                fits = box.evaluate("box => box.scrollWidth <= box.clientWidth")
                assert fits, (width, family, box.inner_text()[:60])


def test_nothing_sticks_out_of_the_pages_around_the_button(
    page: Page, families: list[str], tryon: Shop
) -> None:
    for path in ("", "shop/trail-runner", "t/sku-1?category=footwear", "nothing", "embed"):
        page.goto(f"{tryon.url}/{path}")
        assert sticking_out(page, families) == {}, path


def test_nothing_sticks_out_of_the_handoff(page: Page, families: list[str], tryon: Shop) -> None:
    for lang in ("ar", "de", "el", "fi", "hu"):  # the longest words, and a mirror
        session = tryon.click(unique(), locale=lang, title="Trail Runner, the wide one").json()
        page.goto(session["handoff_url"])
        assert sticking_out(page, families) == {}, lang
        tryon.http.post(session["status_url"] + "/cancel", headers={"Origin": tryon.origin})
        page.goto(session["launch_url"])
        assert sticking_out(page, families) == {}, lang


def test_nothing_sticks_out_of_the_dialog_in_any_language(
    product: Callable[..., Product], families: list[str]
) -> None:
    page = product(policy="")
    page.press()
    page.reaches("waiting")
    for width in (320, 1440):
        page.page.set_viewport_size({"width": width, "height": 900})
        looked = page.button.evaluate(PARTS_STICKING_OUT, [[*i18n.LOCALES], families])
        assert [*looked] == [*i18n.LOCALES]
        assert {lang: faults for lang, faults in looked.items() if faults} == {}, width


# By the language that the dialog is in: its parts that are wider than the room they have, when it
# is set in a font.
PARTS_STICKING_OUT = """async (button, [langs, families]) => {
    const found = {}
    for (button.lang of langs) {
        await button.open()
        const dialog = button.shadowRoot.querySelector('dialog')
        found[dialog.lang] = families.flatMap(family => {
            button.style.setProperty('--try-on-font', family)
            return [dialog, ...dialog.querySelectorAll(':not(svg, svg *)')]
                .filter(each => each.clientWidth && each.scrollWidth > each.clientWidth + 1)
                .map(each => `${each.part} in ${family}`)
        })
    }
    return found
}"""


def test_every_language_has_its_letters_here(chromium: Browser) -> None:
    """Or what is seen of it in a browser test, or on a screenshot, is a row of boxes."""
    letters = {lang: {*"".join(words.values())} for lang, words in i18n.CATALOGUES.items()}
    page = chromium.new_page()
    missing = {*fonts.boxes(page, "".join(sorted(set().union(*letters.values()))))}
    page.close()
    if without := [lang for lang in letters if letters[lang] & missing]:
        lacking(
            f"no font here has all letters of {', '.join(without)}"
            " (Debian: fonts-noto-core, fonts-noto-cjk)"
        )
