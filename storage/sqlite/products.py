"""The catalogue's products in a file of SQLite: written once, then looked up by all workers.

They share the system's copy of its pages in memory, and nobody ever writes to it again: no lock is
taken, and a lookup is a few microseconds.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlite_utils.utils import sqlite3  # type: ignore[attr-defined]

from storage.products import ProductRow
from storage.sqlite.connection import Error, unavailable

# Rows in the order of the feed, so that only the index is written all over the place.
SCHEMA = """
CREATE TABLE products (
    product_id TEXT NOT NULL UNIQUE, category TEXT NOT NULL, title TEXT NOT NULL,
    image_url TEXT, page_url TEXT, asset_urls TEXT NOT NULL
) STRICT
"""
GET = "SELECT * FROM products WHERE product_id = ?"
ADD = "INSERT INTO products VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
TOGETHER = 2_000  # rows; so little is synced at once that a click's own fsync hardly waits for it
CACHE_KIB = 32_768  # all of the index's pages of half a million products


class SQLiteProducts:
    """See `storage.products.ProductRows`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Immutable: without a lock, and without a look whether there is a log beside it.
        address = f"file:{quote(str(path.absolute()))}?immutable=1"
        with _errors_of(path):
            self._db = sqlite3.connect(address, uri=True, check_same_thread=False)
            self.first()

    def get(self, product_id: str) -> ProductRow | None:
        return _row(self._path, self._db, GET, product_id)

    def first(self) -> str | None:
        row = _row(self._path, self._db, "SELECT * FROM products ORDER BY rowid LIMIT 1")
        return row.product_id if row else None

    def close(self) -> None:
        self._db.close()


class SQLiteNewProducts:
    """See `storage.products.NewProductRows`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._added = 0
        with _errors_of(path):
            self._db = sqlite3.connect(str(path), isolation_level=None)
            self._db.execute("PRAGMA journal_mode = OFF")  # half a file is thrown away
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._db.execute(SCHEMA)
            self._db.execute("BEGIN")

    def get(self, product_id: str) -> ProductRow | None:
        return _row(self._path, self._db, GET, product_id)

    def add(self, row: ProductRow) -> bool:
        with _errors_of(self._path):
            is_new = self._db.execute(ADD, row).rowcount == 1
            self._added += is_new
            if is_new and self._added % TOGETHER == 0:
                self._db.execute("COMMIT")
                self._db.execute("BEGIN")
        return bool(is_new)

    def close(self) -> None:
        with _errors_of(self._path):
            self._db.execute("COMMIT")
            self._db.close()


class _errors_of:  # noqa: N801 - a context, and as cheap as one can be
    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, Error):
            raise unavailable(self._path, error) from error


def _row(path: Path, db: Any, sql: str, *given: str) -> ProductRow | None:
    with _errors_of(path):
        row = db.execute(sql, given).fetchone()
    return None if row is None else ProductRow(*row)
