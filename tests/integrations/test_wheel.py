"""The wheel, in an environment and a folder of its own: all of the program, and the whole way."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.stage import IPHONE, scan
from tests.servers import DESKTOP, ROOT, SURROUNDINGS, called_demo, free_port

pytestmark = pytest.mark.slow

PARTS = ("app.py", "gunicorn.conf.py", "proxy", "simulator", "static", "storage", "templates")
LOCKS = ("requirements.lock", "deploy/parser.lock")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

run = partial(subprocess.run, check=True, timeout=300)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with what the lock names."""
    home = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", home])
    pip(home, "install", "--require-hashes", "-r", str(ROOT / "requirements.lock"))
    return home


def pip(environment: Path, *arguments: str) -> None:
    """In an environment that has no pip itself; what it brings is compiled when it is run."""
    python = environment / "bin/python"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "--python", python]
    run([*command, *arguments, *(("--no-compile",) if arguments[0] == "install" else ())])


def build(environment: Path, tree: Path, into: Path) -> Path:
    pip(environment, "wheel", "--no-deps", "--no-build-isolation", "-w", str(into), str(tree))
    return next(into.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, installed: it wants no more than what the lock names."""
    wheel = build(environment, ROOT, tmp_path_factory.mktemp("built"))
    pip(environment, "install", "--no-index", str(wheel))
    return wheel


def tracked(*paths: str) -> set[str]:
    """What git would keep of this tree."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *paths]
    listed = run(command, cwd=ROOT, capture_output=True, text=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).exists()}


def test_it_holds_the_program_and_nothing_else(wheel: Path) -> None:
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == tracked(*PARTS)
    assert wheel.name == f"tryon_proxy-{VERSION}-py3-none-any.whl"


def test_the_source_archive_of_another_copy_makes_the_same_wheel(
    environment: Path, wheel: Path, tmp_path: Path
) -> None:
    """Whoever's copy it is, and whoever may read it."""
    copy, source = tmp_path / "copy", tmp_path / f"tryon_proxy-{VERSION}"
    for name in tracked():
        (copy / name).parent.mkdir(0o700, parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
        (copy / name).chmod((copy / name).stat().st_mode & 0o700)
    run([environment / "bin/hatchling", "build", "-t", "sdist", "-d", tmp_path], cwd=copy)
    shutil.unpack_archive(f"{source}.tar.gz", tmp_path, filter="data")
    assert (source / "Makefile").exists()
    assert build(environment, source, tmp_path).read_bytes() == wheel.read_bytes()


def test_the_changes_are_those_of_this_version() -> None:
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest
    assert newest[1] == VERSION


def test_the_bill_of_materials_is_the_locks_the_same_each_time(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("Makefile", "pyproject.toml", "README.md", "LICENSE", *LOCKS):
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    made = []
    for _ in range(2):
        run(["make", "sbom", f"PYTHON={sys.executable}"], cwd=copy)
        made.append((copy / "build/sbom.json").read_text())
    assert made[0] == made[1]
    bill = json.loads(made[0])
    root = bill["metadata"]["component"]
    assert (root["name"], root["version"]) == ("tryon-proxy", VERSION)
    text = "".join((ROOT / name).read_text() for name in LOCKS)
    locked = re.findall(r"^([\w.-]+)==([^ ]+)", text, re.M)
    listed = [(each["name"], each["version"]) for each in bill["components"]]
    assert sorted(listed) == sorted(locked)


def test_every_command_is_there(environment: Path, wheel: Path, tmp_path: Path) -> None:
    def call(*command: str) -> str:
        environ = {"PATH": SURROUNDINGS["PATH"]}
        done = run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
        return str(done.stdout)

    python, tryon = str(environment / "bin/python"), str(environment / "bin/tryon")
    code = "from proxy.cli import cli, MODULES; print(*map(cli.get_command, [None] * 99, MODULES))"
    assert "None" not in call(python, "-P", "-c", code)
    assert call(tryon, "--version") == f"tryon, version {VERSION}\n"
    assert "gunicorn" in call(tryon, "serve", "--help")


def test_the_whole_way_of_the_demo_in_an_empty_folder(
    environment: Path,
    wheel: Path,
    tmp_path: Path,
    context: Callable[..., BrowserContext],
) -> None:
    port = str(free_port(and_the_next=True))
    with called_demo(tmp_path, str(environment / "bin/tryon"), "demo", PORT=port) as addresses:
        page = context(user_agent=DESKTOP).new_page()
        page.goto(addresses["Demo shop"] + "shop/trail-runner")
        button, dialog = page.locator("try-on-button"), page.locator("try-on-button dialog")
        page.wait_for_function("() => !!customElements.get('try-on-button')")
        button.get_by_role("link", name="Try it on").click()
        expect(button).to_have_attribute("state", "waiting")
        expect(dialog.locator("[part=qr] svg")).to_be_visible()

        phone = context(user_agent=IPHONE, viewport={"width": 390, "height": 800}).new_page()
        phone.goto(scan(dialog.locator("[part=qr]").screenshot()))
        expect(button).to_have_attribute("state", "opened")
        phone.get_by_role("link", name="Allow the camera").click()
        phone.get_by_role("button", name="Done").click()
        expect(button).to_have_attribute("state", "completed")
        expect(dialog).to_contain_text("All done")

        page.goto(addresses["Dashboard"])
        expect(page.get_by_role("row", name="Completed").first).to_contain_text("1")
    assert [path.name for path in tmp_path.iterdir()] == ["var"]
