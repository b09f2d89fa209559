"""Imports run one way: app, routes and cli, services, what talks and counts, storage, ground."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for folder in ("proxy", "storage", "simulator")
    for path in (ROOT / folder).rglob("*.py")
}
ROUTES = sorted(name for name in MODULES if name.startswith("proxy.routes."))
GROUND = [
    f"proxy.{name}"
    for name in (
        *("settings", "values", "errors", "contract", "capability", "devices", "qr", "i18n"),
        *("catalog", "theme", "numbers.plans", "numbers.forecast", "numbers.charts"),
    )
]
COMMANDS = {"proxy.cli", "proxy.doctor", "proxy.demo", "proxy.cli_numbers"}
# Who may open a connection: an attacker's URL must find nothing else to go through.
DIALLERS = {"requests", "urllib3", "urllib.request", "http.client", "socket", "ftplib", "smtplib"}
MAY_DIAL = {"proxy.upstream", "proxy.exchange", "proxy.doctor", "proxy.demo"}


def imports(name: str) -> Iterator[str]:
    """Full names of what a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def under(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_there_is_something_to_hold() -> None:
    assert len(ROUTES) >= 5
    assert set(GROUND) <= MODULES.keys()


@pytest.mark.parametrize("name", sorted(name for name in MODULES if under(name, "storage")))
def test_storage_knows_neither_the_proxy_nor_flask(name: str) -> None:
    assert not [each for each in imports(name) if under(each, "proxy", "flask", "app", "werkzeug")]


@pytest.mark.parametrize("name", ROUTES)
def test_routes_do_not_import_one_another(name: str) -> None:
    assert not [each for each in imports(name) if under(each, "proxy.routes") and each != name]


@pytest.mark.parametrize("name", GROUND)
def test_the_ground_floor_is_pure(name: str) -> None:
    above = ("flask", "app", "storage", "proxy.routes", "proxy.services", "proxy.upstream")
    assert not [each for each in imports(name) if under(each, *above)]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_below_imports_what_is_above(name: str) -> None:
    above = {"app", *COMMANDS}
    if name not in ROUTES and name not in COMMANDS:
        above |= {"proxy.routes", "proxy.services"}
    if name == "proxy.cli":
        above = {"app"}
    assert not [each for each in imports(name) if under(each, *above)]


@pytest.mark.parametrize("name", sorted(name for name in MODULES if under(name, "simulator")))
def test_the_simulator_shares_nothing_with_the_app(name: str) -> None:
    assert not [each for each in imports(name) if under(each, "proxy", "storage", "app")]


@pytest.mark.parametrize(
    "name", sorted(name for name in MODULES if under(name, "proxy", "storage"))
)
def test_few_modules_call_out(name: str) -> None:
    found = {each for each in imports(name) if under(each, *DIALLERS)}
    assert not found or name in MAY_DIAL, found
