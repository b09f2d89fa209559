"""Tables in Markdown: medians with their range, ratios, and where it was measured."""

import operator
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.contenders import HERE, PEER_PYTHON, PEERS


def number(value: float) -> str:
    """Three significant digits, thousands grouped."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or not value else f"{value:.3f}"


def middle(values: Iterable[float]) -> str:
    """`median (min to max)`; the median alone where there was one round."""
    values = sorted(values)
    if not values:
        return "-"
    text = number(statistics.median(values))
    return text if len(values) == 1 else f"{text} ({number(values[0])} to {number(values[-1])})"


def ratio(values: Sequence[float], against: Sequence[float]) -> str:
    """`middle` of the ratios, each within its own round, so that a slow minute hits both."""
    return middle(a / b for a, b in zip(values, against, strict=False) if b)


def verdict(
    figure: str,
    name: str,
    then: Sequence[float],
    today: Sequence[float],
    *,
    better: Callable[[float, float], bool] = operator.gt,
) -> None:
    """Say whether today's version is slower than `name` beyond the spread: in every round."""
    rounds = list(zip(then, today, strict=True))
    chance = f"beyond the spread (by chance once in {2 ** len(rounds)} runs)"
    if len(rounds) < 2:
        word = "not to be judged by a single round"
    elif all(better(before, now) for before, now in rounds):
        word = f"SLOWER {chance}"
    elif all(better(now, before) for before, now in rounds):
        word = f"faster {chance}"
    else:
        word = "not slower beyond the spread"
    say(f"Today's version is {word}: {figure}, {name} / today: {ratio(then, today)}.")


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    print(f"\n### {title}\n")
    for line in lines:
        print("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |")
    print(flush=True)


def say(text: str) -> None:
    print(text, flush=True)


def machine(scratch: Path, failed: list[str]) -> None:
    """When, on what and with which versions: without these a figure means nothing."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    say(f"Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    kernel = ".".join(platform.release().split(".")[:2])
    say(
        f"Machine: {cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB, Linux {kernel}; load before: {os.getloadavg()[0]:.2f}; "
        f"append and fdatasync on this disk: {_sync_ms(scratch):.2f} ms (median)"
    )
    say("Versions: " + ", ".join(_versions()))
    for what in failed:
        say(f"Not built: {what}")


def _sync_ms(scratch: Path) -> float:
    times = []
    with (scratch / "sync").open("wb", buffering=0) as file:
        for _ in range(100):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _versions() -> Iterable[str]:
    yield f"Python {platform.python_version()}"
    for package in ("flask", "gunicorn", "gevent", "requests", "sqlite-utils"):
        yield f"{package} {version(package)}"
    sqlite = "import sqlite3, pysqlite3 as p; print(p.sqlite_version, '/', sqlite3.sqlite_version)"
    yield f"SQLite (ours / naive) {_first(sys.executable, '-c', sqlite)}"
    for package in ("fastapi", "httpx", "uvicorn"):
        code = f"from importlib.metadata import version as v; print(v('{package}'))"
        yield f"{package} {_first(str(PEER_PYTHON), '-c', code)}"
    for module in ("express", "better-sqlite3"):
        path = PEERS / "express" / "node_modules" / module / "package.json"
        found = re.search(r'"version": *"([^"]+)"', path.read_text()) if path.exists() else None
        yield f"{module} {found[1] if found else 'absent'}"
    yield f"node {_first('node', '--version')}"
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx"
    yield _first(nginx, "-v").removeprefix("nginx version: ")
    yield _first("webhook", "-version")
    yield _first("wrk", "--version").split(" [")[0]


def _first(*command: str) -> str:
    """The first line that a program says, on either stream."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, cwd=HERE)
    except OSError:
        return f"{Path(command[0]).name} absent"
    return next(iter((done.stdout + done.stderr).strip().splitlines()), "unknown")
