"""Bars and columns of text, as long as what they stand for; what a terminal cannot show is put
into words that it can."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

ACROSS = " ▏▎▍▌▋▊▉█"  # in eighths of a cell
UPWARDS = " ▁▂▃▄▅▆▇█"
PLAIN = " .:-=+*##"  # where the encoding has no blocks
LONGEST, SHORTEST = 100, 8  # cells of the longest bar
GAP = 2
KEEPS_ITS_PLACE = "\u200e"  # after a name that is read from the right, so that nothing else is


@dataclass(frozen=True)
class Pen:
    """What can be drawn: how wide, in which encoding, and with colours or without."""

    width: int
    encoding: str = "utf-8"

    @property
    def has_blocks(self) -> bool:
        return self.encoding.casefold().startswith("utf")

    def text(self, text: str) -> str:
        """Return a text as the encoding can have it."""
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def bar(self, part: float, whole: float, cells: int) -> str:
        """Draw a part of a whole as long as it is; what is not nothing has a mark at least."""
        eighths = round(8 * cells * part / whole) if whole else 0
        eighths = max(eighths, int(part > 0))
        if not self.has_blocks:
            return "#" * round(eighths / 8) or "|" * bool(eighths)
        return ACROSS[8] * (eighths // 8) + ACROSS[eighths % 8].strip()

    def columns(self, values: Sequence[float], cells: int, height: int = 1) -> list[str]:
        """Draw values side by side as lines of text, the highest first."""
        marks = UPWARDS if self.has_blocks else PLAIN
        drawn = _fitted(values, cells)
        most = max(drawn, default=0)
        eighths = [max(round(8 * height * v / most), 1) if v > 0 else 0 for v in drawn]
        return [
            "".join(marks[min(max(n - 8 * level, 0), 8)] for n in eighths)
            for level in reversed(range(height))
        ]

    def name(self, text: str, cells: int) -> str:
        """Fit a name into so many cells; wide letters are two, and some are read from the right."""
        text = self.text(text)
        if cell_len(text) > cells:
            text = set_cell_size(text, cells - 1).rstrip() + ("…" if self.has_blocks else "~")
        text += " " * (cells - cell_len(text))
        is_from_right = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text)
        return text.rstrip() + KEEPS_ITS_PLACE + _blanks(text) if is_from_right else text


@dataclass(frozen=True)
class Line:
    """A name, its count with a bar as long as it, and what is said of it beside."""

    name: str
    count: int
    beside: tuple[str, ...] = ()


def pen(console: Console) -> Pen:
    return Pen(console.width, console.encoding)


def chart(pen: Pen, heads: Sequence[str], lines: Sequence[Line], whole: int = 0) -> list[Text]:
    """Draw lines with names, counts and bars under their heads; in a narrow place the last of what
    is said beside is left out. The longest bar is of `whole`, or else of the greatest count."""
    whole = whole or max((line.count for line in lines), default=0)
    counts = [f"{line.count:,}" for line in lines]
    widest = max(map(len, (*counts, heads[1])))
    names = max(map(cell_len, (heads[0], *(pen.text(line.name) for line in lines))))
    names = min(names, max(pen.width // 3, SHORTEST))
    beside = _columns([heads[2:], *(line.beside for line in lines)])
    room = pen.width - names - widest - 2 * GAP
    while beside and room - sum(GAP + width for width in beside) < SHORTEST:
        beside = beside[:-1]
    cells = max(1, min(room - sum(GAP + width for width in beside), LONGEST))

    def line(name: str, count: str, bar: str, said: Sequence[str], style: str) -> Text:
        drawn = Text.assemble(
            f"{pen.name(name, names)}  {count:>{widest}}  ", (f"{bar:<{cells}}", style)
        )
        for text, width in zip(said, beside, strict=False):
            drawn.append(" " * GAP + text.rjust(width))
        drawn.rstrip()
        return drawn

    head = line(heads[0], heads[1], "", heads[2:], "")
    head.stylize("bold")
    return [
        head,
        *(
            line(each.name, count, pen.bar(each.count, whole, cells), each.beside, "blue")
            for each, count in zip(lines, counts, strict=True)
        ),
    ]


def _columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of each column that any row has."""
    most = max(map(len, rows))
    return [max(len(row[n]) for row in rows if n < len(row)) for n in range(most)]


def _fitted(values: Sequence[float], cells: int) -> list[float]:
    """Fit values to so many cells: each in some, or the mean of some in each."""
    if not values or cells < 1:
        return []
    if len(values) <= cells:
        return [value for value in values for _ in range(cells // len(values))]
    edges = [n * len(values) // cells for n in range(cells + 1)]
    groups = [values[start:end] for start, end in pairwise(edges)]
    return [sum(group) / len(group) for group in groups]


def _blanks(text: str) -> str:
    return " " * (len(text) - len(text.rstrip()))
