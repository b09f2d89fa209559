"""Whatever colour a merchant picks, text on it and in it can be read."""

import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.web import theme

colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@given(colours)
def test_every_accent_is_readable_in_both_schemes(accent: str) -> None:
    sheet = theme.stylesheet(accent)
    for paper, fill, ink, text in re.findall(
        r"--paper: (\S+); --accent: (\S+); --accent-ink: (\S+); --accent-text: (\S+);", sheet
    ):
        assert theme.contrast(text, paper) >= 4.5
        assert theme.contrast(ink, fill) >= 4.5
    assert sheet.count("--paper") == 2


def test_a_readable_accent_is_left_as_it_is() -> None:
    assert theme.readable_on("#ffffff", "#003399") == "#003399"
    assert theme.spell(theme.parse("#0a7")) == "#00aa77"


def test_black_on_white_is_twenty_one_to_one() -> None:
    assert round(theme.contrast("#000000", "#ffffff"), 2) == 21
