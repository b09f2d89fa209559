"""Replies of the vendor other than a good session, down to a broken connection."""

import errno
import gzip
import json
import socket
import struct
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from flask import Response, jsonify, request

BOUND = 60  # seconds that a silent or dripping answer lasts at most
HUGE = 50 * 1024 * 1024  # bytes
CHUNK = 64 * 1024

Document = dict[str, Any]


def error(status: int, code: str, message: str, **headers: str) -> Response:
    """Make an error object. The vendor's page lists statuses alone: its shape is our guess."""
    response = jsonify(error={"code": code, "message": message})
    response.status_code = status
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def hang() -> Response:
    time.sleep(BOUND)
    return reset()


def reset() -> Response:
    """Reset the connection, rather than close it, once the request was read."""
    # Closing with a linger of zero seconds makes TCP send RST.
    _socket().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return Response(_break_off())


def truncated(document: Document) -> Response:
    """Promise more in Content-Length than is sent before the connection closes."""
    body = json.dumps(document).encode()
    response = Response(_break_off(body[: len(body) // 2]), mimetype="application/json")
    response.content_length = len(body)
    return response


def drip() -> Response:
    """Send a body a byte at a time: no single wait is long, the whole never ends."""
    return Response(_drops(), mimetype="application/json")


def drip_headers() -> Response:
    """Send a header that never ends, so that a limit on reading the body does not help."""
    connection = _socket()

    def header() -> Iterator[bytes]:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Drip: ")
        for drop in _drops():
            connection.sendall(drop)
        yield from _break_off()

    return Response(header())


def bad_json(document: Document) -> Response:
    return Response(json.dumps(document)[:-9], mimetype="application/json")


def wrong_type(document: Document) -> Response:
    return Response(f"<!doctype html><title>{document['id']}</title>", mimetype="text/html")


def redirect(document: Document) -> Response:
    return Response(status=302, headers={"Location": document["launch_url"]})


def huge(document: Document) -> Response:
    def body() -> Iterator[bytes]:
        yield json.dumps(document).encode()[:-1] + b', "padding": "'
        for _ in range(HUGE // CHUNK):
            yield b"x" * CHUNK
        yield b'"}'

    return Response(body(), mimetype="application/json")


def gzip_bomb(_document: Document) -> Response:
    return Response(_bomb(), mimetype="application/json", headers={"Content-Encoding": "gzip"})


@cache
def _bomb() -> bytes:
    """Join many equal members, as gzip allows: to compress it all would hold others up."""
    member = gzip.compress(b"x" * CHUNK)
    return gzip.compress(b'{"id": "') + member * (HUGE // CHUNK) + gzip.compress(b'"}')


def _drops() -> Iterator[bytes]:
    for _ in range(BOUND * 5):
        yield b" "
        time.sleep(0.2)


def _break_off(*sent: bytes) -> Iterator[bytes]:
    """Yield what was sent, and make gunicorn close the connection without another word."""
    yield from sent
    raise ConnectionResetError(errno.ECONNRESET, "as the scenario has it")


def _socket() -> socket.socket:
    connection: socket.socket = request.environ["gunicorn.socket"]
    return connection
