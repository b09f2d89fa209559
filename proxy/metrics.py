"""Metrics for Prometheus. Under gunicorn those of all workers are summed through shared files.

Labels' values are routes, problem codes and verdicts: all from lists.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

REQUESTS = Counter("tryon_requests", "Requests by route and status.", ["method", "route", "status"])
DURATION = Histogram(
    "tryon_request_seconds",
    "Time to the first byte of an answer.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
PROBLEMS = Counter("tryon_problems", "Failures answered, by code.", ["code"])
CALLBACKS = Counter("tryon_callbacks", "Callbacks by verdict.", ["verdict"])
UPSTREAM = Histogram(
    "tryon_upstream_seconds",
    "Calls to the vendor, all tries together, by problem code or ok.",
    ["outcome"],
    buckets=(0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 8, 16),
)
STREAMS = Gauge("tryon_open_streams", "Live streams.", multiprocess_mode="livesum")


# A figure that cannot be kept (its file's disk is full) must not fail what it counts.


def count(counter: Counter, *labels: str) -> None:
    """Count one more."""
    with suppress(OSError):
        _series(counter, labels).inc()


def observe(histogram: Histogram, seconds: float, *labels: str) -> None:
    """Record a duration."""
    with suppress(OSError):
        _series(histogram, labels).observe(seconds)


Kind = TypeVar("Kind", Counter, Histogram)


@cache
def _series(metric: Kind, labels: tuple[str, ...]) -> Kind:
    """Return a series, without the lock and the checks that `labels` makes at each call."""
    return metric.labels(*labels)


def open_streams(number: int) -> None:
    """Set how many streams are open in this worker."""
    with suppress(OSError):
        STREAMS.set(number)


class _Vendor(Collector):
    """Gauges of the breaker, from `Breaker.state`, which all workers share."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._state = state

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "tryon_breaker_open",
            "1 while calls are held back.",
            float(self._state["breaker"] != "closed"),
        )
        yield GaugeMetricFamily(
            "tryon_token_refused",
            "1 while the vendor refuses the token.",
            float(bool(self._state["token_refused"])),
        )


def text(vendor: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return the exposition text of all workers, and its content type."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry) + generate_latest(_Vendor(vendor)), CONTENT_TYPE_LATEST
