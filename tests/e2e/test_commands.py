"""The commands that a merchant types."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app import cli
from tests.e2e.test_dashboard import log_in, token
from tests.e2e.wire import rows
from tests.servers import ROOT, TOKEN, Shop, Vendor, eventually, free_port, http, unique


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


@pytest.mark.parametrize(("path", "command"), [*commands(cli)], ids=lambda value: str(value))
def test_every_command_and_option_is_explained(
    path: tuple[str, ...], command: click.Command
) -> None:
    assert command.help, path
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, (path, parameter.name)


def test_doctor_finds_a_running_shop_well(shop: Shop) -> None:
    found = shop.command("doctor")
    assert found.returncode == 0, found.stdout
    for part in ("database", "public URL", "vendor: token", "clock"):
        assert f"✓ {part}" in found.stdout
    assert TOKEN not in found.stdout + found.stderr


@pytest.mark.parametrize(
    ("setting", "value", "part", "mend"),
    [
        ("TRYON_API_TOKEN", "a-wrong-token", "vendor: token", "TRYON_API_TOKEN"),
        ("TRYON_API_URL", "http://127.0.0.1:9/v1", "vendor: tcp", "TRYON_API_URL"),
        ("TRYON_DATABASE", "sqlite:////nowhere/at/all.db", "database", "The folder must exist"),
    ],
)
def test_doctor_names_what_is_wrong_and_its_mend(
    shop: Shop, tmp_path: Path, setting: str, value: str, part: str, mend: str
) -> None:
    sick = Shop(tmp_path, shop.environ["TRYON_API_URL"].removesuffix("/v1"), free_port())
    sick.environ[setting] = value
    found = sick.command("doctor")
    assert found.returncode == 1
    assert f"✗ {part}" in found.stdout
    assert mend in found.stdout.partition(f"✗ {part}")[2]
    assert "Traceback" not in found.stderr


def test_it_says_which_folder_is_missing(shop: Shop) -> None:
    found = subprocess.run(
        [sys.executable, *SERVE],
        cwd=ROOT,
        env=shop.environ | {"TRYON_DATABASE": "sqlite:////nowhere/at/all.db"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert found.returncode == 1
    assert "TRYON_DATABASE: there is no folder /nowhere/at" in found.stderr
    assert "Traceback" not in found.stderr


def test_without_settings_nothing_starts_and_each_is_named(tmp_path: Path) -> None:
    for command in (["-m", "gunicorn", "-c", "gunicorn.conf.py", "app:create_app()"], SERVE):
        found = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert found.returncode == 1
        for name in ("TRYON_API_TOKEN", "TRYON_PUBLIC_URL", "TRYON_SECRET_KEY"):
            assert f"{name} is not set" in found.stderr
        assert "Traceback" not in found.stderr


SERVE = ["-c", "from app import cli; cli()", "serve"]


def test_serve_works_with_what_is_in_its_working_directory(tmp_path: Path, vendor: Vendor) -> None:
    shop = Shop(tmp_path, vendor.url, free_port(), TRYON_DATABASE="sqlite:///own.db")
    shop.database = tmp_path / "own.db"
    settings = {name: text for name, text in shop.environ.items() if name.startswith("TRYON_")}
    (tmp_path / ".env").write_text("".join(f"{name}={text}\n" for name, text in settings.items()))
    (tmp_path / "app.py").write_text("raise SystemExit('this is the app of somebody else')\n")
    environ = {name: text for name, text in shop.environ.items() if name not in settings}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", *SERVE],
            cwd=tmp_path,
            env=environ | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
    try:
        eventually(lambda: process.poll() is not None or _answers(f"{shop.url}/healthz"))
        assert process.poll() is None, shop.logged()
        product_id = unique()
        assert shop.click(product_id).status_code == 201
        # What is done apart is done to the same database.
        vendor.call_back(product_id, state="evaporated")
        outcome = "SELECT outcome FROM attempts"
        assert rows(shop, outcome) == [("other",)]
        merchant = log_in(shop)
        words = f"{shop.url}/dashboard/words"
        fields = {"token": token(merchant.get(words).text), "word": "evaporated"}
        assert merchant.post(words, data=fields | {"outcome": "failed"}).ok
        eventually(lambda: rows(shop, outcome) == [("failed",)])
    finally:
        process.terminate()
        process.wait(30)


def test_the_demo_starts_all_of_it_and_stops_all_of_it() -> None:
    port = free_port(and_the_next=True)
    process = subprocess.Popen(
        [sys.executable, "-c", "from app import cli; cli()", "demo"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": str(port), "HOST": "127.0.0.1"},
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
        assert "Try it on" in browser.get(addresses["Demo shop"] + "shop/trail-runner").text
        assert browser.get(addresses["Dashboard"]).url.endswith("/dashboard/")
        assert browser.get(addresses["Vendor simulator"]).ok
        typed = browser.get(addresses["Demo shop"].replace("127.0.0.1", "localhost"))
        assert typed.url == addresses["Demo shop"]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()
    eventually(lambda: not _answers(f"http://127.0.0.1:{port}/healthz"))
    eventually(lambda: not _answers(f"http://127.0.0.1:{port + 1}/"))


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
        [sys.executable, "-c", "from app import cli; cli()", "demo"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOST": "127.0.0.1"} | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


def _answers(address: str) -> bool:
    try:
        return http().get(address, timeout=1).ok
    except OSError:
        return False
