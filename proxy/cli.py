"""The `tryon` command: serve, check, simulate, and the numbers in a terminal."""

import os
import sys
from pathlib import Path

import click

from proxy import settings as settings_module
from proxy.demo import demo
from proxy.settings import Settings, SettingsError
from simulator.__main__ import simulate

HERE = Path(__file__).parent.parent


@click.group()
@click.version_option(package_name="tryon-proxy")
def cli() -> None:
    """Virtual try-on beside a shop."""


cli.add_command(simulate)
cli.add_command(demo)


def load_settings() -> Settings:
    """The settings, or a clear end."""
    try:
        return settings_module.load()
    except SettingsError as error:
        raise click.ClickException("\n".join(error.problems)) from None


@cli.command()
def serve() -> None:
    """Serve the app with gunicorn, configured by the environment.

    HOST and PORT say where to listen; see docs/settings.md for the rest.
    """
    load_settings()
    arguments = ["gunicorn", "-c", str(HERE / "gunicorn.conf.py"), "app:create_app()"]
    os.chdir(HERE)
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606
