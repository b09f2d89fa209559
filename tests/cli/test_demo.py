"""`tryon demo`: all of it on one machine, started and stopped together."""

import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import DESKTOP, ROOT, SURROUNDINGS, eventually, free_port, http
from tests.wire import responds


def test_the_demo_starts_all_of_it_and_stops_all_of_it(tmp_path: Path) -> None:
    # It keeps its database and its secrets beside the program; those of `make run` are not ours.
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "var", "tests", "benchmarks"))
    port = free_port(and_the_next=True)
    process = subprocess.Popen(
        [sys.executable, "-c", "from proxy.cli import cli; cli()", "demo"],
        cwd=tmp_path,
        env=SURROUNDINGS | {"PYTHONPATH": str(copy), "PORT": str(port), "HOST": "127.0.0.1"},
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
        addresses = dict(
            line.strip().rsplit(maxsplit=1) for line in printed.splitlines() if "http" in line
        )
        browser = http()
        browser.headers["User-Agent"] = DESKTOP
        assert "Try it on" in browser.get(addresses["Demo shop"] + "shop/trail-runner").text
        assert browser.get(addresses["Dashboard"]).url.endswith("/dashboard/")
        assert browser.get(addresses["Vendor simulator"]).ok
        typed = browser.get(addresses["Demo shop"].replace("127.0.0.1", "localhost"))
        assert typed.url == addresses["Demo shop"]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()
    eventually(lambda: not responds(f"http://127.0.0.1:{port}/healthz"))
    eventually(lambda: not responds(f"http://127.0.0.1:{port + 1}/"))


@pytest.mark.parametrize("which", [0, 1])
def test_the_demo_does_not_take_another_server_for_its_own(which: int) -> None:
    port = free_port(and_the_next=True)
    with socket.create_server(("127.0.0.1", port + which)):
        told = _demo(PORT=str(port))
    assert (told.returncode, told.stdout) == (1, "")
    assert f"port {port + which}: Address already in use" in told.stderr


@pytest.mark.parametrize("port", ["http", "0", "65535", "-1"])
def test_the_demo_refuses_what_is_no_port(port: str) -> None:
    told = _demo(PORT=port)
    assert (told.returncode, told.stdout) == (1, "")
    assert f"PORT must be a number from 1 to 65534, not '{port}'" in told.stderr


def _demo(**environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from proxy.cli import cli; cli()", "demo"],
        env=SURROUNDINGS | {"HOST": "127.0.0.1"} | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
