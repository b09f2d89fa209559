"""Every state that a shopper can come to, looked at once for everybody: for long words and large
fonts, a small window, no motion, forced colours, right to left, a finger and the keyboard."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser import fonts
from tests.browser.screens import SCREENS, Screen, Stage
from tests.browser.stage import scan
from tests.browser.test_access import faults

pytestmark = pytest.mark.slow

Contexts = Callable[..., BrowserContext]

LOOK = Path(__file__).with_name("look.js").read_text()
STATES = [each for each in SCREENS if re.match("(dialog|corner|t|handoff|go|error)\\b", each.name)]
WIDTHS = (320, 390, 1280)
PHONE: Any = {"width": 390, "height": 844}
ZOOMED: Any = {"width": 320, "height": 200}  # 1280 by 800 pixels at 400 %


def set_in(page: Page, family: str) -> None:
    if page.locator("try-on-button").count():
        page.add_style_tag(content=f"try-on-button {{ --try-on-font: '{family}' }}")
    else:
        fonts.dress(page, family)


def layouts(page: Page, families: list[str]) -> dict[tuple[int, str], list[str]]:
    """What has no room, in the widths and fonts where something has none."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for family in families:
            set_in(page, family)
            said = page.evaluate(
                """() => [...look.crowded(), ...look.withLongWords(look.crowded, 'ltr'),
                    ...look.withLongWords(look.crowded, 'rtl')]"""
            )
            found[width, family] = said
    return {how: said for how, said in found.items() if said}


def in_forced_colours(page: Page) -> list[str]:
    page.set_viewport_size(PHONE)
    page.emulate_media(forced_colors="active")
    page.keyboard.press("Tab")  # so that the focus is shown
    found = list(page.evaluate("look.unseen()"))
    code = page.locator("[part=qr] svg, .qr svg").locator("visible=true")
    if code.count() and "/go/" not in scan(code.screenshot()):
        found.append("the code is not read")
    page.emulate_media(forced_colors="none")
    return found


@pytest.mark.parametrize("screen", STATES, ids=lambda screen: screen.name)
def test_a_state_is_for_everybody(
    context: Contexts, stage: Stage, families: list[str], screen: Screen
) -> None:
    page = context(user_agent=screen.agent, bypass_csp=True, reduced_motion="reduce").new_page()
    screen.show(page, stage)
    page.evaluate(LOOK)
    found: dict[str, Any] = {
        "axe": faults(page),
        "moving": page.evaluate("look.moving()"),
        "layouts": layouts(page, families),
    }
    page.set_viewport_size(ZOOMED)
    found["zoomed"] = page.evaluate(
        "[...look.crowded(), ...look.withLongWords(look.unreachable, 'ltr')]"
    )
    if screen.name != "dialog creating":
        found["forced colours"] = in_forced_colours(page)
    assert {what: said for what, said in found.items() if said} == {}
