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
