"""Which files belong together: a write-ahead log is applied to no database but its own."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from storage.sqlite.backup import backup, restore
from storage.sqlite.store import SQLiteStore
from storage.store import Damaged
from tests.storage.histories import small_history, table

UTC = ZoneInfo("UTC")
# Ends with a log that was not emptied, as a power cut would.
KILLED = """
import os, sys
from pathlib import Path
from zoneinfo import ZoneInfo
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
        with pytest.raises(Damaged, match=r"tryon.db-wal is not of this tryon.db"):
            SQLiteStore(path, UTC)
    assert Path(f"{path}-wal").read_bytes() == log
    restore(path, kept)
    with closing(SQLiteStore(path, UTC)):
        assert len(table(path, "attempts")) == 7
