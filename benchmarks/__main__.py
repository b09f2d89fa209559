"""`python -m benchmarks [TABLE…]`: run the tables named, or all, and print them as Markdown."""

import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from benchmarks import (
    callbacks,
    catalog,
    commit,
    crowds,
    handoffs,
    maintenance,
    numbers,
    press,
    report,
    sessions,
    start,
)
from benchmarks.contenders import Bench, prepare
from benchmarks.processes import free_port, lacking

TABLES: dict[str, Callable[[Bench, int, float], None]] = {
    "sessions": sessions.run,
    "callbacks": callbacks.run,
    "handoffs": handoffs.run,
    "press": press.run,
    "start": start.run,
    "numbers": numbers.run,
    "maintenance": maintenance.run,
    "crowds": crowds.run,
    "catalog": catalog.run,
}
LOADED = {"sessions", "callbacks"}  # by wrk
ALONE = {
    "press",
    "numbers",
    "maintenance",
    "crowds",
    "catalog",
}  # without peers, which take minutes to build


def stop(number: int, _: object) -> NoReturn:
    """Unwind, so that every server is ended; a second Ctrl-C must not interrupt that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def known(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    """The hash of the commit that `name` means."""
    if name is None:
        return None
    if found := commit.find(name):
        return found
    raise click.BadParameter(f"git knows no commit {name!r}")


@click.command(help=__doc__)
@click.argument("names", metavar="[TABLE]…", nargs=-1, type=click.Choice(list(TABLES)))
@click.option("--quick", is_flag=True, help="One short round of each: shows that all runs.")
@click.option("--rounds", type=int, default=5, show_default=True)
@click.option("--seconds", type=int, default=5, show_default=True, help="Of each measurement.")
@click.option(
    "--events", type=int, default=150_000, show_default=True, help="Of the table maintenance."
)
@click.option(
    "--products", type=int, default=500_000, show_default=True, help="Of the table catalog."
)
@click.option(
    "--against",
    metavar="COMMIT",
    callback=known,
    help="Let this commit's version take part, and say whether today's is slower.",
)
def main(
    names: tuple[str, ...],
    quick: bool,
    rounds: int,
    seconds: int,
    events: int,
    products: int,
    against: str | None,
) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if quick:
        rounds, seconds, products = 1, 2, min(products, 20_000)
    # /var/tmp is kept on a disk, where /tmp may be memory and make an fsync free
    with tempfile.TemporaryDirectory(prefix="tryon-bench-", dir="/var/tmp") as scratch:
        report.machine(Path(scratch), [] if names and ALONE.issuperset(names) else prepare())
        version = commit.version(against, Path(scratch)) if against else None
        report.say(f"Rounds: {rounds}, alternating, {seconds} s each; medians (min to max).")
        for name in names or TABLES:
            if name in LOADED and (missing := lacking("wrk")):
                report.say(f"Left out: the table {name}: {missing}")
                continue
            TABLES[name](
                Bench(free_port(), Path(scratch), version, events, products), rounds, seconds
            )


if __name__ == "__main__":
    main()
