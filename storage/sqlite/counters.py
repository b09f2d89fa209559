"""Counters on SQLite.

They live in a file of their own beside the database, so that a click never waits for the
writer's fsync. A killed process loses nothing; a power cut may lose the last moments, which is why
budgets are seeded from the stored attempts at start (`seed`).
"""

import threading
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from storage.sqlite.connection import Error, connect
from storage.sqlite.files import LOGS, Opened, beside
from storage.store import Limit, StorageUnavailable, Taken

BUSY_MS = 500  # a statement runs on the event loop: as long as it waits, all wait

SCHEMA = """
CREATE TABLE IF NOT EXISTS counters (
    key TEXT PRIMARY KEY, value INTEGER NOT NULL, until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID
"""

# One statement each, so that SQLite's own lock makes them atomic over all processes.
# A window is over at its end, or where that is far later than one set now would be: then it was
# begun by a clock that ran ahead. A little later it may be, since requests that wait for the lock
# come in another order than their moments.
APART_MS = 10_000
WANTED = "WITH wanted (key, most, ending, turn) AS (VALUES {values})"
RUNS = f"until_ms > ?1 AND until_ms <= {{ending}} + {APART_MS}"
RUNS_ON, WAS_SET = RUNS.format(ending="ending"), RUNS.format(ending="excluded.until_ms")
FULL = f"""
FROM wanted LEFT JOIN counters USING (key) WHERE iif({RUNS_ON}, value, 0) >= most
"""
TAKE = f"""{WANTED}
INSERT INTO counters (key, value, until_ms)
SELECT key, 1, ending FROM wanted WHERE ifnull(turn < (SELECT min(turn) {FULL}), TRUE)
ON CONFLICT (key) DO UPDATE SET
    value = iif({WAS_SET}, value, 0) + 1,
    until_ms = iif({WAS_SET}, until_ms, excluded.until_ms)
RETURNING key, value
"""  # noqa: S608 - our own words
WAITS = f"""{WANTED}
SELECT key, iif({RUNS_ON}, until_ms, ending) - ?1 {FULL}
AND turn = (SELECT min(turn) {FULL})
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
SELECT key, value, until_ms FROM counters
WHERE (key >= :prefix AND key < :end OR key = :also) AND until_ms > :now
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
        self._files = Opened(*filter(Path.exists, beside(path, *LOGS)))  # none, in memory

    def _rows(self, sql: str, *numbered: str | int, **named: str | int) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(sql, named or numbered).fetchall()
        except Error as error:
            raise StorageUnavailable(f"counters: {error}") from error

    def take(self, now_ms: int, *groups: Sequence[Limit]) -> Taken:
        wanted = [(*limit, turn) for turn, group in enumerate(groups) for limit in group]
        counts = dict(self._of(TAKE, now_ms, wanted))
        if len(counts) == len(wanted):
            return Taken(counts, {})
        left = [limit for limit in wanted if limit[0] not in counts]
        full = dict(self._of(WAITS, now_ms, left))
        return Taken(counts, full or {left[-1][0]: 1})  # it became free in between

    def full(self, now_ms: int, limits: Sequence[Limit]) -> dict[str, int]:
        return dict(self._of(WAITS, now_ms, [(*limit, 0) for limit in limits]))

    def _of(self, statement: str, now_ms: int, wanted: list[tuple[Any, ...]]) -> list[Any]:
        self._files.found()
        given: list[Any] = [now_ms, *chain.from_iterable(wanted)]
        return self._rows(_for(statement, len(wanted)), *given)

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
        self._files.found()
        (row,) = self._rows(AGREE, key=key, value=value, until=until_ms, now=now_ms)
        return row[0], row[1]

    def under(self, prefix: str, now_ms: int, also: str = "") -> dict[str, tuple[int, int]]:
        rows = self._rows(UNDER, prefix=prefix, end=f"{prefix}\x7f", also=also, now=now_ms)
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


@cache
def _for(statement: str, limits: int) -> str:
    """Complete a statement for so many limits; its first parameter is the moment."""
    firsts = range(2, 2 + 4 * limits, 4)
    rows = ", ".join(f"(?{n}, ?{n + 1}, ?{n + 2}, ?{n + 3})" for n in firsts)
    return statement.format(values=rows)
