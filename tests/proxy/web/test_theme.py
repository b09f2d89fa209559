"""Whatever colour a merchant picks, text on it and in it can be read."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.web import theme

STATIC = Path(__file__).parents[3] / "static"
colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


def schemes(sheet: str) -> list[dict[str, str]]:
    """The custom properties of the light scheme and of the dark one."""
    return [
        dict(re.findall(r"(--[a-z-]+): (\S+);", block)) for block in re.findall("{ (.*) }", sheet)
    ]


@given(colours)
def test_every_accent_is_readable_in_both_schemes(accent: str) -> None:
    light, dark = schemes(theme.stylesheet(accent))
    assert (light["--paper"], dark["--paper"]) == ("#ffffff", "#18181b")
    for scheme in (light, dark):
        assert theme.contrast(scheme["--accent-text"], scheme["--paper"]) >= 4.5
        assert theme.contrast(scheme["--accent-ink"], scheme["--accent"]) >= 4.5


def test_the_pages_use_the_names_that_the_theme_defines() -> None:
    names = schemes(theme.stylesheet("#3b5bdb"))[0]
    assert set(names) == {"--paper", "--accent", "--accent-ink", "--accent-text"}
    for page in ("pages.css", "dashboard.css"):
        used = re.findall(r"var\((--(?:paper|accent)[a-z-]*)\)", (STATIC / page).read_text())
        assert set(used) == set(names), page


@pytest.mark.parametrize(("grey", "stays"), [("#767676", True), ("#777777", False)])
def test_a_text_is_readable_from_four_and_a_half_to_one_on(grey: str, stays: bool) -> None:
    assert (theme.readable_on("#ffffff", grey) == grey) == stays  # 4.54 and 4.48 to 1


@pytest.mark.parametrize(("accent", "fills"), [("#d0d0d0", True), ("#d4d4d4", False)])
def test_a_fill_as_pale_as_the_paper_gives_way(accent: str, fills: bool) -> None:
    light, _ = schemes(theme.stylesheet(accent))
    assert (light["--accent"] == accent) == fills  # 1.55 and 1.48 to 1


def test_a_readable_accent_is_left_as_it_is() -> None:
    assert theme.readable_on("#ffffff", "#003399") == "#003399"
    assert theme.spell(theme.parse("#0a7")) == "#00aa77"


def test_black_on_white_is_twenty_one_to_one() -> None:
    assert round(theme.contrast("#000000", "#ffffff"), 2) == 21
