"""From nothing to the first answer, and what a server weighs that nobody calls."""

import operator
import time

from benchmarks import report
from benchmarks.contenders import OURS, Bench, for_sessions, turns
from benchmarks.processes import running
from benchmarks.sessions import present

SETTLE = 1.0  # seconds after the first 200, for workers that are not up yet


def run(bench: Bench, rounds: int, seconds: float) -> None:  # noqa: ARG001
    contenders = present(for_sessions(bench))
    log = bench.scratch / "start.log"
    starts: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    sizes: dict[str, list[list[float]]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in turns(contenders, number):
            with running(contender, log) as server:
                time.sleep(SETTLE)
                starts[contender.name].append(server.start_ms)
                sizes[contender.name].append(server.pss())
    units = ["today = 1"] if bench.against else []
    rows = [
        [
            name,
            report.middle(starts[name]),
            *(report.ratio(starts[name], starts[OURS]) for _ in units),
            len(sizes[name][0]),
            report.middle(max(found) for found in sizes[name]),
            report.middle(map(sum, sizes[name])),
        ]
        for name in starts
    ]
    header = ["", "first 200, ms", *units, "processes", "largest process, MiB", "all, MiB"]
    report.table("Cold start, two workers, and memory when idle (PSS)", header, rows)
    if bench.against:
        then, today = starts[bench.against.name], starts[OURS]
        report.verdict("first 200, ms", bench.against.name, then, today, better=operator.lt)
