"""At home on other people's pages: their styles, markup, language and scripts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.stage import Merchant, Product, scan
from tests.servers import Shop, unique

Visit = Callable[..., Product]
Contexts = Callable[..., BrowserContext]

ELEMENT = "document.querySelector('try-on-button')"
# Every property that a child takes from its parent, with a value that it does not begin with.
# The dialog follows the page's colour scheme, and that is meant.
HOSTILE = (Path(__file__).parent / "hostile.js").read_text()
BOXES = f"""() => [...{ELEMENT}.shadowRoot.querySelectorAll('dialog, dialog *')].map(each => {{
    const {{ x, y, width, height }} = each.getBoundingClientRect();
    return [each.tagName, x, y, width, height].join(' ') }})"""
DRESS = """([name, value]) => {
    const { style } = document.querySelector('main');
    style.cssText = '';
    style.setProperty(name, value) }"""
MOVING = f"""styles => {{
    const boxes = () => ({BOXES})().join()
    const before = boxes()
    return styles.filter(style => (({DRESS})(style), boxes() != before)) }}"""


@pytest.fixture
def waiting(product: Visit) -> Product:
    page = product(policy="", inside="")
    page.press()
    page.reaches("waiting")
    return page


def test_nothing_of_the_pages_style_moves_the_dialog(waiting: Product) -> None:
    hostile = waiting.page.evaluate(HOSTILE)
    assert len(hostile) > 80
    assert len(waiting.page.evaluate(f"({BOXES})()")) == 42
    assert waiting.page.evaluate(MOVING, [*hostile.items()]) == []


def test_nothing_of_the_pages_style_gets_into_the_code(waiting: Product) -> None:
    """All of it at once; that each alone does nothing is the next one's."""
    hostile = waiting.page.evaluate(HOSTILE)
    style = "; ".join(f"{name}: {value}" for name, value in hostile.items())
    waiting.page.evaluate("style => document.querySelector('main').style.cssText = style", style)
    assert (
        scan(waiting.page.screenshot())
        == waiting.page.evaluate(f"{ELEMENT}.session.launch_url") + "?q"
    )
    waiting.part("copy").hover()
    expect(waiting.part("close")).to_have_css("cursor", "pointer")


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "ratio"), [("light", 3), ("dark", 1), ("forced", 2)])
def test_a_camera_reads_the_code_whatever_the_page_is_styled_with(
    product: Visit, scheme: str, ratio: int
) -> None:
    looks = {"forced_colors": "active"} if scheme == "forced" else {"color_scheme": scheme}
    page = product(
        policy="", inside="", attributes="theme=auto", device_scale_factor=ratio, **looks
    )
    page.press()
    page.reaches("waiting")
    link = page.page.evaluate(f"{ELEMENT}.session.launch_url") + "?q"
    for name, value in page.page.evaluate(HOSTILE).items():
        page.page.evaluate(DRESS, [name, value])
        assert scan(page.part("qr").screenshot()) == link, f"{name}: {value}"


def test_the_font_of_the_dialog_is_for_the_page_to_choose(product: Visit) -> None:
    style = "<style>body { font-family: monospace; --try-on-font: cursive }</style>"
    page = product(policy="", before=style)
    page.press()
    expect(page.dialog).to_have_css("font-family", "cursive")


@pytest.mark.parametrize(
    "inside", ["", " \n ", "<!-- a label -->", '<i slot="completed">Well?</i>']
)
def test_without_a_label_it_has_its_own(product: Visit, inside: str) -> None:
    page = product(inside)
    expect(page.page.get_by_role("button", name="Try it on")).to_be_visible()


def test_a_link_of_the_dialog_is_not_the_button(product: Visit) -> None:
    page = product('<a slot="privacy" href="/privacy">Privacy</a>')
    page.page.get_by_role("button", name="Try it on").click()
    page.reaches("waiting")
    expect(page.page.get_by_role("link", name="Privacy")).to_be_visible()


def test_a_link_that_comes_late_is_the_button_and_there_is_never_a_second(product: Visit) -> None:
    page = product("Try")
    expect(page.page.get_by_role("button", name="Try")).to_be_visible()
    for name in ("First", "Second"):
        page.page.evaluate(
            f"""name => {{
                const link = Object.assign(document.createElement('a'), {{href: '/t/sku-1'}});
                link.append(name);
                const around = document.createElement('span');
                around.append(link);
                {ELEMENT}.replaceChildren(around) }}""",
            name,
        )
        expect(page.button.get_by_role("link", name=name)).to_be_visible()
        expect(page.button.get_by_role("button")).to_have_count(0)
        page.button.get_by_role("link", name=name).click()
        page.reaches("waiting")
        page.part("close").click()
        expect(page.button.get_by_role("link", name=name)).to_be_focused()
    page.page.evaluate(f"{ELEMENT}.textContent = ' '")
    expect(page.page.get_by_role("button", name="Try it on")).to_be_visible()
    page.page.evaluate(f"{ELEMENT}.firstChild.data = 'Put it on'")
    expect(page.page.get_by_role("button", name="Put it on")).to_be_visible()


def test_its_state_is_its_own_whatever_a_morph_strips_or_brings(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.page.evaluate(f"{ELEMENT}.removeAttribute('state')")
    page.reaches("waiting")
    expect(page.part("qr").locator("svg")).to_have_css("opacity", "1")
    page.page.evaluate(f"{ELEMENT}.setAttribute('state', 'completed')")
    page.reaches("waiting")
    # A copy of the page, as Turbo keeps: its state is that of another time.
    page.page.evaluate(f"const copy = {ELEMENT}.cloneNode(true); {ELEMENT}.replaceWith(copy)")
    page.reaches("waiting")
    page.part("close").click()
    expect(page.dialog).to_be_hidden()
    page.page.evaluate(
        # At once, or an answer that is on its way is stored in between.
        f"""() => {{
            sessionStorage.clear()
            {ELEMENT}.replaceWith({ELEMENT}.cloneNode(true)) }}"""
    )
    page.reaches("idle")


def test_a_page_from_the_cache_is_right(product: Visit) -> None:
    """The back button brings a page as it was left: the state is asked for again."""
    page = product()
    page.press()
    page.reaches("waiting")
    page.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert page.api
    page.api.state = "completed"
    page.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    page.reaches("completed")


def test_the_language_is_found_through_shadow_roots(product: Visit) -> None:
    page = product(locale="pt-BR")
    page.page.evaluate(
        f"""() => {{
            const card = document.createElement('article');
            card.lang = 'de-AT';
            const inner = document.createElement('div');
            card.attachShadow({{mode: 'open'}}).append(inner);
            inner.attachShadow({{mode: 'open'}}).append({ELEMENT});
            document.querySelector('main').append(card) }}"""
    )
    page.button.locator("a").click()
    expect(page.dialog).to_have_attribute("lang", "de")
    assert page.api
    assert page.api.posts[0]["locale"] == "de-AT"


def test_the_dialog_follows_when_the_page_changes_its_language(product: Visit) -> None:
    page = product()
    for lang in ("en", "fr", "en"):
        page.page.evaluate("lang => document.documentElement.lang = lang", lang)
        page.press()
        expect(page.dialog).to_have_attribute("lang", lang)
        page.part("close").click()


def test_who_does_not_want_to_be_tracked_is_not(product: Visit) -> None:
    page = product(
        attributes="impressions datalayer",
        init="Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true})",
    )
    page.press()
    page.reaches("waiting")
    assert page.api
    assert page.api.beacons == []
    assert page.names == ["click", "created"]
    assert page.page.evaluate("window.dataLayer") is None


def test_a_script_that_consent_lets_in_late_finds_what_is_there(
    context: Contexts, merchant: Merchant, tryon: Shop
) -> None:
    """A consent manager keeps the script as text, and puts it in when it may run."""
    page = context().new_page()
    page.goto(
        merchant.page(
            f"""<!doctype html><html lang="en"><title>x</title>
            <try-on-button product-id="{unique()}" category="footwear" impressions
            ><a href="/t/sku-1">Try it on</a></try-on-button>
            <script type="text/plain" data-src="{tryon.url}/try-on-button.js"></script></html>""",
            "",
        )
    )
    assert page.evaluate("told") == []
    page.evaluate("""() => {
        const kept = document.querySelector('script');
        const script = Object.assign(document.createElement('script'), {type: 'module'});
        script.src = kept.dataset.src;
        kept.replaceWith(script) }""")
    page.wait_for_function("() => told.length")
    page.get_by_role("link", name="Try it on").click()
    expect(page.locator("try-on-button")).to_have_attribute("state", "waiting")
