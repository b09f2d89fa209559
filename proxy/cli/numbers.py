"""The commands that show and export the numbers: stats, events, export, forecast."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.table import Table
from rich.text import Text

from proxy.cli.context import (
    Command,
    console,
    load_settings,
    printable,
    progress,
    put,
    with_database,
    zone_of,
)
from proxy.numbers import exports, overview, timeline
from proxy.numbers.definitions import label
from proxy.numbers.questions import BY, Question, answer, read_question, today
from storage.database import Database
from storage.numbers import DIMENSIONS, ENDINGS
from storage.store import Damaged, Store

BAR = 40  # characters of the longest bar
SHOWN = ("clicks", "created", "opened", "completed", "open")
TENTHS = ("p10", "p50", "p90")  # of a forecast
FOLLOW_EVERY_S = 0.5


def asks(command: Command) -> Command:
    """Add the options of a question: the period and the filters."""
    options = [
        click.option("--from", "from_", metavar="DAY", help="First day, YYYY-MM-DD."),
        click.option("--to", metavar="DAY", help="Last day; today if it is left out."),
        click.option("--range", "range_", metavar="NAME", help="today, 7d, 30d, month, …"),
    ]
    for name in DIMENSIONS:
        text = f"Only this {overview.NAMES[name].lower()}."
        options.append(click.option(f"--{name.replace('_', '-')}", name, help=text))
    for option in reversed(options):
        command = option(command)
    return command


def question(zone: ZoneInfo, asked: dict[str, str | None]) -> Question:
    """Read the question of the options, which have the names of the dashboard's parameters."""
    given = {name.rstrip("_"): [text] for name, text in asked.items() if text is not None}
    return read_question(given, today(zone))


@click.command()
@asks
@click.option("--by", type=click.Choice(BY), help="Split by this.")
@click.option("--json", "as_json", is_flag=True, help="As stats.json gives it.")
@click.option("--csv", "as_csv", is_flag=True, help="The split as CSV.")
@with_database
def stats(database: Database, as_json: bool, as_csv: bool, **asked: str | None) -> None:
    """Show the funnel of a period (30 days by default), and what it is made of."""
    asks_for = question(zone_of(database), asked)
    if as_csv:
        for part in exports.table(database.store, asks_for, asks_for.by or "day"):
            put(part)
        return
    with database.store.numbers() as numbers:
        found = answer(numbers, asks_for)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    console.print(f"{found['from']} to {found['to']} ({found['timezone']})\n")
    console.print(_funnel(found["totals"], found["previous"]))
    others = (*ENDINGS[1:-1], "open")  # but completed and create_failed
    ends = (f"{label(name).lower()} {found['totals'][name]:,}" for name in others)
    console.print(f"Others: {'; '.join(ends)}.\n")
    if found["by"]:
        console.print(_split(asks_for.by or "", found["by"]))


def _funnel(totals: dict[str, int], previous: dict[str, int]) -> Table:
    """Draw each stage: bar, count, share of the stage before, count of the period before."""
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
        table.add_row(Text(printable(row["key"]) or "—"), *(f"{row[name]:,}" for name in SHOWN))
    return table


@click.command()
@click.option("--follow", is_flag=True, help="Go on as they come in, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON each.")
@click.option("--csv", "as_csv", is_flag=True, help="A line of CSV each.")
@with_database
def events(database: Database, follow: bool, as_json: bool, as_csv: bool) -> None:
    """Show the newest events, the oldest of them first."""
    last, limit, zone = 0, timeline.LATEST, zone_of(database)
    if as_csv:
        put(exports.lines([timeline.LATEST_COLUMNS]))
    while True:
        with database.store.numbers() as numbers:
            found = timeline.latest(numbers, last, limit)
        for event in reversed(found):
            last = event["id"]
            if as_csv:
                put(exports.lines([event.values()]))
            else:
                click.echo(json.dumps(event) if as_json else _line(event, zone))
        if not follow:
            return
        time.sleep(FOLLOW_EVERY_S)
        limit = 10_000  # so many in one look; the first look lists a few


def _line(event: dict[str, Any], zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(event["received_ms"] / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
    words = (event["name"], event["product_id"], event["note"])
    return f"{at}  {' '.join(printable(str(word)) for word in words if word)}"


@click.command()
@click.argument("name", type=click.Choice(exports.EXPORTS))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@asks
@with_database
def export(database: Database, name: str, output: Path | None, **asked: str | None) -> None:
    """Write attempts, events or daily counts as CSV, to standard output or a file.

    Of a damaged database it writes what can be read, and exits with 1.
    """
    store, asks_for = database.store, question(zone_of(database), asked)
    parts = exports.export(store, asks_for, name, around=True)
    if output is None:
        for part in parts:
            put(part)
    else:
        _write(parts, output, name, _size(store, asks_for, name))
    if store.damage:
        raise click.ClickException(f"rows are missing. The database is {store.damage}")


def _size(store: Store, asks_for: Question, name: str) -> int | None:
    """Count an export's rows for the progress bar, where they can be counted."""
    if name == "daily":
        return None
    with suppress(Damaged), store.numbers() as numbers:
        return numbers.export_size(f"export_{name}", asks_for.scope)
    return None


def _write(parts: exports.Parts, output: Path, name: str, total: int | None) -> None:
    try:
        with output.open("w", newline="") as file, progress(total, name) as advance:
            for part in parts:
                file.write(part)
                advance(part.count("\n"))
    except OSError as error:
        raise click.ClickException(f"{output}: {error.strerror}") from None


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="The days ahead as CSV.")
@with_database
def forecast(database: Database, as_json: bool, as_csv: bool) -> None:
    """Foresee this and next month's sessions, and the plan that fits."""
    with database.store.numbers() as numbers:
        fit = overview.plan_fit(numbers, today(numbers.zone), load_settings().plans)
    if as_json:
        click.echo(json.dumps(_forecast_members(fit), indent=2, default=str))
    elif as_csv:
        rows = (asdict(each).values() for each in fit.days)
        put(exports.lines([("day", *TENTHS), *rows]))
    elif fit.this_month is None or fit.next_month is None:
        console.print(fit.reason)
    else:
        months = Table("", *map(str.upper, TENTHS))
        for name, month in (("This month", fit.this_month), ("Next month", fit.next_month)):
            months.add_row(name, *(f"{getattr(month, tenth):,.0f}" for tenth in TENTHS))
        console.print("Sessions; four times in five between P10 and P90.", months)
    if fit.plans and not (as_json or as_csv):
        console.print(_plans(fit))


def _forecast_members(fit: overview.PlanFit) -> dict[str, Any]:
    months = {"this_month": fit.this_month, "next_month": fit.next_month}
    return {
        "reason": fit.reason,
        **{
            name: month and {tenth: getattr(month, tenth) for tenth in TENTHS}
            for name, month in months.items()
        },
        "days": [asdict(each) for each in fit.days],
        "plans": [
            {
                "name": each.plan.name,
                "cheapest": each.is_cheapest,
                "next_month": each.middle,
                "replayed": each.replayed,
                "run_out": each.run_out,
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
