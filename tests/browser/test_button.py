"""The element's own promises: attributes in, events out, and the way that a device goes."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.stage import IPHONE, Product

Visit = Callable[..., Product]

INSTAGRAM = IPHONE.replace("Safari/604.1", "Instagram 350.0.0.29.100 (iPhone15,2; iOS 18_1)")
IPAD_AS_MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Safari/605.1.15"
)
PHONE: dict[str, Any] = {"user_agent": IPHONE, "has_touch": True, "is_mobile": True}
ELEMENT = "document.querySelector('try-on-button')"


def here(context: BrowserContext) -> None:
    """Whatever is navigated to answers with an empty page."""
    page = "<!doctype html><title>there</title>"
    for path in ("**/go/*", "**/handoff/*", "**/t/*"):
        context.route(path, lambda route: route.fulfill(content_type="text/html", body=page))


def test_properties_set_before_the_upgrade_survive(product: Visit) -> None:
    page = product(
        init="""document.addEventListener('readystatechange', () => {
            const early = document.querySelector('try-on-button');
            if (early && !early.shadowRoot) { early.productTitle = 'Early'; early.disabled = true; }
        })"""
    )
    button = page.button
    expect(button).to_have_attribute("product-title", "Early")
    page.press(force=True)
    assert page.names == []
    page.page.evaluate(f"{ELEMENT}.disabled = false")
    page.press()
    page.reaches("waiting")
    expect(page.part("title")).to_have_text("Early")


def test_properties_mirror_attributes(product: Visit) -> None:
    page = product()
    for name, attribute, value in (
        ("productId", "product-id", "a"),
        ("category", "category", "eyewear"),
        ("endpoint", "endpoint", "https://x.example"),
        ("mode", "mode", "page"),
        ("target", "target", "_blank"),
        ("theme", "theme", "dark"),
        ("reference", "reference", "r"),
        ("productTitle", "product-title", "T"),
        ("disabled", "disabled", True),
        ("impressions", "impressions", True),
        ("datalayer", "datalayer", True),
    ):
        page.page.evaluate(f"value => {ELEMENT}.{name} = value", value)
        assert page.page.evaluate(f"{ELEMENT}.hasAttribute('{attribute}')") is True
        assert page.page.evaluate(f"{ELEMENT}.{name}") == value
        page.page.evaluate(f"{ELEMENT}.{name} = null")
        assert page.page.evaluate(f"{ELEMENT}.hasAttribute('{attribute}')") is False


def test_without_a_link_it_is_a_button_of_its_own(product: Visit) -> None:
    page = product('<b slot="icon">*</b>Put it on')
    button = page.page.get_by_role("button", name="Put it on")
    button.focus()
    page.page.keyboard.press("Space")
    page.reaches("waiting")


def test_empty_it_still_says_what_it_does(product: Visit) -> None:
    page = product("")
    expect(page.page.get_by_role("button", name="Try it on")).to_be_visible()


def test_a_double_click_makes_one_session(product: Visit) -> None:
    page = product()
    page.button.locator("a[href^='/t/']").dblclick(delay=5)
    page.reaches("waiting")
    assert page.api
    assert len(page.api.posts) == 1
    assert page.api.posts[0]["click_id"]


@pytest.mark.parametrize(
    ("status", "code", "added"),
    [(502, "upstream_error", ""), (504, "upstream_timeout", "-")],
    ids=["a-failure-is-the-same-click", "an-unknown-outcome-is-a-new-one"],
)
def test_trying_again(product: Visit, status: int, code: str, added: str) -> None:
    page = product()
    assert page.api
    page.api.status, page.api.body = status, {"code": code, "retryable": True}
    page.press()
    page.reaches("error")
    page.api.status, page.api.body = 201, None
    page.part("refresh").click()
    page.reaches("waiting")
    first, second = page.api.posts
    assert second["click_id"] == first["click_id"] + added


def test_a_listener_can_keep_it_from_starting(product: Visit) -> None:
    page = product()
    page.page.evaluate("addEventListener('tryon-click', event => event.preventDefault())")
    page.press()
    page.page.wait_for_timeout(100)
    assert page.api
    assert page.api.posts == []
    assert page.names == ["click"]


def test_a_modified_click_opens_the_link_as_any_link(product: Visit) -> None:
    page = product(setup=here)
    with page.page.context.expect_page() as opened:
        page.press(modifiers=["Control"])
    opened.value.wait_for_url("**/t/sku-1")
    assert page.names == []


def test_closing_the_dialog_gives_up_nothing(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.part("close").click()
    expect(page.dialog).to_be_hidden()
    page.press()
    expect(page.dialog).to_be_visible()
    page.becomes("opened")
    page.part("shop").click()
    assert page.api
    assert (len(page.api.posts), page.api.cancelled) == (1, 0)


def test_cancelling_ends_the_session(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.page.evaluate(f"{ELEMENT}.cancel()")
    page.reaches("cancelled")
    assert page.names[-1] == "cancelled"


def test_a_new_code_gives_the_old_one_up(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.page.evaluate(f"{ELEMENT}.refresh()")
    page.page.wait_for_function(f"() => {ELEMENT}.session?.id.startsWith('session-2')")
    assert page.api
    first, second = page.api.posts
    assert first["click_id"] != second["click_id"]
    assert "resume" not in second
    assert page.api.cancelled == 1


def test_a_variant_switch_starts_over(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.page.evaluate(f"{ELEMENT}.productId = 'sku-2'")
    page.reaches("idle")
    expect(page.dialog).to_be_hidden()
    page.press()
    page.reaches("waiting")
    assert page.api
    assert [post["product_id"] for post in page.api.posts] == ["sku-1", "sku-2"]
    assert "resume" not in page.api.posts[1]


def test_what_was_missed_is_told_after_a_reload(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    assert page.api
    page.api.state = "completed"
    page.page.reload()
    page.reaches("completed")
    assert page.names == ["opened", "completed"]
    assert page.told[0]["clickId"] == page.api.posts[0]["click_id"]
    page.page.reload()
    page.page.wait_for_function("() => !!customElements.get('try-on-button')")
    assert page.names == []


def test_a_session_in_progress_is_shown_again_after_a_reload(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.page.reload()
    page.reaches("waiting")
    expect(page.dialog).to_be_hidden()
    page.press()
    expect(page.part("qr")).to_be_visible()
    assert page.api
    assert len(page.api.posts) == 1


def test_a_session_in_progress_is_resumed_where_the_server_is_asked(product: Visit) -> None:
    page = product(attributes="mode=redirect", setup=here)
    assert page.api
    page.press()
    page.page.wait_for_url("**/go/**")
    page.page.go_back()
    page.reaches("waiting")
    page.press()
    page.page.wait_for_url("**/go/**")
    assert page.api.posts[1]["resume"].startswith("session-1")


def test_a_phone_leaves_in_the_same_tab(product: Visit) -> None:
    page = product(setup=here, **PHONE)
    page.press()
    page.page.wait_for_url("**/go/**")
    assert len(page.page.context.pages) == 1
    assert page.api
    assert page.api.posts[0]["direct"] is True


def test_a_phone_that_comes_back_is_offered_the_code_as_well(product: Visit) -> None:
    page = product(setup=here, **PHONE)
    page.press()
    page.page.wait_for_url("**/go/**")
    page.page.go_back()
    page.reaches("waiting")
    page.press()
    expect(page.part("here")).to_be_visible()
    expect(page.part("qr")).to_be_visible()


def test_an_ipad_that_poses_as_a_mac_is_a_phone(product: Visit) -> None:
    touch = "Object.defineProperty(navigator, 'maxTouchPoints', {get: () => 5})"
    mac = "Object.defineProperty(navigator, 'userAgentData', {get: () => undefined})"
    page = product(setup=here, user_agent=IPAD_AS_MAC, init=f"{touch};{mac}")
    page.press()
    page.page.wait_for_url("**/go/**")


def test_an_app_without_a_camera_gets_a_hint(product: Visit) -> None:
    page = product(attributes='target="_blank"', **(PHONE | {"user_agent": INSTAGRAM}))
    page.press()
    page.reaches("waiting")
    expect(page.part("hint")).to_contain_text("Safari or Chrome")
    expect(page.part("here")).to_be_visible()
    assert len(page.page.context.pages) == 1


def test_a_new_tab_is_opened_at_once_and_cannot_reach_back(product: Visit) -> None:
    page = product(attributes='target="_blank"', setup=here, **PHONE)
    with page.page.context.expect_page() as opened:
        page.press()
    opened.value.wait_for_url("**/go/**")
    assert opened.value.evaluate("opener") is None
    page.reaches("waiting")


def test_the_new_tab_is_closed_when_there_is_no_session(product: Visit) -> None:
    page = product(attributes='target="_blank"', **PHONE)
    assert page.api
    page.api.status, page.api.body = 422, {"code": "not_available", "message": "Not now."}
    with page.page.context.expect_page() as opened:
        page.press()
    page.reaches("error")
    if not opened.value.is_closed():
        opened.value.wait_for_event("close")
    expect(page.part("error")).to_have_text("Not now.")


def test_a_refused_window_leaves_in_the_same_tab(product: Visit) -> None:
    page = product(
        attributes='target="_blank"', setup=here, init="window.open = () => null", **PHONE
    )
    page.press()
    page.page.wait_for_url("**/go/**")


def test_it_can_lead_to_the_page_instead_of_the_dialog(product: Visit) -> None:
    page = product(attributes="mode=page", setup=here)
    page.press()
    page.page.wait_for_url("**/handoff/**")


def test_a_desktop_can_be_used_instead(product: Visit) -> None:
    page = product(setup=here)
    page.press()
    page.reaches("waiting")
    page.part("here").click()
    page.page.wait_for_url("**/go/**")


def test_an_impression_is_counted_once_and_under_the_same_id(product: Visit) -> None:
    page = product(attributes="impressions")
    page.page.wait_for_function("() => told.length")
    page.page.mouse.wheel(0, 500)
    page.page.mouse.wheel(0, -500)
    page.page.wait_for_timeout(150)
    assert page.api
    for _ in range(100):  # on a busy machine it comes late
        if page.api.beacons:
            break
        page.page.wait_for_timeout(50)
    [beacon] = page.api.beacons
    [event] = page.told
    assert (event["name"], event["id"]) == ("impression", beacon["id"])
    assert (beacon["name"], beacon["product_id"]) == ("impression", "sku-1")


def test_the_link_is_copied(product: Visit) -> None:
    page = product(permissions=["clipboard-read", "clipboard-write"])
    page.press()
    page.reaches("waiting")
    page.part("copy").click()
    expect(page.part("copy")).to_have_text("Link copied")
    assert page.names[-1] == "copy"
    assert "/handoff/" in page.page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize(
    ("page_lang", "own", "sent"),
    [("de_AT", "", "de_AT"), ("de", "lang=fr", "fr"), ("", "", "pt-BR")],
)
def test_it_speaks_the_pages_language_else_the_browsers(
    product: Visit, page_lang: str, own: str, sent: str
) -> None:
    page = product(attributes=own, locale="pt-BR")
    page.page.evaluate("lang => document.documentElement.lang = lang", page_lang)
    if not page_lang:
        page.page.evaluate("document.documentElement.removeAttribute('lang')")
    page.press()
    page.reaches("waiting")
    assert page.api
    assert page.api.posts[0]["locale"] == sent
    assert page.api.posts[0]["direct"] is False


def test_it_runs_right_to_left(product: Visit) -> None:
    page = product(attributes="lang=ar")
    page.press()
    page.reaches("waiting")
    expect(page.dialog).to_have_attribute("dir", "rtl")
    qr, steps = page.part("qr").bounding_box(), page.part("steps").bounding_box()
    close = page.part("close").bounding_box()
    assert qr
    assert steps
    assert close
    assert close["x"] < qr["x"] < steps["x"]


def test_no_word_of_the_small_print_stands_alone(product: Visit) -> None:
    page = product(viewport={"width": 1280, "height": 800})
    page.press()
    page.reaches("waiting")
    widths = page.part("privacy").evaluate("""slot => {
        const words = document.createRange();
        words.selectNodeContents(slot);
        return [...words.getClientRects()].map(line => line.width);
    }""")
    assert min(widths) > max(widths) / 2
