"""The numbers in a terminal, and the commands that look after them."""

import csv
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from proxy import demo_data, services
from proxy.numbers import exports, overview, timeline
from proxy.numbers.definitions import label
from proxy.numbers.questions import BY, BadQuestion, Question, answer, read_question
from proxy.numbers.questions import today as shop_today
from proxy.settings import Settings, SettingsError, load
from proxy.words import Words
from storage import maintenance, recount
from storage.sqlite import SQLiteStore
from storage.stats import DIMENSIONS, Stats
from storage.store import StorageUnavailable

ENDINGS = ("abandoned", "failed", "cancelled", "other", "expired_unlaunched", "expired_unreported")
BAR = 40  # characters of the longest bar
SHOWN = ("clicks", "created", "opened", "completed", "open")
FOLLOW_EVERY_S = 0.5
MOST_AT_ONCE = 10_000  # events followed in one look

console = Console()
Command = Callable[..., None]


def load_settings() -> Settings:
    """The settings, or a clear end."""
    try:
        return load()
    except SettingsError as error:
        raise click.ClickException("\n".join(error.problems)) from None


def with_store(command: Command) -> Command:
    """Give a command the settings and the open store; what goes wrong ends it with a sentence."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            settings = load_settings()
            with closing(services.open_store(settings)) as store:
                command(settings, store, *arguments, **options)
        except BadQuestion as error:
            raise click.UsageError(f"--{error}") from None
        except StorageUnavailable as error:
            raise click.ClickException(f"the database: {error}") from None

    return run


def asks(command: Command) -> Command:
    """Options that say which part of the numbers is meant."""
    options = [
        click.option("--from", "from_", metavar="DAY", help="First day, YYYY-MM-DD."),
        click.option("--to", metavar="DAY", help="Last day; today if it is left out."),
        click.option("--range", "range_", metavar="NAME", help="today, 7d, 30d, month, …"),
        *(
            click.option(
                f"--{name.replace('_', '-')}",
                name,
                help=f"Only this {overview.NAMES[name].lower()}.",
            )
            for name in DIMENSIONS
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def question(store: SQLiteStore, **asked: str | None) -> Question:
    """The question that the options ask; as in the dashboard's addresses."""
    given = {name.rstrip("_"): [text] for name, text in asked.items() if text is not None}
    return read_question(given, shop_today(store.zone))


@contextmanager
def progress(
    total: int | None, what: str, *, quiet: bool = False
) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, so that standard output stays clean."""
    with Progress(console=Console(stderr=True, quiet=quiet), transient=True) as bars:
        task = bars.add_task(what, total=total)
        yield lambda some: bars.advance(task, some)


def count_of(store: SQLiteStore, table: str) -> int:
    return int(store.read(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - our own names


@click.command()
@asks
@click.option("--by", type=click.Choice(BY), help="Split by this.")
@click.option("--json", "as_json", is_flag=True, help="As stats.json gives it.")
@click.option("--csv", "as_csv", is_flag=True, help="The split as CSV.")
@with_store
def stats(
    _: Settings, store: SQLiteStore, as_json: bool, as_csv: bool, **asked: str | None
) -> None:
    """Show the funnel of a period (30 days by default), and what it is made of."""
    asks_for = question(store, **asked)
    if as_csv:
        sys.stdout.writelines(exports.table(store, asks_for, asks_for.by or "day"))
        return
    with store.snapshot() as db:
        found = answer(Stats(db, store.zone), asks_for)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    console.print(f"{found['from']} to {found['to']} ({found['timezone']})\n")
    console.print(_funnel(found["totals"], found["previous"]))
    ends = "; ".join(
        f"{label(name).lower()} {found['totals'][name]:,}" for name in (*ENDINGS, "open")
    )
    console.print(f"Others: {ends}.\n")
    if found["by"]:
        console.print(_split(asks_for.by or "", found["by"]))


def _funnel(totals: dict[str, int], previous: dict[str, int]) -> Table:
    """A bar for each stage, the share of the stage before, and the count of the period before."""
    table = Table(box=None, show_header=False)
    widest = max(1, totals["clicks"])
    for before, name in zip((None, *overview.STEPS), overview.STEPS, strict=False):
        bar = "█" * round(totals[name] / widest * BAR)
        of = totals[before] if before else 0
        share = f"{totals[name] / of:.0%} of the step before" if of else ""
        table.add_row(
            label(name),
            Text(bar, style="blue"),
            f"{totals[name]:,}",
            share,
            Text(f"before: {previous[name]:,}", style="dim"),
        )
    return table


def _split(by: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(overview.NAMES[by], *(label(name) for name in SHOWN))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(Text(_printable(row["key"]) or "—"), *(f"{row[name]:,}" for name in SHOWN))
    return table


@click.command()
@click.option("--follow", is_flag=True, help="Go on as they come in, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON each.")
@click.option("--csv", "as_csv", is_flag=True, help="A line of CSV each.")
@with_store
def events(_: Settings, store: SQLiteStore, follow: bool, as_json: bool, as_csv: bool) -> None:
    """Show the newest events, the oldest of them first."""
    found = timeline.latest(store)
    last = 0
    if as_csv:
        click.echo(exports.lines([timeline.LATEST_COLUMNS]), nl=False)
    while True:
        for event in reversed(found):
            last = event["id"]
            if as_csv:
                click.echo(exports.lines([event.values()]), nl=False)
            else:
                click.echo(json.dumps(event) if as_json else _line(event, store.zone))
        if not follow:
            return
        time.sleep(FOLLOW_EVERY_S)
        found = timeline.latest(store, last, MOST_AT_ONCE)


def _line(event: dict[str, Any], zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(event["received_ms"] / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
    words = (event["name"], event["product_id"], event["note"])
    return f"{at}  {' '.join(_printable(str(word)) for word in words if word)}"


def _printable(text: str) -> str:
    """Without what would move a terminal's cursor: product ids come from browsers."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


@click.command()
@click.argument("name", type=click.Choice(list(exports.EXPORTS)))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@asks
@with_store
def export(
    _: Settings, store: SQLiteStore, name: str, output: Path | None, **asked: str | None
) -> None:
    """Write attempts, events or daily counts as CSV, to standard output or a file."""
    asks_for = question(store, **asked)
    if output is None:
        _write(exports.EXPORTS[name](store, asks_for), sys.stdout, lambda _: None)
        return
    total = None if name == "daily" else exports.size(store, f"export_{name}", asks_for.scope)
    try:
        with output.open("w", newline="") as file, progress(total, name) as advance:
            _write(exports.EXPORTS[name](store, asks_for), file, advance)
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from None


def _write(parts: Iterator[str], file: TextIO, advance: Callable[[int], None]) -> None:
    for part in parts:
        file.write(part)
        advance(part.count("\n"))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="The days ahead as CSV.")
@with_store
def forecast(settings: Settings, store: SQLiteStore, as_json: bool, as_csv: bool) -> None:
    """Foresee this and next month's sessions, and the plan that fits."""
    with store.snapshot() as db:
        fit = overview.plan_fit(Stats(db, store.zone), shop_today(store.zone), settings.plans)
    if as_json:
        click.echo(json.dumps(_forecast_members(fit), indent=2))
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(("day", "p10", "p50", "p90"))
        writer.writerows((each.day, each.p10, each.p50, each.p90) for each in fit.days)
    elif fit.this_month is None or fit.next_month is None:
        console.print(fit.reason)
    else:
        months = Table("", "P10", "P50", "P90")
        for name, month in (("This month", fit.this_month), ("Next month", fit.next_month)):
            months.add_row(name, *(f"{value:,.0f}" for value in (month.p10, month.p50, month.p90)))
        console.print("Sessions; four times in five between P10 and P90.", months)
    if fit.plans and not (as_json or as_csv):
        console.print(_plans(fit))


def _forecast_members(fit: overview.PlanFit) -> dict[str, Any]:
    months = {"this_month": fit.this_month, "next_month": fit.next_month}
    return {
        "reason": fit.reason,
        **{
            name: month and {"p10": month.p10, "p50": month.p50, "p90": month.p90}
            for name, month in months.items()
        },
        "days": [
            {"day": str(each.day), "p10": each.p10, "p50": each.p50, "p90": each.p90}
            for each in fit.days
        ],
        "plans": [
            {
                "name": each.plan.name,
                "cheapest": each.is_cheapest,
                "next_month": each.middle and str(each.middle),
                "replayed": each.replayed and str(each.replayed),
                "run_out": each.run_out and str(each.run_out),
            }
            for each in fit.plans
        ],
    }


def _plans(fit: overview.PlanFit) -> Table:
    table = Table("Plan", "Next month (P50)", f"Last {len(fit.months)} whole months", "Used up on")
    for each in fit.plans:
        name = f"{each.plan.name} (cheapest)" if each.is_cheapest else each.plan.name
        costs = (each.middle, each.replayed)
        shown = ("—" if cost is None else f"{cost:,.2f}" for cost in costs)
        table.add_row(name, *shown, str(each.run_out or "—"))
    return table


@click.command()
@with_store
def verify(_: Settings, store: SQLiteStore) -> None:
    """Recount everything from the events; exit with 1 where a figure differs."""
    broken = maintenance.integrity(store)
    with progress(count_of(store, "events"), "recounting") as advance:
        found = recount.verify(store, advance)
    for message in broken:
        click.echo(f"file: {message}")
    for each in found:
        key = ", ".join(map(str, each.key))
        click.echo(
            _printable(
                f"{each.table} ({key}) {each.column}: "
                f"stored {each.stored}, counted {each.recounted}"
            )
        )
    if broken or found:
        raise click.ClickException(
            f"{len(broken) + len(found)} differences; `tryon rebuild` makes the figures afresh"
        )
    click.echo("Every figure agrees with the events.")


@click.command()
@with_store
def rebuild(_: Settings, store: SQLiteStore) -> None:
    """Make attempts and totals afresh from the events; writers wait meanwhile."""
    with progress(count_of(store, "events"), "rebuilding") as advance:
        recount.rebuild(store, advance)
    click.echo("Attempts and totals were made afresh.")


@click.command()
@click.option("--quiet", is_flag=True, help="Say nothing.")
@with_store
def replay(_: Settings, store: SQLiteStore, quiet: bool) -> None:
    """Read stored callbacks again, after a mapping of the vendor's words was changed."""
    with progress(count_of(store, "receipts"), "reading again", quiet=quiet) as advance:
        changed = maintenance.replay(store, Words(store).read_again, advance)
    if not quiet:
        click.echo(f"{changed} callbacks say something else now.")


@click.command()
@click.option("--before", metavar="DAY", help="Instead of TRYON_RETENTION_DAYS before today.")
@click.option("--quiet", is_flag=True, help="Say nothing.")
@with_store
def purge(settings: Settings, store: SQLiteStore, before: str | None, quiet: bool) -> None:
    """Delete raw events, receipts and calls of old days; totals stay."""
    line = before or str(shop_today(store.zone) - timedelta(settings.retention_days))
    try:
        with progress(None, "purging", quiet=quiet) as advance:
            deleted = maintenance.purge(store, line, advance)
    except ValueError as error:
        raise click.UsageError(f"--before: {error}") from None
    if not quiet:  # a worker's standard output is its log
        click.echo(f"{deleted} rows of days before {line} were deleted.")


@click.command()
@click.argument("reference")
@with_store
def erase(_: Settings, store: SQLiteStore, reference: str) -> None:
    """Forget every attempt with one of your references, in the totals too."""
    erased = maintenance.erase(store, reference)
    if erased:
        maintenance.compact(store)
    click.echo(f"{erased} attempts were erased.")


@click.command("demo-data")
@click.option(
    "--days",
    type=click.IntRange(1),
    default=90,
    show_default=True,
    help="How many days back it goes.",
)
@click.option("--force", is_flag=True, help="Even where there are events already.")
@with_store
def demo_history(_: Settings, store: SQLiteStore, days: int, force: bool) -> None:
    """Fill the database with a believable past of the demo shop."""
    if count_of(store, "events") and not force:
        raise click.ClickException("there are events already; --force adds to them")
    with progress(days, "days") as advance:
        clicks = demo_data.fill(store, days, advance)
    click.echo(f"{clicks:,} clicks on {days} days.")


COMMANDS = (
    stats, events, export, forecast, verify, rebuild, replay, purge, erase, demo_history
)  # fmt: skip
