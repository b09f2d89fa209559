"""The `tryon` command: serve, check, simulate, and the numbers in a terminal."""

import errno
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

import click

# Where each command is defined, under its own name, and what the list of all says of it. Its module
# is imported when it is called: nobody waits for what another command needs.
COMMANDS = {
    "proxy.cli.catalog": {"catalog": "See what a product feed gives."},
    "proxy.cli.copies": {
        "backup": "Write a checked copy of the database, beside the running app.",
        "restore": "Put a backup in the database's place; the app must be stopped.",
    },
    "proxy.cli.demo": {"demo": "Run the simulator and the app with a demo shop."},
    "proxy.cli.demo_history": {"demo-data": "Give the demo shop a believable past."},
    "proxy.cli.doctor": {"doctor": "Check every setting and all that the app needs."},
    "proxy.cli.maintenance": {
        "verify": "Recount everything from the events.",
        "rebuild": "Put right what differs from its events.",
        "replay": "Read stored callbacks again.",
        "purge": "Delete raw data of old days; totals stay.",
        "erase": "Forget every attempt with one of your references.",
        "compact": "Give the space of deleted rows back; the app must be stopped.",
    },
    "proxy.cli.numbers": {
        "stats": "Show the funnel of a period.",
        "events": "Show the newest events.",
        "export": "Write attempts, events or daily counts as CSV.",
        "forecast": "Foresee this and next month's sessions.",
    },
    "proxy.cli.serve": {"serve": "Serve the app with gunicorn."},
    "proxy.cli.watch": {"watch": "Show the dashboard's first screen, live."},
    "simulator.__main__": {"simulate": "Serve the vendor simulator."},
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

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        said = {name: text for names in COMMANDS.values() for name, text in names.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(said.items()))


@click.command(cls=Commands)
@click.version_option(package_name="tryon-proxy")
def cli() -> None:
    """Virtual try-on beside a shop."""
    # As Python does for errors: a mark that a terminal's encoding lacks must not end a command.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
