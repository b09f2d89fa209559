"""The shopper is told: in the dialog, in the page's corner, and on the pages after it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from proxy.web import i18n
from tests.browser.stage import STRICT, Merchant, Product, scan, stop_time
from tests.servers import Shop

Visit = Callable[..., Product]

WORDS = i18n.CATALOGUES["en"]
ELEMENT = "document.querySelector('try-on-button')"
CLIPBOARD = """Object.defineProperty(navigator, 'clipboard', {
    value: { writeText: async () => {} } })"""
LISTEN = f"""window.said = [];
for (const region of {ELEMENT}.shadowRoot.querySelectorAll('dialog [role=status]'))
  if (region.checkVisibility()) new MutationObserver(() => said.push(region.textContent))
    .observe(region, {{ childList: true, characterData: true, subtree: true }})"""
SILENT = "window.EventSource = class extends EventTarget { readyState = 1; close() {} }"
OTHER = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Socks</title><h1>Socks</h1>
{}<script type="module" src="{}/try-on-button.js"></script></html>"""
SOCKS = '<try-on-button product-id="socks"><a href="/t/socks">Try it on</a></try-on-button>'


def keeps_shopping(page: Product) -> None:
    """Press, let the phone open it, and close the dialog."""
    page.press()
    page.reaches("waiting")
    page.becomes("opened")
    page.part("shop").click()


def next_page(page: Product, merchant: Merchant, tryon: Shop, inside: str = "") -> Page:
    html = OTHER.format(inside, tryon.url)
    page.page.goto(merchant.page(html, STRICT.format(tryon=tryon.url)))
    return page.page


def test_the_corner_follows_the_phone_and_tells_of_the_end(product: Visit) -> None:
    page = product()
    keeps_shopping(page)
    expect(page.part("corner")).to_be_in_viewport(ratio=1)
    expect(page.part("news")).to_have_text(WORDS["opened"])
    assert page.page.evaluate("document.activeElement.pathname") == "/t/sku-1"
    page.becomes("completed")
    expect(page.part("news")).to_have_text(WORDS["completed"])
    page.part("show").click()
    expect(page.status).to_have_text(WORDS["completed"])
    expect(page.part("corner")).to_be_hidden()
    page.part("shop").click()
    expect(page.part("corner")).to_be_hidden()
    assert page.broken == []


@pytest.mark.parametrize("inside", ["", SOCKS])
def test_the_next_pages_follow_it_too(
    product: Visit, merchant: Merchant, tryon: Shop, inside: str
) -> None:
    page = product(attributes='product-title="Trail Runner"')
    keeps_shopping(page)
    address = page.page.url
    there = next_page(page, merchant, tryon, inside)
    expect(page.part("about")).to_have_text("Trail Runner")
    assert page.api
    page.api.state = "completed"
    there.evaluate("dispatchEvent(new Event('visibilitychange'))")
    expect(page.part("news").filter(has_text=WORDS["completed"])).to_be_visible()
    assert page.names == ["completed"]
    page.part("show").locator("visible=true").click()
    expect(page.part("back").locator("visible=true")).to_have_attribute("href", address)
    assert page.broken == []
    there = next_page(page, merchant, tryon)
    there.evaluate("new Promise(requestAnimationFrame)")
    expect(page.part("corner").locator("visible=true")).to_have_count(0)  # it was seen


def test_sent_away_it_stays_away(product: Visit, merchant: Merchant, tryon: Shop) -> None:
    page = product()
    keeps_shopping(page)
    page.part("dismiss").click()
    expect(page.part("corner")).to_be_hidden()
    page.becomes("completed")
    expect(page.part("corner")).to_be_hidden()
    assert next_page(page, merchant, tryon).evaluate("sessionStorage['tryon:undefined']") == "false"


def test_a_page_can_do_without_the_corner(product: Visit) -> None:
    page = product(attributes="status=none")
    keeps_shopping(page)
    page.becomes("completed")
    expect(page.part("corner")).to_be_hidden()


def test_a_page_that_takes_its_button_away_still_follows(product: Visit) -> None:
    page = product()
    keeps_shopping(page)
    page.page.evaluate(f"window.taken = {ELEMENT}; taken.remove()")
    expect(page.part("news").locator("visible=true")).to_have_text(WORDS["opened"])
    page.page.evaluate("document.querySelector('main').append(taken)")
    expect(page.part("news").locator("visible=true")).to_have_count(1)
    expect(page.button).to_have_count(1)


def test_an_element_in_its_place_takes_the_open_dialog_over(product: Visit) -> None:
    """As frameworks put one there: a moment later, or before the old one goes; or they move it."""
    page = product()
    page.press()
    page.reaches("waiting")
    for state, way in {
        "waiting": "old.replaceWith(copy)",
        "opened": "old.before(copy); old.remove()",
        "completed": "old.remove(); queueMicrotask(() => document.body.append(copy))",
    }.items():
        if state != "waiting":
            page.becomes(state)
        page.page.evaluate(f"() => {{ const old = {ELEMENT}, copy = old.cloneNode(true); {way} }}")
        expect(page.dialog).to_be_visible()
        expect(page.status).to_have_text(WORDS[state])
        assert page.page.evaluate(f"{ELEMENT}.session.id")
    page.page.evaluate(f"document.querySelector('main').prepend({ELEMENT})")
    expect(page.dialog).to_be_visible()
    page.part("close").click()
    expect(page.button.locator("a[href^='/t/']")).to_be_focused()
    assert page.api
    assert len(page.api.posts) == 1
    assert page.broken == []


def test_an_element_that_comes_back_later_brings_no_dialog(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.page.evaluate(
        f"""async () => {{
            const taken = {ELEMENT};
            taken.remove();
            await new Promise(setTimeout);
            document.querySelector('main').append(taken.cloneNode(true)) }}"""
    )
    page.reaches("waiting")
    page.becomes("opened")
    expect(page.part("news").locator("visible=true")).to_have_text(WORDS["opened"])
    expect(page.dialog).to_be_hidden()


def test_two_buttons_of_a_product_have_one_corner(product: Visit) -> None:
    twin = '<try-on-button product-id="sku-1"><a href="/t/sku-1">Try it on</a></try-on-button>'
    page = product(after=twin)
    page.button.first.locator("a").first.click()
    expect(page.button.first).to_have_attribute("state", "waiting")
    assert page.api
    page.api.state = "opened"
    page.page.reload()
    for button in page.button.all():
        expect(button).to_have_attribute("state", "opened")
    expect(page.part("corner").locator("visible=true")).to_have_count(1)
    page.part("dismiss").locator("visible=true").click()
    expect(page.part("corner").locator("visible=true")).to_have_count(0)


def test_a_second_press_shows_the_result_and_from_there_a_new_try(product: Visit) -> None:
    page = product()
    keeps_shopping(page)
    page.becomes("completed")
    page.press()
    expect(page.status).to_have_text(WORDS["completed"])
    expect(page.part("shop")).to_be_focused()
    assert page.api
    assert len(page.api.posts) == 1
    page.api.state = "waiting"
    page.part("anew").click()
    page.reaches("waiting")
    first, second = page.api.posts
    assert first["click_id"] != second["click_id"]


def test_the_result_is_there_after_a_reload_until_it_was_seen(product: Visit) -> None:
    page = product()
    keeps_shopping(page)
    page.becomes("completed")
    assert page.api
    page.page.reload()
    page.reaches("completed")
    assert page.names == []
    page.press()
    expect(page.status).to_have_text(WORDS["completed"])
    page.page.reload()
    page.api.state = "waiting"
    page.press()
    page.reaches("waiting")
    assert len(page.api.posts) == 2


def test_opened_is_no_dead_end(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    link = scan(page.part("qr").screenshot())
    page.becomes("opened")
    expect(page.part("qr")).to_be_hidden()
    page.part("code").click()
    assert scan(page.part("qr").screenshot()) == link
    for name in ("here", "copy"):
        expect(page.part(name)).to_be_visible()
    page.part("trouble").click()
    expect(page.part("advice")).to_have_text(WORDS["advice"])
    assert page.api
    page.api.state = "waiting"
    page.part("refresh").click()
    page.reaches("waiting")
    assert (page.api.cancelled, len(page.api.posts)) == (1, 2)


def test_the_pages_own_button_puts_it_into_the_cart(product: Visit) -> None:
    page = product(attributes="add-to-cart='#cart'")
    page.page.evaluate("document.querySelector('#cart').onclick = () => { window.bought = true }")
    page.press()
    page.becomes("completed")
    expect(page.part("cart")).to_have_text("Add to cart")
    page.part("cart").click()
    assert page.page.evaluate("bought")
    expect(page.dialog).to_be_hidden()


@pytest.mark.parametrize("selector", ["#missing", "((", ""])
def test_without_such_a_button_nothing_is_offered(product: Visit, selector: str) -> None:
    page = product(attributes=f"add-to-cart='{selector}'")
    page.press()
    page.becomes("completed")
    expect(page.part("shop")).to_be_visible()
    expect(page.part("cart")).to_be_hidden()
    assert page.broken == []


def test_a_word_that_nobody_knows_is_told_neutrally(product: Visit) -> None:
    page = product()
    page.press()
    page.becomes("ended")
    expect(page.status).to_have_text("The try-on has ended.")
    expect(page.part("refresh")).to_have_text(WORDS["again"])


def test_a_stream_that_is_held_back_is_found_out(product: Visit) -> None:
    page = product(init=SILENT, setup=stop_time)
    page.press()
    page.reaches("waiting")
    assert page.api
    page.api.state = "opened"
    page.page.clock.run_for(2_000)
    page.reaches("opened")


def test_a_phone_that_tried_it_on_itself_is_told_of_the_end_alone(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.part("here").evaluate("link => link.addEventListener('click', e => e.preventDefault())")
    page.part("here").click()
    page.part("close").click()
    page.becomes("opened")
    expect(page.part("corner")).to_be_hidden()
    page.becomes("completed")
    expect(page.part("news")).to_have_text(WORDS["completed"])


@pytest.mark.parametrize("width", [390, 1280])
def test_no_state_moves_the_dialog(product: Visit, width: int) -> None:
    window = {"width": width, "height": 844}
    page = product(attributes='product-title="Trail Runner"', viewport=window)
    page.press()
    page.reaches("waiting")
    box, here = page.dialog.bounding_box(), page.part("here").bounding_box()
    assert page.api
    page.api.extra = {"expires_in": 50}
    page.page.evaluate(f"{ELEMENT}.refresh()")
    expect(page.status).to_have_text(WORDS["soon"])
    assert page.dialog.bounding_box() == box
    assert page.part("here").bounding_box() == here
    for state in ("opened", "completed"):
        page.becomes(state)
        assert page.dialog.bounding_box() == box


def test_a_copied_link_and_an_error_are_read_out(product: Visit) -> None:
    """By regions that were there before: what comes together with its words may go unheard."""
    page = product(init=CLIPBOARD)
    page.press()
    page.reaches("waiting")
    page.page.evaluate(LISTEN)
    page.part("copy").click()
    page.page.wait_for_function("word => said.includes(word)", arg=WORDS["copied"])
    assert page.api
    page.api.status, page.api.body = 502, {"code": "upstream_error", "message": WORDS["oops"]}
    page.page.evaluate(f"{ELEMENT}.refresh()")
    page.page.wait_for_function("word => said.includes(word)", arg=WORDS["oops"])
