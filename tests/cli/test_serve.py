"""`tryon serve`: it works where it is called, and names what it lacks."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.routes.dashboard.merchant import log_in, token
from tests.servers import (
    ALONE,
    APP,
    ROOT,
    SURROUNDINGS,
    Shop,
    Vendor,
    eventually,
    free_port,
    unique,
)
from tests.wire import http, responds, rows

SERVE = ["-c", "from proxy.cli import cli; cli()", "serve"]


def test_serve_works_with_what_is_in_its_working_directory(tmp_path: Path, vendor: Vendor) -> None:
    shop = Shop(tmp_path, vendor.url, free_port(), **ALONE, TRYON_DATABASE="sqlite:///own.db")
    shop.database = tmp_path / "own.db"
    settings = {name: text for name, text in shop.environ.items() if name.startswith("TRYON_")}
    (tmp_path / ".env").write_text("".join(f"{name}={text}\n" for name, text in settings.items()))
    (tmp_path / "app.py").write_text("raise SystemExit('this is the app of somebody else')\n")
    environ = {name: text for name, text in shop.environ.items() if name not in settings}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", *SERVE],
            cwd=tmp_path,
            env=environ,
            stdout=log,
            stderr=log,
        )
    try:
        eventually(lambda: process.poll() is not None or responds(f"{shop.url}/healthz"))
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


def test_it_does_not_start_with_a_catalogue_that_yields_nothing(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("product_id,category\n")
    found = subprocess.run(
        [sys.executable, *SERVE],
        cwd=shop.folder,
        env=shop.environ | {"TRYON_CATALOG": f"{tmp_path}/products.csv"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 1
    assert "TRYON_CATALOG cannot be used." in found.stderr
    assert "there is no product in it; to allow any, unset TRYON_CATALOG" in found.stderr


def test_it_says_which_folder_is_missing(shop: Shop) -> None:
    found = subprocess.run(
        [sys.executable, *SERVE],
        cwd=shop.folder,
        env=shop.environ | {"TRYON_DATABASE": "sqlite:////nowhere/at/all.db"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 1
    assert "TRYON_DATABASE: there is no folder /nowhere/at" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("host", "port", "named"),
    [
        ("203.0.113.1", "8000", "HOST=203.0.113.1"),  # nobody's (RFC 5737)
        ('"127.0.0.1"', "8000", 'HOST="127.0.0.1"'),
        ("127.0.0.1", "eight", "PORT must be a whole number from 1 to 65535."),
        ("127.0.0.1", "65536", "PORT must be a whole number from 1 to 65535."),
    ],
)
def test_it_says_which_of_host_and_port_is_wrong(
    shop: Shop, host: str, port: str, named: str
) -> None:
    found = subprocess.run(
        [sys.executable, *SERVE],
        cwd=shop.folder,
        env=shop.environ | {"HOST": host, "PORT": port},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 1
    assert named in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("host", ["::", "[::1]"])
def test_it_listens_at_an_address_of_ipv6(tmp_path: Path, vendor: Vendor, host: str) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("IPv6 is off here")
    shop = Shop(tmp_path, vendor.url, free_port(), **ALONE, HOST=host)
    shop.url = shop.url.replace("127.0.0.1", "[::1]")
    try:
        shop.start()
        assert http().get(f"{shop.url}/healthz").status_code == 200
    finally:
        shop.stop()


def test_without_settings_nothing_starts_and_each_is_named(tmp_path: Path) -> None:
    for command in (["-m", "gunicorn", "-c", f"{ROOT}/gunicorn.conf.py", APP], SERVE):
        found = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=SURROUNDINGS,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert found.returncode == 1
        for name in ("TRYON_API_TOKEN", "TRYON_PUBLIC_URL", "TRYON_SECRET_KEY"):
            assert f"{name} is not set" in found.stderr
        assert "Traceback" not in found.stderr
