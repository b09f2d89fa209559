"""Copies of a database: of one state, with whatever its log has, and lasting over a power cut."""

import os
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from storage.events import Entry
from storage.sqlite import backup as copies
from storage.sqlite.backup import backup, restore
from storage.sqlite.store import SQLiteStore
from tests.storage.histories import attempt_id, click, moment, small_history, table
from tests.storage.workers import CLAIM, child, finish

UTC = ZoneInfo("UTC")
ALONE = """
import sys; from pathlib import Path
from storage.sqlite.files import alone
from storage.store import StorageUnavailable
try:
    with alone(Path(sys.argv[1])):
        print("alone")
except StorageUnavailable as error:
    print(error)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tryon.db"
    with closing(SQLiteStore(path, UTC)) as store:
        store.commit(small_history())
    return path


def one_more(number: int) -> list[Entry]:
    return [Entry((click(attempt_id(moment("2026-11-03T12:00"), number)),))]


def test_a_copy_has_one_state_and_ends_however_much_is_stored_meanwhile(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "STEP", 1)
    with closing(SQLiteStore(path, UTC)) as store:
        numbers = iter(range(500))
        backup(path, path.with_name("copy.db"), lambda _: store.commit(one_more(next(numbers))))
        assert len(table(path, "attempts")) == 7 + next(numbers) > 40
    assert len(table(path.with_name("copy.db"), "attempts")) == 7


def test_nothing_is_restored_while_a_copy_is_made(path: Path) -> None:
    said: list[str] = []
    backup(
        path,
        path.with_name("copy.db"),
        lambda _: said.append(finish(child(ALONE, path, wait=False))),
    )
    assert said
    assert all("is in use; stop the app first" in each for each in said)
    assert finish(child(ALONE, path, wait=False)) == "alone\n"


def test_nothing_is_restored_while_the_last_of_several_has_it_open(path: Path) -> None:
    first = child(CLAIM, path, "key")
    with closing(SQLiteStore(path, UTC)):
        finish(first)
        assert "is in use; stop the app first" in finish(child(ALONE, path, wait=False))


def test_what_was_there_is_kept_with_its_log_and_can_be_restored_with_it(path: Path) -> None:
    copy = path.with_name("copy.db")
    backup(path, copy)
    with closing(SQLiteStore(path, UTC)) as store:
        store.commit(one_more(1))
        left = {each: each.read_bytes() for each in (path, Path(f"{path}-wal"))}
    for each, content in left.items():  # as a power cut leaves them
        each.write_bytes(content)
    kept = restore(path, copy)
    assert kept
    assert len(table(path, "attempts")) == 7
    restore(path, kept)
    assert len(table(path, "attempts")) == 8


def test_a_copy_has_the_rights_of_what_it_replaces(path: Path) -> None:
    copy = path.with_name("copy.db")
    backup(path, copy)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 65_534, 65_534)
    before = path.stat()
    restore(path, copy)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )


def test_each_step_is_on_the_disk_before_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut may undo is the last step alone."""
    steps: list[str] = []

    def noted(name: str) -> Callable[..., Any]:
        act = getattr(os, name)

        def run(*arguments: Any, **options: Any) -> Any:
            if name != "fsync" or stat.S_ISDIR(os.fstat(arguments[0]).st_mode):
                steps.append(name)
            return act(*arguments, **options)

        return run

    copy = path.with_name("copy.db")
    with monkeypatch.context() as patched:
        for name in ("fsync", "link", "rename"):
            patched.setattr(os, name, noted(name))
        backup(path, copy)
        assert steps == ["rename", "fsync"]
        steps.clear()
        restore(path, copy)
    assert [*dict.fromkeys(steps)] == ["link", "fsync", "rename"]
    assert steps[-3:] == ["rename", "fsync", "fsync"]
