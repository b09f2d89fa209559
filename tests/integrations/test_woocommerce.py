"""The plugin for WooCommerce, from its zip, in two WordPresses, with classic and block themes.

WooCommerce itself is stood in for: `tests/integrations/woocommerce/woocommerce.php` says by what.
"""

import csv
import hashlib
import hmac
import io
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.stage import lacking
from tests.integrations.packages import WOOCOMMERCE, made, settings_are_well
from tests.integrations.wordpress import BLOCKS, CLASSIC, HERE, Site, run, running_site
from tests.servers import Shop, Vendor, http, running_shop

pytestmark = pytest.mark.slow

Contexts = Callable[..., BrowserContext]

everywhere = pytest.mark.parametrize("site", BLOCKS, indirect=True)

SECRET = "the-shops-secret-of-32-characters"
PRODUCTS: list[dict[str, Any]] = [
    {"name": "Trail Runner", "sku": "R&D 1/é", "categories": ["Shoes > Trail"], "tags": ["new"]},
    {"name": "Plain Shoe", "categories": ["Shoes"]},
    {
        "name": "Road Shoe",
        "sku": "ROAD",
        "categories": ["Shoes"],
        "variations": [{"size": "42", "sku": "ROAD-42"}, {"size": "43"}],
    },
    {
        "name": "Court Shoe",  # of more sizes than the page is given
        "categories": ["Shoes"],
        "variations": [{"size": str(size), "sku": f"COURT-{size}"} for size in range(20, 51)],
    },
    {
        "name": "Field Shoe",  # in block themes, with the block Add to Cart + Options
        "sku": "FIELD",
        "categories": ["Shoes"],
        "form": "options",
        "variations": [{"size": "42", "sku": "FIELD-42"}, {"size": "43", "sku": "FIELD-43"}],
    },
    {"name": "Sold Out", "sku": "OUT", "categories": ["Shoes"], "stock": "outofstock"},
    {"name": "Hat", "sku": "HAT", "categories": ["Hats"]},
]
FIELDS = ("ID", "Type", "SKU", "Name", "Published", "Categories", "Tags", "Images", "Parent")


def export(ids: dict[str, int]) -> str:
    """The shop's products as WooCommerce exports them."""
    text = io.StringIO()
    rows = csv.DictWriter(text, [*FIELDS, "Attribute 1 name", "Attribute 1 value(s)"])
    rows.writeheader()
    for product in PRODUCTS:
        row = {
            "ID": ids[product["name"]],
            "Type": "variable" if "variations" in product else "simple",
            "SKU": product.get("sku", ""),
            "Name": product["name"],
            "Published": 1,
            "Categories": ", ".join(product["categories"]),
            "Tags": ", ".join(product.get("tags", [])),
        }
        rows.writerow(row)
        for variation in product.get("variations", []):
            name = f"{product['name']} - {variation['size']}"
            more = {"ID": ids[name], "Type": "variation", "SKU": variation.get("sku", "")}
            parent = {"Parent": product.get("sku") or f"id:{ids[product['name']]}", "Name": name}
            rows.writerow(parent | more | {"Published": 1})
    return text.getvalue()


@pytest.fixture(scope="module", params=["npm"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("wordpress") / "site"
    with running_site(folder, request.param, PRODUCTS, TRYON_CLICK_SECRET=SECRET) as site:
        yield site


@pytest.fixture(scope="module")
def tryon(site: Site, tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """The proxy, told of the shop what the plugin's page says that it has to be told."""
    folder = tmp_path_factory.mktemp("tryon")
    (folder / "wc-product-export.csv").write_text(export(site.ids))
    settings = {
        "TRYON_ALLOWED_ORIGINS": site.url,
        "TRYON_CATALOG": str(folder / "wc-product-export.csv"),
        "TRYON_CATALOG_RULES": '{"footwear": {"product_type": "Shoes*"}}',
        "TRYON_CLICK_SECRET": SECRET,
    }
    with running_shop(folder, vendor, **settings) as shop:
        settings_are_well(shop, "WooCommerce, CSV: 40 products")
        yield shop


@pytest.fixture(params=["classic", "blocks"])
def theme(request: pytest.FixtureRequest, site: Site) -> str:
    site.php(f"switch_theme('{CLASSIC if request.param == 'classic' else BLOCKS[site.source]}');")
    return str(request.param)


@pytest.fixture
def page(context: Contexts) -> Page:
    return context().new_page()


@pytest.fixture(autouse=True)
def complaints(site: Site) -> Iterator[None]:
    yield
    assert site.complaints() == []


def log_in(page: Page, site: Site, name: str) -> None:
    page.goto(f"{site.url}/wp-login.php")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill("password")
    page.get_by_role("button", name="Log In").click()
    page.wait_for_url("**/wp-admin/**")


def set_up(site: Site, tryon: Shop, **settings: Any) -> None:
    """What the settings page saves."""
    values = {"address": tryon.url, "category": "", "label": "", "place": "button"} | settings
    pairs = ", ".join(f"'{name}' => '{value}'" for name, value in values.items())
    site.php(f"update_option('try_on_button', [{pairs}]);")


def press(page: Page) -> None:
    button = page.locator("try-on-button")
    button.get_by_role("link").click()
    expect(button).to_have_attribute("state", "waiting")
    expect(button.locator("[part=dialog]")).to_be_visible()


@everywhere
def test_from_the_settings_to_a_try_on(
    site: Site, tryon: Shop, vendor: Vendor, page: Page, theme: str
) -> None:
    """As a shop manager goes through the settings, and a shopper through the page."""
    site.php("delete_option('try_on_button');")
    log_in(page, site, "manager")
    page.goto(f"{site.url}/wp-admin/admin.php?page=try-on-button")
    expect(page.get_by_text(f"TRYON_ALLOWED_ORIGINS={site.url}")).to_be_visible()
    page.get_by_label("Address of the try-on server").fill(tryon.url + "/")
    page.get_by_label("Products").select_option(label="Shoes")
    page.get_by_label("Label").fill("Try & see")
    page.get_by_role("button", name="Save Changes").click()
    expect(page.get_by_text("Settings saved.")).to_be_visible()
    expect(page.get_by_label("Address of the try-on server")).to_have_value(tryon.url)

    page.goto(site.product("Trail Runner"))
    expect(page.get_by_role("link", name="Try & see")).to_be_visible()
    press(page)
    assert vendor.sessions("R&D 1/é")

    page.goto(site.product("Hat"))
    expect(page.locator("try-on-button")).to_have_count(0)
    assert page.locator("script[src*=try-on]").count() == 0


def test_it_is_uploaded_and_activated(site: Site, page: Page, tmp_path: Path) -> None:
    shutil.rmtree(site.folder / "wp-content/plugins/try-on-button")
    site.php("update_option('active_plugins', ['woocommerce/woocommerce.php']);")
    log_in(page, site, "admin")
    page.goto(f"{site.url}/wp-admin/plugin-install.php?tab=upload")
    page.get_by_label("Plugin zip file").set_input_files(made(tmp_path) / WOOCOMMERCE)
    page.get_by_role("button", name="Install Now").click()
    page.get_by_role("link", name="Activate Plugin").click()
    expect(page.get_by_text("Plugin activated.")).to_be_visible()
    row = page.locator("tr[data-slug=try-on-button]")
    row.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Try-on button")).to_be_visible()


@everywhere
def test_it_follows_the_variation(
    site: Site, tryon: Shop, vendor: Vendor, page: Page, theme: str
) -> None:
    set_up(site, tryon)
    page.goto(site.product("Road Shoe"))
    button, size = page.locator("try-on-button"), page.get_by_label("Size")
    link = button.get_by_role("link")
    expect(button).to_have_attribute("product-id", "ROAD")
    size.select_option("42")
    expect(button).to_have_attribute("product-id", "ROAD-42")
    expect(button).to_have_attribute("product-title", "Road Shoe - 42")
    expect(link).to_have_attribute("href", re.compile(r"/t/\?product_id=ROAD-42&signature="))
    press(page)
    assert vendor.sessions("ROAD-42")
    page.keyboard.press("Escape")
    size.select_option("43")  # which has no SKU, and so is its parent
    expect(button).to_have_attribute("product-id", "ROAD")
    size.select_option("42")
    expect(button).to_have_attribute("product-id", "ROAD-42")
    page.get_by_role("link", name="Clear").click()
    expect(button).to_have_attribute("product-id", "ROAD")
    expect(button).to_have_attribute("product-title", "Road Shoe")
    page.goto(site.product("Road Shoe", "&attribute_size=42"))
    expect(button).to_have_attribute("product-id", "ROAD-42")


def test_it_follows_a_variation_that_the_page_asks_the_server_for(
    site: Site, tryon: Shop, vendor: Vendor, page: Page
) -> None:
    set_up(site, tryon)
    page.goto(site.product("Court Shoe"))
    button = page.locator("try-on-button")
    expect(button).to_have_attribute("product-id", str(site.ids["Court Shoe"]))
    page.get_by_label("Size").select_option("50")
    expect(button).to_have_attribute("product-id", "COURT-50")
    press(page)
    assert vendor.sessions("COURT-50")


def test_it_follows_the_block_that_tells_of_nothing(
    site: Site, tryon: Shop, vendor: Vendor, page: Page
) -> None:
    site.php(f"switch_theme('{BLOCKS[site.source]}');")
    set_up(site, tryon)
    page.goto(site.product("Field Shoe"))
    button, size = page.locator("try-on-button"), page.get_by_label("Size")
    expect(button).to_have_attribute("product-id", "FIELD")
    size.select_option("42")
    expect(button).to_have_attribute("product-id", "FIELD-42")
    press(page)
    assert vendor.sessions("FIELD-42")
    page.keyboard.press("Escape")
    size.select_option("43")
    expect(button).to_have_attribute("product-id", "FIELD-43")
    size.select_option("Choose")
    expect(button).to_have_attribute("product-id", "FIELD")


def test_what_the_page_shows_is_in_the_catalogue_and_signed(site: Site, tryon: Shop) -> None:
    """The plugin's ids are those that the app reads in the export of the same shop."""
    set_up(site, tryon)
    ids = {}
    for name in ("Trail Runner", "Plain Shoe", "Road Shoe", "Court Shoe"):
        html = http().get(site.product(name)).text
        (ids[name],) = re.findall(r'product-id="([^"]*)"', html)
        (address,) = re.findall(r'<a class="button [^"]*" href="([^"]*)"', html)
        assert http().get(address.replace("&#038;", "&")).status_code == 200
    assert ids == {
        "Trail Runner": "R&amp;D 1/é",
        "Plain Shoe": str(site.ids["Plain Shoe"]),
        "Road Shoe": "ROAD",
        "Court Shoe": str(site.ids["Court Shoe"]),
    }
    signed = f"ROAD\n{time.strftime('%Y-%m-%d', time.gmtime())}"
    signature = hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256).hex()
    assert f'signature="{signature}"' in http().get(site.product("Road Shoe")).text


@pytest.mark.parametrize(
    ("place", "before", "after"),
    [
        ("button", "single_add_to_cart_button", "</form>"),
        ("form", "</form>", "</main>"),
        ("above", 'class="price"', '<form class="cart"'),
        ("price", 'class="price"', '<form class="cart"'),
    ],
)
def test_it_stands_where_it_is_wanted(
    site: Site, tryon: Shop, place: str, before: str, after: str
) -> None:
    site.php(f"switch_theme('{CLASSIC}');")
    set_up(site, tryon, place=place)
    html = http().get(site.product("Trail Runner")).text
    between = html.partition(before)[2].partition(after)[0]
    assert between.count("<try-on-button") == html.count("<try-on-button") == 1


def test_a_product_that_is_sold_out_has_it_below_the_price_alone(site: Site, tryon: Shop) -> None:
    site.php(f"switch_theme('{CLASSIC}');")
    for place, count in (("button", 0), ("price", 1), ("shortcode", 0)):
        set_up(site, tryon, place=place)
        assert http().get(site.product("Sold Out")).text.count("<try-on-button") == count


def test_without_an_address_there_is_no_button(site: Site, tryon: Shop) -> None:
    site.php("delete_option('try_on_button');")
    assert "try-on" not in http().get(site.product("Trail Runner")).text


def test_only_who_manages_the_shop_may_set_it(site: Site, context: Contexts) -> None:
    page = context().new_page()
    log_in(page, site, "reader")
    answer = page.goto(f"{site.url}/wp-admin/admin.php?page=try-on-button")
    assert answer
    assert answer.status == 403
    form: Any = {"option_page": "try-on-button", "action": "update"}
    form["try_on_button[address]"] = "https://attacker.example"
    for name in ("reader", "manager"):  # neither has sent the form's nonce
        page = context().new_page()
        log_in(page, site, name)
        answered = page.request.post(f"{site.url}/wp-admin/options.php", form=form)
        assert answered.status == 403
    assert "attacker" not in site.php("echo json_encode(get_option('try_on_button'));")


@everywhere
def test_its_own_tests_hold(site: Site) -> None:
    """In this WordPress, what needs no browser: ids, cleaning, translations, uninstall."""
    if shutil.which("phpunit") is None:
        lacking("no phpunit (Debian: phpunit)")
    tests = str(HERE / "woocommerce/TryOnButtonTest.php")
    run("phpunit", "--no-configuration", "--do-not-cache-result", tests, SITE=str(site.folder))
