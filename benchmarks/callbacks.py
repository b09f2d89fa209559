"""Durable callbacks: how many a second, how slow, and proof that the disk comes first."""

import json
import math
import re
import time
import urllib.parse
import uuid
from contextlib import ExitStack
from pathlib import Path

from benchmarks import load, report
from benchmarks.contenders import OURS, Bench, for_callbacks, turns, vendor
from benchmarks.load import Load
from benchmarks.processes import Contender, Server, get, lacking, post, running
from benchmarks.sessions import present, recorded

CLIENTS = 64
PLENTY = 20_000  # a second: more than anybody here answers
GUESS = 2_000  # a second: our sessions cost time to make, so only until the rate is known

RECEIVED = re.compile(r'(?:recvfrom|read|recvmsg)\b.*"POST /')
ANSWERED = re.compile(r'(?:sendto|write|writev|sendmsg)\(.*"HTTP/1\.1 2')
SYNCED = re.compile(r"f(?:data)?sync(?:\(\d+\)| resumed>\))\s+= 0")


def run(bench: Bench, rounds: int, seconds: float) -> None:
    contenders = present(for_callbacks(bench))
    log = bench.scratch / "callbacks.log"
    results: dict[str, list[Load]] = {contender.name: [] for contender in contenders}
    with running(vendor(bench.vendor_port), log):
        with ExitStack() as stack:
            servers = [stack.enter_context(running(contender, log)) for contender in contenders]
            answered = _alternate(bench, servers, rounds, seconds, results)
            recorded(servers, "receipts", answered)
        synced = {contender.name: proof(bench, contender) for contender in contenders}
    _print(bench, results, synced)


def _alternate(
    bench: Bench,
    servers: list[Server],
    rounds: int,
    seconds: float,
    results: dict[str, list[Load]],
) -> dict[str, int]:
    """Fill `results`; returns how many each answered in all."""
    ours = {server.contender.name for server in servers if server.contender.ours}
    wanted = {name: (GUESS if name in ours else PLENTY) * seconds for name in results}
    answered = dict.fromkeys(results, 0)
    for round_number in range(-1, rounds):  # the first warms up
        for server in turns(servers, round_number):
            name = server.contender.name
            lines = work(bench, server, math.ceil(wanted[name]))
            found = load.completions(server.url, lines, CLIENTS, seconds)
            answered[name] += found.good - found.repeats
            if name in ours:
                wanted[name] = max(wanted[name] if round_number >= 0 else 0, 2 * found.good)
            if round_number >= 0:
                results[name].append(found)
                if found.repeats:
                    report.say(f"{name}: {found.repeats} of {found.good} were duplicates")
    return answered


def work(bench: Bench, server: Server, count: int, clients: int = CLIENTS) -> Path:
    """A file of `count` callbacks to come: for us those of real sessions, clicked for now."""
    if server.contender.ours:
        lines = clicked(bench, server, count, clients)
    else:
        run = uuid.uuid4().hex
        lines = [f"{server.contender.path} tsn_{run}_{number}" for number in range(count)]
    path = bench.scratch / f"work-{server.contender.port}"
    path.write_text("\n".join(lines) + "\n")
    return path


def clicked(bench: Bench, server: Server, count: int, clients: int) -> list[str]:
    """Make sessions until there are `count`; the stub knows where each wants its callback."""
    found: list[str] = []
    for _ in range(100):
        if len(found) >= count:
            break
        load.clicks(f"{server.url}/sessions", server.url, clients, 2)
        more = [
            f"{urllib.parse.urlsplit(callback).path} {session_id}"
            for _, session_id, callback in collected(bench)
            if callback.startswith(f"{server.url}/")  # not another version's
        ]
        if not more:
            raise RuntimeError(f"{server.contender.name} made no session to be called back for")
        found += more
    return found[:count]


def collected(bench: Bench) -> list[list[str]]:
    """[product_id, vendor's session id, callback URL] of every session since the last time."""
    lines = get(bench.vendor_port, "/collected")[1].decode().splitlines()
    return [line.split(" ") for line in lines]


def proof(bench: Bench, contender: Contender) -> str:
    """Trace one callback: is there an fsync that has succeeded between its bytes and its answer?"""
    if missing := lacking("strace"):
        return missing
    log, trace = bench.scratch / "strace.log", bench.scratch / "trace"
    calls = "trace=fsync,fdatasync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg"
    wrapped = ("strace", "-f", "-q", "-s", "64", "-o", str(trace), "-e", calls)
    with running(contender, log, within=60, wrapped=wrapped) as server:
        line = work(bench, server, 1, clients=1).read_text().split("\n")[0]
        time.sleep(1)  # nothing else is being committed or answered when this one comes
        path, session_id = line.split(" ")
        post(contender.port, path, json.dumps({"session_id": session_id, "state": "completed"}))
    lines = trace.read_text(errors="replace").splitlines()
    came = max(n for n, line in enumerate(lines) if RECEIVED.search(line))
    answered = next(n for n, line in enumerate(lines) if n > came and ANSWERED.search(line))
    return "yes" if any(map(SYNCED.search, lines[came:answered])) else "no"


def _print(bench: Bench, results: dict[str, list[Load]], synced: dict[str, str]) -> None:
    rates = {name: [run.rate for run in runs] for name, runs in results.items()}
    rows = [
        [
            name,
            report.middle(rates[name]),
            *(report.ratio(rates[name], rates.get(other, [])) for other in bench.units.values()),
            report.middle(run.p50 for run in runs),
            report.middle(run.p99 for run in runs),
            report.middle(run.p99 / run.p50 for run in runs),
            str(sum(run.wrong for run in runs)),
            synced[name],
        ]
        for name, runs in results.items()
    ]
    header = ["", "callbacks/s", *bench.units, "p50 ms", "p99 ms", "p99 / p50", "wrong"]
    title = f"Completion callbacks, {CLIENTS} clients, answered when durable"
    report.table(title, [*header, "fsync before the answer (strace)"], rows)
    if bench.against:
        report.verdict("callbacks/s", bench.against.name, rates[bench.against.name], rates[OURS])
