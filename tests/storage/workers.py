"""What other processes do in these tests; importable, so that they can be started afresh."""

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from zoneinfo import ZoneInfo

from storage.events import Entry
from storage.sqlite.store import SQLiteStore
from storage.writer import Writer
from tests.storage.histories import history, moment

ROOT = Path(__file__).parents[2]

# Holds a key of a store until a line comes, or its end.
CLAIM = """
import sys; from pathlib import Path; from zoneinfo import ZoneInfo
from storage.sqlite.store import SQLiteStore
store = SQLiteStore(Path(sys.argv[1]), ZoneInfo("Europe/Berlin"))
with store.claim(sys.argv[2]) as mine:
    print("ready" if mine else "taken", flush=True)
    sys.stdin.readline()
"""


def commit_all(path: Path, zone: str, groups: Sequence[Sequence[Entry]]) -> None:
    """Commit groups of entries, as one worker among others."""
    store = SQLiteStore(path, ZoneInfo(zone))
    for group in groups:
        store.commit(group)
    store.close()


def commit_what_comes(connection: Connection) -> None:
    """Commit each list of groups that is sent, and say so, until the other side closes."""
    with suppress(EOFError):
        while True:
            commit_all(*connection.recv())
            connection.send("done")


def until_killed() -> None:
    """Submit a history from many threads, and print each event's key once it is stored."""
    path, number = sys.argv[1:]
    store = SQLiteStore(Path(path), ZoneInfo("Europe/Berlin"))
    writer = Writer(store.commit)
    around = moment("2026-03-29T00:30", "Europe/Berlin") + int(number) * 1_000_003
    entries = history(random.Random(int(number)), around, attempts=800)

    def submit(entry: Entry) -> None:
        committed = writer.submit(entry)
        if committed.fresh and committed.verdict in (None, "accepted"):
            lines = "".join(f"{event.key}\n" for event in entry.events)
            os.write(1, lines.encode())  # one write, past any buffer of this process

    os.write(1, b"ready\n")
    with ThreadPoolExecutor(16) as pool:
        for done in pool.map(submit, entries):
            assert done is None


def child(code: str, *arguments: object, wait: bool = True) -> "subprocess.Popen[str]":
    """Another process in which `code` runs; it has said "ready" unless `wait` is False."""
    started = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    if wait:
        assert started.stdout is not None
        assert started.stdout.readline() == "ready\n"
    return started


def finish(process: "subprocess.Popen[str]") -> str:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output
