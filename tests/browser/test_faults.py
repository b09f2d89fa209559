"""What goes wrong on a product page: each fault has a sane end, and the page itself is unharmed."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from proxy.web import i18n
from tests.browser.stage import STRICT, Merchant, Product, stop_time
from tests.servers import Shop, Vendor, unique

Visit = Callable[..., Product]
Contexts = Callable[..., BrowserContext]

DIALOG, WORDS = "**/static/try-on-dialog.*.js", "**/static/words.*/*.json"
ELEMENT = "document.querySelector('try-on-button')"
HOSTILE = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}${7*7}\u202e"


FORBIDDEN = """window.EventSource = class {
    constructor() { throw new DOMException('insecure', 'SecurityError') } }"""


def unharmed(page: Product) -> None:
    """The rest of the page works as ever, once the dialog is closed, which may come late."""
    expect(page.dialog).to_be_visible()
    page.page.keyboard.press("Escape")
    expect(page.dialog).to_be_hidden()
    page.page.evaluate("document.querySelector('#cart').onclick = () => { window.bag = 1 }")
    page.page.locator("#cart").click()
    assert page.page.evaluate("bag") == 1
    assert page.broken == []


@pytest.mark.parametrize("sku", ["", ".."])
def test_a_missing_or_wrong_product_id_is_told_kindly(product: Visit, sku: str) -> None:
    page = product(id=sku, stand_in=False)
    page.press()
    page.reaches("error")
    expect(page.part("error")).to_have_text(i18n.CATALOGUES["en"]["no"])
    expect(page.part("refresh")).to_be_hidden()
    error = page.told[-1]
    assert (error["code"], error["status"], error["retryable"]) == ("bad_request", 400, False)
    unharmed(page)


def test_a_dead_server_leaves_the_page_untouched_and_the_button_honest(product: Visit) -> None:
    page = product(
        attributes="endpoint=http://127.0.0.1:9", policy="", stand_in=False, setup=_unreachable
    )
    page.press()
    page.reaches("error")
    expect(page.part("error")).to_have_text(i18n.CATALOGUES["en"]["net"])
    expect(page.part("refresh")).to_be_enabled()
    assert (page.told[-1]["code"], page.told[-1]["status"]) == ("network", 0)
    unharmed(page)


def _unreachable(context: BrowserContext) -> None:
    context.route("http://127.0.0.1:9/**", lambda route: route.abort("connectionrefused"))


@pytest.mark.parametrize("missing", [DIALOG, WORDS])
@pytest.mark.parametrize("how", ["blocked", "not found", "other content"])
def test_without_its_dialog_the_link_is_followed(product: Visit, missing: str, how: str) -> None:
    def lose(context: BrowserContext) -> None:
        context.route("**/t/*", lambda route: route.fulfill(body="there"))
        context.route(missing, lambda route: _lose(route, how))

    page = product(setup=lose)
    page.press()
    page.page.wait_for_url("**/t/sku-1")
    page.page.go_back()
    page.page.wait_for_function("() => !!customElements.get('try-on-button')")
    expect(page.button).not_to_have_attribute("state", "creating")


def _lose(route: Route, how: str) -> None:
    headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
    if how == "blocked":
        route.abort("blockedbyclient")
    elif how == "not found":
        route.fulfill(status=404, headers=headers, body="{}")
    else:
        route.fulfill(headers=headers, body="export default class { words; open() {} rest() {} }")


def test_without_link_and_dialog_it_goes_where_a_link_would_lead(product: Visit) -> None:
    def lose(context: BrowserContext) -> None:
        context.route("**/t/**", lambda route: route.fulfill(body="there"))
        context.route(DIALOG, lambda route: route.abort())

    page = product("", setup=lose)
    page.press()
    page.page.wait_for_url("**/t/?product_id=sku-1&category=footwear**")


def test_a_refusal_is_said_again_and_not_bought_again(product: Visit) -> None:
    page = product(
        init="const real = performance.now.bind(performance);"
        "performance.now = () => real() + (window.later ?? 0)"
    )
    assert page.api
    page.api.status, page.api.body = 502, {"code": "bad_upstream_reply", "message": "Not now."}
    page.press()
    page.reaches("error")
    for later in (0, 290_000):
        page.page.evaluate("later => window.later = later", later)
        page.part("close").click()
        page.press()
        expect(page.part("error")).to_have_text("Not now.")
        expect(page.part("refresh")).to_be_hidden()
        expect(page.part("time")).to_be_empty()
    assert len(page.api.posts) == 1
    page.page.evaluate("window.later = 310_000")
    page.part("close").click()
    page.api.status, page.api.body = 201, None
    page.press()
    page.reaches("waiting")
    first, second = page.api.posts
    assert second["click_id"] == first["click_id"] + "-"


PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


def test_the_catalogues_picture_is_shown_where_the_page_allows_it(product: Visit) -> None:
    def picture(context: BrowserContext) -> None:
        there = base64.b64decode(PIXEL.partition(",")[2])
        context.route("**/shoe.gif", lambda route: route.fulfill(body=there))

    for policy, seen in (("", True), (STRICT, False)):
        page = product(policy=policy, setup=picture)
        assert page.api
        page.api.extra = {"image_url": f"{page.api.url}/shoe.gif"}
        page.press()
        page.reaches("waiting")
        expect(page.part("picture")).to_be_visible(visible=seen)
        if not seen:
            page.page.wait_for_function("() => broken.length")
            assert page.broken == ["img-src"]
            expect(page.part("picture")).to_be_hidden()
        page.api.extra = {}
        page.page.evaluate(f"{ELEMENT}.productId = 'sku-2'")
        page.press()
        page.reaches("waiting")
        expect(page.part("picture")).to_be_hidden()


@pytest.mark.parametrize(("source", "seen"), [(PIXEL, True), ("/gone.gif", False)])
def test_a_picture_of_the_page_that_is_lost_leaves_no_frame(
    product: Visit, source: str, seen: bool
) -> None:
    page = product(
        f'<img slot="header" src="{source}" alt="A shoe" width="64" height="48">', policy=""
    )
    page.press()
    page.reaches("waiting")
    expect(page.button.locator("img[slot]")).to_be_visible(visible=seen)


def test_a_refusal_is_explained_to_the_developer_in_one_line(
    context: Contexts, merchant: Merchant, tryon: Shop
) -> None:
    opened = context()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    page = opened.new_page()
    html = f"""<!doctype html><title>x</title><script type="module"
        src="{tryon.url}/try-on-button.js"></script>
        <try-on-button category="hats" product-id="a">"""
    for host, reason in (
        ("127.0.0.1", "“hats” is not among TRYON_CATEGORIES"),
        ("localhost", "add it to TRYON_ALLOWED_ORIGINS"),
    ):
        page.goto(merchant.page(html, "").replace("127.0.0.1", host))
        page.get_by_role("button", name="Try it on").click()
        expect(page.locator("try-on-button")).to_have_attribute("state", "error")
        [line] = [line for line in said if "<try-on-button" in line]
        assert reason in line
        assert 'product-id="a"' in line
        said.clear()


@pytest.mark.parametrize("wish", ["hide", "disable"])
def test_what_cannot_be_had_goes_as_the_page_wants_it(product: Visit, wish: str) -> None:
    page = product(attributes=f"when-unavailable={wish}")
    assert page.api
    page.api.status, page.api.body = 400, {"code": "unknown_product", "message": "Not now."}
    page.press()
    page.reaches("error")
    expect(page.dialog).to_be_hidden()
    if wish == "hide":
        expect(page.button.locator("a[href^='/t/']")).to_be_hidden()
    else:
        expect(page.button.locator("a[href^='/t/']")).to_have_attribute("aria-disabled", "true")
        page.press(force=True)
    assert len(page.api.posts) == 1
    page.api.status, page.api.body = 201, None
    page.page.evaluate(f"{ELEMENT}.productId = 'sku-2'")
    page.press()
    page.reaches("waiting")


def test_a_challenge_is_gone_to_in_the_same_tab(product: Visit) -> None:
    page = product(
        setup=lambda context: context.route(
            "**/challenge**", lambda route: route.fulfill(body="there")
        )
    )
    assert page.api
    page.api.status = 429
    page.api.body = {
        "code": "rate_limited",
        "retryable": True,
        "retry_after": 60,
        "challenge_url": f"{page.api.url}/challenge?x",
    }
    page.press()
    page.page.wait_for_url("**/challenge?x")
    assert len(page.page.context.pages) == 1


def test_a_challenge_that_is_no_web_address_is_not_gone_to(product: Visit) -> None:
    page = product()
    assert page.api
    page.api.status = 429
    page.api.body = {"code": "rate_limited", "challenge_url": "javascript:alert(1)"}
    page.press()
    page.reaches("error")
    assert page.broken == []


def test_a_slow_server_can_be_left_and_comes_back_to(product: Visit) -> None:
    page = product()
    assert page.api
    page.api.holds = True
    page.press()
    page.reaches("creating")
    page.is_kept_waiting()
    unharmed(page)
    page.api.release()
    page.reaches("waiting")
    expect(page.dialog).to_be_hidden()


@pytest.mark.parametrize("body", ["<html>", "null", '{"launch_url": "https://x.example"}'])
def test_an_answer_that_makes_no_sense_is_an_error(product: Visit, body: str) -> None:
    page = product()
    assert page.api
    page.api.body = body
    page.press()
    page.reaches("error")
    unharmed(page)


def test_a_launch_link_that_is_no_web_address_is_refused(product: Visit) -> None:
    page = product()
    assert page.api
    page.api.extra = {"launch_url": "javascript:alert(1)"}
    page.press()
    page.reaches("error")
    assert page.told[-1]["code"] == "bad_reply"


def test_a_wait_that_the_server_asks_for_is_kept(product: Visit) -> None:
    page = product(setup=stop_time)
    assert page.api
    page.api.status = 429
    page.api.body = {
        "code": "rate_limited",
        "retryable": True,
        "retry_after": 6,
        "message": "Wait a moment.",
    }
    page.press()
    page.reaches("error")
    expect(page.part("error")).to_have_text("Wait a moment.")
    page.page.clock.run_for(5_000)
    expect(page.part("refresh")).to_be_disabled()
    expect(page.part("time")).to_have_text("in 1 second")
    page.api.status, page.api.body = 201, None
    page.page.clock.run_for(1_000)
    expect(page.part("refresh")).to_be_enabled()
    page.part("refresh").click()
    page.reaches("waiting")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"code": "rate_limited", "retryable": True}),
        (503, {"code": "unavailable", "retryable": True}),
        (503, "<html>of a proxy on the way</html>"),
    ],
)
def test_where_no_wait_is_asked_for_it_can_be_tried_again_at_once(
    product: Visit, status: int, body: dict[str, Any] | str
) -> None:
    page = product()
    assert page.api
    page.api.status, page.api.body = status, body
    page.press()
    page.reaches("error")
    expect(page.part("error")).not_to_be_empty()
    expect(page.part("time")).to_be_empty()
    page.api.status, page.api.body = 201, None
    page.part("refresh").click()
    page.reaches("waiting")


def test_a_session_that_expires_while_the_phone_is_on_it_says_so(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.becomes("opened")
    page.becomes("expired")
    expect(page.status).to_have_text(i18n.CATALOGUES["en"]["expired"])
    assert page.api
    page.api.state = "waiting"
    page.part("refresh").click()
    page.reaches("waiting")
    assert len(page.api.posts) == 2
    assert page.names == [*["click", "created", "opened", "expired"], "refresh", "created"]


def test_a_failure_is_told_in_the_shoppers_language(product: Visit) -> None:
    page = product(attributes="lang=de", id=unique("sim-500"), stand_in=False)
    page.press()
    page.reaches("error")
    expect(page.part("error")).to_have_text(i18n.CATALOGUES["de"]["oops"])
    expect(page.part("refresh")).to_have_text(i18n.CATALOGUES["de"]["again"])
    expect(page.dialog).to_have_attribute("lang", "de")


@pytest.mark.parametrize("late", ["expired", "gone"])
def test_a_session_that_ended_meanwhile_makes_way_for_a_new_one(product: Visit, late: str) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    assert page.api
    page.api.state = late
    page.page.reload()
    page.reaches("expired")
    assert page.names == ["expired"]
    page.api.state = "waiting"
    page.press()
    page.reaches("waiting")
    assert len(page.api.posts) == 2
    assert not page.api.posts[1].get("resume")


@pytest.mark.parametrize("kept", ["7", "{", '{"id": 1}'])
def test_nonsense_in_the_storage_does_no_harm(product: Visit, kept: str) -> None:
    page = product(init=f"sessionStorage.setItem('tryon:sku-1', {json.dumps(kept)})")
    page.press()
    page.reaches("waiting")


def test_forbidden_storage_does_no_harm(product: Visit) -> None:
    page = product(
        init="""Object.defineProperty(window, 'sessionStorage', {
            get() { throw new DOMException('forbidden', 'SecurityError') }})"""
    )
    page.press()
    page.reaches("waiting")
    page.becomes("opened")
    unharmed(page)


@pytest.mark.parametrize("how", ["delete window.EventSource", FORBIDDEN, ""])
def test_without_a_stream_it_asks(product: Visit, how: str) -> None:
    """The stand-in server aborts every stream; some browsers or policies have none at all, and
    WebKit throws at one that the page's policy forbids."""
    page = product(init=how, setup=stop_time)
    page.press()
    page.reaches("waiting")
    assert page.api
    page.api.state = "opened"
    page.page.clock.run_for(2_000)
    page.reaches("opened")


def test_it_does_not_ask_while_hidden(product: Visit) -> None:
    page = product(setup=stop_time)
    page.press()
    page.reaches("waiting")
    page.page.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => window.away ?? true})"
    )
    assert asks_in(page, 10_000) == 0
    page.page.evaluate("window.away = false")
    assert asks_in(page, 2_000) == 1


def asks_in(page: Product, milliseconds: int) -> int:
    """How often the page asks for its session meanwhile."""
    api = page.api
    assert api
    before = api.asked
    page.page.clock.run_for(milliseconds)
    page.page.evaluate(f"fetch('{api.url}/sessions/ours')")  # it comes after those of the page
    return api.asked - before - 1


@pytest.mark.parametrize("days", [-1, 1])
def test_the_shoppers_clock_may_be_a_day_off(product: Visit, days: int) -> None:
    wrong = datetime.now(UTC) + timedelta(days)
    page = product(
        setup=lambda context: context.clock.install(time=wrong), id=unique(), stand_in=False
    )
    page.press()
    page.reaches("waiting")
    page.page.clock.run_for(1_000)
    page.reaches("waiting")
    expect(page.part("time")).to_be_hidden()


def test_time_left_is_shown_near_the_end_with_a_way_to_get_more(product: Visit) -> None:
    page = product()
    assert page.api
    page.api.extra = {"expires_in": 45}
    page.press()
    page.reaches("waiting")
    expect(page.status).to_have_text(i18n.CATALOGUES["en"]["soon"])
    expect(page.part("time")).to_have_text(re.compile(r"in (4[0-5]|3\d|2\d) seconds"))
    page.page.reload()  # how much is left by then nobody says
    page.reaches("waiting")
    page.press()
    expect(page.status).to_have_text(i18n.CATALOGUES["en"]["waiting"])
    expect(page.part("time")).to_be_empty()
    page.page.evaluate(f"{ELEMENT}.refresh()")
    expect(page.status).to_have_text(i18n.CATALOGUES["en"]["soon"])
    page.api.extra = {}
    page.part("refresh").click()
    expect(page.part("time")).to_be_hidden()
    page.reaches("waiting")
    assert len(page.api.posts) == 3


def test_removed_while_waiting_it_stops_asking(product: Visit) -> None:
    page = product(setup=stop_time)
    page.press()
    page.reaches("waiting")
    assert asks_in(page, 2_000) == 1
    page.page.evaluate(f"window.kept = {ELEMENT}; kept.remove()")
    assert asks_in(page, 10_000) == 0
    assert page.api
    page.api.state = "opened"
    page.page.evaluate("document.querySelector('main').append(kept)")
    page.reaches("opened")
    assert page.broken == []


def test_removed_while_the_answer_is_on_its_way(product: Visit) -> None:
    page = product()
    assert page.api
    page.api.holds = True
    page.press()
    page.reaches("creating")
    page.page.evaluate(f"window.kept = {ELEMENT}; kept.remove()")
    page.is_kept_waiting()
    page.api.release()
    page.page.wait_for_function("() => kept.state == 'waiting'")
    assert page.page.evaluate("document.querySelector('dialog')") is None
    assert page.broken == []


def test_changed_while_the_answer_is_on_its_way_it_is_for_another_product(product: Visit) -> None:
    page = product()
    assert page.api
    page.api.holds = True
    page.press()
    page.reaches("creating")
    page.is_kept_waiting()
    page.page.evaluate(f"{ELEMENT}.productId = 'sku-2'")
    page.reaches("idle")
    page.press()
    page.reaches("waiting")
    session = page.page.evaluate(f"{ELEMENT}.session.id")
    with hearing(page, "**/sessions"):
        page.api.release()
    assert page.page.evaluate(f"{ELEMENT}.session.id") == session
    assert [post["product_id"] for post in page.api.posts] == ["sku-1", "sku-2"]


def test_what_arrives_late_does_not_turn_time_back(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    assert page.api
    page.api.holds = True
    page.page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    page.is_kept_waiting()
    page.becomes("completed")
    with hearing(page, "**/sessions/*"):
        page.api.release()
    page.reaches("completed")


@contextmanager
def hearing(page: Product, url: str) -> Iterator[None]:
    """An answer comes, and the page does what it does about it."""
    with page.page.expect_response(url) as answer:
        yield
    answer.value.finished()
    page.page.evaluate("new Promise(requestAnimationFrame)")


def test_offline_is_said_and_passes(product: Visit) -> None:
    page = product(setup=stop_time)
    page.press()
    page.reaches("waiting")
    page.page.context.set_offline(True)
    page.page.clock.run_for(1_000)
    expect(page.status).to_have_text(i18n.CATALOGUES["en"]["offline"])
    page.page.context.set_offline(False)
    page.page.clock.run_for(1_000)
    expect(page.status).to_have_text(i18n.CATALOGUES["en"]["waiting"])


def test_hostile_attributes_stay_text(product: Visit) -> None:
    page = product()
    names = ("category", "reference", "product-title", "mode", "target", "theme", "lang")
    for name in (*names, "product-id"):
        page.page.evaluate(
            f"([name, value]) => {ELEMENT}.setAttribute(name, value)", [name, HOSTILE]
        )
    page.press()
    page.reaches("waiting")
    expect(page.part("title")).to_have_text(HOSTILE)
    assert page.page.evaluate(f"{ELEMENT}.shadowRoot.querySelector('img[src], script')") is None
    assert page.broken == []


def test_hostile_answers_stay_text(product: Visit) -> None:
    words = dict.fromkeys(i18n.dialog_words("en"), HOSTILE)

    def hostile(context: BrowserContext) -> None:
        context.route(WORDS, lambda route: route.fulfill(json=words))

    page = product(setup=hostile)
    assert page.api
    page.api.extra = {"title": HOSTILE, "qr": {"size": HOSTILE, "path": HOSTILE}}
    page.press()
    page.reaches("waiting")
    expect(page.part("title")).to_have_text(HOSTILE)
    assert page.page.evaluate(f"{ELEMENT}.shadowRoot.querySelector('img[src], script')") is None
    assert page.broken == []


def test_an_unknown_state_changes_nothing(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    assert page.api
    page.api.state = HOSTILE
    with hearing(page, "**/sessions/*"):
        page.page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    page.reaches("waiting")


@pytest.mark.parametrize(
    ("outcome", "words"), [("abandoned", "closed before"), ("failed", "this time")]
)
def test_a_try_on_that_came_to_nothing_can_be_tried_again(
    product: Visit, tryon: Shop, vendor: Vendor, outcome: str, words: str
) -> None:
    sku = unique()
    page = product(id=sku, stand_in=False)
    page.press()
    page.reaches("waiting")
    session: dict[str, Any] = page.page.evaluate(f"{ELEMENT}.session")
    tryon.launch(session["launch_url"])
    page.reaches("opened")
    vendor.call_back(sku, state=outcome)
    page.reaches(outcome)
    expect(page.status).to_contain_text(words)
    page.part("refresh").click()
    page.reaches("waiting")
    assert page.page.evaluate(f"{ELEMENT}.session.id") != session["id"]
