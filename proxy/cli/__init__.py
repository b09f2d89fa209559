"""The `tryon` command: serve, check, simulate, and the numbers in a terminal."""

import errno
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

# Where each command is defined, under its own name. Its module is imported when it is called:
# nobody waits for what another command needs.
COMMANDS = {
    "proxy.cli.catalog": ("catalog",),
    "proxy.cli.copies": ("backup", "restore"),
    "proxy.cli.demo": ("demo",),
    "proxy.cli.demo_history": ("demo-data",),
    "proxy.cli.doctor": ("doctor",),
    "proxy.cli.maintenance": ("verify", "rebuild", "replay", "purge", "erase", "compact"),
    "proxy.cli.numbers": ("stats", "events", "export", "forecast"),
    "proxy.cli.serve": ("serve",),
    "simulator.__main__": ("simulate",),
}
MODULES = {name: module for module, names in COMMANDS.items() for name in names}


class Commands(click.Group):
    """A group whose commands are imported by their names.

    What is wrong with an argument or a stream of any of them ends it in a sentence.
    """

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UnicodeEncodeError:
            raise click.ClickException("an argument is no text: it is not UTF-8") from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever reads has enough
                raise
            where = error.filename or "standard output"
            raise click.ClickException(f"{where}: {error.strerror}") from None

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(MODULES)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (module := MODULES.get(cmd_name)) is None:
            return None
        command: click.Command = getattr(import_module(module), cmd_name.replace("-", "_"))
        return command


@click.command(cls=Commands)
@click.version_option(package_name="tryon-proxy")
def cli() -> None:
    """Virtual try-on beside a shop."""
    # As Python does for errors: a mark that a terminal's encoding lacks must not end a command.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
