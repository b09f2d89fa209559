"""A large catalogue: reading it from each format, looking it up, starting with its copy, and clicks
while it is read anew."""

import csv
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import quantiles
from xml.sax.saxutils import escape

from benchmarks import report
from benchmarks.contenders import Bench, ours, vendor
from benchmarks.processes import Contender, Server, get, running
from benchmarks.steady import HEADER, loaded
from proxy.catalog import apart
from proxy.catalog.kept import Catalog
from proxy.catalog.source import source_of
from proxy.settings import load

RULES = '{"footwear": {"product_type": "Shoes*"}}'
TEXT = "Light, grippy and made for wet ground; " * 6
FIRST_READ_S = 900.0
LOOKUPS = 20_000
Product = dict[str, str]


def run(bench: Bench, rounds: int, seconds: float) -> None:  # noqa: ARG001
    feeds = {name: _written(bench, name) for name in FORMATS}
    _reading(bench, feeds)
    _lookups(bench, feeds["Google, TSV"])
    _clicks(bench, feeds["Google, TSV"], seconds)


def _products(many: int) -> Iterator[Product]:
    """Make products, the first hundred of which the steady load asks for."""
    for number in range(many):
        name = f"sku-{number:05}"
        page = f"https://shop.example/products/{name}"
        yield {"id": name, "title": f"Trail Runner {number}, wide", "link": page, "text": TEXT}


def _table(columns: Mapping[str, Callable[[Product], str]], delimiter: str = ",") -> "Writer":
    def write(path: Path, products: Iterator[Product]) -> None:
        with path.open("w", newline="") as file:
            rows = csv.writer(file, delimiter=delimiter)
            rows.writerow(columns)
            rows.writerows([cell(each) for cell in columns.values()] for each in products)

    return write


def _rss(path: Path, products: Iterator[Product]) -> None:
    with path.open("w") as file:
        file.write('<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>\n')
        for each in products:
            cells = "".join(
                f"<g:{name}>{escape(cell(each))}</g:{name}>" for name, cell in GOOGLE.items()
            )
            file.write(f"<item>{cells}</item>\n")
        file.write("</channel></rss>\n")


Writer = Callable[[Path, Iterator[Product]], None]
GOOGLE: dict[str, Callable[[Product], str]] = {
    "id": lambda p: p["id"],
    "title": lambda p: p["title"],
    "description": lambda p: p["text"],
    "link": lambda p: p["link"],
    "image_link": lambda p: f"{p['link']}.jpg",
    "product_type": lambda _: "Home > Women > Shoes > Trail",
    "availability": lambda _: "in_stock",
}
SHOPIFY: dict[str, Callable[[Product], str]] = {
    "Handle": lambda p: p["id"],
    "Title": lambda p: p["title"],
    "Body (HTML)": lambda p: f"<p>{p['text']}</p>",
    "Type": lambda _: "Shoes",
    "Tags": lambda _: "new, trail",
    "Published": lambda _: "true",
    "Variant SKU": lambda p: p["id"],
    "Image Src": lambda p: f"{p['link']}.jpg",
    "Status": lambda _: "active",
}
WOOCOMMERCE: dict[str, Callable[[Product], str]] = {
    "ID": lambda p: p["id"].removeprefix("sku-"),
    "Type": lambda _: "simple",
    "SKU": lambda p: p["id"],
    "Name": lambda p: p["title"],
    "Published": lambda _: "1",
    "Short description": lambda p: p["text"],
    "Categories": lambda _: "Home > Women > Shoes > Trail",
    "Tags": lambda _: "new, trail",
    "Images": lambda p: f"{p['link']}.jpg",
    "Parent": lambda _: "",
}
FORMATS: dict[str, Writer] = {
    "Google, TSV": _table(GOOGLE, "\t"),
    "Google, RSS": _rss,
    "Shopify, CSV": _table(SHOPIFY),
    "WooCommerce, CSV": _table(WOOCOMMERCE),
}


def _written(bench: Bench, name: str) -> Path:
    path = bench.scratch / f"feed-{[*FORMATS].index(name)}"
    FORMATS[name](path, _products(bench.products))
    return path


def _reading(bench: Bench, feeds: Mapping[str, Path]) -> None:
    rows = []
    for name, feed in feeds.items():
        wall, cpu, memory = _checked(feed)
        size = feed.stat().st_size / 1024**2
        rows.append([name, *map(report.number, (size, wall, cpu, memory))])
    title = f"tryon catalog check of {bench.products:,} products"
    report.table(title, ["", "MiB", "s", "s of CPU", "MiB of memory"], rows)


def _checked(feed: Path) -> tuple[float, float, float]:
    """Return the seconds, those of CPU and the MiB that a check takes."""
    command = (sys.executable, "-c", "from proxy.cli import cli; cli()", "catalog", "check", feed)
    environ = os.environ | {"TRYON_CATALOG_RULES": RULES}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)
    pid, most = 0, 0.0
    while not pid:
        most = max(most, _peak_mib(process.pid))  # that of wait4 has this process's own in it
        time.sleep(0.02)
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"tryon catalog check {feed} ended with {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, most


def _peak_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _lookups(bench: Bench, feed: Path) -> None:
    environ = dict(ours(bench).environ) | {"TRYON_CATALOG": str(feed), "TRYON_CATALOG_RULES": RULES}
    settings = load(environ)
    apart.prepare(settings)
    began = time.perf_counter()
    catalog = Catalog(source_of(settings))
    opened = (time.perf_counter() - began) * 1000
    names = [f"sku-{random.randrange(bench.products):05}" for _ in range(LOOKUPS)]
    times = [_timed(catalog, name) for name in names]
    cuts = quantiles(times, n=1_000)
    cells = [report.number(each) for each in (opened, cuts[499], cuts[989], cuts[998])]
    header = ["", "copy opened, ms", "a lookup, p50 µs", "p99", "p99.9"]
    report.table(f"Lookups among {bench.products:,} products", header, [["this app", *cells]])


def _timed(catalog: Catalog, name: str) -> float:
    began = time.perf_counter()
    catalog.get(name)
    return (time.perf_counter() - began) * 1_000_000


def _clicks(bench: Bench, feed: Path, seconds: float) -> None:
    plain, log = ours(bench), bench.scratch / "catalog.log"
    rows = []
    with _served(feed) as url, running(vendor(bench.vendor_port), log):
        settings = {"TRYON_CATALOG": url, "TRYON_CATALOG_RULES": RULES}
        for name, more in (
            ("no catalogue", {}),
            ("a catalogue", settings),
            ("it, read anew all the time", settings | {"TRYON_CATALOG_REFRESH": "1s"}),
        ):
            contender = replace(plain, environ={**plain.environ, **more})
            with running(contender, log, within=60) as server:
                _await_products(server)
                rows.append(_row(bench, server, contender, name, seconds))
    title = f"Clicks beside a catalogue of {bench.products:,} products"
    report.table(title, ["", "first 200, ms", "all, MiB", "read anew", *HEADER], rows)


def _row(
    bench: Bench, server: Server, contender: Contender, name: str, seconds: float
) -> list[str]:
    source = source_of(load(contender.environ))
    reads, until = 0, time.monotonic() + seconds
    goes_on = contender.environ.get("TRYON_CATALOG_REFRESH") == "1s"
    with loaded(bench, server) as waits:
        at = source.state().looked_ms if source else 0
        while time.monotonic() < until or (goes_on and reads < 1):
            time.sleep(0.1)
            if source and source.state().looked_ms != at:
                reads, at = reads + 1, source.state().looked_ms
    memory = report.number(sum(server.pss()))
    return [name, report.number(server.start_ms), memory, str(reads), *waits.cells()]


def _await_products(server: Server) -> None:
    """Wait until every worker has the products; each answer comes from any of them."""
    until, in_a_row = time.monotonic() + FIRST_READ_S, 0
    while in_a_row < 50:
        has_none = b"no products yet" in get(server.contender.port, "/readyz")[1]
        in_a_row = 0 if has_none else in_a_row + 1
        if time.monotonic() > until:
            raise RuntimeError("the catalogue was not read")
        time.sleep(0.02)


class _Handler(SimpleHTTPRequestHandler):
    """Serves a file, which nobody has had before: without the date by which it would be known."""

    def send_header(self, keyword: str, value: str) -> None:
        if keyword != "Last-Modified":
            super().send_header(keyword, value)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def _served(feed: Path) -> Iterator[str]:
    handler = lambda *args: _Handler(*args, directory=str(feed.parent))  # noqa: E731
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{feed.name}"
        finally:
            server.shutdown()
            thread.join()
