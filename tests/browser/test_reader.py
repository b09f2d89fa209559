"""What a shopper hears who sees nothing: `spoken.txt`, read in a real page by a virtual reader.

The reader walks the live elements, with the styles that Chromium gives them; it follows no slots.
"""

import re
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from proxy.web import i18n
from tests.browser.screens import SCREENS, Screen, Stage
from tests.browser.stage import Product
from tests.servers import Shop, eventually, unique

pytestmark = pytest.mark.slow

Contexts = Callable[..., BrowserContext]
Shelf = Callable[[BrowserContext], None]

WORDS = i18n.CATALOGUES["en"]
PLACES = {  # where a reader is while a screen is shown, by the first word of its name
    "button": "try-on-button > a, [part=button]:visible",
    "dialog": "try-on-button dialog",
    "corner": "try-on-button [part=corner]:visible",
    "t": "body",
    "handoff": "body",
    "go": "body",
    "error": "body",
}
START = """async container => {
    const from = '/lib/@guidepup/virtual-screen-reader/lib/esm/index.browser.js';
    window.reader = (await import(from)).virtual;
    for (const each of document.querySelectorAll('noscript')) each.remove();
    await reader.start({ container }) }"""
# What is said in between, of what changes meanwhile, is no part of what is there.
WALK = """async () => {
    const polite = phrase => phrase.startsWith('polite: ');
    const read = [(await reader.spokenPhraseLog()).find(phrase => !polite(phrase))];
    while (read.length < 99) {
        await reader.next();
        const phrase = await reader.lastSpokenPhrase();
        if (phrase == read[0]) return read;
        if (!polite(phrase)) read.push(phrase);
    }
    return ['and so on', ...read] }"""


def told(lines: list[str]) -> list[str]:
    """Phrases without those that end something, and without numbers that nobody can foretell."""
    said = (line for line in lines if not line.startswith("end of "))
    return [re.sub(r"\d+ seconds|[0-9a-f]{16}", "…", line) for line in said]


def written() -> dict[str, list[str]]:
    text = Path(__file__).with_name("spoken.txt").read_text("utf-8")
    blocks = (block.split("\n") for block in text.strip().split("\n\n"))
    return {name.strip("# "): lines for name, *lines in blocks}


def test_every_state_is_read_as_it_is_written(
    context: Contexts, stage: Stage, shelf: Shelf
) -> None:
    def hear(screen: Screen, place: str) -> list[str]:
        opened = context(user_agent=screen.agent, bypass_csp=True)
        shelf(opened)
        page = opened.new_page()
        screen.show(page, stage)
        page.locator(place).evaluate(START)
        heard = told(page.evaluate(WALK))
        opened.close()
        return heard

    heard = {
        screen.name: hear(screen, PLACES[kind])
        for screen in SCREENS
        if (kind := screen.name.split()[0]) in PLACES
    }
    expected = written()
    assert [*heard] == [*expected]
    assert {name: lines for name, lines in heard.items() if lines != expected[name]} == {}


def said(page: Page, last: str) -> list[str]:
    """What the reader said of its own accord, up to these words; it says what is in a region again
    with each of the region's changes."""

    def polite() -> list[str]:
        log: list[str] = page.evaluate("reader.spokenPhraseLog()")
        phrases = (each.removeprefix("polite: ") for each in log if each.startswith("polite: "))
        return [phrase for phrase, _ in groupby(phrases)]

    eventually(lambda: last in polite())
    return polite()


def test_what_happens_is_said_once(product: Callable[..., Product], shelf: Shelf) -> None:
    page = product(policy="", setup=shelf)
    page.press()
    page.reaches("waiting")
    page.dialog.evaluate(START)
    page.part("copy").click()
    assert said(page.page, WORDS["copied"]) == [WORDS["copied"]]
    page.becomes("opened")
    assert said(page.page, WORDS["opened"]) == [WORDS["copied"], WORDS["opened"]]
    page.page.evaluate("reader.stop()")
    page.part("shop").click()
    page.part("corner").evaluate(START)
    page.becomes("completed")
    assert said(page.page, WORDS["completed"]) == [WORDS["completed"]]


def test_an_error_is_said_once(product: Callable[..., Product], shelf: Shelf) -> None:
    page = product(policy="", setup=shelf)
    page.press()
    page.reaches("waiting")
    page.dialog.evaluate(START)
    assert page.api
    page.api.status, page.api.body = 502, {"code": "upstream_error", "message": WORDS["oops"]}
    page.page.evaluate("document.querySelector('try-on-button').refresh()")
    assert said(page.page, WORDS["oops"]) == [WORDS["creating"], WORDS["oops"]]


def test_the_handoff_page_says_once_what_happens(
    context: Contexts, tryon: Shop, shelf: Shelf
) -> None:
    opened = context(bypass_csp=True)
    shelf(opened)
    page = opened.new_page()
    session = tryon.click(unique()).json()
    page.goto(session["handoff_url"])
    page.locator("body").evaluate(START)
    tryon.launch(session["launch_url"])
    assert said(page, WORDS["opened"]) == [WORDS["opened"]]
