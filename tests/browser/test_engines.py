"""The way of a shopper in the other engines: in Firefox, and in WebKit, which is that of Safari."""

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from PIL import Image

from proxy.web import i18n
from tests.browser import fonts
from tests.browser.engines import ENGINES, ESCAPE, MISSING, Window
from tests.browser.stage import LINK, STRICT, WITNESS, Merchant, lacking, product_page, scan
from tests.servers import PASSWORD, PHONE, Shop, Vendor, eventually, http, unique

pytestmark = pytest.mark.slow

Visit = Callable[..., str]

WORDS = i18n.CATALOGUES["en"]
DIALOG, STATUS, CORNER = "[part=dialog]", "[part=status]", "[part=corner]"
# The page has one script besides ours, which it lets run by its hash, and an icon, as whoever shows
# it with a window around asks for one.
DIGEST = base64.b64encode(hashlib.sha256(WITNESS.encode()).digest()).decode()
POLICY = STRICT.replace("script-src", f"img-src 'self'; script-src 'sha256-{DIGEST}'")
ROWS = """
[...document.querySelector('try-on-button').shadowRoot.querySelector('dialog').children]
    .filter(row => row.checkVisibility() && getComputedStyle(row).position == 'static')
    .map(row => row.getBoundingClientRect())
    .filter(row => row.height)
    .map(row => [row.top, row.bottom])
"""


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Window]:
    if missing := MISSING[request.param]:
        lacking(missing)
    with ENGINES[request.param](tmp_path_factory.mktemp(request.param)) as window:
        yield window


@pytest.fixture
def window(engine: Window, merchant: Merchant) -> Window:
    """One in which the merchant's pages know of no earlier try-on."""
    engine.open(f"{merchant.origin}/nothing")
    engine.evaluate("sessionStorage.clear()")
    engine.size(1280, 800)
    return engine


@pytest.fixture
def product(window: Window, tryon: Shop, merchant: Merchant) -> Visit:
    """Opens a strict product page, and gives its address."""

    def visit(product_id: str, attributes: str = "") -> str:
        html = product_page(
            tryon,
            product_id,
            LINK.format(id=product_id),
            attributes,
            before=f"<script>{WITNESS}</script>",
        )
        window.open(address := merchant.page(html, POLICY.format(tryon=tryon.url)))
        return address

    return visit


def press(window: Window) -> str:
    """Press the button: the link in the code that is seen then."""
    window.press("try-on-button a")
    return eventually(lambda: scan(window.screenshot()))


def launch(link: str) -> str:
    """Open the link on a phone: the address of the vendor's page, where it leads."""
    page = http().get(link, headers={"User-Agent": PHONE})
    assert page.status_code == 200
    return page.url


def finish(page: str) -> None:
    """Press "Done" on the vendor's page."""
    assert http().post(page, {"state": "completed"}, headers={"User-Agent": PHONE}).ok


def says(window: Window, what: str, words: str) -> None:
    eventually(lambda: window.seen(what) and words in window.text(what))


def is_whole(window: Window, what: str) -> None:
    """Nothing of it is beyond an edge of the window."""
    box = window.box(what)
    width, height = window.evaluate("[innerWidth, innerHeight]")
    assert 0 <= box["left"] < box["right"] <= width, box
    assert 0 <= box["top"] < box["bottom"] <= height, box


def stands_well(window: Window) -> None:
    """The dialog's rows follow each other closely, but for the last, which stands at its foot."""
    is_whole(window, DIALOG)
    gaps = [below - above for (_, above), (below, _) in pairwise(window.evaluate(ROWS))]
    assert gaps[:-1] == pytest.approx([16] * (len(gaps) - 1), abs=0.1)
    assert gaps[-1] >= 15.9
    if window.evaluate("innerWidth > 560"):
        assert window.box(DIALOG)["height"] <= 608


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (320, 640)])
def test_a_shopper_scans_tries_on_and_sees_the_page_follow(
    window: Window, product: Visit, width: int, height: int
) -> None:
    window.size(width, height)
    product(unique())
    link = press(window)
    says(window, STATUS, WORDS["waiting"])
    stands_well(window)
    page = launch(link)
    says(window, STATUS, WORDS["opened"])
    assert not window.seen("[part=qr]")
    stands_well(window)
    finish(page)
    says(window, STATUS, WORDS["completed"])
    stands_well(window)
    names = window.evaluate("told.map(event => event.name)")
    assert [name for name in names if name != "statechange"] == [
        "click",
        "created",
        "opened",
        "completed",
    ]
    assert window.evaluate("broken") == []


def test_the_corner_tells_on_this_page_and_the_next(
    window: Window, product: Visit, vendor: Vendor
) -> None:
    product_id = unique()
    first = product(product_id)
    page = launch(press(window))
    says(window, STATUS, WORDS["opened"])
    window.type(ESCAPE)
    says(window, CORNER, WORDS["opened"])
    assert not window.seen(DIALOG)
    is_whole(window, CORNER)
    product(unique())
    says(window, CORNER, WORDS["opened"])
    finish(page)
    says(window, CORNER, WORDS["completed"])
    assert window.evaluate("broken") == []
    window.open(first)
    says(window, CORNER, WORDS["completed"])
    window.press("try-on-button a")
    says(window, STATUS, WORDS["completed"])
    assert not window.seen(CORNER)
    assert vendor.calls(product_id) == 1
    assert window.evaluate("broken") == []


def test_a_language_that_is_written_from_the_right(window: Window, product: Visit) -> None:
    product(unique(), "lang=ar")
    link = press(window)
    stands_well(window)
    close, code, steps = (window.box(f"[part={name}]") for name in ("close", "qr", "steps"))
    assert close["right"] < code["right"] < steps["left"]
    launch(link)
    says(window, STATUS, words := i18n.CATALOGUES["ar"]["opened"])
    window.type(ESCAPE)
    says(window, CORNER, words)
    assert window.box(CORNER)["left"] == 16


def test_a_form_leads_to_the_handoff_page_which_follows(window: Window, tryon: Shop) -> None:
    window.open(f"{tryon.url}/t/{unique()}?category=footwear")
    assert window.evaluate("document.scripts.length") == 0
    window.press("form button")
    eventually(lambda: window.seen(".qr"))  # a page that is left draws nothing any more
    link = eventually(lambda: scan(window.screenshot()))
    is_whole(window, ".qr")
    page = launch(link)
    says(window, "h1", WORDS["opened"])
    finish(page)
    says(window, "h1", WORDS["completed"])


def test_the_demo_shop(window: Window, tryon: Shop) -> None:
    window.open(f"{tryon.url}/shop/trail-runner")
    page = launch(press(window))
    says(window, STATUS, WORDS["opened"])
    finish(page)
    says(window, STATUS, WORDS["completed"])
    says(window, "#said", "tried this on")


def log_in(window: Window, tryon: Shop) -> None:
    window.open(f"{tryon.url}/dashboard/login")
    if window.seen("[type=password]"):
        window.press("[type=password]")
        window.type(PASSWORD)
        window.press("form button")
    eventually(lambda: window.seen("#latest"))


def test_the_dashboard_is_live(window: Window, tryon: Shop) -> None:
    product_id = unique()
    log_in(window, tryon)
    tryon.click(product_id)
    says(window, "#latest", product_id)


def test_nothing_sticks_out_of_a_page(window: Window, tryon: Shop) -> None:
    session = tryon.click(unique(), locale="de", title="Trail Runner, the wide one").json()
    handoff = session["handoff_url"].removeprefix(f"{tryon.url}/")
    log_in(window, tryon)
    for path in ("", "shop/trail-runner", "t/sku-1?category=footwear", handoff, "dashboard/"):
        window.open(f"{tryon.url}/{path}")
        for width in (1280, 768, 390, 320):
            window.size(width, 800)
            assert fonts.sticks_out(window) == [], (path, width)


def test_a_scrollbar_lets_the_dialogs_colour_through(window: Window, product: Visit) -> None:
    window.size(320, 640)
    product(unique())
    window.evaluate("document.querySelector('try-on-button').style = '--try-on-dialog-bg: #123456'")
    press(window)
    dialog = window.box(DIALOG)
    track = (int(dialog["right"]) - 5, int(dialog["bottom"]) - 60)
    picture = Image.open(io.BytesIO(window.screenshot())).convert("RGB")
    assert picture.getpixel(track) == (0x12, 0x34, 0x56)
