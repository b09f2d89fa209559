"""A siteverify service on loopback, whose word on an answer is the answer's first word.

`ok-1` is right, however often it is asked about; every other is wrong in a way of its own.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

SECRET = "canary-4c81e6-challenge-secret"
SITE_KEY = "the-site-key"
# What the widget of a service does: it puts an answer into its form.
SCRIPT = """
for (const widget of document.querySelectorAll('.cf-turnstile')) {
  const answer = document.createElement('input');
  Object.assign(answer, { type: 'hidden', name: 'cf-turnstile-response', value: '%s' });
  const frame = document.createElement('iframe');
  Object.assign(frame, { src: new URL('/frame', document.currentScript.src), title: 'Challenge' });
  Object.assign(frame.style, { width: '150px', height: '140px', border: 0 });
  widget.append(answer, frame);
}
"""
FRAME = b"<!doctype html><html lang=en><title>Challenge</title><p>I am a person"

BODIES = {
    "ok": {"success": True, "challenge_ts": "2026-03-24T17:12:00Z", "hostname": "shop.example"},
    "wrong": {"success": False, "error-codes": ["invalid-input-response"]},
    "secret": {"success": False, "error-codes": ["invalid-input-secret"]},
    "word": {"success": "true"},
    "number": {"success": 1},
    "empty": {},
    "list": [True],
    "hostile": {"success": False, "error-codes": ["a\x1b[2Jb", {"a": 1}, "bad-request"]},
    "error": {"success": True},  # with a status that says something else
}
STATUS = {"error": 500}


class Service:
    """The service, running; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.script = SCRIPT % "ok-browser"
        self.word = ""  # for whatever is answered, where it is set
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                fields = parse_qs(self.rfile.read(length).decode(), strict_parsing=True)
                service.asked.append({name: "".join(value) for name, value in fields.items()})
                word = service.word or service.asked[-1]["response"].partition("-")[0]
                if answer := getattr(self, f"_{word}", None):
                    answer()
                else:
                    self._send(json.dumps(BODIES[word]).encode(), STATUS.get(word, 200))

            def do_GET(self) -> None:
                is_script = self.path.startswith("/api.js")
                self._send(
                    service.script.encode() if is_script else FRAME,
                    type_="text/javascript" if is_script else "text/html",
                )

            def _send(
                self, body: bytes, status: int = 200, type_: str = "application/json"
            ) -> None:
                self.send_response(status)
                self.send_header("Content-Type", type_)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _slow(self) -> None:
                time.sleep(6)

            def _drip(self) -> None:
                self.send_response(200)
                self.end_headers()
                for _ in range(60):
                    self.wfile.write(b" ")
                    time.sleep(0.1)

            def _redirect(self) -> None:
                self.send_response(307)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _endless(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"success": true}')
                for _ in range(1_000):
                    self.wfile.write(b" " * 65_536)

            def _garbage(self) -> None:
                self._send(b"<html>")

            def _closed(self) -> None:
                """Say nothing, and hang up."""

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "TRYON_CHALLENGE_URL": f"{self.url}/siteverify",
            "TRYON_CHALLENGE_SCRIPT": f"{self.url}/api.js",
            "TRYON_CHALLENGE_SITE_KEY": SITE_KEY,
            "TRYON_CHALLENGE_SECRET": SECRET,
        }

    def about(self, answer: str) -> int:
        """How often it was asked about an answer."""
        return sum(each["response"] == answer for each in self.asked)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def running_service() -> Iterator[Service]:
    service = Service()
    try:
        yield service
    finally:
        service.stop()
