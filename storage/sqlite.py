"""The store on SQLite: one connection that writes, one that reads, opened after the fork."""

import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from storage.batch import SELECT_ATTEMPT, Batch
from storage.connection import Error, IntegrityError, connect
from storage.events import Entry
from storage.funnel import Attempt
from storage.migrations import migrations
from storage.store import Changes, Committed, Conflict, StorageUnavailable

CREATED_SINCE = """
SELECT count(*) FROM attempts
WHERE local_day >= ? AND (created_ms IS NOT NULL OR reason = 'upstream_timeout')
"""


class SQLiteStore:
    """See `storage.store.Store`. Any thread may read; `commit` is for one thread at a time."""

    def __init__(self, path: Path, zone: ZoneInfo) -> None:
        self.path = path
        self.zone = zone
        try:
            self._locks = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._writer = connect(path)
            with self._turn():
                migrations.apply(Database(self._writer))
            self._reader = connect(path)
            self._reader.execute("PRAGMA query_only = ON")
        except (Error, OSError) as error:
            raise StorageUnavailable(f"{path}: {error}") from error
        self._reading = threading.Lock()
        self._version = -1

    def commit(self, entries: Sequence[Entry]) -> list[Committed | Conflict]:
        try:
            with self._transaction() as batch:
                return [batch.add(entry) for entry in entries]
        except IntegrityError as error:
            # One entry spoils the transaction of all: give each its own.
            if len(entries) == 1:
                return [Conflict(str(error))]
            return [result for entry in entries for result in self.commit([entry])]
        except (Error, OSError) as error:
            raise StorageUnavailable(str(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[Batch]:
        with self._turn():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                batch = Batch(self._writer, self.zone)
                yield batch
                batch.flush()
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Workers take turns at writing; waiting for this lock is fair and costs no sleep.

        (SQLite's own waiting polls, and a busy worker can starve another.)
        """
        fcntl.lockf(self._locks, fcntl.LOCK_EX, 1, 0)
        try:
            yield
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, 0)

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Byte locks of a file: free of cost, and gone with the process that held them."""
        offset = 1 + (int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) >> 2)
        try:
            fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, offset)

    def read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a short query."""
        try:
            with self._reading:
                return self._reader.execute(sql, values).fetchall()
        except Error as error:
            raise StorageUnavailable(str(error)) from error

    def _attempt_where(self, condition: str, value: str) -> Attempt | None:
        rows = self.read(f"{SELECT_ATTEMPT} WHERE {condition}", value)
        return Attempt._make(rows[0]) if rows else None

    def attempt(self, attempt_id: str) -> Attempt | None:
        return self._attempt_where("id = ?", attempt_id)

    def attempt_by_public_id(self, public_id: str) -> Attempt | None:
        return self._attempt_where("public_id = ?", public_id)

    def attempt_by_launch_key(self, launch_key: str) -> Attempt | None:
        return self._attempt_where("launch_key = ?", launch_key)

    def attempt_by_click(self, click_id: str) -> Attempt | None:
        return self._attempt_where(
            "id = (SELECT attempt_id FROM events WHERE dedupe_key = 'click:' || ?)", click_id
        )

    def position(self) -> int:
        return int(self.read("SELECT coalesce(max(id), 0) FROM events")[0][0])

    def changed(self) -> bool:
        version = int(self.read("PRAGMA data_version")[0][0])
        before, self._version = self._version, version
        return version != before

    def changes(self, position: int) -> Changes:
        rows = self.read("SELECT id, attempt_id FROM events WHERE id > ? ORDER BY id", position)
        return Changes(rows[-1][0] if rows else position, frozenset(row[1] for row in rows))

    def due(self, now_ms: int, limit: int) -> list[str]:
        rows = self.read(
            "SELECT id FROM attempts WHERE outcome = 'open' AND expires_ms <= ? LIMIT ?",
            now_ms,
            limit,
        )
        return [row[0] for row in rows]

    def created_since(self, day: str) -> int:
        return int(self.read(CREATED_SINCE, day)[0][0])

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
        os.close(self._locks)
