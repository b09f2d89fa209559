"""Counts that all workers share: client rates, budgets, pauses.

They live in a SQLite file of their own beside the database, so that a click never waits for the
writer's fsync. A killed process loses nothing; a power cut may lose the last moments, which is why
budgets are seeded from the stored attempts at start (`seed`).
"""

import threading
from pathlib import Path

from storage.connection import connect

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
SELECT key, value, until_ms FROM counters WHERE key >= ? AND key < ? AND until_ms > ?
"""
PRUNE = """
DELETE FROM counters WHERE until_ms <= :now AND NOT (key >= :keep AND key < :end)
"""
PUT = "INSERT OR REPLACE INTO counters (key, value, until_ms) VALUES (:key, :value, :until)"


class Counters:
    """Named integers, each good until a moment in epoch milliseconds."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path, synchronous="NORMAL")
        self._db.execute(SCHEMA)
        self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")  # opening may wait as long as any
        self._lock = threading.Lock()

    def _one(self, sql: str, **values: str | int) -> tuple[int, ...] | None:
        with self._lock:
            row: tuple[int, ...] | None = self._db.execute(sql, values).fetchone()
            return row

    def take(self, key: str, limit: int, period_ms: int, now_ms: int) -> int:
        """Count one in a window that starts with its first take.

        0 when it was counted, else the milliseconds until the window ends. `limit` is 1 or more.
        """
        if self._one(TAKE, key=key, limit=limit, period=period_ms, now=now_ms):
            return 0
        kept = self.get(key, now_ms)
        return kept[1] - now_ms if kept else 1

    def add(self, key: str, amount: int, until_ms: int, now_ms: int) -> None:
        """Add to a counter and move its end; a counter past its end starts at 0."""
        self._one(ADD, key=key, amount=amount, until=until_ms, now=now_ms)

    def get(self, key: str, now_ms: int) -> tuple[int, int] | None:
        """(value, until_ms), or None where it is absent or past its end."""
        row = self._one(
            "SELECT value, until_ms FROM counters WHERE key = :key AND until_ms > :now",
            key=key,
            now=now_ms,
        )
        return (row[0], row[1]) if row else None

    def agree(self, key: str, value: int, until_ms: int, now_ms: int) -> tuple[int, int]:
        """(value, until_ms) of the first that proposed one, among all workers."""
        row = self._one(AGREE, key=key, value=value, until=until_ms, now=now_ms)
        assert row is not None  # noqa: S101 - RETURNING answers every upsert
        return row[0], row[1]

    def under(self, prefix: str, now_ms: int) -> dict[str, tuple[int, int]]:
        """(value, until_ms) of each counter whose key starts like this and which is not past."""
        with self._lock:
            rows = self._db.execute(UNDER, (prefix, f"{prefix}\x7f", now_ms)).fetchall()
        return {key: (value, until_ms) for key, value, until_ms in rows}

    def put(self, key: str, value: int, until_ms: int) -> None:
        """Set a counter, whatever it was."""
        self._one(PUT, key=key, value=value, until=until_ms)

    def seed(self, key: str, value: int, until_ms: int, now_ms: int) -> None:
        """Raise a counter to at least `value`."""
        self._one(SEED, key=key, value=value, until=until_ms, now=now_ms)

    def drop(self, *keys: str) -> None:
        """Forget counters."""
        for key in keys:
            self._one("DELETE FROM counters WHERE key = :key", key=key)

    def prune(self, now_ms: int, keep: str) -> None:
        """Delete what is past its end, but for the keys that begin with `keep`."""
        self._one(PRUNE, now=now_ms, keep=keep, end=f"{keep}\x7f")

    def close(self) -> None:
        self._db.close()
