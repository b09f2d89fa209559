"""Exports read a page at a time: every row once, and nothing is held between two pages."""

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy.numbers import exports
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
