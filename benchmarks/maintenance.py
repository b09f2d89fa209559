"""Clicks and callbacks while a command works on the whole of a large file: how long anybody waits.

A process like a worker asks for the writers' turn as often as somebody clicks.
"""

import fcntl
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks import report
from benchmarks.contenders import Bench, ours, vendor
from benchmarks.numbers import past
from benchmarks.processes import Contender, Server, running
from benchmarks.steady import EVERY_S, HEADER, loaded
from proxy.numbers.questions import today
from storage.sqlite.connection import connect

QUIET_S = 10.0  # of the first row, in which no command runs
ERASED = "a-reference"

# What makes work for each command, done before the app starts.
PREPARED = (
    # erase: 2,000 attempts of one reference
    f"UPDATE attempts SET reference = '{ERASED}' WHERE id IN"
    " (SELECT id FROM attempts ORDER BY random() LIMIT 2000)",
    f"UPDATE events SET props = json_set(props, '$.reference', '{ERASED}') WHERE name = 'click'"
    f" AND attempt_id IN (SELECT id FROM attempts WHERE reference = '{ERASED}')",
    # rebuild: every tenth attempt ended otherwise, and every total is wrong
    "UPDATE attempts SET outcome = 'failed' WHERE id IN"
    " (SELECT id FROM attempts WHERE first_ms % 10 = 0)",
    "UPDATE totals_day_product SET clicks = clicks + 1",
    # replay: a fifth of the callbacks mean something else
    "INSERT OR REPLACE INTO meta VALUES ('mapping', '{\"abandoned\":\"failed\"}')",
)


def run(bench: Bench, rounds: int, seconds: float) -> None:  # noqa: ARG001
    contender = ours(bench)
    path = Path(contender.environ["TRYON_DATABASE"].removeprefix("sqlite:///"))
    shutil.copy(past(bench.events), path)
    with closing(connect(path)) as db:
        for statement in PREPARED:
            db.execute(statement)
    log = bench.scratch / "maintenance.log"
    half = str(today(ZoneInfo("UTC")) - timedelta(180))
    commands = {
        "verify": ("verify",),
        "rebuild": ("rebuild", "--quiet"),
        "replay of a mapping": ("replay", "--quiet"),
        "erase 2,000 attempts": ("erase", ERASED),
        "backup": ("backup", str(bench.scratch / "backup.db")),
        "purge half a year": ("purge", "--quiet", "--before", half),
        "verify afterwards": ("verify",),
    }
    with running(vendor(bench.vendor_port), log), running(contender, log, within=60) as server:
        rows = [_row(bench, server, path, "nothing", lambda: time.sleep(QUIET_S))]
        for name, arguments in commands.items():
            work = lambda arguments=arguments: _command(contender, log, arguments)  # noqa: E731
            rows.append(_row(bench, server, path, name, work))
    title = f"Clicks and callbacks beside long work, {bench.events:,} events"
    report.table(title, ["meanwhile", "s", *HEADER, "writers' longest wait, ms"], rows)


def _command(contender: Contender, log: Path, arguments: tuple[str, ...]) -> None:
    """Run `tryon …` to its end; verify finds what was made wrong, and says so by its status."""
    with log.open("ab") as output:
        code = "from proxy.cli import cli; cli()"
        command = (sys.executable, "-c", code, *arguments)
        environ = {"PATH": "/usr/bin:/bin", **contender.environ}
        done = subprocess.run(command, env=environ, stdout=output, stderr=output)
    if done.returncode and arguments != ("verify",):
        raise RuntimeError(f"tryon {' '.join(arguments)}: see {log}")


def _row(
    bench: Bench, server: Server, path: Path, name: str, work: Callable[[], None]
) -> list[str]:
    began = time.perf_counter()
    with loaded(bench, server) as waits, _turns(path) as turns:
        work()
        took = time.perf_counter() - began
    return [name, report.number(took), *waits.cells(), report.number(max(turns))]


@contextmanager
def _turns(path: Path) -> Iterator[list[float]]:
    """Wait for the writers' turn now and then, as a worker does, and let it go at once: ms each."""
    waits: list[float] = []
    over = threading.Event()

    def take() -> None:
        with Path(f"{path}-lock").open("r+b") as locks:
            while not over.wait(EVERY_S):
                began = time.perf_counter()
                fcntl.lockf(locks, fcntl.LOCK_EX, 1, 0)
                waits.append((time.perf_counter() - began) * 1000)
                fcntl.lockf(locks, fcntl.LOCK_UN, 1, 0)

    taking = threading.Thread(target=take)
    taking.start()
    try:
        yield waits
    finally:
        over.set()
        taking.join()
