"""integrations/gtm: the container and the template, as far as they can be tried without Google."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import BrowserContext

from tests.browser.stage import Api, Merchant, Product, lacking
from tests.servers import ROOT, Shop

pytestmark = pytest.mark.slow

FOLDER = ROOT / "integrations/gtm"
README = (FOLDER / "README.md").read_text()
ELEMENT, SED = re.findall(r"^ *```\w*\n(.*?)^ *```", README, re.M | re.S)
STAND_INS = Path(__file__).parent / "gtm"
TEMPLATE = (FOLDER / "template.tpl").read_text()
SECTIONS = dict(re.findall(r"^___(\w+)___\n(.*?)(?=^___|\Z)", TEMPLATE, re.M | re.S))
CODE = SECTIONS["SANDBOXED_JS_FOR_WEB_TEMPLATE"]
CONTAINER = (FOLDER / "container.json").read_text()
VERSION = json.loads(CONTAINER)["containerVersion"]
ALL_PAGES = "2147479553"  # a trigger that every container has
SERVER = "https://tryon.shop.example"


def strings(value: object) -> Iterator[str]:
    """Every text in a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings([*value.values()])
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def test_the_container_refers_to_nothing_that_it_has_not() -> None:
    kinds = ("tag", "trigger", "variable")
    ids = [each[f"{kind}Id"] for kind in kinds for each in VERSION[kind]]
    names = [each["name"] for kind in kinds for each in VERSION[kind]]
    assert len({*ids}) == len(ids)
    assert len({*names}) == len(names)
    used = {name for text in strings(VERSION) for name in re.findall(r"{{(.*?)}}", text)}
    variables = {each["name"] for each in VERSION["variable"]}
    assert used == variables | {"_event"}
    triggers = {each["triggerId"] for each in VERSION["trigger"]} | {ALL_PAGES}
    fired = {name for tag in VERSION["tag"] for name in tag["firingTriggerId"]}
    assert fired == triggers
    for each in (VERSION[kind] for kind in kinds):
        assert {(one["accountId"], one["containerId"]) for one in each} == {("0", "0")}


def test_the_template_has_its_sections_and_may_do_what_it_does_and_no_more() -> None:
    assert [*SECTIONS] == [
        "INFO",
        "TEMPLATE_PARAMETERS",
        "SANDBOXED_JS_FOR_WEB_TEMPLATE",
        "WEB_PERMISSIONS",
        "TESTS",
        "NOTES",
    ]
    info, fields = json.loads(SECTIONS["INFO"]), json.loads(SECTIONS["TEMPLATE_PARAMETERS"])
    assert (info["type"], info["containerContexts"]) == ("TAG", ["WEB"])
    assert {field["name"] for field in fields} == {*re.findall(r"data\.(?!gtm)(\w+)", CODE)}
    assert re.findall(r"require\('(\w+)'\)", CODE) == [
        "injectScript",
        "logToConsole",
        "queryPermission",
    ]
    granted = [each["instance"]["key"]["publicId"] for each in permissions()]
    assert granted == ["inject_script", "logging"]
    assert patterns() == [f"{SERVER}/*"]
    # What the sandbox does not know.
    assert not re.search(r"`|\bnew\b|\bclass\b|\bawait\b|\bwindow\b|\bdocument\b|=>|\?\.", CODE)


def permissions() -> list[dict[str, Any]]:
    return list(json.loads(SECTIONS["WEB_PERMISSIONS"]))


def patterns() -> list[str]:
    (urls,) = permissions()[0]["instance"]["param"]
    return [item["string"] for item in urls["value"]["listItem"]]


def test_the_template_s_own_tests_pass() -> None:
    node = shutil.which("node") or lacking("node, which runs the template's tests, is missing")
    scenarios = yaml.safe_load(SECTIONS["TESTS"])["scenarios"]
    assert len(scenarios) == 4
    told = {"code": CODE, "patterns": patterns(), "scenarios": scenarios}
    done = subprocess.run(
        [node, STAND_INS / "sandbox.mjs"],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.fixture
def visit(
    context: Callable[..., BrowserContext], merchant: Merchant, tryon: Shop
) -> Callable[..., Product]:
    """Opens a page that has the element and no script of ours, and runs one there."""

    def visit(script: str) -> Product:
        opened = context()
        api = Api(opened, tryon)
        page = opened.new_page()
        element = with_addresses(ELEMENT, tryon)
        html = f"<!doctype html><title>.</title><body>{element}<script>{script}</script>"
        page.goto(merchant.page(html, ""))
        page.wait_for_function("() => !!customElements.get('try-on-button')")
        return Product(page, api)

    return visit


def test_sed_puts_the_addresses_into_both_files(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "integrations/gtm")
    subprocess.run(["sh", "-c", SED], cwd=tmp_path, check=True)
    changed = tmp_path / "integrations/gtm"
    container = (changed / "container.json").read_text()
    assert json.loads(container) == json.loads(
        CONTAINER.replace(SERVER, "https://tryon.your-shop.example").replace(
            "G-XXXXXXXXXX", "G-YOURS"
        )
    )
    assert SERVER not in container + (changed / "template.tpl").read_text()


def with_addresses(text: str, tryon: Shop) -> str:
    """As sed does it."""
    return text.replace(SERVER, tryon.url).replace("G-XXXXXXXXXX", "G-TESTED0001")


def test_the_container_loads_the_button_and_tells_analytics_of_each_step(
    visit: Callable[..., Product], tryon: Shop
) -> None:
    container = json.dumps(json.loads(with_addresses(CONTAINER, tryon))["containerVersion"])
    manager = (STAND_INS / "manager.js").read_text()
    in_a_page = container.replace("</", "<\\/")
    page = visit(f"{manager}; startContainer({in_a_page})")
    page.button.get_by_role("link", name="Try it on").click()
    page.reaches("waiting")
    page.becomes("completed")
    session = page.page.evaluate("document.querySelector('try-on-button').session.id")
    item = {"item_id": "sku-12345", "item_category": "footwear"}
    steps = [
        ["tryon_click", "G-TESTED0001", item],
        [
            "select_content",
            "G-TESTED0001",
            {"content_type": "try_on", "content_id": "sku-12345"},
        ],
        *(
            [f"tryon_{step}", "G-TESTED0001", item | {"tryon_id": session}]
            for step in ("created", "opened", "completed")
        ),
    ]
    assert json.loads(page.page.evaluate("JSON.stringify(hits)")) == steps
    assert page.broken == []


def test_the_template_loads_the_button_by_a_plain_script(
    visit: Callable[..., Product], tryon: Shop
) -> None:
    page = visit(
        f"""const apis = {{
            queryPermission: () => true,
            logToConsole: () => {{}},
            injectScript: (src, onload, onerror) => document.head.append(
                Object.assign(document.createElement('script'), {{ src, onload, onerror }})),
        }};
        new Function('require', 'data', {json.dumps(CODE)})(name => apis[name], {{
            server: '{tryon.url}/',
            gtmOnSuccess: () => {{ window.ended = 'well' }},
            gtmOnFailure: () => {{ window.ended = 'badly' }},
        }})"""
    )
    assert page.page.evaluate("ended") == "well"
    page.button.get_by_role("link", name="Try it on").click()
    page.reaches("waiting")
    assert page.broken == []
