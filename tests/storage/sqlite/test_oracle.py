"""Totals against a recount that shares nothing with them, over random histories."""

import random
from collections.abc import Iterator
from datetime import date
from itertools import chain, pairwise, product
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from proxy.numbers.comparison import reached
from storage.events import LATEST_MS, Entry
from storage.funnel import TOTALS
from storage.numbers import Scope
from storage.sqlite.maintenance import SQLiteMaintenance as Maintenance
from storage.sqlite.store import SQLiteStore
from tests.storage import oracle
from tests.storage.histories import PLACES, TABLES, history, moment, table
from tests.storage.workers import commit_all, commit_what_comes

PROCESSES = 4


def in_groups(rng: random.Random, entries: list[Entry]) -> list[list[Entry]]:
    cuts = [0, *sorted(rng.sample(range(len(entries)), min(6, len(entries)))), len(entries)]
    return [entries[start:end] for start, end in pairwise(cuts) if end > start]


@pytest.fixture(scope="module")
def workers() -> Iterator[list[Connection]]:
    """Not a pool of the standard library: its locks need a /dev/shm that may be written to."""
    context = get_context("spawn")
    ours = []
    processes = []
    for _ in range(PROCESSES):
        here, there = context.Pipe()
        processes.append(context.Process(target=commit_what_comes, args=(there,)))
        processes[-1].start()
        there.close()
        ours.append(here)
    yield ours
    for connection, process in zip(ours, processes, strict=True):
        connection.close()
        process.join()


STEPS = ("created", "opened", "completed", "whole_rate")


def rates_by_hour(store: SQLiteStore, days: set[str]) -> list[tuple[object, ...]]:
    """Who reached each step of the page, and of whom it is known, by the hour."""
    found: list[tuple[object, ...]] = []
    with store.numbers() as numbers:
        for day, offered in product(sorted(map(date.fromisoformat, days)), ("", "direct", "qr")):
            scope = Scope(day, day, {"offered": offered})
            hours = numbers.hours(scope, LATEST_MS)[str(day)]
            for hour, counts in enumerate(hours):
                pairs = chain.from_iterable(reached(counts, step) for step in STEPS)
                if counts["clicks"]:
                    found.append((str(day), hour, offered, *pairs))
    return sorted(found)


SEEDS = [
    *range(24),
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(24, 1_200)),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_any_order_any_repetition_any_split_gives_the_oracles_figures(
    seed: int, tmp_path: Path, workers: list[Connection]
) -> None:
    rng = random.Random(seed)
    zone, around = PLACES[seed % len(PLACES)]
    entries = history(rng, moment(around, zone), attempts=rng.randrange(1, 20))

    split: list[list[Entry]] = [[] for _ in range(PROCESSES)]
    repeated = entries + rng.choices(entries, k=len(entries) // 2)
    for entry in rng.sample(repeated, len(repeated)):
        rng.choice(split).append(entry)
    shuffled = tmp_path / "shuffled.db"
    for worker, part in zip(workers, split, strict=True):
        worker.send((shuffled, zone, in_groups(rng, part)))
    for worker in workers:
        assert worker.poll(60)
        assert worker.recv() == "done"

    expected = oracle.recount(shuffled, ZoneInfo(zone), rates=True)
    rates = expected.pop("rates")
    assert {name: table(shuffled, name) for name in TABLES} == expected

    straight = tmp_path / "straight.db"
    commit_all(straight, zone, [entries])
    for name in ("attempts", *TOTALS):
        assert table(straight, name) == table(shuffled, name), name

    store = SQLiteStore(shuffled, ZoneInfo(zone))
    assert rates_by_hour(store, {str(row[0]) for row in rates}) == rates
    assert Maintenance(store).verify() == []
    Maintenance(store).rebuild()
    assert {name: table(shuffled, name) for name in TABLES} == expected
    store.close()
