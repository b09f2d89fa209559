"""Copies of a database: made while it is written, checked, and put in its place.

A copy is a file with a rollback journal, to which no write-ahead log can belong: one that lies
beside it by mistake is known for another file's (`assert_belonging`).
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from sqlite_utils import Database
from sqlite_utils.utils import sqlite3  # type: ignore[attr-defined]

from storage.sqlite.connection import Connection, Error, connect, unavailable
from storage.sqlite.files import LOGS, alone, assert_belonging, open_locks, share
from storage.sqlite.migrations import unknown
from storage.store import Damaged, Progress, StorageUnavailable, quiet

STEP = 1_000  # pages between two calls of `progress`
OURS = {"meta", "events", "attempts", "receipts", "upstream_calls"}


def backup(path: Path, file: Path, progress: Progress = quiet) -> None:
    """Write a checked copy of the database at `path` to a new file; writers are not held off.

    :raises StorageUnavailable: it could not be made, and there is no such file.
    """
    if not path.exists():
        raise StorageUnavailable(f"there is no {path}")
    if os.path.lexists(file):
        raise StorageUnavailable(f"{file} exists already, and is left as it is")
    with _errors_of(path), _unfinished(file) as copy, _opened(path) as db:
        save(db, copy, progress)
        _check(copy, path)
        copy.rename(file)
        _sync(file.parent)


def restore(path: Path, file: Path, progress: Progress = quiet) -> Path | None:
    """Put a copy of a backup in the place of the database at `path`.

    Return the path where what was there is kept, None where there was nothing.

    :raises StorageUnavailable: it is no backup, or of a later version, or the database is open
        elsewhere; all is as it was.
    """
    if not file.is_file():
        raise StorageUnavailable(f"there is no file {file}")
    if path.exists() and path.samefile(file):
        raise StorageUnavailable(f"{file} is the database itself")
    with _errors_of(file), alone(path), _unfinished(path) as copy:
        with closing(_open_read_only(file)) as source:
            save(source, copy, progress)
        _check(copy, file)
        _own_like(path, copy)
        return _swap(path, copy)


def rescue(db: Connection, path: Path) -> Path:
    """Copy what an open connection has to a file beside a path, at which it is no longer."""
    rescued = _beside(path, "rescued")
    with _unfinished(path) as copy:
        save(db, copy)
        copy.rename(rescued)
        _sync(path.parent)
    return rescued


def compact(path: Path) -> int:
    """Rewrite a database without the room of what was deleted; return how many bytes are free now.

    :raises StorageUnavailable: it is open elsewhere, or the disk has no room for a second one.
    """
    with _errors_of(path), alone(path), closing(connect(path)) as db:
        before = path.stat().st_size
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return before - path.stat().st_size


def save(db: Connection, copy: Path, progress: Progress = quiet) -> None:
    """Copy the state that a connection sees now to a file, synced."""
    db.execute("BEGIN")
    try:
        db.execute("SELECT 1 FROM sqlite_master").fetchone()  # the state is that of the first read
        with closing(sqlite3.connect(str(copy))) as target:
            db.backup(target, pages=STEP, progress=lambda *_: progress(STEP))
            target.execute("PRAGMA journal_mode = DELETE")
    finally:
        db.execute("COMMIT")


def _check(copy: Path, of: Path) -> None:
    """Look whether a copy of a file is a sound database of ours."""
    with closing(sqlite3.connect(str(copy))) as db:
        names = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
        if not names >= OURS:
            raise StorageUnavailable(f"{of} is no backup of this app")
        if later := unknown(Database(db)):
            raise StorageUnavailable(f"{of} is of a later version ({', '.join(later)})")
        (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise Damaged(f"{of.name}: {found}")


def _swap(path: Path, copy: Path) -> Path | None:
    """Put a checked copy at the path, and keep what was there; killed anywhere, one of the two is.

    What is kept has two names before it loses the first, its write-ahead log too.
    """
    kept = _beside(path, "before")
    was_there = path.exists()
    for suffix in ("", *LOGS):
        with suppress(FileNotFoundError):
            os.link(f"{path}{suffix}", f"{kept}{suffix}")
    _sync(path.parent)
    copy.rename(path)
    _sync(path.parent)
    for suffix in LOGS:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    _sync(path.parent)
    return kept if was_there else None


@contextmanager
def _opened(path: Path) -> Iterator[Connection]:
    """Open a database that others may have open, and keep it from being restored meanwhile."""
    locks = open_locks(path)
    try:
        share(locks)
        assert_belonging(path, locks)
        with closing(connect(path)) as db:
            yield db
    finally:
        os.close(locks)


def _own_like(path: Path, copy: Path) -> None:
    """Give a copy the rights of the file whose place it takes: root may have made it."""
    if path.exists():
        found = path.stat()
        copy.chmod(found.st_mode & 0o777)
        os.chown(copy, found.st_uid, found.st_gid)


def _open_read_only(file: Path) -> Connection:
    """Open a file that is not ours to change; without a log beside it, nothing is made there."""
    size = 0
    with suppress(FileNotFoundError):
        size = Path(f"{file}-wal").stat().st_size
    mode = "mode=ro" if size else "immutable=1"
    return sqlite3.connect(f"file:{quote(str(file))}?{mode}", uri=True, isolation_level=None)


@contextmanager
def _unfinished(file: Path) -> Iterator[Path]:
    """Name a file in the folder of another, private, and gone in the end unless it was renamed."""
    number, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".partial", dir=file.parent)
    os.close(number)
    try:
        yield Path(name)
    finally:
        for suffix in ("", "-journal", *LOGS):
            Path(f"{name}{suffix}").unlink(missing_ok=True)


@contextmanager
def _errors_of(file: Path) -> Iterator[None]:
    try:
        yield
    except (Error, OSError) as error:
        raise unavailable(file, error) from error


def _beside(path: Path, word: str) -> Path:
    return path.with_name(f"{path.name}.{word}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")


def _sync(folder: Path) -> None:
    """Make the names in a folder last over a power cut."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
