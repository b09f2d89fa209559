"""A server of a product feed, whose ways a test may change."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FeedServer(ThreadingHTTPServer):
    """Answers each GET with what `answer` does; counts them by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.answer: Callable[[Any], None] = status(503)
        self.asked: list[Any] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has enough is no fault."""


class _Handler(BaseHTTPRequestHandler):
    server: FeedServer

    def do_GET(self) -> None:
        self.server.asked.append(self)
        with suppress(OSError):
            self.server.answer(self)

    def log_message(self, *_: Any) -> None:
        pass


def status(code: int, body: bytes = b"", **headers: str) -> Callable[[Any], None]:
    """Answer with a whole body."""

    def answer(handler: Any) -> None:
        handler.send_response(code)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@contextmanager
def running_feed() -> Iterator[FeedServer]:
    with FeedServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(30)
