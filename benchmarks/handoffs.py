"""Open handoffs: what a live page costs, and how soon it learns of its completion.

Two servers of one worker share a database. All pages are open at the first; completions arrive at
the first and the second in turn, among others that nobody watches.
"""

import asyncio
import json
import operator
import re
import statistics
import time
import urllib.parse
from collections.abc import Coroutine, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks import report
from benchmarks.callbacks import collected
from benchmarks.contenders import TODAY, Bench, Version, ours, turns, vendor
from benchmarks.processes import Server, running

COUNTS = (100, 1_000, 10_000)
WATCHED = 400  # completions that a page waits for, at most
UNWATCHED = 3  # further completions to each of those
GAP = 0.02  # seconds between two watched completions
PATIENCE = 120  # seconds for opening all pages
COMPLETED = re.compile(rb'"state": ?"completed"')


class Caller:
    """POSTs JSON over connections that are kept open."""

    def __init__(self, server: Server, connections: int, origin: str) -> None:
        self._port, self._origin = server.contender.port, origin
        self._idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None]
        self._idle = asyncio.LifoQueue()
        for _ in range(connections):
            self._idle.put_nowait(None)

    async def post(self, path: str, body: dict[str, str]) -> bytes:
        """The answer's body. Anything but a 2xx is an error."""
        connection = await self._idle.get()
        if connection and connection[0].at_eof():  # the server's keep-alive time was over
            connection[1].close()
            connection = None
        reader, writer = connection or await asyncio.open_connection("127.0.0.1", self._port)
        data = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nOrigin: {self._origin}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", answer, re.IGNORECASE)
        content = await reader.readexactly(int(length[1]) if length else 0)
        if not answer.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{path}: {answer.decode()}{content.decode()}")
        self._idle.put_nowait((reader, writer))
        return content


class Page(asyncio.Protocol):
    """A browser's open EventSource: knows when it had its first state, and when the last."""

    def __init__(self, path: str) -> None:
        self._path, self._data = path, b""
        self.opened: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.completed: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        request = f"GET {self._path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
        transport.write(request.encode())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._data = (self._data + data)[-2000:]
        if b"\ndata:" in self._data and not self.opened.done():
            self.opened.set_result(time.perf_counter())
        if COMPLETED.search(self._data) and not self.completed.done():
            self.completed.set_result(time.perf_counter())

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            reason = self._data[:300].decode(errors="replace") or str(error)
            self.opened.set_exception(RuntimeError(f"{self._path} was not opened: {reason}"))


@dataclass
class Found:
    """Of one round: KiB for each page, and milliseconds from a completion's sending to its page."""

    kib: float = 0
    same: list[float] = field(default_factory=list)
    across: list[float] = field(default_factory=list)
    missed: int = 0


Results = dict[tuple[Version, int], list[Found]]


def run(bench: Bench, rounds: int, seconds: float) -> None:
    counts = COUNTS if seconds >= 5 else COUNTS[:2]  # the quick form
    results: Results = {(version, count): [] for count in counts for version in bench.versions}
    for number in range(rounds):
        for count in counts:
            for version in turns(bench.versions, number):
                results[version, count].append(_once(bench, version, count))
    _print(bench, results)
    if bench.against:
        for count in counts:
            then, today = (_p50s(results[one, count]) for one in (bench.against, TODAY))
            what = f"p50 ms with {count:,} pages"
            report.verdict(what, bench.against.name, then, today, better=operator.lt)


def _once(bench: Bench, version: Version, count: int) -> Found:
    first = ours(bench, version, workers=1)
    second = ours(bench, version, workers=1, like=first)
    log = bench.scratch / "handoffs.log"
    with ExitStack() as stack:
        stack.enter_context(running(vendor(bench.vendor_port), log))
        servers = [stack.enter_context(running(one, log)) for one in (first, second)]
        return asyncio.run(measure(bench, servers, count))


async def measure(bench: Bench, servers: list[Server], count: int) -> Found:
    origin = servers[0].url
    callers = [Caller(server, 16, origin) for server in servers]
    watched = min(count, WATCHED)
    events, callbacks = await _create(bench, callers[0], count + watched * UNWATCHED)
    loop = asyncio.get_running_loop()
    found = Found()
    before = sum(servers[0].pss())
    port = servers[0].contender.port
    pages: list[Page] = []
    for path in events[:count]:
        page = Page(path)
        pages.append(page)
        await loop.create_connection(lambda page=page: page, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.wait_for(asyncio.gather(*(page.opened for page in pages)), PATIENCE)
    await asyncio.sleep(1)
    found.kib = (sum(servers[0].pss()) - before) * 1024 / count
    others = iter(callbacks[count:])
    step = count // watched  # spread over early and late pages alike
    async with asyncio.TaskGroup() as tasks:
        for number in range(watched):
            caller = callers[number % 2]
            times = (found.same, found.across)[number % 2]
            page = pages[number * step]
            tasks.create_task(_complete(caller, callbacks[number * step], page, times))
            for _ in range(UNWATCHED):
                path, session_id = next(others)
                tasks.create_task(caller.post(path, _body(session_id)))
            await asyncio.sleep(GAP)
    found.missed = watched - len(found.same) - len(found.across)
    for page in pages:
        page.transport.close()
    return found


async def _create(
    bench: Bench, caller: Caller, count: int
) -> tuple[list[str], list[tuple[str, str]]]:
    """Of `count` new sessions: the path of the events; the callback's path and session id."""

    def click(number: int) -> Coroutine[Any, Any, bytes]:
        return caller.post("/sessions", {"product_id": f"sku-{number}", "category": "footwear"})

    answers = [json.loads(text) for text in await asyncio.gather(*map(click, range(count)))]
    wanted = {product: (callback, name) for product, name, callback in collected(bench)}
    callbacks = []
    for answer in answers:
        callback, name = wanted[answer["product_id"]]
        callbacks.append((urllib.parse.urlsplit(callback).path, name))
    return [urllib.parse.urlsplit(answer["events_url"]).path for answer in answers], callbacks


def _body(session_id: str) -> dict[str, str]:
    return {"session_id": session_id, "state": "completed"}


async def _complete(
    caller: Caller, callback: tuple[str, str], page: Page, times: list[float]
) -> None:
    path, session_id = callback
    began = time.perf_counter()
    await caller.post(path, _body(session_id))
    await asyncio.wait([page.completed], timeout=10)
    if page.completed.done():
        times.append((page.completed.result() - began) * 1000)


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[18] if len(values) > 1 else float("nan")


def _print(bench: Bench, results: Results) -> None:
    def row(version: Version, count: int) -> Iterable[object]:
        founds = results[version, count]
        yield version.name
        yield f"{count:,}"
        yield report.middle(found.kib for found in founds)
        for which in ("same", "across"):
            for figure in (statistics.median, _p95):
                yield report.middle(figure(getattr(found, which)) for found in founds)
        if bench.against:
            yield report.ratio(*(_p50s(results[one, count]) for one in (version, TODAY)))
        yield sum(found.missed for found in founds)

    rate = (1 + UNWATCHED) / GAP
    header = ["", "open pages", "KiB each", "same worker p50 ms", "p95 ms"]
    header += ["another worker p50 ms", "p95 ms"]
    header += ["p50 of both, today = 1"] if bench.against else []
    report.table(
        f"Open handoffs on one worker, {rate:.0f} callbacks a second meanwhile",
        [*header, "missed"],
        [list(row(version, count)) for version, count in results],
    )


def _p50s(founds: list[Found]) -> list[float]:
    """Of each round, over both ways."""
    return [statistics.median(found.same + found.across) for found in founds]
