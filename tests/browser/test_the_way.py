"""From the product page to the phone and back, in a real browser, on the strictest page."""

import gzip
import re
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext, expect

from tests.browser.stage import Product, scan
from tests.servers import Shop, Vendor, unique

Visit = Callable[..., Product]

BUTTON, DIALOG = 3_000, 8_000  # bytes, gzipped


def test_a_shopper_scans_tries_on_and_sees_the_page_follow(
    product: Visit, tryon: Shop, vendor: Vendor
) -> None:
    sku = unique("trail")
    page = product(id=sku, stand_in=False, attributes="datalayer reference=cart-77")
    page.press()
    page.reaches("waiting")
    assert page.names == ["click", "created"]

    link = scan(page.part("qr").screenshot())
    assert link.startswith(f"{tryon.url}/go/")
    assert link.endswith("?q")
    assert tryon.launch(link).headers["Location"].startswith(vendor.url)
    page.reaches("opened")
    expect(page.status).to_contain_text("Opened on your phone")
    expect(page.part("qr")).to_be_hidden()

    vendor.call_back(sku, state="completed")
    page.reaches("completed")
    expect(page.status).to_contain_text("All done")
    assert page.names == ["click", "created", "opened", "completed"]
    last = page.told[-1]
    assert (last["productId"], last["reference"], last["device"]) == (sku, "cart-77", "desktop")
    assert len(page.page.evaluate("dataLayer")) == len(page.page.evaluate("told"))
    assert page.broken == []


def test_a_product_page_loads_one_small_file_and_the_rest_at_the_first_intent(
    product: Visit, tryon: Shop
) -> None:
    loaded: list[str] = []
    page = product(
        attributes="lang=de-AT",
        setup=lambda context: context.on("request", lambda request: loaded.append(request.url)),
    )
    page.page.wait_for_load_state("networkidle")
    ours = [url for url in loaded if url.startswith(tryon.url)]
    assert ours == [f"{tryon.url}/try-on-button.js"]
    assert gzipped(ours[0]) <= BUTTON
    loaded.clear()
    page.button.hover()
    expect(page.dialog).to_be_attached()
    dialog, words = sorted(set(loaded))
    assert re.fullmatch(rf"{tryon.url}/static/try-on-dialog\.[0-9a-f]{{12}}\.js", dialog)
    assert re.fullmatch(rf"{tryon.url}/static/words\.[0-9a-f]{{12}}/de-AT\.json", words)
    assert gzipped(dialog) <= DIALOG
    for url in (dialog, words):
        assert "immutable" in requests.get(url, timeout=60).headers["Cache-Control"]
    loaded.clear()
    page.press()
    page.reaches("waiting")
    assert f"{tryon.url}/sessions" in loaded
    assert dialog not in loaded


def gzipped(url: str) -> int:
    return len(gzip.compress(requests.get(url, timeout=60).content, 9))


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves_unasked(product: Visit, width: int) -> None:
    """Not when the button comes alive, and not when the state changes; a shift that follows a
    press counts here too, since a slow vendor's would."""
    page = product(
        after="<p>" + "More to read. " * 200 + "</p>",
        policy="",
        viewport={"width": width, "height": 800},
    )
    page.press()
    page.reaches("waiting")
    page.becomes("opened")
    page.page.wait_for_timeout(100)
    assert page.page.evaluate("shift") == 0
    page.becomes("completed")
    page.page.wait_for_timeout(100)
    # A line of text less, within the dialog, moves the button below it.
    assert page.page.evaluate("shift") < 0.005


def test_the_page_says_it_within_a_quarter_of_a_second(product: Visit, tryon: Shop) -> None:
    """From the phone's request to the words on the desktop, over several workers."""
    page = product(id=unique(), stand_in=False)
    page.page.evaluate("""addEventListener('tryon-opened', () => {
        window.seen = performance.timeOrigin + performance.now()})""")
    page.press()
    waits = []
    for _ in range(7):
        page.reaches("waiting")
        link = page.page.evaluate("document.querySelector('try-on-button').session.launch_url")
        page.page.wait_for_timeout(30)
        started = time.time()
        tryon.launch(link)
        page.reaches("opened")
        waits.append(page.page.evaluate("seen") - started * 1000)
        page.page.evaluate("document.querySelector('try-on-button').refresh()")
    # The best quarter of them, since others may hold the machine up; without a stream the page
    # would ask every two seconds.
    assert statistics.quantiles(waits)[0] < 250


@pytest.mark.parametrize("ratio", [1, 2])
def test_a_camera_reads_the_code(product: Visit, ratio: int) -> None:
    page = product(device_scale_factor=ratio, attributes="theme=auto")
    page.press()
    page.reaches("waiting")
    link = page.page.evaluate("document.querySelector('try-on-button').session.launch_url")
    looks: list[Any] = [{"color_scheme": "light"}, {"color_scheme": "dark"}]
    for look in [*looks, {"forced_colors": "active"}]:
        page.page.emulate_media(**look)
        assert scan(page.dialog.screenshot()) == link + "?q", look
    box = page.page.locator("try-on-button [part=qr] svg").bounding_box()
    assert box
    assert box["width"] >= 200


def test_the_code_cannot_be_themed_away(product: Visit) -> None:
    page = product(policy="", before="<style>try-on-button::part(qr) { color: #fff }</style>")
    page.press()
    page.reaches("waiting")
    assert scan(page.part("qr").screenshot())


def test_the_script_may_be_loaded_twice_in_two_versions(product: Visit, tryon: Shop) -> None:
    """The first one counts, with a dialog that the server does not have any more."""

    def earlier(context: BrowserContext) -> None:
        text = requests.get(f"{tryon.url}/try-on-button.js", timeout=5).text
        text = re.sub(r"(?<=dialog\.)[0-9a-f]{12}", "0" * 12, text)
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}
        context.route("**/*.js?0", lambda route: route.fulfill(headers=headers, body=text))

    other = f'<script type="module" src="{tryon.url}/try-on-button.js?0"></script>'
    page = product(before=other, setup=earlier)
    page.press()
    page.reaches("waiting")
    assert page.names == ["click", "created"]
    assert page.broken == []


def test_events_come_in_order_and_tell_of_every_state(product: Visit) -> None:
    page = product()
    page.press()
    page.reaches("waiting")
    page.becomes("opened")
    page.becomes("completed")
    changes = page.page.evaluate(
        "told.filter(event => event.name == 'statechange').map(event => event.state)"
    )
    assert changes == ["creating", "waiting", "opened", "completed"]
    assert all(earlier != later for earlier, later in pairwise(changes))
