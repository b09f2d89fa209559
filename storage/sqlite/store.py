"""The store on SQLite: one connection that writes, one that reads, opened after the fork."""

import fcntl
import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from storage.events import Entry
from storage.funnel import Attempt
from storage.numbers import Numbers
from storage.sqlite import locks
from storage.sqlite.backup import rescue
from storage.sqlite.batch import SELECT_ATTEMPT, Batch
from storage.sqlite.connection import (
    Connection,
    Error,
    IntegrityError,
    connect,
    unavailable,
    until_free,
)
from storage.sqlite.files import Files, assert_belonging, open_locks, share
from storage.sqlite.jobs import put_job
from storage.sqlite.locks import TURN
from storage.sqlite.migrations import migrations, unknown
from storage.sqlite.numbers import Past, SQLiteNumbers
from storage.store import (
    Changes,
    Committed,
    Conflict,
    Damaged,
    DatabaseGone,
    Job,
    StorageUnavailable,
)

log = logging.getLogger("tryon.store")

IDLERS = 2  # reading connections that are kept, as many as the app has threads for long reads
STOPPED_FOR_S = 5.0  # as long as SQLite waits for a lock
TOUCHED = """
SELECT 1 FROM meta WHERE key = 'touched'
AND value > datetime('now', 'subsec', ?) AND value <= datetime('now', 'subsec')
"""
LOG = "PRAGMA wal_checkpoint(NOOP)"  # busy, frames in the log, frames that are in the database too
MAPPING = "SELECT value FROM meta WHERE key = 'mapping'"
READINGS = "SELECT value FROM meta WHERE key = 'readings'"
SET_META = "INSERT OR REPLACE INTO meta VALUES (?, ?)"

CREATED_SINCE = """
SELECT count(*) FROM attempts WHERE local_day >= ?
AND (created_ms IS NOT NULL OR reason IN ('upstream_timeout', 'bad_upstream_reply'))
"""


class SQLiteStore:
    """See `storage.store.Store`. Any thread may read; `commit` is for one thread at a time."""

    def __init__(self, path: Path, zone: ZoneInfo) -> None:
        self.path = path
        self.zone = zone
        self._opened = ExitStack()
        try:
            self._locks = open_locks(path)
            self._opened.callback(os.close, self._locks)
            share(self._locks)
            assert_belonging(path, self._locks)
            self._writer = self._opened.enter_context(closing(connect(path)))
            self._migrate()
            self._reader = self._opened.enter_context(closing(connect(path)))
            self._reader.execute("PRAGMA query_only = ON")
            (page_size,) = self._reader.execute("PRAGMA page_size").fetchone()
            self._files = Files(path, self._locks, page_size)
        except StorageUnavailable:
            self._opened.close()
            raise
        except (Error, OSError) as error:
            self._opened.close()
            raise unavailable(path, error) from error
        self._reading = threading.Lock()
        self._rescued = False
        self.damage = ""
        self._version = -1
        self._idlers: list[Connection] = []
        self._past: Past = {}  # remembered for a minute
        self._minute = 0

    def _migrate(self) -> None:
        self._writer.execute("PRAGMA wal_checkpoint")  # which notices where the end is missing
        db = Database(self._writer)
        if later := unknown(db):
            raise StorageUnavailable(f"{self.path} is of a later version ({', '.join(later)})")
        if migrations.pending(db):  # a start should not need a turn that somebody keeps
            with self._turn():
                until_free(lambda: migrations.apply(db))

    def commit(self, entries: Sequence[Entry]) -> list[Committed | Exception]:
        results: list[Committed | Exception] = []
        try:
            with self.transaction() as db:
                batch = Batch(db, self.zone, entries)
                results.extend(map(batch.add, entries))
                batch.flush()
        except DatabaseGone:
            self._rescue()
            raise
        except StorageUnavailable:
            raise
        except Exception as error:
            # One entry spoils the transaction of all: give each its own.
            if len(entries) > 1:
                return [self._alone(entry) for entry in entries]
            return [Conflict(str(error)) if isinstance(error, IntegrityError) else error]
        return results

    def _alone(self, entry: Entry) -> Committed | Exception:
        try:
            return self.commit([entry])[0]
        except StorageUnavailable as error:
            return error

    def check(self) -> None:
        try:
            self._files.check(lambda: int(self.read(LOG)[0][1]))
        except OSError as error:  # no more files may be opened, say
            raise self._failure(error) from error

    def _check_writing(self) -> None:
        """Look without the reader, whose lock is the event loop's. Not within a transaction."""
        self._files.check(lambda: int(self._writer.execute(LOG).fetchone()[1]))

    def _failure(self, error: Exception) -> StorageUnavailable:
        failure = unavailable(self.path, error)
        if isinstance(failure, Damaged):
            self.damage = str(failure)
        return failure

    def _rescue(self) -> None:
        """Keep what was stored, which ends with the workers; one of them does, once."""
        if self._rescued:
            return
        self._rescued = True
        if not self._opened.enter_context(self.claim("rescue")):
            return
        try:
            rescued = rescue(self._writer, self.path)
        except (Error, OSError) as error:
            log.error("what was stored could not be kept: %s", error)
        else:
            log.error("all that was stored is in %s: stop the app and restore it", rescued)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Open a transaction on the writing connection, which holds all others off.

        Nothing is written to files that are not at their paths, and none of it is said to be done.
        """
        try:
            with self._turn():
                self._check_writing()
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    self._writer.execute("COMMIT")
                    self._check_writing()
                finally:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
        except IntegrityError:
            raise
        except (Error, OSError) as error:
            raise self._failure(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Open a connection of its own that sees one state of the store, however long it reads.

        Meanwhile the write-ahead log can only grow; writers are not held off.
        """
        self.check()  # or it would open, or make, another one
        try:
            with self._idle() as db:
                db.execute("BEGIN")
                db.execute("SELECT 1 FROM meta").fetchone()  # the state is that of the first read
                yield db
                db.execute("ROLLBACK")
        except (Error, OSError) as error:
            raise self._failure(error) from error

    @contextmanager
    def _idle(self) -> Iterator[Connection]:
        """Lend a connection. It is kept for the next reader, whom its prepared statements save half
        of the time; after a failure it is not."""
        with ExitStack() as opened:
            db = opened.enter_context(closing(self._idler() or connect(self.path)))
            yield db
            if len(self._idlers) < IDLERS:
                opened.pop_all()
                self._idlers.append(db)

    def _idler(self) -> Connection | None:
        with suppress(IndexError):
            return self._idlers.pop()
        return None

    @contextmanager
    def aside(self) -> Iterator[Connection]:
        """Open a short transaction on a connection of its own, from any thread.

        The store's own is the writer's, which may be within a commit.
        """
        self.check()
        try:
            with closing(connect(self.path)) as db:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
                self.check()
        except (Error, OSError) as error:
            raise self._failure(error) from error

    def empty_log(self) -> bool:
        """Empty the write-ahead log; False as long as somebody reads what only the log has."""
        self.check()
        with closing(connect(self.path, busy_ms=200)) as db:
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")  # most of it without holding anybody off
            with self._turn():
                (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    @contextmanager
    def numbers(self) -> Iterator[Numbers]:
        minute = int(time.time() // 60)
        if minute != self._minute:
            self._past, self._minute = {}, minute
        with self.snapshot() as db:
            yield SQLiteNumbers(db, self.zone, self._past)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Take turns at writing with the other workers. Waiting is fair, and costs no sleep.

        (SQLite's own waiting polls, and a busy worker can starve another.) A process that is
        stopped while it has the turn is waited for a few seconds, then named.
        """
        self._take_turn()
        try:
            yield
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, TURN)

    def _take_turn(self) -> None:
        until = time.monotonic() + STOPPED_FOR_S
        while True:
            with suppress(BlockingIOError):
                fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, TURN)
                return
            holder = locks.holder(self._locks)
            if holder is None or not locks.is_stopped(holder):
                fcntl.lockf(self._locks, fcntl.LOCK_EX, 1, TURN)
                return
            if time.monotonic() > until:
                raise StorageUnavailable(f"nothing can be written{self.holder()}")
            time.sleep(0.05)

    def holder(self) -> str:
        pid = locks.holder(self._locks)
        if pid is None:
            return ""
        what = "is stopped and holds" if locks.is_stopped(pid) else "holds"
        return f": process {pid} {what} {self.path.name}-lock"

    def touched_within(self, seconds: float) -> bool:
        return bool(self.read(TOUCHED, f"-{seconds} seconds"))

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        # Byte locks of a file: free of cost, and gone with the process that held them.
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
        """Read all rows of a short query."""
        try:
            with self._reading:
                return self._reader.execute(sql, values).fetchall()
        except Error as error:
            raise self._failure(error) from error

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

    def mapping(self) -> dict[str, str]:
        rows = self.read(MAPPING)
        return dict(json.loads(rows[0][0])) if rows else {}

    def map_word(self, word: str, outcome: str | None, replay_ms: int) -> None:
        with self.aside() as db:
            _map_words(db, {word: outcome})
            put_job(db, Job("replay", replay_ms))

    def readings(self) -> list[dict[str, Any]]:
        rows = self.read(READINGS)
        return list(json.loads(rows[0][0])) if rows else []

    def keep_reading(
        self, reading: dict[str, Any], words: Mapping[str, str], replay_ms: int
    ) -> None:
        with self.aside() as db:
            row = db.execute(READINGS).fetchone()
            places = (reading["state"], reading["session"])
            kept = json.loads(row[0] if row else "[]")
            others = [each for each in kept if (each["state"], each["session"]) != places]
            text = json.dumps([reading, *others], ensure_ascii=False)
            db.execute(SET_META, ("readings", text))
            _map_words(db, words)
            put_job(db, Job("replay", replay_ms))

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path.absolute().parent).free

    def close(self) -> None:
        while self._idlers:
            self._idlers.pop().close()
        self._opened.close()


def _map_words(db: Connection, words: Mapping[str, str | None]) -> None:
    row = db.execute(MAPPING).fetchone()
    mapped = {**json.loads(row[0] if row else "{}"), **words}
    kept = {word: outcome for word, outcome in mapped.items() if outcome}
    db.execute(SET_META, ("mapping", json.dumps(kept, sort_keys=True, ensure_ascii=False)))
