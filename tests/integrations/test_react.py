"""integrations/react, copied into a project as its page says, with React 18 and with 19."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.stage import Api, Merchant, Product
from tests.servers import ROOT, Shop

pytestmark = pytest.mark.slow

README = ROOT / "integrations/react/README.md"
PROJECT = Path(__file__).parent / "react"
ALIASES = {
    "18": {"react": "react-18", "react-dom": "react-dom-18", "@types/react": "@types/react-18"},
    "19": {},
}

run = partial(subprocess.run, capture_output=True, text=True, timeout=300)


class Made(NamedTuple):
    """What a project with some version of React came to."""

    version: str
    folder: Path
    html: str
    script: str


@pytest.fixture(scope="module", params=ALIASES)
def made(
    request: pytest.FixtureRequest,
    libraries: Path,
    tryon: Shop,
    tmp_path_factory: pytest.TempPathFactory,
) -> Made:
    folder = tmp_path_factory.mktemp("project")
    for path in (*PROJECT.glob("*.tsx"), ROOT / "integrations/react/TryOn.tsx"):
        shutil.copy(path, folder)
    (folder / "try-on-button.d.ts").write_text(
        tryon.http.get(f"{tryon.url}/try-on-button.d.ts").text
    )
    (folder / "node_modules").symlink_to(libraries)
    aliases = ALIASES[request.param]
    options = [f"--alias:{name}={other}" for name, other in aliases.items()]
    options += ["--bundle", "--jsx=automatic", "--jsx-dev", f'--define:SERVER="{tryon.url}"']

    def bundle(name: str, *more: str) -> str:
        command = [libraries / ".bin/esbuild", name, *options, *more]
        done = run(command, cwd=folder, check=False)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    (folder / "server.cjs").write_text(bundle("server.tsx", "--platform=node"))
    node = shutil.which("node") or "node"
    html = run([node, "server.cjs"], cwd=folder, check=True).stdout.strip()
    return Made(request.param, folder, html, bundle("browser.tsx"))


# React tells of what it does not like in the console.
LISTEN = """window.complaints = [];
for (const kind of ['error', 'warn'])
  console[kind] = (...words) => complaints.push(words.join(' '))"""


@pytest.fixture
def visit(
    made: Made, context: Callable[..., BrowserContext], merchant: Merchant, tryon: Shop
) -> Callable[..., Product]:
    """Opens the shop's page, which its server has rendered, with ours stood in for."""

    def visit(**options: Any) -> Product:
        opened = context(**options)
        opened.add_init_script(LISTEN)
        api = Api(opened, tryon)
        script = made.script
        opened.route(
            "**/shop.js", lambda route: route.fulfill(body=script, content_type="text/javascript")
        )
        html = f'<!doctype html><title>.</title><div id="root">{made.html}</div>'
        page = opened.new_page()
        page.goto(merchant.page(f'{html}<script src="/shop.js"></script>', ""))
        return Product(page, api)

    return visit


def started(visit: Callable[..., Product]) -> Product:
    """The page, alive."""
    shop = visit()
    shop.page.wait_for_function("() => !!(window.element && customElements.get('try-on-button'))")
    return shop


def press(shop: Product, **options: Any) -> None:
    shop.button.get_by_role("link", name="Try it on").click(**options)


def change(shop: Product, **changes: Any) -> None:
    shop.page.evaluate("changes => change(changes)", changes)


def heard(shop: Product) -> list[str]:
    return list(shop.page.evaluate("heard"))


def test_the_types_hold_in_a_strict_project(made: Made) -> None:
    aliases = ALIASES[made.version]
    types = aliases.get("@types/react", "@types/react")
    paths = {"react": [types], "react/*": [f"{types}/*"]}
    options = {
        "strict": True,
        "skipLibCheck": True,
        "noEmit": True,
        "target": "es2022",
        "module": "esnext",
        "moduleResolution": "bundler",
        "jsx": "react-jsx",
        "types": [],
        "paths": {name: [f"./node_modules/{each[0]}"] for name, each in paths.items()},
    }
    (example,) = re.findall(r"```tsx\n(.*?)```", README.read_text(), re.S)
    (made.folder / "example.tsx").write_text(example)
    files = ["TryOn.tsx", "shop.tsx", "wrong.tsx", "example.tsx"]
    config = {"compilerOptions": options, "files": files}
    (made.folder / "tsconfig.json").write_text(json.dumps(config))
    done = run([made.folder / "node_modules/.bin/tsc", "-p", "."], cwd=made.folder, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_server_renders_the_link_that_works_without_scripts(
    made: Made, context: Callable[..., BrowserContext], merchant: Merchant, tryon: Shop
) -> None:
    link = f"{tryon.url}/t/?product_id=sku-1&amp;category=footwear"
    assert (
        '<try-on-button product-id="sku-1" category="footwear" product-title="Trail Runner">'
        f'<a href="{link}" class="try">Try it on</a>'
        '<span slot="completed">Did it suit you?</span></try-on-button>'
    ) in made.html
    page = context(java_script_enabled=False).new_page()
    page.goto(merchant.page(made.html, ""))
    page.get_by_role("link", name="Try it on").click()
    expect(page.get_by_role("button", name="Try it on")).to_be_visible()


def test_it_is_hydrated_in_strict_mode_and_tells_each_step_once(
    visit: Callable[..., Product],
) -> None:
    shop = started(visit)
    assert shop.page.locator("script[type=module]").count() == 1
    press(shop)
    shop.reaches("waiting")
    shop.becomes("completed")
    assert heard(shop) == ["first click", "first created sku-1", "first completed sku-1"]
    assert shop.page.evaluate("element.state") == "completed"
    assert (shop.page.evaluate("complaints"), shop.broken) == ([], [])


def test_another_variant_starts_over_while_the_dialog_is_open(
    visit: Callable[..., Product],
) -> None:
    shop = started(visit)
    press(shop)
    shop.reaches("waiting")
    expect(shop.dialog).to_be_visible()
    change(shop, sku="sku-2", who="second")
    shop.reaches("idle")
    expect(shop.dialog).to_be_hidden()
    link = shop.button.get_by_role("link")
    expect(link).to_have_attribute("href", re.compile(r"product_id=sku-2&"))
    press(shop)
    shop.reaches("waiting")
    assert heard(shop)[-2:] == ["second click", "second created sku-2"]
    assert shop.api
    assert [post["product_id"] for post in shop.api.posts] == ["sku-1", "sku-2"]
    assert (shop.page.evaluate("complaints"), shop.broken) == ([], [])


def test_another_render_leaves_an_open_try_on_alone(visit: Callable[..., Product]) -> None:
    shop = started(visit)
    press(shop)
    shop.reaches("waiting")
    change(shop, who="second")
    shop.becomes("completed")
    expect(shop.dialog).to_be_visible()
    assert heard(shop)[-1] == "second completed sku-1"
    assert shop.api
    assert len(shop.api.posts) == 1


def test_taken_off_the_page_and_put_back_it_finds_its_session_again(
    visit: Callable[..., Product],
) -> None:
    shop = started(visit)
    press(shop)
    shop.reaches("waiting")
    change(shop, shown=False)
    expect(shop.button).to_have_count(0)
    assert shop.page.evaluate("element") is None
    change(shop, shown=True, who="second")
    shop.reaches("waiting")
    shop.becomes("completed")
    assert heard(shop) == ["first click", "first created sku-1", "second completed sku-1"]
    assert shop.api
    assert len(shop.api.posts) == 1
    assert (shop.page.evaluate("complaints"), shop.broken) == ([], [])


def test_what_is_off_is_not_there(visit: Callable[..., Product]) -> None:
    shop = started(visit)
    change(shop, disabled=True)
    expect(shop.button).to_have_attribute("disabled", "")
    press(shop, force=True)
    assert heard(shop) == []
    change(shop, disabled=False)
    expect(shop.button).not_to_have_attribute("disabled", re.compile(""))
    press(shop)
    shop.reaches("waiting")
