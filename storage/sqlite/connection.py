"""Open a SQLite file: journal, durability and time-outs, in one place.

The driver is whatever sqlite-utils picked: pysqlite3 where it is installed, since SQLite 3.7.0 to
3.51.2 has the WAL-reset bug (with several connections a checkpoint can lose committed rows).
"""

import time
from collections.abc import Callable
from pathlib import Path

from sqlite_utils.utils import sqlite3  # type: ignore[attr-defined]

from storage.store import Damaged, StorageUnavailable

Connection = sqlite3.Connection
Cursor = sqlite3.Cursor
Error = sqlite3.Error
IntegrityError = sqlite3.IntegrityError

VERSION: str = sqlite3.sqlite_version
# Bytes of the write-ahead log that are kept for later. It is larger while somebody reads for long.
LARGEST_LOG = 16 * 1024 * 1024
WAL_IS_SAFE = sqlite3.sqlite_version_info >= (3, 51, 3)
UNREADABLE = ("Could not decode to UTF-8", "malformed JSON")  # texts; there is no code for them
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def connect(path: Path, *, synchronous: str = "FULL", busy_ms: int = 5_000) -> Connection:
    """Open a connection in autocommit mode, usable from any one thread at a time.

    `synchronous` FULL syncs at every commit; NORMAL survives a crash of the process, not always one
    of the machine. `busy_ms` is how long a statement waits for another program's lock.
    """
    connection = sqlite3.connect(
        str(path), isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.execute(f"PRAGMA busy_timeout = {busy_ms:d}")
    mode = f"PRAGMA journal_mode = {'WAL' if WAL_IS_SAFE else 'DELETE'}"
    until_free(lambda: connection.execute(mode), busy_ms)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten with zeros
    connection.execute(f"PRAGMA journal_size_limit = {LARGEST_LOG:d}")
    return connection


def unavailable(path: Path, error: Exception) -> StorageUnavailable:
    """Return what to raise for what a database's program or the system raised."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF in DAMAGED or str(error).startswith(UNREADABLE):
        return Damaged(f"{path.name}: {error}")
    return StorageUnavailable(str(error))


def until_free(action: Callable[[], object], busy_ms: int = 5_000) -> None:
    """Do what does not wait for a lock by itself: try again while the file is locked.

    So it is with the journal mode and with the first tables of a file, where workers open a new one
    at the same moment.
    """
    until = time.monotonic() + busy_ms / 1000
    while True:
        try:
            action()
            return
        except Error as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)
