"""Imports run one way, in the words of the folders; each URL has its module, template and test."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from graphlib import TopologicalSorter
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
    ("proxy.upstream", "proxy.numbers", "proxy.catalog"),
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
MAY_DIAL = ("proxy.upstream", "proxy.catalog.fetch", "proxy.cli.doctor", "proxy.cli.demo")
# What opens a database, or is one.
DATABASES = (
    "sqlite3",
    "pysqlite3",
    "sqlite_utils",
    "storage.sqlite",
    "psycopg",
    "storage.postgres",
)
ROUTES = [name for name in OURS if name.startswith("proxy.routes.")]
# A module of routes is named after the first segment of their paths, but for these.
ELSEWHERE = {
    "demo": {"", "shop"},
    "ops": {"healthz", "readyz", "metrics", "openapi.json"},
    "static": {"static", "theme.css", "custom-elements.json"}
    | {"try-on-button.js", "try-on-loader.js", "try-on-button.d.ts"},
}


@cache
def imports(name: str) -> tuple[str, ...]:
    """Name all that a module imports, anywhere in it."""
    return tuple(imports_in(name, MODULES[name].read_text()))


def imports_in(name: str, text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
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


def wrong(is_wrong: Callable[[str, str], bool]) -> list[str]:
    """List the imports, of one module by another, of which that is true."""
    found = ((name, other) for name in OURS for other in imports(name))
    return [f"{name} imports {other}" for name, other in found if is_wrong(name, other)]


def runs_up_or_aside(name: str, other: str) -> bool:
    if not under(other, "app", "proxy", "storage"):
        return False
    (storey, room), (below, its_room) = place(name), place(other)
    is_inside = its_room == room
    if room in ("proxy", "proxy.routes"):  # routes do not import one another
        shared = other.rpartition(".")[0] == "proxy" or under(other, "proxy.routes.dashboard")
        is_inside = is_inside and shared
    return not (below > storey or is_inside)


def test_imports_run_one_way() -> None:
    assert wrong(runs_up_or_aside) == []


def test_there_is_no_circle() -> None:
    ours = {name: {*imports(name)} & MODULES.keys() for name in OURS}
    TopologicalSorter(ours).prepare()  # which names a circle


def test_storage_knows_nothing_of_the_web() -> None:
    web = ("flask", "werkzeug", "gunicorn")
    assert wrong(lambda name, other: under(name, "storage") and under(other, *web)) == []


def test_nothing_but_storage_knows_a_database() -> None:
    others = [name for name in OURS if not under(name, "storage")]
    assert wrong(lambda name, other: name in others and under(other, *DATABASES)) == []
    assert [name for name in others if "execute(" in MODULES[name].read_text()] == []


def test_problems_of_http_are_the_web_s_alone() -> None:
    web, problems = ("proxy.web", "proxy.routes", "app"), ("proxy.web.problems", "werkzeug")
    assert wrong(lambda name, other: not under(name, *web) and under(other, *problems)) == []


def test_few_modules_call_out() -> None:
    assert wrong(lambda name, other: not under(name, *MAY_DIAL) and under(other, *DIALLERS)) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "simulator").rglob("*.py")), ids=lambda path: path.stem
)
def test_the_simulator_shares_nothing_with_the_app(path: Path) -> None:
    found = imports_in(path.stem, path.read_text())
    assert not [each for each in found if under(each, "proxy", "storage", "app")]


def given(name: str, *functions: str) -> Iterator[str]:
    """What is the first argument wherever a module calls one of these functions."""
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in functions:
            assert isinstance(node.args[0], ast.Constant), ast.unparse(node)
            yield node.args[0].value


def first_segments(name: str) -> set[str]:
    """Of the paths that a module answers."""
    prefix = re.search(r'url_prefix="([^"]*)"', MODULES[name].read_text())
    paths = given(name, "routes.route", "routes.get", "routes.post")
    return {f"{prefix[1] if prefix else ''}{path}".split("/")[1] for path in paths}


def templates(name: str) -> set[str]:
    return set(given(name, "render_template"))


@pytest.mark.parametrize("name", ROUTES)
def test_each_module_of_routes_is_named_after_what_it_answers(name: str) -> None:
    area = name.split(".")[2]
    if name != "proxy.routes.dashboard":  # what its modules share
        assert first_segments(name) == ELSEWHERE.get(area, {area})


@pytest.mark.parametrize("name", ROUTES)
def test_each_module_of_routes_has_its_tests(name: str) -> None:
    *folders, last = name.split(".")[2:]
    folder = ROOT.joinpath("tests", "routes", *folders)
    assert (folder / f"test_{last}.py").exists() or [*(folder / last).glob("test_*.py")]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests/routes").glob("[!_]*")), ids=lambda path: path.stem
)
def test_each_test_of_routes_is_named_after_a_module(path: Path) -> None:
    assert f"proxy.routes.{path.stem.removeprefix('test_')}" in MODULES


@pytest.mark.parametrize("name", ROUTES)
def test_each_template_is_named_after_the_module_that_renders_it(name: str) -> None:
    area = name.split(".")[2]
    for template in templates(name):
        assert re.fullmatch(rf"{area}(_\w+)?\.html|{area}/\w+\.html", template)


def test_each_template_is_rendered_by_a_route_or_shared() -> None:
    folder = ROOT / "templates"
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")}
    rendered = set().union(*map(templates, ROUTES))
    assert rendered <= found
    # `error.html` is rendered by `web.error_pages`.
    shared = {"base.html", "parts.html", "error.html"}
    assert {name.rpartition("/")[2] for name in found - rendered} <= shared
