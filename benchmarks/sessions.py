"""Click to session: how many a second, how slow, and what each adds to the vendor's own time."""

import sqlite3
from contextlib import ExitStack, closing
from dataclasses import dataclass

from benchmarks import load, report
from benchmarks.contenders import EMPTY, OURS, Bench, for_sessions, turns
from benchmarks.contenders import vendor as vendor_stub
from benchmarks.load import Load
from benchmarks.processes import Contender, Server, get, post, running

STUB = "vendor stub alone"


@dataclass(frozen=True)
class Scene:
    """The vendor's delay in milliseconds and the number of clients that click without a pause."""

    delay: int
    clients: int

    @property
    def title(self) -> str:
        clients = f"{self.clients} clients" if self.clients > 1 else "one client"
        return f"Click → session, vendor at {self.delay} ms, {clients}"


SCENES = (Scene(0, 64), Scene(50, 256), Scene(200, 512))
LOW = Scene(0, 1)
WARM = Scene(0, 16)


def present(contenders: list[Contender]) -> list[Contender]:
    for contender in contenders:
        if contender.missing:
            report.say(f"Left out: {contender.name}: {contender.missing}")
    return [contender for contender in contenders if not contender.missing]


def run(bench: Bench, rounds: int, seconds: float) -> None:
    with ExitStack() as stack:
        stub = vendor_stub(bench.vendor_port)
        log = bench.scratch / "sessions.log"
        servers = [
            stack.enter_context(running(contender, log))
            for contender in (stub, *present(for_sessions(bench)))
        ]
        # caches, pools and JIT compilers are warm before anything counts
        warm = {server.contender.name: _click(server, WARM, 1) for server in servers[1:]}
        answered = {name: found.good for name, found in warm.items()}
        for scene in (*SCENES, LOW):
            results = measure(servers, scene, rounds, seconds)
            for name in answered:
                answered[name] += sum(found.good for found in results[name])
            _print(bench, scene, results)
        _memory(servers)
        recorded(servers, "attempts WHERE created_ms IS NOT NULL", answered)


def recorded(servers: list[Server], rows: str, answered: dict[str, int]) -> None:
    """Say whether each good answer of ours is in its database (or more: wrk hangs up on some)."""
    for server in servers:
        if server.contender.ours:
            name = server.contender.name
            good = f"{name}: {answered[name]:,} good answers"
            try:
                stored = _stored(server, rows)
            except sqlite3.OperationalError as error:  # another commit may have other tables
                report.say(f"{good}, not looked for in its database: {error}")
            else:
                verdict = "nothing lost" if stored >= answered[name] else "LOST"
                report.say(f"{good}, {stored:,} stored: {verdict}")


def _stored(server: Server, rows: str) -> int:
    path = server.contender.environ["TRYON_DATABASE"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        count: int = db.execute(f"SELECT count(*) FROM {rows}").fetchone()[0]
        return count


def measure(
    servers: list[Server], scene: Scene, rounds: int, seconds: float
) -> dict[str, list[Load]]:
    """Each server in turn, and that `rounds` times over."""
    stub = servers[0]
    post(stub.contender.port, f"/delay/{scene.delay}")
    results: dict[str, list[Load]] = {server.contender.name: [] for server in servers}
    for number in range(rounds):
        for server in turns(servers, number):
            before = _made(stub)
            found = _click(server, scene, seconds)
            name = server.contender.name
            results[name].append(found)
            if name != EMPTY and _made(stub) - before < found.good:
                report.say(f"{name}: {found.good} good answers, but fewer sessions at the vendor")
            get(stub.contender.port, "/collected")
    return results


def _made(stub: Server) -> int:
    return int(get(stub.contender.port, "/count")[1])


def _click(server: Server, scene: Scene, seconds: float) -> Load:
    url = f"{server.url}{server.contender.path}"
    return load.clicks(url, server.url, scene.clients, seconds)


def _print(bench: Bench, scene: Scene, results: dict[str, list[Load]]) -> None:
    rates = {name: [run.rate for run in runs] for name, runs in results.items()}
    units = {**bench.units, "stub = 1": STUB}
    rows = []
    for name, runs in results.items():
        row = [name, report.middle(rates[name])]
        row += [report.ratio(rates[name], rates.get(other, [])) for other in units.values()]
        row += [report.middle(run.p50 for run in runs), report.middle(run.p99 for run in runs)]
        if scene is LOW:
            pairs = list(zip(runs, results[STUB], strict=True))
            row.append(report.middle(max(0, mine.p50 - stub.p50) for mine, stub in pairs))
            row.append(report.middle(max(0, mine.p99 - stub.p99) for mine, stub in pairs))
        rows.append([*row, str(sum(run.wrong for run in runs))])
    header = ["", "sessions/s", *units, "p50 ms", "p99 ms"]
    header += ["added p50", "added p99"] if scene is LOW else []
    report.table(scene.title, [*header, "wrong"], rows)
    if bench.against:
        report.verdict("sessions/s", bench.against.name, rates[bench.against.name], rates[OURS])


def _memory(servers: list[Server]) -> None:
    rows = []
    for server in servers:
        sizes = server.pss()
        rows.append([server.contender.name, len(sizes), report.number(sum(sizes))])
    report.table("Memory after all that", ["", "processes", "PSS of all, MiB"], rows)
