"""One run of wrk against one path: how many answers, how fast, how many went wrong."""

import itertools
import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")
TIMEOUT = 10  # seconds after which wrk counts a request as timed out
SETTLE = 0.5  # seconds for what was in flight to end before the next contender's turn

_seeds = itertools.count(int(time.time()) & 0xFFFFFF)


@dataclass(frozen=True)
class Load:
    """Rate in good answers a second, latencies in milliseconds."""

    rate: float
    p50: float
    p99: float
    good: int
    wrong: int  # 4xx and 5xx, broken connections, time-outs
    repeats: int


def clicks(url: str, origin: str, clients: int, seconds: float) -> Load:
    """POST clicks, each with a click_id of its own, from `clients` connections."""
    return _wrk(url, clients, seconds, "clicks", str(next(_seeds)), origin)


def completions(url: str, lines: Path, clients: int, seconds: float) -> Load:
    """POST to the paths in `lines` ("path session_id"), each once while they last."""
    return _wrk(url, clients, seconds, "completions", str(lines))


def _wrk(url: str, clients: int, seconds: float, *arguments: str) -> Load:
    command = (
        *("wrk", "-t1", f"-c{clients}", f"-d{round(seconds)}s", f"--timeout={TIMEOUT}s"),
        *("-s", str(SCRIPT), url, "--", *arguments),
    )
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 3 * TIMEOUT, check=True
    )
    time.sleep(SETTLE)
    last = json.loads(done.stdout.strip().splitlines()[-1])
    good = last["answers"] - last["refused"]
    return Load(
        rate=good / (last["micros"] / 1e6),
        p50=last["p50"] / 1000,
        p99=last["p99"] / 1000,
        good=good,
        wrong=last["refused"] + last["broken"] + last["timeouts"],
        repeats=last["repeats"],
    )
