"""One Chromium, one shop with the demo on, and a merchant's own site on another origin.

For all tests from one place: a second Chromium in a process would need a second event loop.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from tests.browser import fonts
from tests.browser.screens import ELSEWHERE, Stage
from tests.browser.stage import (
    CHROMIUM,
    LINK,
    NO_CHROMIUM,
    STRICT,
    WITNESS,
    Api,
    Merchant,
    Product,
    lacking,
    product_page,
    running_chromium,
)
from tests.servers import ALONE, Shop, Vendor, running_demo, running_shop

LIBRARIES = Path(__file__).parent / "libraries"

expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/browser/" in str(item.path) or "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        lacking(NO_CHROMIUM)
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def families(chromium: Browser) -> list[str]:
    """A wide font and a narrow one: a layout must hold in both, whatever is installed."""
    page = chromium.new_page()
    missing = [family for family in fonts.PACKAGES if not fonts.draws(page, family)]
    page.close()
    if missing:
        named = ", ".join(f"{family} (Debian: {fonts.PACKAGES[family]})" for family in missing)
        lacking(f"no layout is looked at without the font {named}")
    return [*fonts.PACKAGES]


@pytest.fixture(scope="session")
def merchant() -> Iterator[Merchant]:
    merchant = Merchant()
    yield merchant
    merchant.server.shutdown()
    merchant.server.server_close()


@pytest.fixture(scope="session")
def tryon(
    tmp_path_factory: pytest.TempPathFactory, vendor: Vendor, merchant: Merchant
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("tryon")
    settings = {
        "TRYON_DEMO": "1",
        "TRYON_ALLOWED_ORIGINS": merchant.origin,
        "TRYON_MERCHANT_NAME": "Fern & Field",
    }
    with running_shop(folder, vendor, **settings) as shop:
        yield shop


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """What every screen can be reached on."""
    home, other = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("bare")
    with (
        running_demo(home) as (shop, vendor),
        running_shop(other, vendor, **ALONE, TRYON_ALLOWED_ORIGINS=ELSEWHERE) as bare,
    ):
        yield Stage(shop, bare, vendor)


@pytest.fixture(scope="session")
def libraries() -> Path:
    """`node_modules`, with exactly what the lock file names."""
    modules = LIBRARIES / "node_modules"
    kept = modules / ".package-lock.json"  # npm's own note of what it brought
    with (LIBRARIES / "package-lock.json").open() as lock:
        flock(lock, LOCK_EX)  # files of tests that need them run side by side
        if not kept.exists() or kept.stat().st_mtime < os.fstat(lock.fileno()).st_mtime:
            npm = shutil.which("npm") or lacking("npm, which brings libraries of pages, is missing")
            quietly = ("--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund")
            command = [npm, "ci", *quietly]
            if subprocess.run(command, cwd=LIBRARIES, capture_output=True, check=False).returncode:
                lacking("npm could not bring the libraries of tests/browser/libraries")
    return modules


@pytest.fixture
def shelf(libraries: Path) -> Callable[[BrowserContext], None]:
    """Serves the libraries to a page under `/lib/`."""

    def lend(route: Route) -> None:
        path = libraries / route.request.url.partition("/lib/")[2]
        route.fulfill(path=path, content_type="text/javascript")

    return lambda context: context.route("**/lib/**", lend)


@pytest.fixture
def context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes contexts, each with a storage of its own, and closes them."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = chromium.new_context(**({"locale": "en-GB"} | options))
        context.add_init_script(WITNESS)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def product(
    context: Callable[..., BrowserContext], merchant: Merchant, tryon: Shop
) -> Callable[..., Product]:
    """Opens a strict product page, by default with the server stood in for."""

    def visit(
        inside: str = LINK,
        *,
        attributes: str = "",
        id: str = "sku-1",  # noqa: A002
        stand_in: bool = True,
        before: str = "",
        after: str = "",
        init: str = "",
        policy: str = STRICT,
        setup: Callable[[BrowserContext], None] | None = None,
        **options: Any,
    ) -> Product:
        opened = context(**options)
        if init:
            opened.add_init_script(init)
        api = Api(opened, tryon) if stand_in else None
        if setup:
            setup(opened)
        html = product_page(tryon, id, inside.format(id=id), attributes, before, after)
        page = opened.new_page()
        page.goto(merchant.page(html, policy.format(tryon=tryon.url)))
        # As a function: a text is evaluated at each look, and the policy allows the first alone.
        page.wait_for_function("() => !!customElements.get('try-on-button')")
        return Product(page, api)

    return visit
