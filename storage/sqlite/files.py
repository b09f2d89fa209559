"""The files of a database: whether they belong together, who has them open, and whether those that
are open are still the ones at their paths.

What is committed to a file whose name is gone, or has become another file's, ends with the process.

The lock file beside them has a line for all processes: the greatest size of the database since one
of them was the first to open it, and the numbers of database and log on their disk.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.sqlite.connection import WAL_IS_SAFE
from storage.store import Damaged, DatabaseGone, FilesGone, StorageUnavailable

LOGS = ("-wal", "-shm")  # the write-ahead log and its index
OPEN = (1 << 62) + 1  # the byte of the lock file that is locked while a database is open
IN_WAL_MODE = b"\2\2"  # bytes 18 and 19 of a file that may have a write-ahead log


def beside(path: Path, *suffixes: str) -> list[Path]:
    """List a path and those beside it."""
    return [path, *(Path(f"{path}{suffix}") for suffix in suffixes)]


def open_locks(path: Path) -> int:
    """Open the lock file of a database, to be closed by whoever has no lock on it any more."""
    return os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def share(locks: int) -> None:
    """Say that the database is open here, until the lock file is closed."""
    with suppress(BlockingIOError):
        fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, OPEN)
        os.pwrite(locks, _line(0), 0)  # nobody else has it open: it may be smaller than it was
    fcntl.lockf(locks, fcntl.LOCK_SH, 1, OPEN)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep everybody from opening a database.

    :raises StorageUnavailable: somebody has it open.
    """
    locks = open_locks(path)
    try:
        fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, OPEN)
        yield
    except BlockingIOError:
        raise StorageUnavailable(f"{path} is in use; stop the app first") from None
    finally:
        os.close(locks)


def assert_belonging(path: Path, locks: int) -> None:
    """Look whether the write-ahead log beside a database is its own. To be called before it is
    opened: SQLite would apply any.

    A file that was put there is known by its journal mode if it is a backup of ours, and by its
    number on the disk if it was moved there and the log stayed.

    :raises Damaged: the log is another file's.
    """
    log = Path(f"{path}-wal")
    try:
        of_log, of_database = log.stat(), path.stat()
        with path.open("rb") as file:
            mode = file.read(20)[18:]
    except FileNotFoundError:
        return  # there is no log: whoever closes a database last takes it away, at any moment
    _, database, its_log = _noted(locks)
    moved = its_log == of_log.st_ino and database != of_database.st_ino
    if of_log.st_size and (mode != IN_WAL_MODE or moved):
        raise Damaged(f"{log.name} is not of this {path.name}, which was put there without it")


class Opened:
    """Files that this process has open, and those at their paths.

    :raises FilesGone: they are not the same.
    """

    gone: type[FilesGone] = FilesGone

    def __init__(self, *paths: Path) -> None:
        self._known = {str(path): _identity(path.stat()) for path in paths}
        if not set(self._known.values()) <= _open_files():
            raise self.gone(f"{paths[0].name} was replaced")

    def found(self) -> list[os.stat_result]:
        """Look whether all of them are at their paths. By `stat` alone: to open one of them and
        close it again would drop SQLite's locks on it (POSIX)."""
        found = []
        for path, known in self._known.items():
            try:
                there = os.stat(path)  # noqa: PTH116 - half the time of Path.stat
            except FileNotFoundError:
                raise self.gone(f"{Path(path).name} was deleted") from None
            if (there.st_dev, there.st_ino) != known:
                raise self.gone(f"{Path(path).name} was replaced")
            found.append(there)
        return found


class Files(Opened):
    """The files that this process has open as the database at a path, and its lock file."""

    gone = DatabaseGone

    def __init__(self, path: Path, locks: int, page_size: int) -> None:
        super().__init__(*beside(path, *LOGS) if WAL_IS_SAFE else (path,))
        self._path = path
        self._locks = locks
        self._lock_file = Opened(Path(f"{path}-lock"))
        self._frame = 24 + page_size
        self._frames, self._size, self._log_size = 1, 0, -1
        self._check_size()

    def check(self, frames: Callable[[], int]) -> None:
        """Look whether all of them are at their paths, and whole; `frames` counts those in the log.

        :raises DatabaseGone: one of the database's own was deleted, or another took its place.
        :raises FilesGone: so it was with the lock file, by which the workers know of each other.
        :raises Damaged: the database or its log was truncated.
        """
        database, *logs = self.found()
        self._lock_file.found()
        if database.st_size != self._size:
            self._check_size()
        if logs and logs[0].st_size != self._log_size:
            self._check_log(frames)

    def _check_size(self) -> None:
        """Beside its log a database only grows, but where one process alone has it open."""
        if not WAL_IS_SAFE:
            return
        numbers = [number for _, number in self._known.values()][:2]
        greatest, *noted = _noted(self._locks)
        size = self._path.stat().st_size
        if noted == numbers and size < greatest:
            raise Damaged(f"{self._path.name} was truncated")
        self._size = size
        os.pwrite(self._locks, _line(size, *numbers), 0)

    def _check_log(self, frames: Callable[[], int]) -> None:
        """Look whether the log has its last frame, and one of those before: what is appended to a
        log that was cut off leaves zeros in between."""
        count = frames()
        with Path(f"{self._path}-wal").open("rb") as log:  # on which SQLite has no lock
            size = os.fstat(log.fileno()).st_size
            page = os.pread(log.fileno(), 4, self._place(min(self._frames, count) or 1))
        if not count or (size >= self._place(count + 1) and any(page)):
            self._frames, self._log_size = count or 1, size
        elif frames() == count:  # or it was emptied meanwhile
            raise Damaged(f"{self._path.name}-wal was truncated")

    def _place(self, frame: int) -> int:
        """Return where a frame of the log begins, with its page's number; the first is 1."""
        return 32 + (frame - 1) * self._frame


def _line(*numbers: int) -> bytes:
    return b"".join(b"%20d" % each for each in numbers)


def _noted(locks: int) -> list[int]:
    """Read the lock file's line: size, number of the database, number of its log."""
    numbers = [int(each) for each in os.pread(locks, 60, 0).split()]
    return numbers if len(numbers) == 3 else [0, 0, 0]


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _open_files() -> set[tuple[int, int]]:
    found = set()
    for number in Path("/dev/fd").iterdir():
        with suppress(OSError):  # the listing's own is closed by now
            found.add(_identity(os.fstat(int(number.name))))
    return found
