"""The proxy samples on the real nginx and Caddy, before a real gunicorn."""

import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.servers import make_certificate

DEPLOY = Path(__file__).parents[1] / "deploy"
KEY = "Zk9-canary_A7f3a91c2XyZ"
APP = """
import threading
seen, released = [], threading.Event()

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/seen":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ["\\n".join(seen).encode()]
    forwarded = environ.get("HTTP_X_FORWARDED_FOR", "").replace(" ", "")
    seen.append(f"{environ['REQUEST_METHOD']} {path} {forwarded} {environ.get('HTTP_X_USER', '')}")
    if path == "/release":
        released.set()
    if path.endswith("/events"):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return events()
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Location", "/go/" + path[-30:])])
    return [str(len(body)).encode()]

def events():
    yield b"data: first\\n\\n"
    yield b"data: second\\n\\n" if released.wait(20) else b"data: late\\n\\n"
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.01)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Proxy:
    """A running sample, with the app behind it and a certificate for localhost."""

    def __init__(self, name: str, home: Path, patience: str = "0s") -> None:
        self.patience = patience  # Caddy's with an app that is not there
        self.port, self.app_port, self.home = free_port(), free_port(), home
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        make_certificate(home)
        self.tls = ssl.create_default_context(cafile=str(home / "cert.pem"))
        self.commands = {
            "app": f"{sys.executable} -m gunicorn --bind 127.0.0.1:{self.app_port}"
            " --threads 8 --graceful-timeout 1 stub:app".split(),
            "proxy": nginx(self) if name == "nginx" else caddy(self),
        }
        (home / "stub.py").write_text(APP)

    def start(self, *names: str) -> None:
        ports = {"app": self.app_port, "proxy": self.port}
        for name in names:
            with (self.home / f"{name}.log").open("wb") as log:
                self.processes[name] = subprocess.Popen(
                    self.commands[name],
                    stdout=log,
                    stderr=log,
                    cwd=self.home,
                    env=self.environment(),
                )
            eventually(partial(listens, ports[name]))

    def environment(self) -> dict[str, str]:
        # Nothing of the person who runs this, and a home for Caddy's state.
        return {"PATH": "/usr/bin:/bin:/usr/sbin", "HOME": str(self.home)}

    def stop(self, *names: str) -> None:
        for name in names:
            if process := self.processes.pop(name, None):
                process.terminate()
                try:
                    process.wait(10)
                finally:
                    process.kill()
                    process.wait()

    def connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        return self.tls.wrap_socket(plain, server_hostname="localhost")

    def request(self, method: str, path: str, **headers: str) -> tuple[int, str]:
        client = http.client.HTTPSConnection("localhost", self.port, context=self.tls, timeout=60)
        client.request(method, path, headers={n.replace("_", "-"): v for n, v in headers.items()})
        answer = client.getresponse()
        body = answer.read().decode()
        client.close()
        return answer.status, body

    def send(self, raw: bytes) -> bytes:
        """All that comes back for raw bytes, until the other side closes or says no more."""
        with self.connect() as tls:
            tls.sendall(raw)
            tls.settimeout(0.3)
            answer = b""
            try:
                while part := tls.recv(65_536):
                    answer += part
            except TimeoutError:
                pass
            return answer

    def seen(self) -> list[str]:
        """What reached the app, asked without the proxy."""
        client = http.client.HTTPConnection("127.0.0.1", self.app_port, timeout=60)
        client.request("GET", "/seen")
        lines = client.getresponse().read().decode().splitlines()
        client.close()
        return lines

    def logs(self) -> str:
        names = ("access.log", "error.log", "proxy.log")
        return "".join(p.read_text() for n in names if (p := self.home / n).exists())


def changed(name: str, changes: dict[str, str]) -> str:
    """A sample with this test's places in it; one that isn't there any more fails."""
    text = (DEPLOY / name).read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(proxy: Proxy) -> list[str]:
    home = proxy.home
    changes = {
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ssl": f"listen 127.0.0.1:{proxy.port} ssl",
        "127.0.0.1:8000": f"127.0.0.1:{proxy.app_port}",
        "server_name tryon.shop.example": "server_name localhost",
        "/etc/ssl/tryon/fullchain.pem": f"{home}/cert.pem",
        "/etc/ssl/tryon/privkey.pem": f"{home}/key.pem",
        "/var/log/nginx/tryon-": f"{home}/",
    }
    sample = changed("nginx.conf", changes)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    scratch = "".join(f"{kind}_temp_path {home}/{kind};" for kind in kinds)
    (home / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {home}/pid; error_log {home}/error.log crit;"
        f"events {{}} http {{ access_log off; {scratch}\n{sample}\n}}"
    )
    return [which("nginx"), "-e", f"{home}/error.log", "-c", f"{home}/nginx.conf"]


def caddy(proxy: Proxy) -> list[str]:
    home = proxy.home
    changes = {
        "{\n\tservers {": "{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {",
        "{$SITE:tryon.shop.example} {": f"https://localhost:{proxy.port} {{\n"
        f"\tbind 127.0.0.1\n\ttls {home}/cert.pem {home}/key.pem",
        "{$APP:127.0.0.1:8000}": f"127.0.0.1:{proxy.app_port}",
        "lb_try_duration 10s": f"lb_try_duration {proxy.patience}",
    }
    (home / "Caddyfile").write_text(changed("Caddyfile", changes))
    return [which("caddy"), "run", "--adapter", "caddyfile", "--config", f"{home}/Caddyfile"]


def which(name: str) -> str:
    # Caddy is installed with the tests' other packages; Debian keeps nginx where only root looks.
    ours = Path(sys.executable).parent
    return shutil.which(name, path=f"{ours}:{os.environ['PATH']}:/usr/sbin:/usr/local/sbin") or ""


def missing(name: str) -> str:
    """Why this sample can't be tried here; empty where it can."""
    if shutil.which("openssl") is None:
        return "openssl is not installed"
    if not which(name):
        return f"{name} is not installed"
    if name == "caddy":
        command = [which(name), "version"]
        version = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        numbers = [int(part) for part in re.findall(r"\d+", version)[:2]]
        return "" if numbers >= [2, 7] else "Caddy is older than 2.7"
    return ""


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    if why := missing(request.param):
        pytest.skip(why)
    proxy = Proxy(request.param, tmp_path_factory.mktemp(request.param))
    try:
        proxy.start("app", "proxy")
        yield proxy
    finally:
        proxy.stop("proxy", "app")


def test_it_passes_a_request_on(proxy: Proxy) -> None:
    assert proxy.request("GET", "/healthz") == (200, "0")


def test_it_passes_each_event_when_it_comes(proxy: Proxy) -> None:
    with proxy.connect() as tls:
        tls.sendall(b"GET /shop/sessions/abc/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b"first" not in answer:
            answer += tls.recv(4_096)
        assert b"second" not in answer
        proxy.request("GET", "/release")
        while b"second" not in answer:
            part = tls.recv(4_096)
            assert part, answer
            answer += part
    assert b"late" not in answer


def test_it_holds_a_slow_body_until_it_is_whole(proxy: Proxy) -> None:
    with proxy.connect() as tls:
        head = b"POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000\r\n\r\n"
        tls.sendall(head + b"x" * 20_000)
        time.sleep(0.4)  # that nothing comes shows in no other way
        assert not [line for line in proxy.seen() if line.startswith("POST /slow")]
        tls.sendall(b"x" * 20_000)
        assert tls.recv(4_096).startswith(b"HTTP/1.1 200")
    assert [line for line in proxy.seen() if line.startswith("POST /slow")]


def test_the_last_hop_is_the_client(proxy: Proxy) -> None:
    proxy.request("GET", "/hops", X_Forwarded_For="192.0.2.1")
    (line,) = [line for line in proxy.seen() if line.startswith("GET /hops")]
    assert line.split()[2].split(",")[-1] == "127.0.0.1"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 44\r\n",
        b"Content-Length: +5\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"X-A: b\r\n Content-Length: 40\r\n",
        b"X-A: b\n\nGET /smuggled HTTP/1.1\r\n",
    ],
)
def test_no_request_gets_through_inside_of_another(proxy: Proxy, headers: bytes) -> None:
    inner = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
    start = b"POST /outer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    answer = proxy.send(start + headers + b"\r\n" + b"0\r\n\r\n" + inner)
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert not [line for line in proxy.seen() if "/smuggled" in line]


@pytest.mark.parametrize(
    "rest",
    [
        b"\r\n",
        b"Host: a b\r\n\r\n",
        b"Host: localhost\r\nHost: localhost\r\n\r\n",
        b"Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["no host", "two words", "two hosts", "bad chunks"],
)
def test_what_is_no_proper_request_is_its_sender_s_mistake(proxy: Proxy, rest: bytes) -> None:
    answer = proxy.send(b"POST /improper HTTP/1.1\r\n" + rest)
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_header_with_underscores_does_not_reach_the_app(proxy: Proxy) -> None:
    proxy.send(
        b"GET /forged HTTP/1.1\r\nHost: localhost\r\nX_User: boss\r\nConnection: close\r\n\r\n"
    )
    (line,) = [line for line in proxy.seen() if line.startswith("GET /forged")]
    assert "boss" not in line


def test_the_app_gets_what_it_is_to_refuse_itself_and_no_more(proxy: Proxy) -> None:
    assert proxy.request("POST", "/callbacks/a", Content_Length="0")[0] == 200
    for size, status in ((70_000, 200), (200_000, 413)):
        head = f"POST /size HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n"
        answer = proxy.send(head.encode() + b"Connection: close\r\n\r\n" + b"x" * size)
        assert answer.startswith(f"HTTP/1.1 {status}".encode()), size


def test_no_key_gets_into_a_log_even_while_the_app_is_down(proxy: Proxy) -> None:
    paths = [f"/go/{KEY}", f"/go/{KEY}?q", f"/GO/{KEY}", f"/%67o/{KEY}", f"/shop/go/{KEY}"]
    paths += [f"/go/{KEY}%0A", f"/%0A/go/{KEY}"]  # as a mail program may break it
    paths += [f"/callbacks/{KEY}.{KEY}", f"/sessions/{KEY}", f"/sessions/{KEY}/cancel"]
    paths += [f"/handoff/{KEY}", f"/qr/{KEY}.svg", f"/qr/{KEY}.png", f"/dashboard/login?key={KEY}"]
    for path in paths:
        proxy.request("GET", path, Referer=f"https://localhost/handoff/{KEY}", Cookie=f"a={KEY}")
    proxy.stop("app")
    try:
        for path in paths:
            assert proxy.request("GET", path, Authorization=f"Bearer {KEY}")[0] == 502
        proxy.request("GET", "/the-last-one")
    finally:
        proxy.start("app")
    eventually(lambda: "/the-last-one" in proxy.logs())
    logs = proxy.logs()
    assert KEY not in logs
    assert "/go/-" in logs
    assert re.search(r"/sessions/-/cancel", logs)


@pytest.mark.slow
def test_behind_caddy_a_callback_waits_for_an_app_that_is_started_anew(tmp_path: Path) -> None:
    if why := missing("caddy"):
        pytest.skip(why)
    proxy = Proxy("caddy", tmp_path, patience="60s")
    try:
        proxy.start("proxy")
        with proxy.connect() as tls:
            head = b"POST /callbacks/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
            tls.sendall(head)
            proxy.start("app")
            assert tls.recv(4_096).startswith(b"HTTP/1.1 200")
        assert len([line for line in proxy.seen() if line.startswith("POST /callbacks/a")]) == 1
    finally:
        proxy.stop("proxy", "app")


def test_systemd_reads_the_unit() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = str(DEPLOY / "tryon.service")
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "tryon.service" in line]
    # The program is not installed here; nothing else is to be said.
    assert [line for line in complaints if "is not executable" not in line] == []
