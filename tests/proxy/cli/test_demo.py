"""What the demo says before its servers run."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from proxy.cli import cli, demo
from tests.servers import free_port


def test_a_server_that_has_stopped_is_not_waited_for() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    began = time.monotonic()
    with pytest.raises(click.ClickException, match=r"http://127\.0\.0\.1:9/ does not answer"):
        demo._await("http://127.0.0.1:9/", process)
    assert time.monotonic() - began < 5


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of the first process that the demo would start, at which it ends."""
    found: list[str] = []

    def start(*arguments: str, **_: Any) -> None:
        found.extend(arguments)
        raise click.ClickException("no server starts here")

    monkeypatch.setattr(demo, "STATE", tmp_path)
    monkeypatch.setattr(demo, "run_apart", start)
    monkeypatch.setattr(demo.signal, "signal", lambda *_: None)
    return found


def run(*options: str, port: object, host: str = "127.0.0.1") -> Result:
    environ = {"HOST": host, "PORT": str(port)}
    return CliRunner().invoke(cli, ["demo", *options], env=environ)


@pytest.mark.parametrize("known", [True, False])
def test_a_history_is_made_for_an_empty_database_alone(
    tmp_path: Path, started: list[str], known: bool
) -> None:
    if known:
        (tmp_path / "demo.db").touch()
    told = run("--history", port=free_port(and_the_next=True))
    assert ("is there already, and gets no made-up history." in told.stdout) is known
    assert started[0] == ("simulate" if known else "demo-data")


@pytest.mark.parametrize(("host", "named"), [("::1", "[::1]"), ("::", "192.0.2.7")])
def test_the_demo_names_an_address_that_a_browser_can_open(
    started: list[str], monkeypatch: pytest.MonkeyPatch, host: str, named: str
) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("IPv6 is off here")
    monkeypatch.setattr(demo, "_network_address", lambda: "192.0.2.7")
    port = free_port(and_the_next=True)
    run(host=host, port=port)
    assert started[-1] == f"http://{named}:{port + 1}"


@pytest.mark.parametrize("which", [0, 1])
def test_the_demo_does_not_take_another_server_for_its_own(started: list[str], which: int) -> None:
    port = free_port(and_the_next=True)
    with socket.create_server(("127.0.0.1", port + which)):
        told = run(port=port)
    assert (told.exit_code, told.stdout, started) == (1, "", [])
    assert f"port {port + which}: Address already in use" in told.stderr


@pytest.mark.parametrize("port", ["http", "0", "65535", "-1"])
def test_the_demo_refuses_what_is_no_port(started: list[str], port: str) -> None:
    told = run(port=port)
    assert (told.exit_code, told.stdout, started) == (1, "", [])
    assert f"PORT must be a number from 1 to 65534, not '{port}'" in told.stderr


def test_the_secrets_of_the_demo_are_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "STATE", tmp_path / "var")
    settings = demo._settings("http://shop", "http://127.0.0.1:8001", "127.0.0.1", 8000)
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var" / "secret").stat().st_mode & 0o777 == 0o600
    assert len(settings["TRYON_SECRET_KEY"]) == 43  # 32 bytes
    assert settings["TRYON_LAUNCH_HOSTS"] == "127.0.0.1:8001"
    assert settings["SIMULATOR_CATALOG"] == settings["TRYON_CATALOG"]
    assert "http://shop/shop/trail-runner.svg" in Path(settings["TRYON_CATALOG"]).read_text()
    assert (
        demo._settings("http://shop", "http://v", "127.0.0.1", 8000)["TRYON_SECRET_KEY"]
        == (settings["TRYON_SECRET_KEY"])
    )
