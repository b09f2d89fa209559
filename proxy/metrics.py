"""Metrics for Prometheus, over all workers.

Labels' values are routes, problem codes and verdicts: all from lists.
"""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain, repeat
from operator import add
from typing import Any

from proxy.tallies import SEATS, Numbers, Seat

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Metric:
    """A family of series, one for each combination of its labels' values."""

    name: str
    kind: str
    help: str
    labels: Labels = ()
    bounds: tuple[float, ...] = ()  # of a histogram's buckets, the last one apart


REQUESTS = Metric(
    "tryon_requests_total",
    "counter",
    "Requests by route and status.",
    ("method", "route", "status"),
)
DURATION = Metric(
    "tryon_request_seconds",
    "histogram",
    "Time to the first byte of an answer.",
    ("route",),
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
PROBLEMS = Metric("tryon_problems_total", "counter", "Failures answered, by code.", ("code",))
CALLBACKS = Metric("tryon_callbacks_total", "counter", "Callbacks by verdict.", ("verdict",))
UPSTREAM = Metric(
    "tryon_upstream_seconds",
    "histogram",
    "Calls to the vendor, all tries together, by problem code or ok.",
    ("outcome",),
    (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 8.0, 16.0),
)
STREAMS = Metric("tryon_open_streams", "gauge", "Live streams.")
BREAKER = Metric("tryon_breaker_open", "gauge", "1 while calls are held back.")
TOKEN = Metric("tryon_token_refused", "gauge", "1 while the vendor refuses the token.")
BUDGET = Metric("tryon_budget_spent_ratio", "gauge", "How much of a budget is spent.", ("budget",))
VERDICTS = (
    "accepted", "duplicate", "mismatch", "too_old", "too_many", "erased", "unreadable", "unsigned",
)  # fmt: skip
METRICS = (REQUESTS, DURATION, PROBLEMS, CALLBACKS, UPSTREAM, STREAMS, BREAKER, TOKEN, BUDGET)

_seat = Seat(0)


def take_seat(number: int) -> None:
    """Count in this seat from now on, as a worker that has just been forked."""
    global _seat
    _seat = Seat(number)


def leave_seat(number: int) -> None:
    """Forget what has ended with a worker."""
    for key, numbers in Seat(number):
        if key == _key(STREAMS, ()):
            numbers[0] = 0.0


def count(counter: Metric, *labels: str) -> None:
    """Count one more."""
    _numbers(counter, labels)[0] += 1


def observe(histogram: Metric, seconds: float, *labels: str) -> None:
    """Record a duration."""
    numbers = _numbers(histogram, labels)
    numbers[bisect_left(histogram.bounds, seconds)] += 1
    numbers[-1] += seconds


def open_streams(number: int) -> None:
    """Set how many streams are open in this worker."""
    _numbers(STREAMS, ())[0] = number


@cache
def _numbers(metric: Metric, labels: Labels) -> Numbers:
    """Return a series: a number, or those of each bucket and the sum of what fell into them."""
    return _seat.numbers(_key(metric, labels), len(metric.bounds) + 2 if metric.bounds else 1)


def _key(metric: Metric, labels: Labels) -> str:
    return json.dumps([metric.name, *labels])


def text(vendor: Mapping[str, Any], spent: Mapping[str, float], codes: Iterable[str]) -> str:
    """Return the exposition text of all workers, with what they share: the breaker's state, and the
    part of each budget that is spent. Problems are told for all `codes` that there are."""
    totals = _totals()
    totals[STREAMS.name].setdefault((), [0.0])
    # A series that begins with 1 has not grown for Prometheus: the first failure would be missed.
    for metric, values in ((PROBLEMS, codes), (CALLBACKS, VERDICTS)):
        for value in values:
            totals[metric.name].setdefault((value,), [0.0])
    totals[BREAKER.name][()] = [float(vendor["breaker"] != "closed")]
    totals[TOKEN.name][()] = [float(bool(vendor["token_refused"]))]
    totals[BUDGET.name] = {(budget,): [part] for budget, part in spent.items()}
    return "".join(line for metric in METRICS for line in _lines(metric, totals[metric.name]))


def _totals() -> dict[str, dict[Labels, list[float]]]:
    """Sum the numbers of all seats, by name and labels."""
    totals: dict[str, dict[Labels, list[float]]] = defaultdict(dict)
    for key, numbers in chain.from_iterable(map(Seat, range(SEATS))):
        name, *labels = json.loads(key)
        series = totals[name]
        series[*labels,] = [*map(add, series.get((*labels,), repeat(0.0)), numbers)]
    return totals


def _lines(metric: Metric, series: Mapping[Labels, list[float]]) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
    for values, numbers in series.items():
        labels = dict(zip(metric.labels, values, strict=True))
        for suffix, more, number in _samples(metric, numbers):
            told = ",".join(f"{name}={json.dumps(text)}" for name, text in (labels | more).items())
            told = f"{{{told}}}" if told else ""
            yield f"{metric.name}{suffix}{told} {number}\n"


def _samples(metric: Metric, numbers: list[float]) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield what comes after the name, further labels, and the number."""
    if metric.kind != "histogram":
        yield "", {}, numbers[0]
        return
    *buckets, seconds = numbers
    for bound, so_far in zip((*metric.bounds, "+Inf"), accumulate(buckets), strict=True):
        yield "_bucket", {"le": str(bound)}, so_far
    yield "_count", {}, sum(buckets)
    yield "_sum", {}, seconds
