"""Clicks and callbacks while a command works on the whole of a large file: how long anybody waits.

A click and a callback go out every fiftieth of a second, whether those before are answered or not;
a process like a worker asks for the writers' turn as often.
"""

import fcntl
import json
import random
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks import report
from benchmarks.callbacks import collected
from benchmarks.contenders import Bench, ours, vendor
from benchmarks.numbers import past
from benchmarks.processes import Contender, Server, post, running
from proxy.numbers.questions import today
from storage.sqlite.connection import connect

EVERY_S = 0.02
QUIET_S = 10.0  # of the first row, in which no command runs
ERASED = "a-reference"
AT_ONCE = 64  # requests that are out at most

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


@dataclass
class Waits:
    """Milliseconds that each had to wait, and answers of 5xx or none."""

    clicks: list[float] = field(default_factory=list)
    callbacks: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    wrong: int = 0


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
        "purge half a year": ("purge", "--quiet", "--before", half),
        "verify afterwards": ("verify",),
    }
    with running(vendor(bench.vendor_port), log), running(contender, log, within=60) as server:
        rows = [_row(bench, server, path, "nothing", lambda: time.sleep(QUIET_S))]
        for name, arguments in commands.items():
            work = lambda arguments=arguments: _command(contender, log, arguments)  # noqa: E731
            rows.append(_row(bench, server, path, name, work))
    header = ["meanwhile", "s", "clicks", "p99 ms", "max", "callbacks", "p99 ms", "max"]
    title = f"Clicks and callbacks beside long work, {bench.events:,} events"
    report.table(title, [*header, "writers' longest wait, ms", "wrong"], rows)


def _command(contender: Contender, log: Path, arguments: tuple[str, ...]) -> None:
    """Run `tryon …` to its end; verify finds what was made wrong, and says so by its status."""
    with log.open("ab") as output:
        code = "from app import cli; cli()"
        command = (sys.executable, "-c", code, *arguments)
        environ = {"PATH": "/usr/bin:/bin", **contender.environ}
        done = subprocess.run(command, env=environ, stdout=output, stderr=output)
    if done.returncode and arguments != ("verify",):
        raise RuntimeError(f"tryon {' '.join(arguments)}: see {log}")


def _row(
    bench: Bench, server: Server, path: Path, name: str, work: Callable[[], None]
) -> list[str]:
    began = time.perf_counter()
    with _loaded(bench, server, path) as waits:
        work()
        took = time.perf_counter() - began
    cells = [name, report.number(took)]
    for times in (waits.clicks, waits.callbacks):
        times.sort()
        cells.append(f"{len(times):,}")
        cells += [report.number(times[int(len(times) * share)]) for share in (0.99, 1 - 1e-9)]
    return [*cells, report.number(max(waits.turns)), str(waits.wrong)]


@contextmanager
def _loaded(bench: Bench, server: Server, path: Path) -> Iterator[Waits]:
    """Click and call back as long as the context lasts."""
    waits, over = Waits(), threading.Event()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        loops = [
            pool.submit(_click_and_call_back, bench, server, pool, waits, over),
            pool.submit(_take_turns, path, waits, over),
        ]
        try:
            yield waits
        finally:
            over.set()
            for loop in loops:
                loop.result()


def _click_and_call_back(
    bench: Bench, server: Server, pool: ThreadPoolExecutor, waits: Waits, over: threading.Event
) -> None:
    while not over.wait(EVERY_S):
        body = {"product_id": f"sku-{random.randrange(100):05}", "category": "footwear"}
        pool.submit(_timed, server, waits, waits.clicks, "/sessions", body)
        for _, session_id, callback in collected(bench):
            where = urllib.parse.urlsplit(callback).path
            said = {"session_id": session_id, "state": "completed"}
            pool.submit(_timed, server, waits, waits.callbacks, where, said)


def _timed(
    server: Server, waits: Waits, times: list[float], path: str, body: dict[str, str]
) -> None:
    began = time.perf_counter()
    try:
        status, _ = post(server.contender.port, path, json.dumps(body), Origin=server.url)
    except OSError:
        status = 599
    times.append((time.perf_counter() - began) * 1000)
    waits.wrong += status >= 400


def _take_turns(path: Path, waits: Waits, over: threading.Event) -> None:
    """Wait for the writers' turn as a worker does, and let it go at once."""
    with Path(f"{path}-lock").open("r+b") as locks:
        while not over.wait(EVERY_S):
            began = time.perf_counter()
            fcntl.lockf(locks, fcntl.LOCK_EX, 1, 0)
            waits.turns.append((time.perf_counter() - began) * 1000)
            fcntl.lockf(locks, fcntl.LOCK_UN, 1, 0)
