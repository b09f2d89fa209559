"""The commands that check, mend and prune the database."""

from datetime import timedelta
from functools import partial

import click

from proxy.cli.context import (
    existing,
    load_settings,
    printable,
    progress,
    sentences,
    with_database,
    zone_of,
)
from proxy.numbers.questions import today
from proxy.upstream.completion import read_receipt
from proxy.upstream.outcomes import OUTCOMES, readings_of
from storage import database as storage
from storage.database import Database
from storage.store import Damaged


@click.command()
@with_database
def verify(database: Database) -> None:
    """Recount everything from the events; exit with 1 where a figure differs."""
    broken = database.maintenance.integrity()
    for message in broken:
        click.echo(f"file: {message}")
    if broken:
        raise Damaged("the file is not sound")
    with progress(database.maintenance.count("events"), "recounting") as advance:
        found = database.maintenance.verify(advance)
    for each in found:
        place = f"{each.table} ({', '.join(map(str, each.key))}) {each.column}"
        click.echo(printable(f"{place}: stored {each.stored}, counted {each.recounted}"))
    if found:
        raise click.ClickException(
            f"{len(found)} differences; `tryon rebuild` puts the figures right"
        )
    click.echo("Every figure agrees with the events.")


@click.command()
@click.option("--quiet", is_flag=True, help="Say nothing.")
@with_database
def rebuild(database: Database, quiet: bool) -> None:
    """Put right every attempt and total that differs from its events; nobody waits for it."""
    with progress(database.maintenance.count("events"), "rebuilding", quiet=quiet) as advance:
        database.maintenance.rebuild(advance)
    if not quiet:
        click.echo("Attempts and totals are what the events give.")


@click.command()
@click.option("--quiet", is_flag=True, help="Say nothing.")
@with_database
def replay(database: Database, quiet: bool) -> None:
    """Read stored callbacks again, after it was changed on the dashboard what the vendor's words
    mean, or where a callback's state is."""
    read = partial(
        read_receipt,
        mapping={**OUTCOMES, **database.store.mapping()},
        readings=readings_of(database.store),
    )
    with progress(database.maintenance.count("receipts"), "reading again", quiet=quiet) as advance:
        changed = database.maintenance.replay(read, advance)
    if not quiet:
        click.echo(f"{changed} callbacks say something else now.")


@click.command()
@click.option("--before", metavar="DAY", help="Instead of TRYON_RETENTION_DAYS before today.")
@click.option("--quiet", is_flag=True, help="Say nothing.")
@with_database
def purge(database: Database, before: str | None, quiet: bool) -> None:
    """Delete raw events, receipts and calls of old days; totals stay."""
    kept = timedelta(load_settings().retention_days)
    line = before or str(today(zone_of(database)) - kept)
    try:
        with progress(None, "purging", quiet=quiet) as advance:
            deleted = database.maintenance.purge(line, advance)
    except ValueError as error:
        raise click.UsageError(f"--before: {error}") from None
    if not quiet:  # a worker's standard output is its log
        click.echo(f"{deleted} rows of days before {line} were deleted.")


@click.command()
@click.argument("reference")
@with_database
def erase(database: Database, reference: str) -> None:
    """Forget every attempt with one of your references, in the totals too."""
    erased = database.maintenance.erase(reference)
    click.echo(f"{erased} attempts were erased.")


@click.command()
def compact() -> None:
    """Give the space of deleted rows back to the disk; the app must be stopped."""
    settings = load_settings()
    with sentences():
        freed = storage.compact(existing(settings), settings.timezone)
    click.echo(f"{settings.database} takes {freed / 1024**2:,.1f} MiB less.")
