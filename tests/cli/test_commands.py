"""All commands: each is explained, and what cannot be done is a sentence."""

from pathlib import Path

import click
import pytest

from proxy.cli import MODULES, cli
from tests.cli.terminal import told
from tests.servers import Shop


@pytest.mark.parametrize("name", MODULES)
def test_every_command_and_option_is_explained(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert (command.name, bool(command.help)) == (name, True)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


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


@pytest.mark.parametrize("command", ["erase", "verify", "purge", "stats", "export"])
def test_a_command_makes_no_database_where_none_is(shop: Shop, command: str) -> None:
    elsewhere = shop.folder / "elsewhere.db"
    shop.environ["TRYON_DATABASE"] = "sqlite:///elsewhere.db"
    arguments = {"erase": ["cart-1"], "export": ["attempts"]}.get(command, [])
    assert f"there is no {elsewhere}" in told(shop, command, *arguments, status=1)
    assert not elsewhere.exists()
