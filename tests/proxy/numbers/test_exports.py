"""Exports: every row once, a page at a time, and no formula in a cell."""

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy.numbers import exports
from proxy.numbers.exports import safe
from proxy.numbers.questions import read_question
from storage.events import Entry
from storage.sqlite.store import SQLiteStore
from tests.storage.histories import attempt_id, click, impression, moment

NOON = moment("2026-06-15T12:00")
ROWS = 1_234
DAY = read_question({"from": ["2026-06-15"], "to": ["2026-06-15"]}, date(2026, 6, 30))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLiteStore]:
    """A store with more rows than a page has, all of one millisecond, and some of other days."""
    with closing(SQLiteStore(tmp_path / "tryon.db", ZoneInfo("UTC"))) as opened:
        clicks = [click(attempt_id(NOON, number)) for number in range(ROWS)]
        others = [click(attempt_id(NOON + days * 86_400_000)) for days in (-1, 1)]
        opened.commit([Entry((*clicks, *others))])
        yield opened


@pytest.mark.parametrize("name", ["attempts", "events"])
def test_every_row_of_the_period_comes_once_over_all_pages(store: SQLiteStore, name: str) -> None:
    rows = [*csv.DictReader(io.StringIO("".join(exports.export(store, DAY, name))))]
    ids = [row["id" if name == "attempts" else "attempt_id"] for row in rows]
    assert ids == [attempt_id(NOON, number) for number in range(ROWS)]


@pytest.mark.parametrize("name", ["attempts", "events", "daily"])
def test_a_reader_who_pauses_keeps_no_log(store: SQLiteStore, name: str) -> None:
    parts = exports.export(store, DAY, name)
    next(parts)
    for number in range(2):
        next(parts, None)
        store.commit([Entry((impression(NOON, number),))])
        assert store.empty_log(), "a snapshot holds the write-ahead log"
    parts.close()


# --- Cells ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_cell_that_begins_like_a_formula_is_made_text(start: str) -> None:
    assert safe(f"{start}1") == f"'{start}1"


@pytest.mark.parametrize(
    ("cell", "safely"),
    [
        ("a;=1+2;b", "a;'=1+2;b"),
        ("a,=1,+2", "a,'=1,'+2"),
        ("a\t@SUM(1)|-1", "a\t'@SUM(1)|'-1"),
        ("a:=1", "a:'=1"),
        ("a\n=1\r\n+1", "a\n'=1\r\n'+1"),
        ("a =1 -2", "a '=1 '-2"),
        ("\uff1d1;\uff0b1;\uff0d1;\uff20a", "'\uff1d1;'\uff0b1;'\uff0d1;'\uff20a"),
        ("\ufe661", "'\ufe661"),
        (" =1", " '=1"),
        ('a;"=1"', 'a;"\'=1"'),
        ("a; \u200b=1", "a; \u200b'=1"),
        ("\x00\u202e=1", "\x00\u202e'=1"),
        ("\t=1", "'\t'=1"),
    ],
)
def test_a_formula_after_any_separator_is_made_text(cell: str, safely: str) -> None:
    assert safe(cell) == safely


@pytest.mark.parametrize(
    "cell",
    [-5, 2.5, None, "", "a=b", "sku-1", "'=1", "a;'=1", "Trail - Runner", "Shirt + tie", "x = y",
     "a@b.example", "2026-11-01T04:00:00.000Z", '{"code":"timeout"}', "sku:1-2"],
)  # fmt: skip
def test_other_cells_stay_as_they_are(cell: object) -> None:
    assert safe(cell) == cell


def test_cells_are_quoted_as_rfc_4180_has_it() -> None:
    assert exports.lines([(0, 'say "hi",\nyou', None)]) == '0,"say ""hi"",\nyou",\r\n'
