"""The two blocks for Shopify, rendered by liquidjs into a page that stands in for a theme's.

A real store is out of reach: what only one could show is said in `integrations/shopify/README.md`.
"""

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html import escape, unescape
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.stage import Merchant, lacking
from tests.integrations.packages import SHOPIFY, made, settings_are_well
from tests.servers import Shop, Vendor, running_shop

pytestmark = pytest.mark.slow

Contexts = Callable[..., BrowserContext]

HERE = Path(__file__).parent / "shopify"
SECRET = "the-shops-secret-of-32-characters"
LABEL = {"button": {"label": "Try it on"}}
VARIANTS = [
    {"id": 41, "title": "41", "sku": "R&D 1/é"},
    {"id": 42, "title": "42", "sku": "TRAIL-42"},
    {"id": 43, "title": "43", "sku": ""},  # which is known by the product's handle
]
PRODUCT: dict[str, Any] = {
    "id": 7,
    "title": "Trail <Runner>",
    "handle": "trail-runner",
    "tags": ["try-on"],
    "variants": VARIANTS,
}


def export() -> str:
    """The shop's products as Shopify exports them."""
    text = io.StringIO()
    names = ("Handle", "Title", "Tags", "Published", "Option1 Value", "Variant SKU", "Status")
    rows = csv.DictWriter(text, names)
    rows.writeheader()
    for number, variant in enumerate(VARIANTS):
        row = {"Handle": "trail-runner", "Option1 Value": variant["title"]}
        row["Variant SKU"] = variant["sku"]
        first = {"Title": "Trail <Runner>", "Tags": "try-on", "Published": "true"}
        rows.writerow(row | (first | {"Status": "active"} if number == 0 else {}))
    return text.getvalue()


@pytest.fixture(scope="session")
def node() -> Callable[..., Any]:
    """Runs a script beside the libraries that the lock file names."""
    for name in ("node", "npm"):
        if shutil.which(name) is None:
            lacking(f"{name}, which Shopify's linter and liquidjs need, is missing")
    if not (HERE / "node_modules/.package-lock.json").exists():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        if subprocess.run(command, cwd=HERE, capture_output=True, check=False).returncode:
            lacking("npm could not bring the libraries of tests/integrations/shopify")

    def run(script: str, *arguments: str, said: Any = None) -> str:
        command = ["node", str(HERE / script), *arguments]
        done = subprocess.run(
            command, input=json.dumps(said), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extension")
    with ZipFile(made(folder) / SHOPIFY) as archive:
        archive.extractall(folder)
    return folder / "try-on-button"


@pytest.fixture(scope="module", params=["custom liquid", "app block"])
def tryon(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    vendor: Vendor,
    merchant: Merchant,
) -> Iterator[Shop]:
    """With the export as its catalogue; the app block's wants signatures."""
    folder = tmp_path_factory.mktemp("tryon")
    (folder / "products_export.csv").write_text(export())
    settings = {
        "TRYON_ALLOWED_ORIGINS": merchant.origin,
        "TRYON_CATALOG": str(folder / "products_export.csv"),
        "TRYON_CATALOG_RULES": '{"footwear": {"tag": "try-on"}}',
    }
    if request.param == "app block":
        settings["TRYON_CLICK_SECRET"] = SECRET
    with running_shop(folder, vendor, **settings) as shop:
        settings_are_well(shop, "Shopify, CSV: 3 products")
        yield shop


@pytest.fixture
def block(tryon: Shop, extension: Path, node: Callable[..., Any]) -> Callable[[int], str]:
    """Renders the block with one of the variants chosen."""
    if "TRYON_CLICK_SECRET" in tryon.environ:
        template = (extension / "blocks/try-on-button.liquid").read_text()
    else:
        embed = tryon.http.get(f"{tryon.url}/embed").text
        (copied,) = re.findall(r'<span>Custom Liquid</span>.*?data-copy="([^"]*)"', embed, re.S)
        template = unescape(copied)

    def render(chosen: int) -> str:
        product = PRODUCT | {"selected_or_first_available_variant": VARIANTS[chosen]}
        settings = {"product": product, "server": f"{tryon.url}/", "secret": SECRET}
        context = {
            "product": product,
            "request": {"locale": {"iso_code": "en"}},
            "block": {"settings": settings, "shopify_attributes": ""},
        }
        said = {"template": template, "context": context, "words": LABEL}
        return str(node("render.mjs", said=said))

    return render


@pytest.fixture
def page(context: Contexts, merchant: Merchant, block: Any, extension: Path) -> Page:
    """A product page with its first variant chosen."""
    page = context().new_page()
    html = (HERE / "theme.html").read_text()
    options = "".join(f'<option value="{each["id"]}">{each["title"]}' for each in VARIANTS)
    html = html.replace("{options}", options).replace("{variant}", "41")
    script = (extension / "assets/try-on-variants.js").read_text()  # which the block's schema names
    html = html.replace("{block}", block(0)).replace("</html>", f"<script>{script}</script></html>")
    page.goto(merchant.page(html, ""))
    return page


def press(page: Page) -> None:
    button = page.locator("try-on-button")
    button.get_by_role("link").click()
    expect(button).to_have_attribute("state", "waiting")
    expect(button.locator("[part=dialog]")).to_be_visible()


def test_a_block_follows_the_variant_to_a_try_on(page: Page, vendor: Vendor) -> None:
    button = page.locator("try-on-button")
    expect(button).to_have_attribute("product-id", "R&D 1/é")
    expect(button).to_have_attribute("product-title", "Trail <Runner>")
    page.get_by_label("Size").select_option("42")
    expect(button).to_have_attribute("product-id", "TRAIL-42")
    press(page)
    assert vendor.sessions("TRAIL-42")
    page.keyboard.press("Escape")
    page.get_by_label("Size").select_option("43")
    expect(button).to_have_attribute("product-id", "trail-runner")
    press(page)
    assert vendor.sessions("trail-runner")
    page.keyboard.press("Escape")
    page.get_by_label("Size").select_option("41")
    expect(button).to_have_attribute("product-id", "R&D 1/é")


def test_its_link_works_for_every_variant_without_scripts(page: Page, tryon: Shop) -> None:
    link = page.locator("try-on-button a")
    for size in ("41", "42", "43"):
        page.get_by_label("Size").select_option(size)
        expected = {"41": "R%26D", "42": "TRAIL-42", "43": "trail-runner"}[size]
        expect(link).to_have_attribute("href", re.compile(re.escape(expected)))
        address = link.get_attribute("href")
        assert address
        assert tryon.http.get(address).status_code == 200  # 404 where the catalogue lacks it


def test_a_section_that_is_rendered_anew_goes_on_from_its_variant(page: Page, block: Any) -> None:
    button = page.locator("try-on-button")
    form = '<form action="/cart/add"><input type="hidden" name="id" value="42"></form>'
    page.evaluate("html => rerender(html)", form + block(1))
    expect(button).to_have_attribute("product-id", "TRAIL-42")
    page.evaluate("document.querySelector('[name=id]').value = 43")
    expect(button).to_have_attribute("product-id", "trail-runner")


def test_shopifys_linter_finds_nothing_and_would(
    extension: Path, node: Callable[..., Any], tmp_path: Path
) -> None:
    assert json.loads(node("check.mjs", str(extension))) == []
    broken = shutil.copytree(extension, tmp_path / "broken")
    file = broken / "blocks/try-on-button.liquid"
    file.write_text(file.read_text().partition("{% schema %}")[0])
    found = {each["check"] for each in json.loads(node("check.mjs", str(broken)))}
    assert "AppBlockMissingSchema" in found


@pytest.mark.parametrize(
    ("settings", "there"),
    [
        ({"server": "https://tryon.shop.example"}, True),
        ({"server": ""}, False),
        ({"server": "https://tryon.shop.example", "tag": "try-on"}, True),
        ({"server": "https://tryon.shop.example", "tag": "try"}, False),
        ({"server": "https://tryon.shop.example", "product": None}, False),
    ],
)
def test_the_app_block_is_there_where_its_settings_say(
    extension: Path, node: Callable[..., Any], settings: dict[str, Any], there: bool
) -> None:
    product = PRODUCT | {"selected_or_first_available_variant": VARIANTS[0]}
    block = {"settings": {"product": product} | settings, "shopify_attributes": ""}
    template = (extension / "blocks/try-on-button.liquid").read_text()
    said = {"template": template, "context": {"block": block}, "words": LABEL}
    html = node("render.mjs", said=said)
    assert ("<try-on-button" in html) is there


def test_what_a_merchant_types_is_text(extension: Path, node: Callable[..., Any]) -> None:
    product = PRODUCT | {"selected_or_first_available_variant": VARIANTS[0]}
    typed = '"><img src=x>'
    names = ("server", "label", "category")
    settings = {"product": product} | {name: name + typed for name in names}
    template = (extension / "blocks/try-on-button.liquid").read_text()
    context = {"block": {"settings": settings, "shopify_attributes": ""}}
    html = node("render.mjs", said={"template": template, "context": context, "words": LABEL})
    assert "<img" not in html
    assert f"label{escape(typed)}".replace("&quot;", "&#34;") in html
