"""Killed at any moment: what was acknowledged is there, once, and every figure still adds up.

In the environment, `CRASHES` says how often in the long form (30).
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from storage.sqlite.maintenance import SQLiteMaintenance as Maintenance
from storage.sqlite.store import SQLiteStore
from tests.storage import oracle
from tests.storage.histories import TABLES, table

ROOT = Path(__file__).parents[3]
BERLIN = ZoneInfo("Europe/Berlin")
WORKERS = 3
CRASHES = int(os.environ.get("CRASHES", "30"))


@pytest.mark.parametrize(
    "rounds", [3, pytest.param(CRASHES, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_a_killed_worker_loses_nothing_that_it_acknowledged(rounds: int, tmp_path: Path) -> None:
    rng = random.Random(rounds)
    path = tmp_path / "tryon.db"
    SQLiteStore(path, BERLIN).close()
    acknowledged: set[str] = set()
    for round_ in range(rounds):
        workers = [_worker(path, round_ * WORKERS + number) for number in range(WORKERS)]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == b"ready\n"
        if round_ == 0:  # so that something was acknowledged, however slow the disk
            assert workers[0].stdout is not None
            acknowledged.add(workers[0].stdout.readline().decode().rstrip("\n"))
        for worker in workers:
            time.sleep(rng.uniform(0.005, 0.1))  # the moment is random; nothing is waited for
            worker.kill()
        for worker in workers:
            output, _ = worker.communicate(timeout=60)
            # The last line may have been cut off by the kill.
            acknowledged.update(output.decode().split("\n")[:-1])
        store = SQLiteStore(path, BERLIN)
        stored = [row[1] for row in table(path, "events")]
        assert acknowledged <= set(stored)
        assert len(stored) == len(set(stored))
        if round_ % 10 == 0 or round_ == rounds - 1:
            assert Maintenance(store).integrity() == []
            assert Maintenance(store).verify() == []
        store.close()
    assert acknowledged
    assert {name: table(path, name) for name in TABLES} == oracle.recount(path, BERLIN)


def _worker(path: Path, number: int) -> "subprocess.Popen[bytes]":
    code = "from tests.storage.workers import until_killed; until_killed()"
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), str(number)],
        stdout=subprocess.PIPE,
        bufsize=0,  # so that what was printed is read, all of it, and only that
        cwd=ROOT,
    )
