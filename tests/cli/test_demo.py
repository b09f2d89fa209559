"""`tryon demo`: all of it on one machine, started and stopped together."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

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
