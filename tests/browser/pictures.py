"""The pictures that README opens with: `make pictures` writes them to `docs/pictures`.

As far as it goes they are the same each time: the code in the dialog is that of a fixed link, and
the dashboard shows four weeks of a made-up past that is the same each time.
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from proxy.tryon.qr import LinkCodes
from tests.browser.stage import Api, log_in, running_chromium
from tests.servers import ROOT, Shop, running_demo

FOLDER = ROOT / "docs" / "pictures"
LINK = "https://tryon.shop.example/go/"
KEY = "a-link-made-for-people"
PAST = ("--days=84", "--until=2026-11-01")
FOUR_WEEKS = "?from=2026-10-05&to=2026-11-01"


def dialog(page: Page, shop: Shop) -> None:
    code = LinkCodes(LINK, len(KEY), "?q").code(KEY)
    Api(page.context, shop).extra = {"qr": {"size": code.size, "path": code.path}}
    page.goto(f"{shop.url}/shop/trail-runner")
    page.get_by_role("link", name="Try it on").click()
    expect(page.locator("try-on-button")).to_have_attribute("state", "waiting")


def dashboard(page: Page, shop: Shop) -> None:
    log_in(page, shop)
    page.goto(f"{shop.url}/dashboard/{FOUR_WEEKS}")


@contextmanager
def looking() -> Iterator[tuple[Page, Shop]]:
    """A window onto a demo with a past."""
    with (
        tempfile.TemporaryDirectory() as home,
        running_demo(Path(home)) as (shop, _),
        running_chromium() as browser,
    ):
        shop.command("demo-data", *PAST)
        page = browser.new_page(
            locale="en-GB",
            color_scheme="light",
            reduced_motion="reduce",
            device_scale_factor=2,
            viewport={"width": 1200, "height": 800},
        )
        yield page, shop


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with looking() as (page, shop):
        for show in (dashboard, dialog):  # the stand-in for the server stays
            show(page, shop)
            write(f"{show.__name__}.png", page.screenshot(animations="disabled"))


def write(name: str, screenshot: bytes) -> None:
    """Save a picture in 256 colours: enough for flat pages, at a third of the size."""
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    path = FOLDER / name
    # Sorted by k-means besides, or what is small on a picture loses its colour.
    picture.quantize(256, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
