"""`tryon demo`: all of it on one machine, started and stopped together."""

import sys
from pathlib import Path

from tests.servers import DESKTOP, called_demo, eventually, free_port, http
from tests.wire import responds


def test_the_demo_starts_all_of_it_where_it_is_called_and_stops_all_of_it(tmp_path: Path) -> None:
    port = free_port(and_the_next=True)
    command = [sys.executable, "-c", "from proxy.cli import cli; cli()", "demo"]
    with called_demo(tmp_path, *command, PORT=str(port)) as addresses:
        browser = http()
        browser.headers["User-Agent"] = DESKTOP
        assert "Try it on" in browser.get(addresses["Demo shop"] + "shop/trail-runner").text
        assert browser.get(addresses["Dashboard"]).url.endswith("/dashboard/")
        assert browser.get(addresses["Vendor simulator"]).ok
        typed = browser.get(addresses["Demo shop"].replace("127.0.0.1", "localhost"))
        assert typed.url == addresses["Demo shop"]
    assert [path.name for path in tmp_path.iterdir()] == ["var"]
    eventually(lambda: not responds(f"http://127.0.0.1:{port}/healthz"))
    eventually(lambda: not responds(f"http://127.0.0.1:{port + 1}/"))
