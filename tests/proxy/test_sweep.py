"""What has to happen in time, without anybody asking."""

import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy import sweep
from storage.sqlite import SQLiteStore
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
