"""Counters on SQLite.

They live in a file of their own beside the database, so that a click never waits for the
writer's fsync. A killed process loses nothing; a power cut may lose the last moments, which is why
budgets are seeded from the stored attempts at start (`seed`).
"""

import threading
from pathlib import Path
from typing import Any

from storage.sqlite.connection import Error, connect
from storage.store import StorageUnavailable

BUSY_MS = 500  # a statement runs on the event loop: as long as it waits, all wait

SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (
    key TEXT PRIMARY KEY, value INTEGER NOT NULL, until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

# One statement each, so that SQLite's own lock makes them atomic over all processes.
TAKE = """
INSERT INTO counters (key, value, until_ms) VALUES (:key, 1, :now + :period)
ON CONFLICT (key) DO UPDATE SET
    value = iif(until_ms <= :now, 1, value + 1),
    until_ms = iif(until_ms <= :now, excluded.until_ms, until_ms)
WHERE until_ms <= :now OR value < :limit
RETURNING value
"""
ADD = """
INSERT INTO counters (key, value, until_ms) VALUES (:key, :amount, :until)
ON CONFLICT (key) DO UPDATE SET
    value = iif(until_ms <= :now, 0, value) + :amount,
    until_ms = :until
"""
SEED = """
INSERT INTO counters (key, value, until_ms) VALUES (:key, :value, :until)
ON CONFLICT (key) DO UPDATE SET
    value = iif(until_ms <= :now, excluded.value, max(value, excluded.value)),
    until_ms = excluded.until_ms
"""
AGREE = """
INSERT INTO counters (key, value, until_ms) VALUES (:key, :value, :until)
ON CONFLICT (key) DO UPDATE SET
    value = iif(until_ms <= :now, excluded.value, value),
    until_ms = iif(until_ms <= :now, excluded.until_ms, until_ms)
RETURNING value, until_ms
"""
UNDER = """
SELECT key, value, until_ms FROM counters WHERE key >= :prefix AND key < :end AND until_ms > :now
"""
PRUNE = """
DELETE FROM counters WHERE until_ms <= :now AND NOT (key >= :keep AND key < :end)
"""
PUT = "INSERT OR REPLACE INTO counters (key, value, until_ms) VALUES (:key, :value, :until)"


class SQLiteCounters:
    """See `storage.store.Counters`."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path, synchronous="NORMAL")
        self._db.execute(SCHEMA)
        self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")  # opening may wait as long as any
        self._lock = threading.Lock()

    def _rows(self, sql: str, **values: str | int) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(sql, values).fetchall()
        except Error as error:
            raise StorageUnavailable(f"counters: {error}") from error

    def take(self, key: str, limit: int, period_ms: int, now_ms: int) -> int:
        if self._rows(TAKE, key=key, limit=limit, period=period_ms, now=now_ms):
            return 0
        kept = self.get(key, now_ms)
        return kept[1] - now_ms if kept else 1

    def add(self, key: str, amount: int, until_ms: int, now_ms: int) -> None:
        self._rows(ADD, key=key, amount=amount, until=until_ms, now=now_ms)

    def get(self, key: str, now_ms: int) -> tuple[int, int] | None:
        """Return (value, until_ms), or None where it is absent or past its end."""
        rows = self._rows(
            "SELECT value, until_ms FROM counters WHERE key = :key AND until_ms > :now",
            key=key,
            now=now_ms,
        )
        return rows[0] if rows else None

    def agree(self, key: str, value: int, until_ms: int, now_ms: int) -> tuple[int, int]:
        (row,) = self._rows(AGREE, key=key, value=value, until=until_ms, now=now_ms)
        return row[0], row[1]

    def under(self, prefix: str, now_ms: int) -> dict[str, tuple[int, int]]:
        rows = self._rows(UNDER, prefix=prefix, end=f"{prefix}\x7f", now=now_ms)
        return {key: (value, until_ms) for key, value, until_ms in rows}

    def put(self, key: str, value: int, until_ms: int) -> None:
        self._rows(PUT, key=key, value=value, until=until_ms)

    def seed(self, key: str, value: int, until_ms: int, now_ms: int) -> None:
        self._rows(SEED, key=key, value=value, until=until_ms, now=now_ms)

    def drop(self, *keys: str) -> None:
        for key in keys:
            self._rows("DELETE FROM counters WHERE key = :key", key=key)

    def prune(self, now_ms: int, keep: str) -> None:
        self._rows(PRUNE, now=now_ms, keep=keep, end=f"{keep}\x7f")

    def close(self) -> None:
        self._db.close()
