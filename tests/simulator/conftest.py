"""The simulator served for real, and a merchant's server that takes its callbacks."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

TOKEN = "sim-token"
SECRET = "whsec_c2ltdWxhdG9yLXRlc3Qtc2VjcmV0"


class Simulator:
    token = TOKEN
    callback_secret = SECRET

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, path: str, **options: object) -> requests.Response:
        return self.http.get(self.url + path, timeout=60, allow_redirects=False, **options)

    def post(self, path: str, **options: object) -> requests.Response:
        options = {"timeout": 10} | options
        return self.http.post(self.url + path, allow_redirects=False, **options)

    def create(self, product_id: str, callback_url: str, **options: object) -> requests.Response:
        body = {
            "product_id": product_id,
            "category": "footwear",
            "experience": "browser",
            "callback_url": callback_url,
            "locale": "en-US",
        } | options.pop("body", {})
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return self.post("/v1/sessions", json=body, headers=headers, **options)

    def end(self, session: dict, state: str = "completed") -> requests.Response:
        return self.post(f"/s/{session['id']}", data={"state": state})

    def record(self, session: dict) -> dict:
        known = self.get("/console/sessions.json").json()["sessions"]
        return next(each for each in known if each["id"] == session["id"])


class Merchant:
    """Takes any callback, answers 204 and keeps (headers, body), oldest first."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self._arrival = threading.Condition()
        merchant = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with merchant._arrival:
                    merchant.received.append((dict(self.headers), body))
                    merchant._arrival.notify_all()
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/callbacks/tryon"
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()

    def wait_for(self, count: int, timeout: float = 20) -> list[bytes]:
        with self._arrival:
            assert self._arrival.wait_for(lambda: len(self.received) >= count, timeout)
            return [body for _, body in self.received]

    def wait_for_states(self, count: int) -> list[str]:
        return [json.loads(body)["state"] for body in self.wait_for(count)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "simulator", "--port", "0", "--token", TOKEN]
    environment = {"PATH": "/usr/bin:/bin", "SIMULATOR_CALLBACK_SECRET": SECRET}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


@pytest.fixture
def simulator(address: str) -> Iterator[Simulator]:
    simulator = Simulator(address)
    yield simulator
    simulator.post("/console/reset", json={})
    simulator.http.close()


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    merchant = Merchant()
    yield merchant
    merchant.close()
