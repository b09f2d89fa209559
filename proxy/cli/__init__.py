"""The `tryon` command: serve, check, simulate, and the numbers in a terminal."""

import os
import sys
from io import TextIOWrapper

import click

from proxy.background import HERE
from proxy.cli import copies, maintenance, numbers
from proxy.cli.context import load_settings
from proxy.cli.demo import demo
from proxy.cli.demo_history import demo_history
from proxy.cli.doctor import doctor
from simulator.__main__ import simulate


@click.group(
    commands=[
        *(doctor, simulate, demo, demo_history),
        *numbers.COMMANDS,
        *maintenance.COMMANDS,
        *copies.COMMANDS,
    ]
)
@click.version_option(package_name="tryon-proxy")
def cli() -> None:
    """Virtual try-on beside a shop."""
    # As Python does for errors: a mark that a terminal's encoding lacks must not end a command.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@cli.command()
def serve() -> None:
    """Serve the app with gunicorn, configured by the environment.

    HOST and PORT say where to listen; see docs/settings.md for the rest.
    """
    load_settings()
    arguments = ["gunicorn", "-c", str(HERE / "gunicorn.conf.py"), "app:create_app()"]
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606
