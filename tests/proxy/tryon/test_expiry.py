"""What has to happen in time, without anybody asking."""

import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy.tryon import expiry as sweep
from storage.sqlite.store import SQLiteStore
from storage.store import StorageUnavailable
from tests.servers import eventually


def test_old_rows_are_purged_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def run_apart(*arguments: str) -> "subprocess.Popen[bytes]":
        asked.append(arguments)
        monkeypatch.setattr(sweep, "PURGE_EVERY_S", 3_600.0)  # once is enough
        return subprocess.Popen([sys.executable, "-c", ""])

    monkeypatch.setattr(sweep, "PURGE_EVERY_S", 0.01)
    monkeypatch.setattr(sweep, "run_apart", run_apart)
    sweep.start_purging(SQLiteStore(tmp_path / "tryon.db", ZoneInfo("UTC")))
    eventually(lambda: asked)
    assert asked == [("purge", "--quiet")]


@pytest.mark.parametrize("error", [StorageUnavailable("locked"), ValueError("a row is broken")])
def test_expiry_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    looks: list[int] = []

    def fails(*_: object) -> int:
        looks.append(1)
        if len(looks) > 2:  # one that goes well, and waits
            monkeypatch.setattr(sweep, "EVERY_S", 3_600.0)
            return 0
        raise error

    monkeypatch.setattr(sweep, "EVERY_S", 0.01)
    monkeypatch.setattr(sweep, "sweep", fails)
    sweep.start(None, None)  # type: ignore[arg-type]
    eventually(lambda: len(looks) > 2)
