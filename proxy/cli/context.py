"""Shared by the commands: settings, the open database, the question, a progress bar."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import Progress

from proxy.numbers.exports import SEPARATORS
from proxy.numbers.questions import BadQuestion, Question, read_question, today
from proxy.settings import Settings, SettingsError, load
from storage.database import Database, open_database
from storage.numbers import DIMENSIONS
from storage.store import StorageUnavailable

console = Console()
Command = Callable[..., None]


def load_settings(*, to_serve: bool = False) -> Settings:
    """Load the settings, or end with what is wrong with them. Secrets are for who serves."""
    try:
        return load(to_serve=to_serve)
    except SettingsError as error:
        raise click.ClickException("\n".join(error.problems)) from None


def with_database(command: Command, *, may_be_new: bool = False) -> Command:
    """Give a command the open database; what goes wrong ends it in a sentence."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            with sentences(), closing(opened(load_settings(), may_be_new=may_be_new)) as database:
                command(database, *arguments, **options)
        except BadQuestion as error:
            raise click.UsageError(f"--{error}") from None

    return run


def opened(settings: Settings, *, may_be_new: bool = True) -> Database:
    """Open the database. :raises StorageUnavailable: it cannot be opened."""
    path = settings.database if may_be_new else existing(settings)
    return open_database(path, settings.timezone)


def existing(settings: Settings) -> Path:
    """Return where the database is. :raises StorageUnavailable: there is none."""
    # Of an empty one, made in the wrong folder, a command would say that nothing had to be erased.
    if not settings.database.exists():
        where = settings.database.absolute()
        raise StorageUnavailable(f"there is no {where}; TRYON_DATABASE says where it is")
    return settings.database


def zone_of(database: Database) -> ZoneInfo:
    """Return the zone whose days the database counts, whatever this environment says."""
    with database.store.numbers() as numbers:
        return numbers.zone


def asks(command: Command) -> Command:
    """Add the options of a question: the period and the filters."""
    options = [
        click.option("--from", "from_", metavar="DAY", help="First day, YYYY-MM-DD."),
        click.option("--to", metavar="DAY", help="Last day; today if it is left out."),
        click.option("--range", "range_", metavar="NAME", help="today, 7d, 30d, month, …"),
    ]
    for name in DIMENSIONS:
        text = f"Only this {name.removesuffix('_id')}."
        options.append(click.option(f"--{name.replace('_', '-')}", name, help=text))
    for option in reversed(options):
        command = option(command)
    return command


separated = click.option(
    "--separator", type=click.Choice(SEPARATORS), default=",", help="What stands between cells."
)


def question(zone: ZoneInfo, asked: dict[str, str | None]) -> Question:
    """Read the question of the options, which have the names of the dashboard's parameters."""
    given = {name.rstrip("_"): [text] for name, text in asked.items() if text is not None}
    return read_question(given, today(zone))


@contextmanager
def sentences() -> Iterator[None]:
    """End a command in a sentence where the database fails it."""
    try:
        yield
    except StorageUnavailable as error:
        raise click.ClickException(f"the database: {error}") from None


@contextmanager
def progress(
    total: int | None, what: str, *, quiet: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error, if that is a terminal; standard output stays clean."""
    quiet = quiet or not (sys.stderr and sys.stderr.isatty())
    with Progress(console=Console(stderr=True, quiet=quiet), transient=True) as bars:
        task = bars.add_task(what, total=total)
        yield lambda some: bars.advance(task, some)


def put(text: str) -> None:
    """Write data to standard output as it is; a terminal gets nothing but its printable part."""
    if not sys.stdout:  # it was closed at the start
        return
    if sys.stdout.isatty():
        text = "\n".join(map(printable, text.replace("\r\n", "\n").split("\n")))
    sys.stdout.write(text)
    sys.stdout.flush()


def printable(text: str) -> str:
    """Replace what would move a terminal's cursor, or turn its text about: product ids come from
    browsers."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
