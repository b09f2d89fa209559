"""`python -m benchmarks [TABLE…]`: run the tables named, or all, and print them as Markdown."""

import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks import callbacks, report, sessions, start
from benchmarks.contenders import Bench, prepare
from benchmarks.processes import free_port, lacking

TABLES: dict[str, Callable[[Bench, int, float], None]] = {
    "sessions": sessions.run,
    "callbacks": callbacks.run,
    "start": start.run,
}


@click.command(help=__doc__)
@click.argument("names", metavar="[TABLE]…", nargs=-1, type=click.Choice(list(TABLES)))
@click.option("--quick", is_flag=True, help="One short round of each: shows that all runs.")
@click.option("--rounds", type=int, default=5, show_default=True)
@click.option("--seconds", type=int, default=5, show_default=True, help="Of each measurement.")
def main(names: tuple[str, ...], quick: bool, rounds: int, seconds: int) -> None:
    if missing := lacking("wrk", "setpriv"):
        sys.exit(
            f"The benchmarks need what this machine lacks: {missing} (Debian: wrk, util-linux)"
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so every server is ended
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if quick:
        rounds, seconds = 1, 2
    # /var/tmp is kept on a disk, where /tmp may be memory and make an fsync free
    with tempfile.TemporaryDirectory(prefix="tryon-bench-", dir="/var/tmp") as scratch:
        report.machine(Path(scratch), prepare())
        report.say(f"Rounds: {rounds}, alternating, {seconds} s each; medians (min to max).")
        for name in names or TABLES:
            TABLES[name](Bench(free_port(), Path(scratch)), rounds, seconds)


if __name__ == "__main__":
    main()
