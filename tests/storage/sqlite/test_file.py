"""The file itself is pleasant to others: Datasette and DuckDB read what our pages show."""

# ruff: noqa: S608 - names of tables come from the file
import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from storage.events import Entry, Receipt
from storage.sqlite.connection import connect
from storage.sqlite.store import SQLiteStore
from tests.storage import histories
from tests.storage.histories import attempt_id, callback, click, created, impression, launch

ROOT = Path(__file__).parents[3]
METADATA = json.loads((ROOT / "docs/datasette.json").read_text())
QUERIES = METADATA["databases"]["tryon"]["queries"]
VALUES = {"at_least": "1", "reference": "cart-7"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("file") / "tryon.db"
    at = histories.moment("2026-03-01T12:00")
    a, b, c = (attempt_id(at, number) for number in range(3))
    told = callback(a, at + 60_000, "done")
    failed = histories.call(b, at, 900)._replace(error="upstream_error", detail="It broke.")
    with closing(SQLiteStore(path, ZoneInfo("UTC"))) as store:
        store.commit(
            [
                Entry((impression(at), click(a, reference="cart-7"), created(a, at + 200))),
                Entry((launch(a, at + 9_000), told), Receipt(a, at, {}, b"{}", "accepted")),
                Entry((), Receipt(a, at, {}, b"<", "unreadable", "not_json")),
                Entry(
                    (click(b), histories.event("create_failed", b, at, "proxy", code="x")),
                    call=failed,
                ),
                Entry((click(c), created(c, at), histories.event("expired", c, at + 1, "proxy"))),
            ]
        )
    yield path


def in_sqlite(path: Path, sql: str, values: dict[str, str]) -> list[list[Any]]:
    with closing(connect(path)) as db:
        return [list(row) for row in db.execute(sql, values)]


@pytest.mark.parametrize("name", QUERIES)
def test_an_example_answers_in_datasette(file: Path, name: str) -> None:
    from datasette.app import Datasette  # a second, for each of the processes that collect this

    asked = {each: VALUES[each] for each in QUERIES[name].get("params", [])}

    async def ask() -> dict[str, Any]:
        datasette = Datasette([str(file)], metadata=METADATA)
        await datasette.invoke_startup()
        answer = await datasette.client.get(f"/tryon/{name}.json", params=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # On a thread of its own: the browser's tests leave an event loop on this one.
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(lambda: asyncio.run(ask())).result()
    expected = in_sqlite(file, QUERIES[name]["sql"], asked)
    assert expected, "it answers nothing here, and so proves nothing"
    assert [list(row) for row in found["rows"]] == expected


@pytest.fixture(scope="module")
def duck(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    package = resources.files("duckdb_extension_sqlite_scanner")
    reader = package / "extensions" / f"v{duckdb.__version__}" / "sqlite_scanner.duckdb_extension"
    with duckdb.connect(config={"threads": 1}) as duck:
        duck.execute(f"LOAD '{reader}'")
        duck.execute(f"ATTACH '{file}' AS tryon (TYPE sqlite, READ_ONLY)")
        duck.execute("USE tryon")
        yield duck


@pytest.mark.parametrize("name", QUERIES)
def test_an_example_answers_in_duckdb(
    file: Path, duck: duckdb.DuckDBPyConnection, name: str
) -> None:
    asked = {each: VALUES[each] for each in QUERIES[name].get("params", [])}
    sql = QUERIES[name]["sql"]
    for each in asked:
        sql = sql.replace(f":{each}", f"'{asked[each]}'")
    found = [list(row) for row in duck.execute(sql).fetchall()]
    assert found == in_sqlite(file, QUERIES[name]["sql"], asked)


def test_every_table_and_view_can_be_read_by_duckdb(
    file: Path, duck: duckdb.DuckDBPyConnection
) -> None:
    sql = "SELECT name FROM sqlite_master WHERE type <> 'index' AND name NOT GLOB 'sqlite_*'"
    names = in_sqlite(file, sql, {})
    assert len(names) > 15
    for (name,) in names:
        rows = duck.execute(f"SELECT * FROM {name}").fetchall()
        assert len(rows) == in_sqlite(file, f"SELECT count(*) FROM {name}", {})[0][0]


def test_the_metadata_speaks_of_what_is_there(file: Path) -> None:
    for table, about in METADATA["databases"]["tryon"]["tables"].items():
        columns = {row[1] for row in in_sqlite(file, f"PRAGMA table_info({table})", {})}
        assert columns, table
        assert about.get("columns", {}).keys() <= columns
