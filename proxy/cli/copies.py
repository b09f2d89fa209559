"""`tryon backup` and `tryon restore`: copies of the database."""

from pathlib import Path

import click

from proxy.cli.context import existing, load_settings, progress, sentences
from storage import database

A_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=A_FILE)
def backup(file: Path) -> None:
    """Write a checked copy of the database to a new FILE, beside the running app."""
    with sentences(), progress(None, "copying") as advance:
        database.backup(existing(load_settings()), file, advance)
    click.echo(f"{file} holds all that was stored until now.")


@click.command()
@click.argument("file", type=A_FILE)
def restore(file: Path) -> None:
    """Put a backup in the database's place; the app must be stopped.

    What was there is kept beside it.
    """
    path = load_settings().database
    with sentences(), progress(None, "copying") as advance:
        kept = database.restore(path, file, advance)
    click.echo(f"{path} is as {file} was." + (f" What was there is {kept}." if kept else ""))
