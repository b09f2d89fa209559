"""A steady load: a click and a callback every fiftieth of a second, whoever still waits."""

import json
import random
import threading
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks import report
from benchmarks.callbacks import collected
from benchmarks.contenders import Bench
from benchmarks.processes import Server, post

EVERY_S = 0.02
AT_ONCE = 64  # requests that are out at most
HEADER = ["clicks", "p99 ms", "max", "callbacks", "p99 ms", "max", "wrong"]


@dataclass
class Waits:
    """Milliseconds that each had to wait, and answers of 4xx, 5xx or none."""

    clicks: list[float] = field(default_factory=list)
    callbacks: list[float] = field(default_factory=list)
    wrong: int = 0

    def p99(self) -> float:
        """Of clicks and callbacks together."""
        return _at(self.clicks + self.callbacks, 0.99)

    def cells(self) -> list[str]:
        """A row's cells below HEADER."""
        cells = []
        for times in (self.clicks, self.callbacks):
            cells.append(f"{len(times):,}")
            cells += [report.number(_at(times, share)) for share in (0.99, 1 - 1e-9)]
        return [*cells, str(self.wrong)]


def _at(times: list[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)]


@contextmanager
def loaded(bench: Bench, server: Server) -> Iterator[Waits]:
    """Click and call back as long as the context lasts."""
    waits, over = Waits(), threading.Event()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        loop = pool.submit(_click_and_call_back, bench, server, pool, waits, over)
        try:
            yield waits
        finally:
            over.set()
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
