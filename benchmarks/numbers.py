"""The merchant's pages on a small and on a large file, beside Datasette and DuckDB; and what it
costs to keep the totals."""

import asyncio
import io
import json
import statistics
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import duckdb
from flask.testing import FlaskClient

from app import create_app
from benchmarks import report
from benchmarks.contenders import Bench
from proxy.numbers.questions import today
from proxy.routes.dashboard import pages
from proxy.settings import load
from proxy.tryon.keys import new_token
from proxy.web import access_log
from storage.events import Entry, Receipt, UpstreamCall, event, new_attempt_id, now_ms
from storage.sqlite import batch
from storage.sqlite.connection import connect
from storage.sqlite.store import SQLiteStore

SMALL, LARGE = 100_000, 10_000_000  # events
FEWER = 1_000_000  # where there is no time for more
KEPT = Path("/var/tmp")
AGAIN = 5  # times that one page is asked for in a round
BATCHES, BATCH = 150, 64
COUNTING = ("difference", "impression", "vendor_latency")  # what the totals are made of
FUNNEL = """
SELECT count(*), count(created_ms), count(opened_ms), count(*) FILTER (WHERE outcome = 'completed')
FROM attempts WHERE bot = 0 AND local_day BETWEEN '{first}' AND '{last}'
"""
PASSWORD = "benchmark"
ANEW = "/dashboard/first?chart=clicks"
PAGES = {
    "default page (30 days)": "/dashboard/",
    "page, 365 days": "/dashboard/?range=365d",
    "stats.json, 30 days": "/dashboard/stats.json?range=30d",
    "stats.json, 365 days": "/dashboard/stats.json?range=365d",
    "stats.json by product, 30 days": "/dashboard/stats.json?range=30d&by=product_id",
    "stats.json by product, 365 days": "/dashboard/stats.json?range=365d&by=product_id",
    "attempts behind completions, 365 days": "/dashboard/attempts?range=365d&count=completed",
    "attempts behind failures, 365 days": "/dashboard/attempts?range=365d&count=failed",
    "one attempt": "/dashboard/attempts/{attempt}",
    "what an open page asks for each 3 s": "/dashboard/live.json?after=999999999",
    "its first screen, drawn for another already": "/dashboard/first",
    "its first screen, drawn anew": ANEW,
}


def run(bench: Bench, rounds: int, seconds: float) -> None:  # noqa: ARG001
    small, large = (past(events) for events in (SMALL, LARGE if rounds > 1 else FEWER))
    _pages(bench, small, large, rounds)
    _funnel(bench, large, rounds)
    _cost_of_totals(bench, rounds)


def past(events: int) -> Path:
    """A shop's past year, made at the first run."""
    path = KEPT / f"tryon-numbers-{events}.db"
    if not path.exists():
        report.say(f"Making {path}, which is kept for the next run …")
        command = (sys.executable, "-m", "benchmarks.generate", str(path), "--events", str(events))
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


@contextmanager
def _app(bench: Bench, path: Path) -> Iterator[FlaskClient]:
    settings = load(
        {
            "TRYON_API_TOKEN": "benchmark",
            "TRYON_API_URL": bench.api,
            "TRYON_PUBLIC_URL": "http://127.0.0.1:8000",
            "TRYON_SECRET_KEY": new_token() * 2,
            "TRYON_DATABASE": f"sqlite:///{path}",
            "TRYON_DASHBOARD_PASSWORD": PASSWORD,
        }
    )
    app = create_app(settings)
    time.sleep(2)  # what the sweep has to do at first
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = (
        "Basic " + b64encode(f"merchant:{PASSWORD}".encode()).decode()
    )
    # No log lines between the tables.
    with patch.object(access_log, "sys", SimpleNamespace(stdout=io.StringIO())):
        entered = client.post(
            "/dashboard/login",
            data={"password": PASSWORD},
            headers={"Origin": "http://127.0.0.1:8000"},
            base_url="http://127.0.0.1:8000",
        )
        if entered.status_code != 303:
            raise RuntimeError(f"login: {entered.status_code}")
        yield client


def _pages(bench: Bench, small: Path, large: Path, rounds: int) -> None:
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in PAGES}
    with _app(bench, small) as of_small, _app(bench, large) as of_large:
        attempts = [_an_attempt(path) for path in (small, large)]
        for _ in range(rounds):
            for name, page in PAGES.items():
                for side, client in enumerate((of_small, of_large)):
                    address = page.format(attempt=attempts[side])
                    times[name][side].append(_best(lambda c=client, a=address: _get(c, a)))  # type: ignore[misc]
    rows = [
        [name, report.middle(few), report.middle(many), report.ratio(many, few)]
        for name, (few, many) in times.items()
    ]
    events = [_count(path, "events") for path in (small, large)]
    header = ["server time, ms", *(f"{count:,} events" for count in events), "large / small"]
    report.table("The merchant's pages", header, rows)


def _get(client: FlaskClient, address: str) -> None:
    if address == ANEW:
        pages.drawn.cache_clear()
    answer = client.get(address, base_url="http://127.0.0.1:8000")
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code}")


def _funnel(bench: Bench, path: Path, rounds: int) -> None:
    """The same four sums of the same days, by each in its own way."""
    contenders = ("this app, stats.json", "DuckDB, on the attempts", "Datasette, on the attempts")
    last = today(ZoneInfo("UTC")) - timedelta(1)
    rows = []
    with _app(bench, path) as client, _duck(path) as duck:
        for days in (30, 365):
            first = last - timedelta(days - 1)
            sql = FUNNEL.format(first=first, last=last)
            address = f"/dashboard/stats.json?from={first}&to={last}"
            asks: tuple[Callable[[], object], ...] = (
                lambda address=address: _get(client, address),  # type: ignore[misc]
                lambda sql=sql: duck.execute(sql).fetchall(),  # type: ignore[misc]
                lambda sql=sql: asyncio.run(_datasette(path, sql)),  # type: ignore[misc]
            )
            times = [[_best(ask, 1) for _ in range(rounds)] for ask in asks]
            for name, found in zip(contenders, times, strict=True):
                rows.append([name, days, report.middle(found), report.ratio(found, times[0])])
    report.table("The same funnel", ["", "days", "ms", "this app = 1"], rows)


@contextmanager
def _duck(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    package = resources.files("duckdb_extension_sqlite_scanner")
    reader = package / "extensions" / f"v{duckdb.__version__}" / "sqlite_scanner.duckdb_extension"
    with duckdb.connect() as duck:
        duck.execute(f"LOAD '{reader}'")
        duck.execute(f"ATTACH '{path}' AS tryon (TYPE sqlite, READ_ONLY)")
        duck.execute("USE tryon")
        yield duck


async def _datasette(path: Path, sql: str) -> None:
    from datasette.app import Datasette  # a second, also for tests of other benchmarks

    datasette = Datasette([str(path)], settings={"sql_time_limit_ms": 600_000})
    await datasette.invoke_startup()
    answer = await datasette.client.get(f"/{path.stem}.json", params={"sql": sql})
    if answer.status_code != 200:
        raise RuntimeError(answer.text)


def _cost_of_totals(bench: Bench, rounds: int) -> None:
    """Entries a second through the store's own commit, in batches; without: nothing is added up."""
    rates: dict[str, tuple[list[float], list[float]]] = {"clicks": ([], []), "callbacks": ([], [])}
    for number in range(rounds):
        for side in (0, 1) if number % 2 else (1, 0):
            path = bench.scratch / f"totals-{number}-{side}.db"
            with closing(SQLiteStore(path, ZoneInfo("UTC"))) as store:
                if side:
                    found = _rates(store)
                else:
                    nothing: dict[str, Any] = dict.fromkeys(COUNTING, lambda *_: {})
                    with patch.multiple(batch, **nothing):
                        found = _rates(store)
            for name, rate in found.items():
                rates[name][side].append(rate)
    rows = [
        [name, report.middle(without), report.middle(kept), report.ratio(kept, without)]
        for name, (without, kept) in rates.items()
    ]
    header = [f"a second, {BATCH} a commit", "without totals", "with totals", "with / without"]
    report.table("What keeping the totals costs", header, rows)


def _rates(store: SQLiteStore) -> dict[str, float]:
    ids = [new_attempt_id(now_ms()) for _ in range(BATCHES * BATCH)]
    return {
        "clicks": _rate(store, [_click(each, number) for number, each in enumerate(ids)]),
        "callbacks": _rate(store, [_callback(each) for each in ids]),
    }


def _rate(store: SQLiteStore, entries: list[Entry]) -> float:
    began = time.perf_counter()
    for start in range(0, len(entries), BATCH):
        store.commit(entries[start : start + BATCH])
    return len(entries) / (time.perf_counter() - began)


def _click(attempt_id: str, number: int) -> Entry:
    at = now_ms()
    seen = {"product_id": f"sku-{number % 500}", "category": "footwear", "locale": "en-US"}
    return Entry(
        (
            event("click", attempt_id, at, "button", device="phone", **seen),
            event(
                "created",
                attempt_id,
                at,
                "proxy",
                public_id=new_token(),
                launch_key=new_token(),
                session_id=f"tsn_{attempt_id}",
                launch_url=f"https://launch.tryon-api.com/s/{attempt_id}",
                expires_ms=at + 3_600_000,
            ),
        ),
        call=UpstreamCall(at, "create_session", 200, None, 200, 1, attempt_id),
    )


def _callback(attempt_id: str) -> Entry:
    at = now_ms()
    session_id = f"tsn_{attempt_id}"
    body = json.dumps({"session_id": session_id, "state": "completed"}).encode()
    told = {"session_id": session_id, "state": "completed", "outcome": "completed"}
    completed = event("callback", attempt_id, at, "vendor", **told)
    return Entry((completed,), Receipt(attempt_id, at, {}, body, "accepted"))


def _an_attempt(path: Path) -> str:
    sql = "SELECT id FROM attempts WHERE outcome = 'completed' ORDER BY id DESC LIMIT 1"
    with closing(connect(path)) as db:
        return str(db.execute(sql).fetchone()[0])


def _count(path: Path, table: str) -> int:
    with closing(connect(path)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _best(ask: Callable[[], object], times: int = AGAIN) -> float:
    """Milliseconds of the median one, after one that warms up."""
    ask()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)
