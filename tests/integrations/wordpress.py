"""WordPress for tests, as Debian has it (6.1.9) and as npm has it (6.5.5), with SQLite below.

What is fetched lies in `build/wordpress` and is fetched once. `woocommerce/` stands in for
WooCommerce, which cannot be had from any registry.
"""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from tests.browser.stage import lacking
from tests.integrations.packages import WOOCOMMERCE, made
from tests.servers import ROOT, SURROUNDINGS, eventually, free_port, http

HERE = Path(__file__).parent
FETCHED = ROOT / "build" / "wordpress"
BUILDS = "@wp-playground/wordpress-builds@0.9.19"
DIGEST = "dlqvh/MJDpE5W68vgPPKUjpip6zMuBh59L3D18ZX+pdwurC4q4ydrTww/3sTMV69BBcoH6kF93YtAtujNC5Mpw=="
SQLITE = "src/sqlite-database-integration/sqlite-database-integration.zip"
PARTS = ("src/wordpress/wp-6.5.zip", SQLITE, "public/wp-6.5")
DEBIAN = Path("/usr/share/wordpress")
CLASSIC = "twentytwentyone"
BLOCKS = {"debian": "twentytwentythree", "npm": "twentytwentyfour"}
SERVER = ("php", "-d", "opcache.enable_cli=1")
NEEDED = ("php", "npm", "tar")


class Site:
    """A WordPress with the plugin and the stand-in, and where it is served."""

    def __init__(self, folder: Path, source: str) -> None:
        self.folder = folder
        self.source = source
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ids: dict[str, int] = {}

    def php(self, code: str, **surroundings: str) -> str:
        """Run PHP inside of this WordPress; what it prints."""
        start = f"$_SERVER += ['HTTP_HOST' => '127.0.0.1:{self.port}'];"
        load = f"require '{self.folder}/wp-load.php';"
        return run("php", "-r", start + load + code, **surroundings)

    def product(self, name: str, query: str = "") -> str:
        return f"{self.url}/?post_type=product&p={self.ids[name]}{query}"

    def complaints(self) -> list[str]:
        """What PHP has complained about in the plugin's files."""
        log = self.folder / "wp-content/debug.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if "try-on-button" in line or "Fatal" in line]


def run(*command: str, **surroundings: str) -> str:
    done = subprocess.run(
        command, env=SURROUNDINGS | surroundings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def builds() -> Path:
    """Fetch what npm has of WordPress 6.5.5, and SQLite for any WordPress."""
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        lacking(f"no WordPress without {', '.join(missing)} (Debian: php-cli, npm)")
    if not (FETCHED / SQLITE).exists():
        FETCHED.mkdir(parents=True, exist_ok=True)
        environ = os.environ | {"npm_config_update_notifier": "false"}
        command = ["npm", "pack", "--silent", BUILDS]
        if subprocess.run(command, cwd=FETCHED, env=environ, check=False).returncode:
            lacking(f"npm could not bring {BUILDS}")
        (archive,) = FETCHED.glob("*.tgz")
        assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == DIGEST
        parts = [f"package/{part}" for part in PARTS]
        run("tar", "-C", str(FETCHED), "--strip-components=1", "-xzf", str(archive), *parts)
        archive.unlink()
    return FETCHED


def lay(folder: Path, source: str) -> None:
    """Lay a WordPress ready, with a database in a file, two themes, plugin and stand-in."""
    fetched = builds()
    if not (DEBIAN / "wp-content/themes" / CLASSIC).exists():
        lacking(f"no classic theme (Debian: wordpress-theme-{CLASSIC})")
    if source == "debian":
        shutil.copytree(DEBIAN, folder)
    else:
        with ZipFile(fetched / PARTS[0]) as archive:
            archive.extractall(folder)
        shutil.copytree(fetched / PARTS[2], folder, dirs_exist_ok=True)
        themes = "wp-content/themes"
        shutil.copytree(DEBIAN / themes / CLASSIC, folder / themes / CLASSIC)
    content = folder / "wp-content"
    shutil.rmtree(content / "database", ignore_errors=True)
    with ZipFile(fetched / SQLITE) as archive:
        archive.extractall(content / "plugins")
    sqlite = (content / "plugins/sqlite-database-integration-main").rename(
        content / "plugins/sqlite-database-integration"
    )
    (content / "db.php").write_bytes((sqlite / "db.copy").read_bytes())
    shutil.copytree(HERE / "woocommerce", content / "plugins/woocommerce")
    shutil.copy(HERE / "woocommerce/wp-config.php", folder / "wp-config.php")
    with ZipFile(made(folder.parent) / WOOCOMMERCE) as archive:
        archive.extractall(content / "plugins")


@contextmanager
def running_site(
    folder: Path, source: str, products: list[dict[str, Any]], **surroundings: str
) -> Iterator[Site]:
    lay(folder, source)
    site = Site(folder, source)
    install = str(HERE / "woocommerce/install.php")
    printed = run("php", install, str(folder), site.url, json.dumps(products), **surroundings)
    site.ids = json.loads(printed)
    server = subprocess.Popen(
        [*SERVER, "-S", site.url.removeprefix("http://"), "-t", str(folder)],
        env=SURROUNDINGS | {"PHP_CLI_SERVER_WORKERS": "4"} | surroundings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually(lambda: _answers(site.url))
        yield site
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)


def _answers(url: str) -> bool:
    try:
        return http().get(url, timeout=30).status_code == 200
    except OSError:
        return False
