"""A press in a real browser: how soon its code is on screen, and how soon words follow the phone.

The page is on another origin than the app, as a shop's is. Each press is in a browser context of
its own, which has loaded the page with its script, and neither dialog nor words. Two servers of one
worker share a database; the page asks the first, the phone and the vendor either of both.
"""

import json
import statistics
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from playwright.sync_api import Browser, CDPSession, Page

from benchmarks import report
from benchmarks.callbacks import collected
from benchmarks.contenders import Bench, Version, ours, turns, vendor
from benchmarks.processes import Server, get, post, running
from tests.browser.stage import CHROMIUM, NO_CHROMIUM, STRICT, Merchant, running_chromium
from tests.servers import PHONE

PRESSES = 20  # in a round of each scene
TURN_MS = 200  # for the stream to be there, as it is long before a phone
# Each request as Chromium's own tools throttle it: milliseconds, and bytes a second.
MOBILE = {"offline": False, "latency": 100}
MOBILE |= {"downloadThroughput": 625_000, "uploadThroughput": 625_000}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Trail Runner</title>
<try-on-button product-id="{sku}" category="footwear"><a href="/t/">Try it on</a></try-on-button>
<script type="module" src="{tryon}/try-on-button.js"></script></html>"""
# What was changed before a frame has been drawn when the next one begins.
WITNESS = """
window.seen = {};
const now = () => performance.timeOrigin + performance.now();
addEventListener('click', () => { seen.press = now(); }, true);
addEventListener('tryon-statechange', ({ detail }) => requestAnimationFrame(
  () => requestAnimationFrame(() => { seen[detail.state] = now(); })));
"""
DRAWN = """state => {
  const { shadowRoot } = document.querySelector('try-on-button');
  const [code, words] = ['qr', 'status'].map(part => shadowRoot.querySelector(`[part=${part}]`));
  return seen[state] && words.checkVisibility() && words.textContent
    && (state != 'waiting' || code.checkVisibility() && code.querySelector('path[d]'));
}"""


@dataclass(frozen=True)
class Scene:
    name: str
    throttled: bool = False
    hovers: bool = False


SCENES = (
    Scene("loopback"),
    Scene("loopback, hovered before", hovers=True),
    Scene("100 ms, 5 Mbit/s", throttled=True),
    Scene("100 ms, 5 Mbit/s, hovered before", throttled=True, hovers=True),
)
FOLLOWED = SCENES[0]
ENDS = tuple((what, where) for what in ("launch", "callback") for where in ("same", "another"))


@dataclass
class Found:
    """Of one version: milliseconds of each press, of the page's processor for it, and of what
    followed."""

    presses: dict[Scene, list[float]] = field(default_factory=lambda: {each: [] for each in SCENES})
    work: dict[Scene, list[float]] = field(default_factory=lambda: {each: [] for each in SCENES})
    words: dict[tuple[str, str], list[float]] = field(
        default_factory=lambda: {each: [] for each in ENDS}
    )


def run(bench: Bench, rounds: int, seconds: float) -> None:
    if CHROMIUM is None:
        report.say(f"Left out: the table press: {NO_CHROMIUM}")
        return
    presses = PRESSES if seconds >= 5 else 4  # the quick form
    results = {version: Found() for version in bench.versions}
    with running_chromium() as chromium:
        for number in range(rounds):
            for version in turns(bench.versions, number):
                _round(bench, version, chromium, presses, results[version])
    _print(results)


def _round(bench: Bench, version: Version, chromium: Browser, count: int, found: Found) -> None:
    merchant = Merchant()
    first = ours(bench, version, workers=1)
    first = replace(first, environ={**first.environ, "TRYON_ALLOWED_ORIGINS": merchant.origin})
    second = ours(bench, version, workers=1, like=first)
    log = bench.scratch / "press.log"
    with ExitStack() as stack:
        stack.callback(merchant.server.shutdown)
        stack.enter_context(running(vendor(bench.vendor_port), log))
        servers = [stack.enter_context(running(one, log)) for one in (first, second)]
        for number in range(count):
            for scene in turns(SCENES, number):
                with _page(chromium, merchant, servers[0]) as (page, tools):
                    found.presses[scene].append(_press(page, tools, scene))
                    found.work[scene].append(_work(tools))
                    if scene == FOLLOWED:
                        _follow(bench, page, turns(servers, number), number, found)


@contextmanager
def _page(
    chromium: Browser, merchant: Merchant, server: Server
) -> Iterator[tuple[Page, CDPSession]]:
    """A product page whose script has run, with nothing else of ours in the browser's cache."""
    html = PAGE.format(tryon=server.url, sku=uuid.uuid4().hex)
    context = chromium.new_context()
    try:
        context.add_init_script(WITNESS)
        page = context.new_page()
        tools = context.new_cdp_session(page)
        tools.send(
            "Performance.enable", {"timeDomain": "threadTicks"}
        )  # others take processors too
        page.goto(merchant.page(html, STRICT.format(tryon=server.url)))
        yield page, tools
    finally:
        context.close()


def _press(page: Page, tools: CDPSession, scene: Scene) -> float:
    """From the press until the dialog with its code has been drawn, in milliseconds."""
    if scene.throttled:
        tools.send("Network.enable")
        tools.send("Network.emulateNetworkConditions", MOBILE)
    link = page.locator("try-on-button > a")
    if scene.hovers:
        link.hover()
        page.wait_for_timeout(300)
    # No pointer, or it would be over the link for some milliseconds before.
    link.evaluate("link => link.click()")
    return _drawn(page, "waiting") - float(page.evaluate("seen.press"))


def _work(tools: CDPSession) -> float:
    """The processor's time for script, style and layout since the page began, in milliseconds."""
    metrics = tools.send("Performance.getMetrics")["metrics"]
    spent = {metric["name"]: metric["value"] for metric in metrics}
    return float(
        1000 * sum(spent[f"{what}Duration"] for what in ("Script", "RecalcStyle", "Layout"))
    )


def _drawn(page: Page, state: str) -> float:
    """When a state was there to be seen, by the clock of the machine, in milliseconds."""
    page.wait_for_function(DRAWN, arg=state)
    return float(page.evaluate("state => seen[state]", state))


def _follow(bench: Bench, page: Page, servers: Sequence[Server], number: int, found: Found) -> None:
    """A phone launches, and the vendor calls back, one of both at the worker of the page."""
    launch = page.evaluate("document.querySelector('try-on-button').session.launch_url")
    _, session_id, callback = collected(bench)[-1]
    body = json.dumps({"session_id": session_id, "state": "completed"})
    wheres = turns(("same", "another"), number)
    page.wait_for_timeout(TURN_MS)
    began = time.time() * 1000
    get(servers[0].contender.port, urlsplit(launch).path, **{"User-Agent": PHONE})
    found.words["launch", wheres[0]].append(_drawn(page, "opened") - began)
    page.wait_for_timeout(TURN_MS)
    began = time.time() * 1000
    post(servers[1].contender.port, urlsplit(callback).path, body)
    found.words["callback", wheres[1]].append(_drawn(page, "completed") - began)


def _print(results: Mapping[Version, Found]) -> None:
    _table(
        "From a press to the dialog with its code, vendor at 0 ms",
        {
            (version.name, scene.name): times
            for version, found in results.items()
            for scene, times in found.presses.items()
        },
    )
    _table(
        "The processor's time for it in the page: script, style and layout",
        {
            (version.name, scene.name): times
            for version, found in results.items()
            for scene, times in found.work.items()
        },
    )
    _table(
        "From a launch or a callback to the words on the desktop",
        {
            (version.name, f"{what}, {where} worker"): times
            for version, found in results.items()
            for (what, where), times in found.words.items()
        },
    )


def _table(title: str, rows: Mapping[tuple[str, str], Sequence[float]]) -> None:
    report.table(
        title,
        ["", "", "times", "p50 ms", "p95 ms", "max"],
        [
            [*names, len(times), *map(report.number, _figures(times))]
            for names, times in rows.items()
        ],
    )


def _figures(times: Sequence[float]) -> tuple[float, float, float]:
    """Median, 95th percentile, and the longest."""
    return (
        statistics.median(times),
        statistics.quantiles(times, n=20, method="inclusive")[18],
        max(times),
    )
