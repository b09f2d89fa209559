"""The `tryon` command: serve, check, simulate, and the numbers in a terminal."""

import os
import sys

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from proxy import cli_numbers
from proxy import settings as settings_module
from proxy.apart import HERE
from proxy.demo import demo
from proxy.doctor import checks
from proxy.settings import SettingsError
from simulator.__main__ import simulate


@click.group()
@click.version_option(package_name="tryon-proxy")
def cli() -> None:
    """Virtual try-on beside a shop."""


cli.add_command(simulate)
cli.add_command(demo)
for command in cli_numbers.COMMANDS:
    cli.add_command(command)


@cli.command()
def serve() -> None:
    """Serve the app with gunicorn, configured by the environment.

    HOST and PORT say where to listen; see docs/settings.md for the rest.
    """
    cli_numbers.load_settings()
    arguments = ["gunicorn", "-c", str(HERE / "gunicorn.conf.py"), "app:create_app()"]
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606


@cli.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check every setting and all that the app needs; say how to mend what is wrong.

    Exits with 1 where something has to be mended. No session is spent.
    """
    console = Console()
    table = Table("Setting", "Value", "From", "What it is")
    for row in settings_module.table():
        table.add_row(*map(escape, row))
    console.print(table)
    try:
        settings = settings_module.load()
    except SettingsError as error:
        for problem in error.problems:
            console.print(f"[red]✗[/] {escape(problem)}")
        context.exit(1)
    failed = False
    for check in checks(settings):
        mark = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]![/]"}[check.ok]
        console.print(f"{mark} {escape(check.name)}: {escape(check.found)}")
        if check.mend:
            console.print(f"  {escape(check.mend)}")
        failed = failed or check.ok is False
    context.exit(int(failed))
