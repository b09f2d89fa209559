"""`/dashboard/settings`: what the app runs with, no secret among it, and the doctor's verdict."""

import json
import re
from collections.abc import Iterator

import pytest
import requests

from proxy.settings import DEFINITIONS, table
from tests.routes.dashboard.merchant import log_in_once, token
from tests.servers import ALONE, METRICS_TOKEN, PASSWORD, TOKEN, Shop, Vendor, running_shop


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop with a catalogue and budgets."""
    folder = tmp_path_factory.mktemp("kept")
    products = [{"product_id": f"boot-{n}", "category": "footwear"} for n in range(3)]
    (folder / "products.json").write_text(json.dumps([*products, {"product_id": ""}]))
    settings = ALONE | {
        "TRYON_CATALOG": str(folder / "products.json"),
        "TRYON_DAILY_SESSIONS": "4",
        "TRYON_TIMEZONE": "Asia/Kolkata",
        "TRYON_LOGO_URL": "https://shop.example/logo.png?key=a-key",
    }
    with running_shop(folder, vendor, **settings) as shop:
        yield shop


@pytest.fixture
def browser(kept: Shop) -> requests.Session:
    return log_in_once(kept)


def page(shop: Shop) -> str:
    answer = log_in_once(shop).get(f"{shop.url}/dashboard/settings")
    assert answer.status_code == 200
    return answer.text


def fact(text: str, label: str) -> str:
    found = re.search(rf"<dt>{label}.*?</dt><dd>(.*?)</dd>", text, re.S)
    assert found, label
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", found[1])).strip()


def test_it_says_what_the_app_runs_with(kept: Shop) -> None:
    for _ in range(3):
        assert kept.click("boot-1").status_code == 201
    text = page(kept)
    assert fact(text, "Sites") == kept.url
    assert fact(text, "Categories") == "footwear, eyewear"
    assert fact(text, "Its products") == "3 1 of 4 rows left out"
    assert re.search(r"\d (ms|s|min) ago \d{4}-", fact(text, "Read "))
    assert fact(text, "Today") == "3 of 4 sessions spent, 75.0%"
    assert fact(text, "This month") == "no limit"
    assert fact(text, "Time zone") == "Asia/Kolkata"
    assert fact(text, "Kept one by one").startswith("400 days since 20")
    assert re.fullmatch(r"\d+\.\d+\.\d+", fact(text, "Version"))
    assert "Database, disk and catalogue are as they should be" in text


def test_each_setting_is_there_and_no_secret(kept: Shop) -> None:
    text = page(kept)
    for each in DEFINITIONS:
        assert f'id="{each.name}"' in text
    for anchor in re.findall(r'href="#(TRYON_\w+)"', text):
        assert f'id="{anchor}"' in text
    for secret in (TOKEN, PASSWORD, METRICS_TOKEN, kept.environ["TRYON_SECRET_KEY"], "a-key"):
        assert secret not in text


def test_a_password_in_an_address_is_not_shown() -> None:
    rows = {row.name: row.shown for row in table({"TRYON_CATALOG": "https://a:b@shop.example/f"})}
    assert rows["TRYON_CATALOG"] in ("https://…@shop.example/f", "wrong")


def test_the_doctor_is_asked_by_a_form_alone(kept: Shop, browser: requests.Session) -> None:
    assert "Ready" not in page(kept)
    refused = browser.post(f"{kept.url}/dashboard/settings", data={"token": "wrong"})
    assert refused.status_code == 403
    answer = browser.post(f"{kept.url}/dashboard/settings", data={"token": token(page(kept))})
    assert answer.status_code == 200
    verdict = re.search(r'<p class="notice" role="status"><strong>(.+?)</strong>', answer.text)
    assert verdict
    assert re.match(r"Ready: nothing has to be mended\.|Not ready: ", verdict[1])
    assert re.search(r"<li>Well: .*database.*</li>", answer.text)
    assert TOKEN not in answer.text


@pytest.mark.parametrize("asked", ["x=1", "range=7d", "x=1&x=2", "%00=%ff"])
def test_it_takes_no_parameters(kept: Shop, browser: requests.Session, asked: str) -> None:
    assert browser.get(f"{kept.url}/dashboard/settings?{asked}").status_code == 400
