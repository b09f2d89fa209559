"""`tryon demo`, behind `make run`: the vendor simulator and the app with a demo shop."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import click
import segno

from proxy import settings
from proxy.background import run_apart
from proxy.catalog.demo import CATEGORIES, catalog
from proxy.web.login import login_link

# Database, secrets, catalogue and log, kept from one run to the next. In the working directory: the
# program's own may be an environment, and nobody's to write to.
STATE = Path("var").absolute()
SIMULATOR_TOKEN = "sim-token"  # noqa: S105 - the simulator's own, worth nothing elsewhere
START_S = 60.0
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - where it is asked for


@click.command()
@click.option("--history", is_flag=True, help="Begin with ninety days of made-up history.")
def demo(history: bool) -> None:
    """Run the vendor simulator and the app with a demo shop.

    HOST (127.0.0.1) and PORT (8000; the simulator takes the next one) say where; with
    HOST=0.0.0.0 a phone on the same network can follow the QR.
    """
    host = os.environ.get("HOST", "127.0.0.1")
    port = _port(host)
    reachable = _network_address() if host in EVERYWHERE else host
    reachable = f"[{reachable}]" if ":" in reachable else reachable
    shop, vendor = f"http://{reachable}:{port}", f"http://{reachable}:{port + 1}"
    environ = os.environ | _settings(shop, vendor, host, port)
    commands = {
        vendor: ["simulate", "--host", host, "--port", str(port + 1), "--url", vendor],
        f"{shop}/healthz": ["serve"],
    }
    if history and (STATE / "demo.db").exists():
        click.echo(f"{STATE / 'demo.db'} is there already, and gets no made-up history.")
    elif history:
        run_apart("demo-data", env=environ).wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit())
    with ExitStack() as running, (STATE / "log").open("ab") as log:
        started = []
        for address, command in commands.items():
            # In groups of their own: Ctrl-C reaches them through us.
            process = run_apart(*command, env=environ, stdout=log, stderr=log)
            running.enter_context(process)
            running.callback(process.terminate)
            started.append((address, process))
        for address, process in started:
            _await(address, process)
        _greet(shop, vendor, environ)
        os.wait()  # until one of them ends
        raise click.ClickException(f"a server has stopped; {STATE / 'log'} says why")


def _port(host: str) -> int:
    """Read PORT; it and the next must be free, or another server would be taken for ours."""
    text = os.environ.get("PORT", "8000")
    if not text.isdecimal() or not 0 < int(text) < 65_535:
        raise click.ClickException(f"PORT must be a number from 1 to 65534, not {text!r}")
    for port in (int(text), int(text) + 1):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                other = "PORT=8010 make run takes 8010 and 8011"
                raise click.ClickException(f"port {port}: {error.strerror}; {other}") from None
    return int(text)


def _settings(shop: str, vendor: str, host: str, port: int) -> dict[str, str]:
    """Settings of both servers; secrets are made at the first run and kept, the catalogue is
    written anew, since it has addresses in it."""
    STATE.mkdir(mode=0o700, exist_ok=True)
    products = STATE / "catalog.json"
    products.write_text(json.dumps(catalog(shop), indent=2))
    return {
        "TRYON_API_TOKEN": SIMULATOR_TOKEN,
        "TRYON_API_URL": f"{vendor}/v1",
        "TRYON_LAUNCH_HOSTS": vendor.partition("//")[2],
        "TRYON_PUBLIC_URL": shop,
        "TRYON_ALLOW_HTTP": "1",
        "TRYON_SECRET_KEY": _kept("secret", 32),
        "TRYON_DASHBOARD_PASSWORD": _kept("password", 9),
        "TRYON_DATABASE": f"sqlite:///{STATE / 'demo.db'}",
        "TRYON_CATALOG": str(products),
        "TRYON_CATEGORIES": ",".join(CATEGORIES),
        "TRYON_MERCHANT_NAME": os.environ.get("TRYON_MERCHANT_NAME", "Fern & Field"),
        "TRYON_DEMO": "1",
        "TRYON_WORKERS": os.environ.get("TRYON_WORKERS", "2"),
        "SIMULATOR_TOKEN": SIMULATOR_TOKEN,
        "SIMULATOR_CATALOG": str(products),
        "HOST": host,
        "PORT": str(port),
    }


def _kept(name: str, size: int) -> str:
    path = STATE / name
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(size))
    return path.read_text()


def _await(address: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            opener.open(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise click.ClickException(f"{address} does not answer; {STATE / 'log'} says why")


def _greet(shop: str, vendor: str, environ: dict[str, str]) -> None:
    link = login_link(settings.load(environ))
    click.echo(
        f"\n  Demo shop        {shop}/\n"
        f"  Dashboard        {link}\n"
        f"  Vendor simulator {vendor}/\n"
        f"  Dashboard password, for later: {environ['TRYON_DASHBOARD_PASSWORD']}\n"
    )
    if not shop.startswith("http://127."):
        segno.make_qr(f"{shop}/").terminal(compact=True)
    click.echo("  Ctrl-C stops all of it.\n")


def _network_address() -> str:
    """Find this machine's address on its network; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation (RFC 5737)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
