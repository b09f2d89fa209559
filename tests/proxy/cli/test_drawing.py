"""Bars and columns of text: as long as what they stand for, and in line whatever stands beside."""

import pytest
from rich.cells import cell_len

from proxy.cli.drawing import Line, Pen, chart

NAMES = ["sku-1", "トレイルランナー 27cm", "حذاء رياضي", "נעלי ריצה", "a" * 60, "á̊", "鞋" * 40]


@pytest.mark.parametrize(
    ("part", "drawn"),
    [(0, ""), (1, "▏"), (125, "█"), (140, "█▏"), (500, "████"), (992, "███████▉"), (1000, "█" * 8)],
)
def test_a_bar_is_as_long_as_its_part(part: int, drawn: str) -> None:
    assert Pen(80).bar(part, 1_000, 8) == drawn


@pytest.mark.parametrize(
    ("part", "drawn"), [(0, ""), (1, "|"), (125, "#"), (500, "####"), (1000, "#" * 8)]
)
def test_where_there_are_no_blocks_a_bar_is_of_ascii(part: int, drawn: str) -> None:
    assert Pen(80, "ascii").bar(part, 1_000, 8) == drawn


def test_of_nothing_there_is_no_bar() -> None:
    assert Pen(80).bar(0, 0, 8) == ""
    assert [line.plain for line in chart(Pen(30), ("Name", "Clicks"), [])] == ["Name  Clicks"]


def test_columns_are_as_high_as_their_values() -> None:
    assert Pen(80).columns([0, 1, 4, 8], 4) == [" ▁▄█"]
    assert Pen(80).columns([0, 1, 4, 8], 9, 2) == ["      ██", "  ▂▂████"]
    assert Pen(80, "ascii").columns([0, 1, 4, 8], 4) == [" .=#"]
    assert Pen(80).columns([], 4, 2) == ["", ""]


def test_more_values_than_cells_share_one_by_their_mean() -> None:
    assert Pen(80).columns([1, 3, 4, 4, 0, 8], 3) == ["▄██"]


@pytest.mark.parametrize("width", [30, 44, 80, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_whatever_a_product_is_called_the_bars_begin_below_one_another(
    width: int, encoding: str
) -> None:
    lines = [Line(name, 1_000, ("12", "34.5%")) for name in NAMES]
    drawn = [line.plain for line in chart(Pen(width, encoding), ("Product", "Clicks"), lines)]
    block = "█" if encoding == "utf-8" else "#"
    begins = {cell_len(line[: line.index(block)]) for line in drawn[1:]}
    ends = {cell_len(line) for line in drawn[1:]}
    assert (len(begins), len(ends)) == (1, 1)
    assert max(ends) <= width


def test_a_name_that_is_read_from_the_right_turns_nothing_else_about() -> None:
    """Bidirectional terminals would take the count for its part (UAX 9, N1)."""
    name = Pen(80).name("نظارة", 8)
    assert name == "نظارة\u200e   "
    assert cell_len(name) == 8


def test_a_narrow_terminal_leaves_out_what_is_said_last() -> None:
    lines = [Line("Clicks", 7, ("99.9%", "+12%"))]
    heads = ("Step", "Count", "share", "change")
    for width, said in ((60, "99.9%    +12%"), (31, "99.9%"), (24, "█")):
        _, line = chart(Pen(width), heads, lines)
        assert line.plain.endswith(said)
        assert cell_len(line.plain) <= width
