"""All commands: each is explained, and what cannot be done is a sentence."""

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


@pytest.mark.parametrize("command", ["erase", "verify", "purge", "stats", "export"])
def test_a_command_makes_no_database_where_none_is(shop: Shop, command: str) -> None:
    elsewhere = shop.folder / "elsewhere.db"
    shop.environ["TRYON_DATABASE"] = "sqlite:///elsewhere.db"
    arguments = {"erase": ["cart-1"], "export": ["attempts"]}.get(command, [])
    assert f"there is no {elsewhere}" in told(shop, command, *arguments, status=1)
    assert not elsewhere.exists()
