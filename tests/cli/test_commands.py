"""All commands: each is explained, and what cannot be done is a sentence."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from proxy.cli import MODULES, cli
from tests.cli.terminal import told
from tests.servers import ROOT, Shop


@pytest.mark.parametrize("name", MODULES)
def test_every_command_and_option_is_explained(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert (command.name, bool(command.help)) == (name, True)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_the_list_of_commands_is_told_without_what_they_need() -> None:
    code = """
import sys
from proxy.cli import COMMANDS, cli
try:
    cli(["--help"])
finally:
    assert not {*COMMANDS, "storage", "requests", "flask", "pydantic"} & {*sys.modules}
"""
    listed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    lines = listed.partition("Commands:\n")[2].splitlines()
    assert {line.split()[0] for line in lines} == {*MODULES}
    assert "  stats      Show the funnel of a period." in lines


def test_a_command_on_no_database_is_a_sentence(shop: Shop) -> None:
    shop.environ["TRYON_DATABASE"] = "sqlite:////nowhere/at/all.db"
    assert "the database:" in told(shop, "stats", status=1)


def test_a_database_may_be_a_link(shop: Shop) -> None:
    link = shop.folder / "link.db"
    link.symlink_to(shop.database)
    shop.environ["TRYON_DATABASE"] = f"sqlite:///{link}"
    told(shop, "verify")
    told(shop, "backup", str(shop.folder / "copy.db"))
    told(shop, "restore", str(shop.folder / "copy.db"))
    assert link.readlink() == shop.database
    assert not Path(f"{link}-lock").exists()


@pytest.mark.parametrize(
    "arguments", [["erase", "\udcff"], ["restore", "\udcff"], ["stats", "--product-id", "\udcff"]]
)
def test_an_argument_that_is_no_text_is_a_sentence(shop: Shop, arguments: list[str]) -> None:
    (shop.folder / "\udcff").touch()
    told(shop, *arguments, status=2 if "stats" in arguments else 1)


@pytest.mark.parametrize("arguments", [["export", "attempts"], ["stats"], ["stats", "--json"]])
def test_a_full_disk_under_the_output_is_a_sentence(shop: Shop, arguments: list[str]) -> None:
    shop.within = ("bash", "-c", 'exec "$@" >/dev/full', "full")
    found = shop.command(*arguments)
    assert found.returncode != 0
    assert "standard output: No space left on device" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_command_needs_no_standard_output(shop: Shop) -> None:
    shop.within = ("bash", "-c", 'exec "$@" >&-', "closed")
    assert shop.command("export", "attempts").returncode == 0


OF_A_DATABASE = (
    ["stats"], ["events"], ["export", "attempts"], ["forecast"], ["verify"], ["rebuild"],
    ["replay"], ["purge"], ["erase", "cart-1"], ["compact"], ["backup", "copy.db"],
)  # fmt: skip


@pytest.mark.parametrize("arguments", OF_A_DATABASE, ids=" ".join)
def test_a_database_alone_is_enough(shop: Shop, arguments: list[str]) -> None:
    shop.environ = {"TRYON_API_TOKEN_FILE": "/nowhere/token", "TRYON_TIMEZONE": ""}
    told(shop, *arguments)


@pytest.mark.parametrize("arguments", OF_A_DATABASE, ids=" ".join)
def test_a_command_makes_no_database_where_none_is(shop: Shop, arguments: list[str]) -> None:
    elsewhere = shop.folder / "elsewhere" / "tryon.db"
    elsewhere.parent.mkdir()
    shop.folder = elsewhere.parent
    shop.environ = {}
    said = told(shop, *arguments, status=1)
    assert f"there is no {elsewhere}; TRYON_DATABASE says where it is" in said
    assert not [*elsewhere.parent.iterdir()]


def test_days_are_those_of_the_database(shop: Shop) -> None:
    shop.environ = {}
    assert json.loads(told(shop, "stats", "--json"))["timezone"] == "America/New_York"
    (line,) = [line for line in told(shop, "events").splitlines() if "expired" in line]
    assert line.startswith("2026-11-02 00:14:59")


def test_who_serves_needs_all_settings(shop: Shop) -> None:
    shop.environ = {}
    assert "TRYON_API_TOKEN is not set" in told(shop, "serve", status=1)
