"""Clicks and callbacks beside clients that behave badly."""

import multiprocessing
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from benchmarks import report
from benchmarks.contenders import Bench, ours, vendor
from benchmarks.processes import running
from benchmarks.steady import HEADER, loaded

PIPELINING = 8
MANY = 1_000
ARRIVING_S = 5.0
DRIP_S = 1.0  # between two bytes of a client
REQUEST = b"GET /custom-elements.json HTTP/1.1\r\nHost: shop\r\n\r\n"
HEAD = "POST /sessions HTTP/1.1\r\nHost: shop\r\nOrigin: http://127.0.0.1:{}\r\n" + (
    "Content-Type: application/json\r\nContent-Length: 500\r\n\r\n"
)

Crowd = Callable[[int], None]  # of the port; it goes on until its process is ended


def run(bench: Bench, rounds: int, seconds: float) -> None:
    crowds: dict[str, Crowd] = {
        "nobody": lambda _: None,
        f"{PIPELINING} that pipeline": pipeline,
        f"{MANY:,} that never read": never_read,
        f"{MANY:,} that drip": drip,
    }
    log = bench.scratch / "crowds.log"
    rows, alone = [], 0.0
    with running(vendor(bench.vendor_port), log):
        for name, crowd in crowds.items():
            contender = ours(bench)
            with running(contender, log) as server, _beside(crowd, contender.port):
                time.sleep(ARRIVING_S)
                with loaded(bench, server) as waits:
                    time.sleep(rounds * seconds)
            alone = alone or waits.p99()
            rows.append([name, *waits.cells(), report.number(waits.p99() / alone)])
    title = "Clicks and callbacks beside clients that behave badly"
    report.table(title, ["beside", *HEADER, "p99, ratio"], rows)


@contextmanager
def _beside(crowd: Crowd, port: int) -> Iterator[None]:
    """Let the crowd in from a process of its own, so that it holds up no measuring thread."""
    process = multiprocessing.get_context("fork").Process(target=crowd, args=[port], daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _connected(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    connection.setblocking(False)
    return connection


def pipeline(port: int) -> None:
    """Ask a thousand times at once, again and again, and read what is answered."""
    clients = [_connected(port) for _ in range(PIPELINING)]
    while True:
        for number, client in enumerate(clients):
            try:
                with suppress(BlockingIOError):
                    client.send(REQUEST * 1_000)
                if client.recv(1 << 20):
                    continue
            except BlockingIOError:
                continue
            except ConnectionError:
                pass
            clients[number] = _connected(port)


def never_read(port: int) -> None:
    """Ask for more than all buffers hold."""
    clients = [_connected(port) for _ in range(MANY)]
    for client in clients:
        client.send(REQUEST * 900)
    time.sleep(3600)


def drip(port: int) -> None:
    """Send half a request, then a byte of its body now and then; come back when cut off."""
    head = HEAD.format(port).encode()
    clients = [_connected(port) for _ in range(MANY)]
    for client in clients:
        client.send(head)
    while True:
        time.sleep(DRIP_S)
        for number, client in enumerate(clients):
            try:
                client.send(b" ")
            except ConnectionError:
                clients[number] = _connected(port)
                clients[number].send(head)
