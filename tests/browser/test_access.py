"""For everyone: axe finds nothing, the keyboard is enough, and nothing overflows."""

from collections.abc import Callable
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.stage import Product, log_in, stop_time
from tests.servers import Shop, Vendor, unique

Visit = Callable[..., Product]
Contexts = Callable[..., BrowserContext]

# What a colour scheme changes: everything else about a page is the same by night.
COLOURS = ["color-contrast", "link-in-text-block"]


def faults(page: Page) -> list[str]:
    """What axe finds by day, best practices included, and in the colours of the night."""
    return look(page, "light") + look(page, "dark", runOnly=COLOURS)


def look(page: Page, scheme: Any, **options: Any) -> list[str]:
    """What axe finds in a page in one colour scheme."""
    page.emulate_media(color_scheme=scheme)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return list(
        page.evaluate(
            """async options => {
                // Rows of a table look alike: the first ones stand for all.
                const rest = {exclude: [['tbody tr:nth-child(n + 5)']]}
                const found = await axe.run(rest, {resultTypes: ['violations'], ...options})
                return found.violations.flatMap(
                    rule => rule.nodes.map(node => `${rule.id}: ${node.html}`))
            }""",
            options,
        )
    )


def reflows(page: Page) -> bool:
    """Nothing has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_the_keyboard_is_enough_and_focus_comes_back(product: Visit) -> None:
    page = product()
    page.page.keyboard.press("Tab")
    page.page.keyboard.press("Enter")
    page.reaches("waiting")
    focused = "document.querySelector('try-on-button').shadowRoot.activeElement?.part.value"
    walked = []
    for _ in range(3):
        walked.append(page.page.evaluate(focused))
        page.page.keyboard.press("Tab")
    assert walked == ["close", "here", "copy"]
    page.page.keyboard.press("Escape")
    expect(page.dialog).to_be_hidden()
    expect(page.button.locator("a[href^='/t/']")).to_be_focused()


def test_focus_stays_in_the_dialog_when_its_button_goes(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.part("here").focus()
    page.becomes("opened")
    focused = "document.querySelector('try-on-button').shadowRoot.activeElement?.part.value"
    assert page.page.evaluate(focused) == "close"


def test_what_happens_is_announced_politely_and_once(product: Visit) -> None:
    page = product(setup=stop_time)
    page.press()
    page.reaches("waiting")
    expect(page.status).to_have_role("status")
    page.page.evaluate("""window.said = []; new MutationObserver(() => said.push(1)).observe(
        document.querySelector('try-on-button').shadowRoot.querySelector('[part=status]'),
        {childList: true, characterData: true, subtree: true})""")
    page.page.clock.run_for(5_000)
    assert page.page.evaluate("said.length") == 0
    page.becomes("opened")
    assert page.page.evaluate("said.length") == 1


def test_targets_are_large_enough_and_nothing_overflows_at_320(product: Visit) -> None:
    title = "Extraordinarily-long-product-name-without-any-space " * 2
    page = product(viewport={"width": 320, "height": 640}, attributes=f'product-title="{title}"')
    page.press()
    page.reaches("waiting")
    for name in ("close", "here", "copy"):
        box = page.part(name).bounding_box()
        assert box
        assert box["height"] >= 44, name
        assert box["width"] >= 44, name
    assert page.page.evaluate(
        """() => { const dialog = document.querySelector('try-on-button').shadowRoot
            .querySelector('dialog'); return dialog.scrollWidth <= dialog.clientWidth }"""
    )
    assert reflows(page.page)


def test_reduced_motion_is_kept(product: Visit) -> None:
    page = product(reduced_motion="reduce")
    page.press()
    page.reaches("waiting")
    page.becomes("completed")
    name = "getComputedStyle(document.querySelector('try-on-button').shadowRoot.querySelector"
    assert page.page.evaluate(f"{name}('[part=status]')).animationName") == "none"


def addresses(shop: Shop, vendor: Vendor) -> dict[str, str]:
    """Each page around the button; test_everybody.py looks at the rest of their states."""
    pages = {
        "no script": f"{shop.url}/t/sku-1?category=footwear",
        "no product": f"{shop.url}/t/!!!",
        "nothing": f"{shop.url}/nothing",
        "embed": f"{shop.url}/embed",
        "shop": f"{shop.url}/",
        "shoe": f"{shop.url}/shop/trail-runner",
        "shoe that fails": f"{shop.url}/shop/sim-500-sandal",
    }
    for state in ("waiting", "completed"):
        product_id = unique()
        session = shop.click(product_id, title="Trail Runner").json()
        if state == "completed":
            shop.launch(session["launch_url"])
            vendor.call_back(product_id, state=state)
            pages["link"] = session["launch_url"]
        pages[f"handoff {state}"] = session["handoff_url"]
        pages[f"simulator {state}"] = vendor.sessions(product_id)[0]["launch_url"]
    pages["simulator worn"] = pages["simulator waiting"] + "?camera"
    return pages


def test_every_page_around_the_button_is_accessible_and_reflows(
    context: Contexts, tryon: Shop, vendor: Vendor
) -> None:
    page = context(viewport={"width": 320, "height": 640}).new_page()
    for name, address in addresses(tryon, vendor).items():
        page.goto(address)
        assert faults(page) == [], name
        assert reflows(page), name


def test_axe_finds_nothing_in_the_demo(context: Contexts, tryon: Shop) -> None:
    # Its policy requires Trusted Types, which would stop axe.
    page = context(bypass_csp=True, viewport={"width": 320, "height": 700}).new_page()
    page.goto(f"{tryon.url}/shop/trail-runner")
    assert reflows(page)
    assert faults(page) == []
    page.get_by_role("link", name="Try it on").click()
    expect(page.locator("try-on-button")).to_have_attribute("state", "waiting")
    assert faults(page) == []


NEVER = "?from=2020-01-01&to=2020-01-07"


def is_sound(page: Page, what: str) -> None:
    """By day on a phone, and by night on a wide screen."""
    for width, scheme in ((320, "light"), (1440, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        assert look(page, scheme) == [], (what, width)
        assert reflows(page), (what, width)


def test_the_dashboard_is_accessible_and_reflows(
    context: Contexts, tryon: Shop, vendor: Vendor
) -> None:
    product_id = unique()
    tryon.click(product_id)
    called = vendor.sessions(product_id)[0]["callback_url"]
    assert tryon.http.post(called, json={"run": {"verdict": "fertig"}}).status_code == 400
    page = context().new_page()
    page.goto(f"{tryon.url}/dashboard/login")
    is_sound(page, "login")
    log_in(page, tryon)
    for path in ("", "?range=today", NEVER, "attempts", "by/offered", "words", "definitions"):
        page.goto(f"{tryon.url}/dashboard/{path}")
        is_sound(page, path)
    for path in ("attempts?search=nothing", "settings#TRYON_API_URL", "callbacks"):
        page.goto(f"{tryon.url}/dashboard/{path}")
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        is_sound(page, path)
    page.get_by_role("radio", name="The state is /run/verdict").check()
    page.get_by_role("button", name="Show what this gives").click()
    expect(page.get_by_label("“fertig” means")).to_be_visible()
    is_sound(page, "a preview")
    page.goto(f"{tryon.url}/dashboard/attempts")
    page.locator("tbody a").first.click()
    page.wait_for_url("**/dashboard/attempts/*")
    is_sound(page, "an attempt")
