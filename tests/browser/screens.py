"""Every state of every page as a picture, to be looked at: `make screens`.

Writes `build/screens/index.html` and the pictures beside it: each state at four widths, in light
and dark. `make screens ARGS=dialog` takes those alone that have this word in their name. It lies
with the browser tests, since it stands on what they stand on: Chromium and a stand-in server.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from html import escape
from itertools import product
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import Browser, Error, Page

from proxy.catalog.demo import PRODUCTS
from proxy.tryon.state import ENDED
from proxy.web import i18n
from tests.browser.stage import IPHONE, Api, Product, log_in, running_chromium
from tests.servers import (
    DESKTOP,
    ROOT,
    Shop,
    Vendor,
    eventually,
    running_demo,
    running_shop,
    unique,
)

WINDOW: Any = {"width": 1440, "height": 900}
SCHEMES: list[Any] = ["light", "dark"]
BOT = "Mozilla/5.0 (compatible; Twitterbot/1.0)"
NO_ANSWER = """window.fetch = (whole => (url, ...more) =>
    /sessions$/.test(url) ? new Promise(() => {}) : whole(url, ...more))(fetch)"""
BARE = "document.querySelector('try-on-button a').remove()"
ELSEWHERE = "https://shop.example"
EMPTY = "?from=2020-01-01&to=2020-01-07"


@dataclass(frozen=True)
class Stage:
    """A demo with a past and a catalogue, and a shop that has neither."""

    shop: Shop
    bare: Shop
    vendor: Vendor


@dataclass(frozen=True)
class Screen:
    """One state: how a page gets there, and in what kind of browser."""

    name: str
    show: Callable[[Page, Stage], None]
    whole: bool = True  # the page to its end; a dialog lies over what is in the window
    agent: str = DESKTOP  # a headless browser says that it is one, and is taken for a bot


def at(path: str, *, bare: bool = False) -> Callable[[Page, Stage], None]:
    return lambda page, stage: _open(page, (stage.bare if bare else stage.shop).url + path)


def _open(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_load_state()


def dialog(
    state: str, *presses: str, then: str = "", **answer: Any
) -> Callable[[Page, Stage], None]:
    """The dialog over a product page, with the server stood in for; in it parts are pressed, and
    the server `then` says another state."""

    def show(page: Page, stage: Stage) -> None:
        api = Api(page.context, stage.shop)
        for name, value in answer.items():
            setattr(api, name, value)
        shown = Product(page, api)
        page.goto(f"{stage.shop.url}/shop/trail-runner")
        if state == "creating":
            page.evaluate(NO_ANSWER)
        page.get_by_role("link", name="Try it on").click()
        first = {"creating": "creating", "error": "error"}.get(state, "waiting")
        shown.reaches(first)
        if state == "offline":
            page.context.set_offline(True)
            page.evaluate("dispatchEvent(new Event('visibilitychange'))")
        elif state not in (first, "soon"):
            shown.becomes(state)
        for part in presses:
            shown.part(part).click()
        if then:
            shown.becomes(then)

    return show


def button(act: Callable[[Page], object]) -> Callable[[Page, Stage], None]:
    """The product page's button, after something was done to it."""

    def show(page: Page, stage: Stage) -> None:
        _open(page, f"{stage.shop.url}/shop/tide-sunglasses")
        act(page)

    return show


def handoff(state: str, *, link: bool = False, bare: bool = False) -> Callable[[Page, Stage], None]:
    """The page with the QR in a state; with `link`, what the launch link answers then."""

    def show(page: Page, stage: Stage) -> None:
        shop = stage.bare if bare else stage.shop
        product_id = "sim-expires" if state == "expired" else unique() if bare else "city-boot"
        session = shop.click(product_id).json()
        if state not in ("waiting", "expired", "cancelled"):
            shop.launch(session["launch_url"])
        if state in ("completed", "abandoned", "failed"):
            stage.vendor.call_back(product_id, state=state)
        if state == "cancelled":
            shop.http.post(session["status_url"] + "/cancel")
        eventually(lambda: shop.state(session) == state)
        _open(page, session["launch_url" if link else "handoff_url"])

    return show


def simulator(product_id: str, *presses: str, bare: bool = False) -> Callable[[Page, Stage], None]:
    """The vendor's own page, as the simulator has it."""

    def show(page: Page, stage: Stage) -> None:
        shop = stage.bare if bare else stage.shop
        category = next((p.category for p in PRODUCTS if p.product_id == product_id), "footwear")
        _open(page, shop.click(product_id, category=category).json()["launch_url"])
        for press in presses:
            page.get_by_text(press, exact=True).click()
            page.wait_for_load_state()

    return show


def refused(page: Page, stage: Stage) -> None:
    """The page that a form gets where the vendor fails."""
    _open(page, f"{stage.shop.url}/t/sim-500-sandal")
    page.get_by_role("button").click()
    page.wait_for_url("**/sessions")


def dashboard(path: str) -> Callable[[Page, Stage], None]:
    def show(page: Page, stage: Stage) -> None:
        log_in(page, stage.shop)
        _open(page, f"{stage.shop.url}/dashboard/{path}")

    return show


def one_attempt(page: Page, stage: Stage) -> None:
    dashboard("attempts?count=completed")(page, stage)
    page.locator("tbody a").first.click()
    page.wait_for_url("**/dashboard/attempts/*")


def unreadable(page: Page, stage: Stage) -> None:
    """What is to be mended, after callbacks of a shape that nobody knows."""
    for verdict in ("fertig", "kaputt"):
        product_id = unique()
        stage.bare.click(product_id)
        session = stage.vendor.sessions(product_id)[0]
        told = {"verdict": verdict, "of": session["id"], "shopper": {"city": "Quito"}}
        stage.bare.http.post(session["callback_url"], json={"run": told, "at": 1_700_000_000_000})
    log_in(page, stage.bare)
    _open(page, f"{stage.bare.url}/dashboard/callbacks")


def mended(page: Page, stage: Stage) -> None:
    unreadable(page, stage)
    page.get_by_role("radio", name="The state is /run/verdict").check()
    page.get_by_role("button", name="Show what this gives").click()
    page.locator("#preview").wait_for()


def doctor(page: Page, stage: Stage) -> None:
    dashboard("settings")(page, stage)
    page.get_by_role("button", name="Ask tryon doctor").click()
    page.locator(".notice").wait_for()


def wrong_password(page: Page, stage: Stage) -> None:
    _open(page, f"{stage.shop.url}/dashboard/login")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button").click()
    page.wait_for_load_state()


WORDS = i18n.CATALOGUES["en"]
BROKEN = {"code": "upstream_error", "retryable": True, "message": WORDS["oops"]}
REFUSED = {"code": "not_available", "retryable": False, "message": WORDS["no"]}

SCREENS = [
    Screen("demo shelf", at("/")),
    Screen("demo product", at("/shop/trail-runner")),
    Screen("demo product without sizes", at("/shop/dew-pendant")),
    Screen("demo product that fails", at("/shop/sim-500-sandal")),
    Screen("button", button(lambda page: page.mouse.move(0, 0)), whole=False),
    Screen("button focused", button(lambda page: page.locator(".try").focus()), whole=False),
    Screen("button hovered", button(lambda page: page.locator(".try").hover()), whole=False),
    Screen(
        "button disabled",
        button(lambda page: page.evaluate("document.querySelector('try-on-button').disabled = 1")),
        whole=False,
    ),
    Screen("button of its own", button(lambda page: page.evaluate(BARE)), whole=False),
    *(
        Screen(f"dialog {state}", dialog(state), whole=False)
        for state in ("creating", "waiting", "offline", "opened", *ENDED)
    ),
    Screen("dialog in an app", dialog("waiting"), whole=False, agent=f"{IPHONE} Instagram 300.0"),
    Screen("dialog soon", dialog("soon", extra={"expires_in": 50}), whole=False),
    Screen("dialog code", dialog("opened", "code"), whole=False),
    Screen("dialog help", dialog("opened", "trouble"), whole=False),
    Screen("dialog error", dialog("error", status=502, body=BROKEN), whole=False),
    Screen("dialog error for good", dialog("error", status=422, body=REFUSED), whole=False),
    Screen("corner opened", dialog("opened", "shop"), whole=False),
    Screen("corner completed", dialog("opened", "shop", then="completed"), whole=False),
    Screen("t", at("/t/dew-pendant")),
    Screen("t without a catalogue", at("/t/sku-1?category=footwear", bare=True)),
    *(
        Screen(f"handoff {state}", handoff(state))
        for state in ("waiting", "opened", "completed", "abandoned", "failed", "cancelled")
    ),
    Screen("handoff expired", handoff("expired", bare=True)),
    Screen("handoff waiting on a phone", handoff("waiting"), agent=IPHONE),
    Screen("handoff waiting without a catalogue", handoff("waiting", bare=True)),
    Screen("handoff completed without a catalogue", handoff("completed", bare=True)),
    Screen("go for what is no browser", handoff("waiting", link=True), agent=BOT),
    *(
        Screen(f"go {state}", handoff(state, link=True), agent=IPHONE)
        for state in ("completed", "cancelled")
    ),
    Screen("go expired", handoff("expired", link=True, bare=True), agent=IPHONE),
    Screen("error not found", at("/nothing")),
    Screen("error unknown product", at("/t/nothing")),
    Screen("error of the vendor", refused),
    *(
        Screen(f"simulator {each.product_id}", simulator(each.product_id, "Allow the camera"))
        for each in PRODUCTS
        if not each.shows
    ),
    Screen("simulator asks", simulator("fell-beanie")),
    Screen("simulator unknown product", simulator("sku-1", "Allow the camera", bare=True)),
    Screen("simulator done", simulator("fell-beanie", "Allow the camera", "Done")),
    Screen("simulator cancelled", simulator("fell-beanie", "Not now")),
    Screen("simulator failed", simulator("fell-beanie", "I have no camera")),
    Screen("simulator console", lambda page, stage: _open(page, stage.vendor.url)),
    Screen("embed", at("/embed")),
    Screen("login", at("/dashboard/login")),
    Screen("login refused", wrong_password),
    Screen("dashboard", dashboard("")),
    Screen("dashboard today", dashboard("?range=today")),
    Screen("dashboard empty", dashboard(EMPTY)),
    Screen("dashboard by product", dashboard("by/product_id")),
    Screen("dashboard by day", dashboard("by/day")),
    Screen("dashboard by offered", dashboard("?by=offered#by")),
    Screen("dashboard by product searched", dashboard("by/product_id?search=boot")),
    Screen("dashboard attempts", dashboard("attempts")),
    Screen("dashboard attempts found", dashboard("attempts?search=sim")),
    Screen("dashboard attempts none", dashboard("attempts?search=nothing")),
    Screen("dashboard attempt", one_attempt),
    Screen("dashboard callbacks", unreadable),
    Screen("dashboard callbacks preview", mended),
    Screen("dashboard callbacks none", dashboard("callbacks")),
    Screen("dashboard settings", dashboard("settings")),
    Screen("dashboard settings and doctor", doctor),
    Screen("dashboard words", dashboard("words")),
    Screen("dashboard definitions", dashboard("definitions")),
    Screen("dashboard error", dashboard("?range=never")),
]


def take(
    browser: Browser, stage: Stage, screen: Screen, folder: Path, widths: Iterable[int]
) -> Iterator[str]:
    """Write one state's pictures; yields their names."""
    context = browser.new_context(
        locale="en-GB", reduced_motion="reduce", user_agent=screen.agent, viewport=WINDOW
    )
    with closing(context):
        page = context.new_page()
        screen.show(page, stage)
        for scheme, width in product(SCHEMES, widths):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(WINDOW | {"width": width})
            name = f"{screen.name.replace(' ', '-')}-{scheme}-{width}.png"
            page.screenshot(path=folder / name, full_page=screen.whole, animations="disabled")
            yield name


def index(taken: dict[str, list[str]]) -> str:
    """The page that shows all of them."""
    rows = "".join(
        f"<h2>{escape(name)}</h2><div>"
        + "".join(
            f'<a href="{each}"><img src="{each}" loading="lazy" alt=""></a>' for each in files
        )
        + "</div>"
        for name, files in taken.items()
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Screens</title><style>'
        "body{font:16px/1.5 system-ui;margin:2rem;background:#999}"
        "div{display:flex;gap:1rem;overflow-x:auto;align-items:start}"
        f"img{{height:26rem;width:auto}}</style><h1>Screens</h1>{rows}</html>"
    )


@contextmanager
def standing() -> Iterator[tuple[Browser, Stage]]:
    with (
        tempfile.TemporaryDirectory() as home,
        tempfile.TemporaryDirectory() as other,
        running_demo(Path(home)) as (shop, vendor),
        running_shop(Path(other), vendor, TRYON_ALLOWED_ORIGINS=ELSEWHERE) as bare,
        running_chromium() as browser,
    ):
        shop.command("demo-data", "--days=60")
        yield browser, Stage(shop, bare, vendor)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / "build" / "screens")
@click.option("--width", "widths", type=int, multiple=True, default=(320, 390, 768, 1440))
@click.argument("words", nargs=-1)
def main(words: Iterable[str], folder: Path, widths: Iterable[int]) -> None:
    """Take the states with all of these words in their names."""
    wanted = [each for each in SCREENS if all(word in each.name for word in words)]
    taken: dict[str, list[str]] = {each.name: [] for each in wanted}
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    with standing() as (browser, stage):
        for number, screen in enumerate(wanted, 1):
            click.echo(f"{number}/{len(wanted)} {screen.name}")
            try:
                taken[screen.name] += take(browser, stage, screen, folder, widths)
            except (AssertionError, Error) as error:  # the others are worth having
                click.echo(error, err=True)
    (folder / "index.html").write_text(index(taken), "utf-8")
    click.echo(folder / "index.html")
    if missing := [name for name, files in taken.items() if not files]:
        raise click.ClickException(f"not reached: {', '.join(missing)}")


if __name__ == "__main__":
    main()
