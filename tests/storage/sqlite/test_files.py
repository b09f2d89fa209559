"""Which files belong together, and whether those that are open are whole and at their paths."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from storage.database import compact
from storage.events import Entry
from storage.sqlite.backup import backup, restore
from storage.sqlite.connection import connect
from storage.sqlite.files import Opened
from storage.sqlite.store import SQLiteStore
from storage.store import Damaged, FilesGone, StorageUnavailable
from tests.storage.histories import attempt_id, click, moment, small_history, table

UTC = ZoneInfo("UTC")
# Ends with a log that was not emptied, as a power cut would.
KILLED = """
import os, sys
from pathlib import Path
from zoneinfo import ZoneInfo
from storage.database import compact
from storage.events import Entry
from storage.sqlite.store import SQLiteStore
from tests.storage.histories import attempt_id, click, moment
store = SQLiteStore(Path(sys.argv[1]), ZoneInfo("UTC"))
for number in range(20):
    store.commit([Entry((click(attempt_id(moment("2026-11-03T12:00"), number)),))])
os._exit(0)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tryon.db"
    with closing(SQLiteStore(path, UTC)) as store:
        store.commit(small_history())
    return path


def killed(path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=True)
    assert Path(f"{path}-wal").stat().st_size > 0


def test_a_log_is_applied_to_its_own_database(path: Path) -> None:
    killed(path)
    with closing(SQLiteStore(path, UTC)):
        assert len(table(path, "attempts")) == 27


def copied(copy: Path, path: Path) -> None:
    shutil.copyfile(copy, path)


# (A raw copy that is copied over the file cannot be told from the file's own earlier state.)
@pytest.mark.parametrize(
    ("put", "which"),
    [(copied, "backup"), (Path.rename, "backup"), (Path.rename, "raw")],
    ids=["backup-copied", "backup-moved", "raw-moved"],
)
def test_a_log_of_another_file_is_refused_and_set_right(
    path: Path, put: Callable[[Path, Path], None], which: str
) -> None:
    copy, kept = path.with_name("copy.db"), path.with_name("kept.db")
    backup(path, kept)
    if which == "backup":
        shutil.copyfile(kept, copy)
    else:
        shutil.copyfile(path, copy)
    killed(path)
    log = Path(f"{path}-wal").read_bytes()
    put(copy, path)
    for _ in range(2):
        for act in (SQLiteStore, compact, lambda path, _: backup(path, path.with_name("another"))):
            with pytest.raises(Damaged, match=r"tryon.db-wal is not of this tryon.db"):
                act(path, UTC)
    assert Path(f"{path}-wal").read_bytes() == log
    restore(path, kept)
    with closing(SQLiteStore(path, UTC)):
        assert len(table(path, "attempts")) == 7


def test_a_log_that_is_taken_away_while_it_is_looked_at_is_none(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever closes a database last takes it away: a worker that started then did not start."""
    log, found = Path(f"{path}-wal"), os.stat
    log.write_bytes(b"not yet taken away")

    def looked_at(of: Any, **more: Any) -> os.stat_result:
        there = found(of, **more)
        if str(of) == str(log):
            log.unlink()
        return there

    monkeypatch.setattr(os, "stat", looked_at)
    with closing(SQLiteStore(path, UTC)) as store:
        monkeypatch.undo()
        assert store.read("SELECT count(*) FROM attempts")[0][0] == 7


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(path, UTC)) as opened:
        yield opened


def commit(store: SQLiteStore, number: int = 1) -> None:
    store.commit([Entry((click(attempt_id(moment("2026-11-03T12:00"), number)),))])


def begin(store: SQLiteStore) -> None:
    with store.aside():
        pass


def read(store: SQLiteStore) -> None:
    with store.snapshot():
        pass


@pytest.mark.parametrize("act", [commit, begin, read, SQLiteStore.empty_log, SQLiteStore.check])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-lock"])
def test_where_a_file_is_gone_nothing_is_done_and_no_other_is_made(
    store: SQLiteStore, suffix: str, act: Callable[[SQLiteStore], None]
) -> None:
    gone = Path(f"{store.path}{suffix}")
    gone.unlink()
    for _ in range(2):
        with pytest.raises(FilesGone, match=f"^{gone.name} was deleted$"):
            act(store)
    assert not gone.exists()
    rescued = [*store.path.parent.glob("tryon.db.rescued-*")]
    assert len(rescued) == (act is commit and suffix != "-lock")


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-lock"])
def test_where_another_file_took_the_place_of_one_nothing_is_done(
    store: SQLiteStore, suffix: str
) -> None:
    place, another = Path(f"{store.path}{suffix}"), store.path.with_name("another")
    shutil.copyfile(place, another)
    another.rename(place)
    with pytest.raises(FilesGone, match=f"^{place.name} was replaced$"):
        commit(store)


def test_a_file_that_was_replaced_while_it_was_opened_is_not_taken_for_it(path: Path) -> None:
    """What is open here is what was there before."""
    with path.open("rb"), pytest.raises(FilesGone, match=r"^tryon\.db was replaced$"):
        copied(path, path.with_name("another"))
        path.with_name("another").rename(path)
        Opened(path)
    with path.open("rb"):
        Opened(path)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-lock"])
@pytest.mark.parametrize("open_", [SQLiteStore.transaction, SQLiteStore.aside])
def test_what_is_committed_while_a_file_goes_is_not_said_to_be(
    store: SQLiteStore, suffix: str, open_: Callable[[SQLiteStore], Any]
) -> None:
    with pytest.raises(FilesGone), open_(store) as db:
        db.execute("INSERT INTO meta VALUES ('a', 'b')")
        Path(f"{store.path}{suffix}").unlink()


@pytest.mark.parametrize("rest", [0, 20_000])
def test_a_log_that_is_cut_off_is_damage_to_all_who_have_it_open(
    store: SQLiteStore, rest: int
) -> None:
    with closing(SQLiteStore(store.path, UTC)) as other:
        for number in range(9):
            commit(store, number)
        os.truncate(f"{store.path}-wal", rest)
        for each in (store, other, store):
            for act in (SQLiteStore.check, commit):
                with pytest.raises(Damaged, match=r"tryon\.db-wal was truncated"):
                    act(each)


@pytest.mark.parametrize("rest", [0, 20_000])
def test_a_log_that_is_cut_off_within_a_transaction_is_damage(
    store: SQLiteStore, rest: int
) -> None:
    for number in range(9):
        commit(store, number)
    for _ in range(2):
        with pytest.raises(Damaged, match="was truncated"), store.transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES ('a', 'b')")
            os.truncate(f"{store.path}-wal", rest)
    with pytest.raises(Damaged, match="was truncated"):
        store.check()


def test_a_log_that_is_emptied_between_two_looks_is_whole(store: SQLiteStore) -> None:
    with closing(connect(store.path)) as db:
        db.execute("INSERT INTO meta VALUES ('a', 'b')")
    counts = iter([1_000, 0, 1_000, 1_000])
    store._files.check(lambda: next(counts))
    with pytest.raises(Damaged, match="was truncated"):
        store._files.check(lambda: next(counts))


def test_a_log_that_cannot_be_looked_into_is_not_taken_for_whole(store: SQLiteStore) -> None:
    with closing(SQLiteStore(store.path, UTC)) as other:
        commit(other, 1)  # since when the log has another size
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))  # no more files
    try:
        with pytest.raises(StorageUnavailable, match="Too many open files"):
            store.check()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    store.check()


def test_a_database_that_is_cut_off_is_damage(store: SQLiteStore) -> None:
    os.truncate(store.path, store.path.stat().st_size // 2)
    for act in (commit, SQLiteStore.check):
        with pytest.raises(Damaged, match=r"tryon\.db was truncated"):
            act(store)


def test_a_log_that_another_program_empties_or_begins_anew_is_whole(store: SQLiteStore) -> None:
    for number in range(20):
        commit(store, number)
        with closing(connect(store.path)) as db:
            db.execute(f"PRAGMA wal_checkpoint({('TRUNCATE', 'RESTART', 'PASSIVE')[number % 3]})")
        store.check()
    assert len(table(store.path, "attempts")) == 27
