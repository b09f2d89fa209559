"""What a proper client will not send, many things at once, and a look into the shop's database."""

import socket
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from tests.servers import DESKTOP, Shop, http

T = TypeVar("T")


def rows(shop: Shop, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of the shop's database, read beside the running app."""
    with closing(sqlite3.connect(f"file:{shop.database}?mode=ro", uri=True)) as db:
        return db.execute(sql, values).fetchall()


def connected(shop: Shop) -> socket.socket:
    address = urlsplit(shop.url)
    return socket.create_connection((address.hostname, address.port), 10)


def answered(connection: socket.socket) -> bytes:
    """All that is answered until the other side closes."""
    answer = b""
    while piece := connection.recv(65536):
        answer += piece
    return answer


def raw(shop: Shop, *pieces: bytes) -> tuple[int, bytes]:
    """Send exactly these bytes; the first answer's status, and everything that came."""
    with connected(shop) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        answer = answered(connection)
    return int(answer.split(b" ", 2)[1]), answer


def post(shop: Shop, path: str, body: Any = b"{}", **headers: str | None) -> requests.Response:
    """POST bytes, or pieces of a chunked body; as JSON from the shop's own origin, unless told."""
    given = {
        "Origin": shop.origin,
        "Content-Type": "application/json",
        "User-Agent": DESKTOP,
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    with http() as client:
        return client.post(shop.url + path, data=body, headers=given, timeout=30)


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Do something many times, all at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


def spread(count: int, act: Callable[[int], T], workers: int = 16) -> list[T]:
    """Do something many times, a few at a time."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(act, range(count)))


def counted(values: Iterable[T]) -> dict[T, int]:
    found: dict[T, int] = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return found


def peak_memory(shop: Shop) -> int:
    """KiB that the hungriest worker ever held."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in shop.workers()]
    return max(int(text.partition("VmHWM:")[2].split()[0]) for text in texts)


def assert_whole(shop: Shop) -> None:
    """The file is sound, and its totals are what its events say."""
    assert rows(shop, "PRAGMA integrity_check") == [("ok",)]
    verified = shop.command("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
