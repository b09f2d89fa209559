"""`tryon serve`: the app under gunicorn."""

import os
import sys

import click

from proxy.background import HERE
from proxy.cli.context import load_settings


@click.command()
def serve() -> None:
    """Serve the app with gunicorn, configured by the environment.

    HOST and PORT say where to listen; see docs/settings.md for the rest.
    """
    load_settings(to_serve=True)
    arguments = ["gunicorn", "-c", str(HERE / "gunicorn.conf.py"), "app:create_app()"]
    os.execv(sys.executable, [sys.executable, "-m", *arguments])  # noqa: S606
