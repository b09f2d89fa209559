"""What the browser tests play on: a merchant's site, a stand-in server, the product page."""

import io
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Route,
    expect,
    sync_playwright,
)

from proxy.tryon.qr import LinkCodes
from tests.servers import PASSWORD, Shop, eventually

# Without a window around each page it needs a third of the time; both draw and run pages alike.
CHROMIUM = (
    os.environ.get("CHROMIUM")
    or shutil.which("chromium-headless-shell")
    or shutil.which("chromium")
)
NO_CHROMIUM = "no Chromium was found: install it, or name it in CHROMIUM"
FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",  # which is as small as 64 MB in a container, or not there
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
# As strict as a product page can be; the shop's origin is filled in.
STRICT = (
    "default-src 'none'; script-src {tryon}; connect-src {tryon}; style-src 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
EVENTS = ("impression", "click", "created", "launch", "statechange", "opened", "completed")
EVENTS += ("expired", "cancelled", "error", "copy", "refresh")
# Runs before the page's own scripts, and writes down what the tests ask about.
WITNESS = f"""
window.told = []; window.broken = []; window.shift = 0;
for (const name of {json.dumps(EVENTS)})
  addEventListener('tryon-' + name, event => told.push({{name, ...event.detail}}));
addEventListener('securitypolicyviolation', event => broken.push(event.violatedDirective));
addEventListener('error', event => broken.push(event.message));
addEventListener('unhandledrejection', event => broken.push(String(event.reason)));
new PerformanceObserver(list => list.getEntries().forEach(entry => shift += entry.value))
  .observe({{type: 'layout-shift', buffered: true}});
"""
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)

PAUSE = b"<!-- the rest comes later -->"
LINK = '<a href="/t/{id}">Try it on</a>'


def product_page(
    tryon: Shop,
    product_id: str,
    inside: str,
    attributes: str = "",
    before: str = "",
    after: str = "",
) -> str:
    """A merchant's page with the button on it."""
    return f"""<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Trail Runner</title>
<main><h1>Trail Runner</h1>{before}
<p><try-on-button product-id="{product_id}" category="footwear" {attributes}
>{inside}</try-on-button></p>
<p><button id="cart">Add to bag</button></p></main>{after}
<script type="module" src="{tryon.url}/try-on-button.js"></script></html>"""


@contextmanager
def running_chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        raise SystemExit(NO_CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=FLAGS,
            # Playwright lets every popup through unless told not to.
            ignore_default_args=["--disable-popup-blocking"],
        )
        yield browser
        browser.close()


class Merchant:
    """A shop's own web server: pages made up by the tests, with the policy that they want."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, str]] = {}
        merchant = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                policy, html = merchant.pages.get(self.path, ("", "<title>there</title>"))
                body = html.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                if policy:
                    self.send_header("Content-Security-Policy", policy)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                first, _, rest = body.partition(PAUSE)
                self.wfile.write(first)
                if rest:
                    time.sleep(0.5)  # what stands by then is drawn
                    self.wfile.write(PAUSE + rest)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def page(self, html: str, policy: str) -> str:
        path = f"/{len(self.pages)}"
        self.pages[path] = (policy, html)
        return self.origin + path


def stop_time(context: BrowserContext) -> None:
    """Let the timers of a context's pages run only when `page.clock` says so."""
    context.clock.install(time=0)
    context.clock.pause_at(1)


def _name(number: int) -> str:
    return f"session-{number}".ljust(22, "x")


@cache  # it takes longer than a page's load
def _codes(url: str) -> LinkCodes:
    return LinkCodes(f"{url}/go/", len(_name(0)), "?q")


class Api:
    """Stands in for `/sessions` in one context, so that a test can say what is answered."""

    def __init__(self, context: BrowserContext, tryon: Shop) -> None:
        self.posts: list[dict[str, Any]] = []
        self.beacons: list[dict[str, Any]] = []
        self.asked = 0
        self.cancelled = 0
        self.status = 201
        self.state = "waiting"
        self.extra: dict[str, Any] = {}
        self.holds = False  # the next answers, until `release`
        self.held: list[Callable[[], None]] = []
        self.body: dict[str, Any] | str | None = None
        self.url = tryon.url
        context.route("**/sessions", self._create)
        context.route("**/sessions/*", self._show)
        context.route("**/sessions/*/events", lambda route: route.abort())
        context.route("**/sessions/*/cancel", self._cancel)
        context.route("**/events", self._beacon)

    def session(self) -> dict[str, Any]:
        name = _name(len(self.posts))
        code = _codes(self.url).code(name)
        status_url = f"{self.url}/sessions/{name}"
        return {
            "id": name,
            "state": self.state,
            "launch_url": f"{self.url}/go/{name}",
            "handoff_url": f"{self.url}/handoff/{name}",
            "status_url": status_url,
            "events_url": f"{status_url}/events",
            "expires_at": "2030-01-01T00:00:00Z",
            "expires_in": 900,
            "title": None,
            "qr": {"size": code.size, "path": code.path},
        } | self.extra

    def _create(self, route: Route) -> None:
        self.posts.append(route.request.post_data_json)
        body = self.session() if self.body is None else self.body
        text = body if isinstance(body, str) else json.dumps(body)
        self._reply(route, self.status, text)

    def _show(self, route: Route) -> None:
        self.asked += 1
        self._reply(route, 404 if self.state == "gone" else 200, json.dumps(self.session()))

    def _cancel(self, route: Route) -> None:
        self.cancelled += 1
        self._answer(route, 200, json.dumps(self.session() | {"state": "cancelled"}))

    def _beacon(self, route: Route) -> None:
        if route.request.method == "POST":
            self.beacons.append(json.loads(route.request.post_data or "{}"))
            self._answer(route, 204, "")
        else:
            route.abort()

    def _reply(self, route: Route, status: int, body: str) -> None:
        answer = partial(self._answer, route, status, body)
        self.held.append(answer) if self.holds else answer()

    def release(self) -> None:
        while self.held:
            self.held.pop()()

    @staticmethod
    def _answer(route: Route, status: int, body: str) -> None:
        headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/json"}
        route.fulfill(status=status, headers=headers, body=body)


class Product:
    """A product page with the button on it."""

    def __init__(self, page: Page, api: Api | None) -> None:
        self.page = page
        self.api = api
        self.button = page.locator("try-on-button")
        self.dialog = page.locator("try-on-button dialog")
        self.status = page.locator("try-on-button [part=status]")

    def press(self, **options: Any) -> None:
        self.button.locator("a[href^='/t/'], button[part=button]").first.click(**options)

    def part(self, name: str) -> Locator:
        return self.page.locator(f"try-on-button [part~='{name}']")

    def reaches(self, state: str) -> None:
        expect(self.button).to_have_attribute("state", state)

    def becomes(self, state: str) -> None:
        """The stood-in server changes its mind, and the page hears of it."""
        assert self.api is not None
        self.api.state = state
        self.page.evaluate("dispatchEvent(new Event('visibilitychange'))")
        self.reaches("expired" if state == "gone" else state)

    def is_kept_waiting(self) -> None:
        """The stood-in server holds an answer, the only one."""
        api = self.api
        assert api is not None
        eventually(lambda: self.page.evaluate("true") and api.held)  # which lets requests come
        api.holds = False

    @property
    def told(self) -> list[dict[str, Any]]:
        """The events so far, without the state changes."""
        told: list[dict[str, Any]] = self.page.evaluate("told")
        return [event for event in told if event["name"] != "statechange"]

    @property
    def names(self) -> list[str]:
        return [event["name"] for event in self.told]

    @property
    def broken(self) -> list[str]:
        """Violated policies, errors and unhandled rejections."""
        return list(self.page.evaluate("broken"))


def lacking(what: str) -> NoReturn:
    """Skip by name what this machine cannot show; in CI, which installs all of it, fail."""
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what} (REQUIRE_BROWSER demands it)")
    pytest.skip(what)


def log_in(page: Page, shop: Shop) -> None:
    """To the dashboard's first page."""
    page.goto(f"{shop.url}/dashboard/login")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/dashboard/")


def scan(picture: bytes) -> str:
    """What a phone's camera reads; an inverted code counts as unreadable."""
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)), try_invert=False)
    return found[0].text if found else ""
