"""Pages and dialog in every state: axe is content, and the keyboard is enough."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.stage import Product
from tests.servers import PASSWORD, Shop, Vendor, unique

Contexts = Callable[..., BrowserContext]
Visit = Callable[..., Product]
SCHEMES = ("light", "dark")


def findings(page: Page) -> list[str]:
    """What axe finds, each with the element where it is."""
    return [
        f"{each['id']}: {node['html'][:200]}"
        for each in Axe().run(page).response["violations"]
        for node in each["nodes"]
    ]


def assert_nobody_is_shut_out(page: Page) -> None:
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def addresses(shop: Shop, vendor: Vendor) -> dict[str, str]:
    """A page for each state."""
    pages = {
        "no script": f"{shop.url}/t/sku-1?category=footwear",
        "no product": f"{shop.url}/t/!!!",
        "nothing": f"{shop.url}/nothing",
        "embed": f"{shop.url}/embed",
        "shop": f"{shop.url}/",
        "shoe": f"{shop.url}/shop/trail-runner",
    }
    for state in ("waiting", "opened", "completed", "abandoned", "failed", "cancelled"):
        product_id = unique()
        session = shop.click(product_id, title="Trail Runner").json()
        if state not in ("waiting", "cancelled"):
            shop.launch(session["launch_url"])
        if state in ("completed", "abandoned", "failed"):
            vendor.call_back(product_id, state=state)
        if state == "cancelled":
            shop.http.post(session["status_url"] + "/cancel")
        pages[f"handoff {state}"] = session["handoff_url"]
        if state in ("completed", "cancelled"):
            pages[f"link {state}"] = session["launch_url"]
    return pages


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_around_the_button_is_accessible_and_reflows(
    context: Contexts, tryon: Shop, vendor: Vendor, scheme: str
) -> None:
    opened = context(color_scheme=scheme, viewport={"width": 320, "height": 640})
    page = opened.new_page()
    for name, address in addresses(tryon, vendor).items():
        page.goto(address)
        assert findings(page) == [], name
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 320, (name, width)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "state", ["waiting", "opened", "completed", "abandoned", "failed", "expired", "cancelled"]
)
def test_the_dialog_is_accessible_in_every_state(product: Visit, scheme: str, state: str) -> None:
    page = product(color_scheme=scheme, viewport={"width": 320, "height": 640})
    page.press()
    page.reaches("waiting")
    if state != "waiting":
        page.becomes(state)
    assert_nobody_is_shut_out(page.page)


@pytest.mark.parametrize(("status", "code"), [(503, "busy"), (422, "not_available"), (502, "x")])
def test_a_failure_is_told_accessibly(product: Visit, status: int, code: str) -> None:
    page = product()
    assert page.api is not None
    page.api.status = status
    page.api.body = {"code": code, "status": status, "retryable": status > 500, "detail": "…"}
    page.press()
    page.reaches("error")
    assert_nobody_is_shut_out(page.page)


def test_the_keyboard_is_enough_and_the_focus_comes_back(product: Visit) -> None:
    page = product()
    keyboard = page.page.keyboard
    while page.page.evaluate("document.activeElement.tagName") not in ("TRY-ON-BUTTON", "A"):
        keyboard.press("Tab")
    keyboard.press("Enter")
    page.reaches("waiting")
    expect(page.dialog).to_be_visible()
    seen = set()
    for _ in range(12):
        keyboard.press("Tab")
        inner = "document.querySelector('try-on-button').shadowRoot.activeElement"
        seen.add(page.page.evaluate(f"{inner}?.getAttribute('part')"))
    assert {"copy", "here", "close"} <= {name.split()[-1] for name in seen if name}
    keyboard.press("Escape")
    expect(page.dialog).to_be_hidden()
    focused = page.page.evaluate("document.activeElement.tagName")
    assert focused in ("TRY-ON-BUTTON", "A")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [320, 1440])
def test_the_dashboard_is_accessible_and_reflows(
    context: Contexts, tryon: Shop, scheme: str, width: int
) -> None:
    tryon.click(unique())
    opened = context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = opened.new_page()
    page.goto(f"{tryon.url}/dashboard/login")
    assert_nobody_is_shut_out(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/dashboard/")
    for path in ("", "?range=today", "attempts", "by/day", "words", "definitions"):
        page.goto(f"{tryon.url}/dashboard/{path}")
        assert findings(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto(f"{tryon.url}/dashboard/attempts")
    page.locator("tbody a").first.click()
    assert_nobody_is_shut_out(page)
