"""What a proper client will not send, many things at once, and a look into the shop's database."""

import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
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
    """Send exactly these bytes; the first answer's status, and everything that came. 0 and nothing
    where the connection was closed without an answer."""
    answer = b""
    with connected(shop) as connection, suppress(OSError):
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        answer = answered(connection)
    return int(answer.split(b" ", 2)[1]) if answer else 0, answer


def post(shop: Shop, path: str, body: Any = b"{}", **headers: str | None) -> requests.Response:
    """POST bytes, or pieces of a chunked body; as JSON from the shop's own origin, unless told."""
    given = {
        "Origin": shop.origin,
        "Content-Type": "application/json",
        "User-Agent": DESKTOP,
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    with http() as client:
        return client.post(shop.url + path, data=body, headers=given, timeout=60)


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Do something many times, all at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(act, range(count)))


def spread(count: int, act: Callable[[int], T], workers: int = 16) -> list[T]:
    """Do something many times, a few at a time."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(act, range(count)))


def asking(
    shop: Shop, questions: Iterable[tuple[str, str, str | None, dict[str, str]]]
) -> Iterator[tuple[int, bytes]]:
    """Ask many things (method, path, body, headers) over one connection, as a script does, and in
    less time than with `requests`; status and body of each answer."""
    with closing(HTTPConnection(urlsplit(shop.url).netloc, timeout=60)) as connection:
        for method, path, body, headers in questions:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            yield answer.status, answer.read()


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


def refused(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal, in the shape of RFC 9457."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["code"], problem["status"]) == (code, status)
    assert {"type", "title", "detail", "retryable"} <= problem.keys()
    assert answer.headers.get("Retry-After") == (
        str(problem["retry_after"]) if "retry_after" in problem else None
    )
    return dict(problem)


def click_of(product_id: str) -> str:
    return json.dumps({"product_id": product_id, "category": "footwear"})


@contextmanager
def clicking(shop: Shop, product_id: str, clients: int = 4) -> Iterator[list[Any]]:
    """Clicks without a pause, each over a connection of its own; their answers, or failures."""
    found: list[Any] = []
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            try:
                answer = post(shop, "/sessions", click_of(product_id))
                found.append((answer.status_code, answer.json().get("id")))
            except requests.RequestException as error:
                found.append(error)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        over.set()
        for thread in threads:
            thread.join()


def get(url: str, **headers: str) -> requests.Response:
    with http() as client:
        return client.get(url, headers=headers, allow_redirects=False)


def launches(shop: Shop, session: dict[str, Any]) -> list[tuple[Any, ...]]:
    """(channel, how many people launched) of a session's launch events."""
    sql = """SELECT channel, (SELECT count(*) FROM events WHERE attempt_id = attempts.id
             AND name = 'launch' AND props NOT LIKE '%"bot"%') FROM attempts WHERE public_id = ?"""
    return rows(shop, sql, session["id"])


def responds(address: str) -> bool:
    try:
        return http().get(address, timeout=1).ok
    except OSError:
        return False
