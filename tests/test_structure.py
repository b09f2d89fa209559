"""Imports run one way, in the words of the folders; each URL has its module, template and test."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# From the roof down: a module imports from its own storey's own room, or from storeys below.
STOREYS = (
    ("app",),
    ("proxy.cli", "proxy.routes", "proxy.server"),
    ("proxy.services",),
    ("proxy.web",),
    ("proxy.tryon",),
    ("proxy.vendor", "proxy.numbers", "proxy.catalog"),
    ("storage",),
    ("proxy",),  # its ground floor: modules that import nothing of ours
)
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (
        ROOT / "app.py",
        *(ROOT / "proxy").rglob("*.py"),
        *(ROOT / "storage").rglob("*.py"),
    )
}
OURS = sorted(MODULES)
# Who may open a connection: an attacker's URL must find nothing else to go through.
DIALLERS = ("requests", "urllib3", "urllib.request", "http.client", "socket", "ftplib", "smtplib")
MAY_DIAL = ("proxy.vendor", "proxy.cli.doctor", "proxy.cli.demo")
# What opens a database, or is one.
DATABASES = (
    "sqlite3",
    "pysqlite3",
    "sqlite_utils",
    "storage.sqlite",
    "psycopg",
    "storage.postgres",
)


def imports(name: str) -> Iterator[str]:
    """Name all that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def under(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def place(name: str) -> tuple[int, str]:
    """Where a module is: its storey, counted from the roof, and its room there."""
    return next(
        (number, room)
        for number, rooms in enumerate(STOREYS)
        for room in rooms
        if under(name, room)
    )


@pytest.mark.parametrize("name", OURS)
def test_imports_run_one_way(name: str) -> None:
    storey, room = place(name)
    for other in filter(lambda each: under(each, "app", "proxy", "storage"), imports(name)):
        below, its_room = place(other)
        assert below > storey or its_room == room, f"{name} imports {other}"
        if room == "proxy" or room == "proxy.routes":
            same = other.rpartition(".")[0] == "proxy" or under(other, "proxy.routes.dashboard")
            assert below > storey or same, f"{name} imports {other}"


@pytest.mark.parametrize("name", OURS)
def test_there_is_no_circle(name: str) -> None:
    seen: set[str] = set()
    ways = [each for each in imports(name) if each in MODULES]
    while ways:
        if (each := ways.pop()) not in seen:
            seen.add(each)
            ways += [further for further in imports(each) if further in MODULES]
    assert name not in seen


@pytest.mark.parametrize("name", [name for name in OURS if under(name, "storage")])
def test_storage_knows_nothing_of_the_web(name: str) -> None:
    assert not [each for each in imports(name) if under(each, "flask", "werkzeug", "gunicorn")]


@pytest.mark.parametrize("name", [name for name in OURS if not under(name, "storage")])
def test_nothing_but_storage_knows_a_database(name: str) -> None:
    assert not [each for each in imports(name) if under(each, *DATABASES)]
    assert "execute(" not in MODULES[name].read_text()


@pytest.mark.parametrize("name", OURS)
def test_problems_of_http_are_the_web_s_alone(name: str) -> None:
    if not under(name, "proxy.web", "proxy.routes", "app"):
        assert not [each for each in imports(name) if under(each, "proxy.web.problems", "werkzeug")]


@pytest.mark.parametrize("name", OURS)
def test_few_modules_call_out(name: str) -> None:
    found = [each for each in imports(name) if under(each, *DIALLERS)]
    assert not found or under(name, *MAY_DIAL), found


@pytest.mark.parametrize(
    "path", sorted((ROOT / "simulator").rglob("*.py")), ids=lambda path: path.stem
)
def test_the_simulator_shares_nothing_with_the_app(path: Path) -> None:
    MODULES["simulator.x"] = path
    try:
        assert not [
            each for each in imports("simulator.x") if under(each, "proxy", "storage", "app")
        ]
    finally:
        del MODULES["simulator.x"]
