"""Real servers for tests: the vendor's simulator, and the app under gunicorn; both on loopback."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from proxy.catalog import demo

ROOT = Path(__file__).parent.parent
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
DESKTOP = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Safari/605.1.15"
)
TOKEN = "canary-7f3d1c95e2-token"  # the simulator's; tests look for it in whatever comes out
PASSWORD = "a-password-for-tests"
METRICS_TOKEN = "a-metrics-token-for-tests"
APP = "app:create_app()"
CONFIG = str(ROOT / "gunicorn.conf.py")
# A start is mostly the imports of each worker: one is enough where two would prove no more.
ALONE = {"TRYON_WORKERS": "1"}

T = TypeVar("T")


# All that a server of ours is told by its surroundings: no setting, proxy or time zone that whoever
# runs the tests happens to have.
SURROUNDINGS = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
# Below those that the system gives to outgoing connections, of which the tests make thousands: one
# of them could take a port between its being found free and its being listened on.
PORTS = range(20_000, 32_000)


def free_port(*, and_the_next: bool = False) -> int:
    while True:
        port = random.SystemRandom().choice(PORTS)
        with suppress(OSError), socket.socket() as probe, socket.socket() as another:
            probe.bind(("127.0.0.1", port))
            if and_the_next:
                another.bind(("127.0.0.1", port + 1))
            return port


def eventually(look: Callable[[], T], seconds: float = 60.0) -> T:
    """What `look` gives as soon as it is true; fails when that takes too long."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
    return found


def http() -> requests.Session:
    """A client that takes nothing from the environment."""
    session = requests.Session()
    session.trust_env = False
    return session


class Vendor:
    """The simulator, running."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.host = url.partition("//")[2]
        self.http = http()

    def sessions(self, product_id: str) -> list[dict[str, Any]]:
        """Newest first."""
        answer = self.http.get(
            f"{self.url}/console/sessions.json", params={"product_id": product_id}
        )
        return list(answer.json()["sessions"])

    def calls(self, product_id: str) -> int:
        """How often a session for a product was asked for."""
        by_product = self.http.get(f"{self.url}/console/calls.json").json()["by_product"]
        return int(by_product.get(product_id, {"calls": 0})["calls"])

    def call_back(self, product_id: str, **what: str) -> list[dict[str, Any]]:
        """Have the newest session of a product call back; the deliveries with their answers."""
        session_id = self.sessions(product_id)[0]["id"]
        answer = self.http.post(f"{self.url}/console/sessions/{session_id}/callback", json=what)
        return list(answer.json()["deliveries"])

    def outage(self, scenario: str) -> None:
        """Every call gets a scenario, whatever the product; an empty one ends it."""
        self.http.post(f"{self.url}/console/outage", json={"scenario": scenario})


class Shop:
    """The app, running under gunicorn."""

    def __init__(self, folder: Path, vendor_url: str, port: int, **settings: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.origin = self.url
        self.folder = folder
        self.database = folder / "tryon.db"
        self.log = folder / "log"
        self.http = http()
        self.within: tuple[str, ...] = ()  # the command in which all of it runs
        self.environ = (
            SURROUNDINGS
            | {
                "HOME": str(folder),
                "PORT": str(port),
                "TRYON_API_TOKEN": TOKEN,
                "TRYON_API_URL": f"{vendor_url}/v1",
                "TRYON_PUBLIC_URL": self.url,
                "TRYON_SECRET_KEY": "0123456789abcdef" * 3,
                "TRYON_DATABASE": f"sqlite:///{self.database}",
                "TRYON_LAUNCH_HOSTS": vendor_url.partition("//")[2] + ",launch.tryon-api.com",
                "TRYON_CATEGORIES": "footwear,eyewear",
                "TRYON_CLIENT_RATE": "100000/minute",
                "TRYON_DASHBOARD_PASSWORD": PASSWORD,
                "TRYON_METRICS_TOKEN": METRICS_TOKEN,
                "TRYON_WORKERS": "2",
            }
            | settings
        )
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.within, sys.executable, "-m", "gunicorn", "-c", CONFIG, APP],
                cwd=self.folder,  # where nobody's .env is
                env=self.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self.is_up, 60)

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with closing(HTTPConnection(urlsplit(self.url).netloc, timeout=1)) as connection:
            try:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == 200
            except (OSError, HTTPException):
                return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def kill(self) -> None:
        """SIGKILL to the master and every worker at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`tryon …` with this shop's settings."""
        return subprocess.run(
            [*self.within, sys.executable, "-c", "from proxy.cli import cli; cli()", *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def click(self, product_id: str, **body: Any) -> requests.Response:
        """Press the button: POST /sessions from the shop's own origin, as a desktop would."""
        return self.http.post(
            f"{self.url}/sessions",
            json={"product_id": product_id, "category": "footwear"} | body,
            headers={"Origin": self.origin, "User-Agent": DESKTOP},
        )

    def launch(self, url: str) -> requests.Response:
        """Open a link as a phone, without following where it leads."""
        return self.http.get(url, headers={"User-Agent": PHONE}, allow_redirects=False)

    def state(self, session: dict[str, Any]) -> str:
        return str(self.http.get(session["status_url"]).json()["state"])

    def logged(self) -> str:
        return self.log.read_text()


@contextmanager
def running_vendor(**settings: str) -> Iterator[Vendor]:
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", "--token", TOKEN],
        env=SURROUNDINGS | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Vendor(process.stdout.readline().split()[-1])
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


@contextmanager
def running_shop(
    folder: Path, vendor: Vendor, port: int | None = None, **settings: str
) -> Iterator[Shop]:
    shop = Shop(folder, vendor.url, port or free_port(), **settings)
    try:
        shop.start()
        yield shop
    finally:
        if shop.process.poll() is None:
            shop.kill()  # a stop, of which tests/test_server.py has the proofs, takes a second


@contextmanager
def all_running(folder: Path, vendor: Vendor, **settings: str) -> Iterator[Shop]:
    """The same, once each worker has its files open: one that starts while a test takes them away
    has others, or none."""

    def has_files(pid: int) -> bool:
        with suppress(OSError):
            opened = [file.readlink().name for file in Path(f"/proc/{pid}/fd").iterdir()]
            return "tryon.db-counters" in opened  # the last of them
        return False

    with running_shop(folder, vendor, **settings) as shop:
        number = int(shop.environ["TRYON_WORKERS"])
        eventually(lambda: sum(map(has_files, shop.workers())) == number)
        yield shop


@contextmanager
def running_demo(folder: Path) -> Iterator[tuple[Shop, Vendor]]:
    """The demo shop with its catalogue, which the vendor's simulator knows too."""
    port = free_port()
    products = folder / "catalog.json"
    products.write_text(json.dumps(demo.catalog(f"http://127.0.0.1:{port}")))
    settings = ALONE | {
        "TRYON_DEMO": "1",
        "TRYON_CATALOG": str(products),
        "TRYON_CATEGORIES": ",".join(demo.CATEGORIES),
        "TRYON_MERCHANT_NAME": "Fern & Field",
    }
    with (
        running_vendor(SIMULATOR_CATALOG=str(products)) as vendor,
        running_shop(folder, vendor, port, **settings) as shop,
    ):
        yield shop, vendor


@contextmanager
def called_demo(folder: Path, *command: str, **environ: str) -> Iterator[dict[str, str]]:
    """A command that is `tryon demo`, called in a folder: the addresses that it prints, by name."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=SURROUNDINGS | {"HOST": "127.0.0.1"} | environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, f"it stopped: {printed}"
            printed += line
        yield dict(
            line.strip().rsplit(maxsplit=1) for line in printed.splitlines() if "http" in line
        )
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


def unique(name: str = "sku") -> str:
    """A product id that no other test uses; a scenario's name may come first."""
    return f"{name}-{uuid.uuid4().hex[:10]}"


def make_certificate(home: Path) -> None:
    """`cert.pem` and `key.pem` for localhost, which nobody trusts."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    command += f" -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout {home}/key.pem"
    subprocess.run(
        [*command.split(), "-out", str(home / "cert.pem")], check=True, stderr=subprocess.DEVNULL
    )
