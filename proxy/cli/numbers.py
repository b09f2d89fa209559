"""The commands that show and export the numbers: stats, events, export, forecast."""

import json
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.table import Table
from rich.text import Text

from proxy.cli.context import (
    asks,
    console,
    load_settings,
    printable,
    progress,
    put,
    question,
    separated,
    with_database,
    zone_of,
)
from proxy.cli.drawing import Line, Pen, chart, pen
from proxy.cli.first import changed, read, wrapped
from proxy.numbers import exports, overview, timeline
from proxy.numbers.answers import answer
from proxy.numbers.definitions import label
from proxy.numbers.plan_fit import PlanFit, plan_fit
from proxy.numbers.questions import BY, LIMIT, NONE, Question, today
from proxy.numbers.sentence import sentence
from storage.database import Database
from storage.events import now_ms
from storage.numbers import Counts
from storage.store import Damaged, Store

TENTHS = ("p10", "p50", "p90")  # of a forecast
FOLLOW_EVERY_S = 0.5


@click.command()
@asks
@click.option("--by", type=click.Choice(BY), help="Split by this.")
@click.option("--json", "as_json", is_flag=True, help="As stats.json gives it.")
@click.option("--csv", "as_csv", is_flag=True, help="The split as CSV.")
@separated
@with_database
def stats(
    database: Database, as_json: bool, as_csv: bool, separator: str, **asked: str | None
) -> None:
    """Show how it goes in a period (30 days by default), and what that is made of."""
    if as_csv:
        asks_for = question(zone_of(database), asked)
        for part in exports.table(database.store, asks_for, asks_for.by or "day", separator):
            put(part)
    elif as_json:
        with database.store.numbers() as numbers:
            found = answer(numbers, question(numbers.zone, asked), now_ms())
        click.echo(json.dumps(found, indent=2))
    else:
        parts = _drawn(database.store, asked, pen(console))
        console.print(*chain.from_iterable([*part, Text()] for part in parts), sep="\n", end="")


def _drawn(store: Store, asked: dict[str, str | None], pen: Pen) -> list[list[Text]]:
    """Draw what there is to say of a period, from one snapshot."""
    with store.numbers() as numbers:
        asks, view, facts = read(store, numbers, load_settings(), asked, overview.overview)
        by = asks.by and overview.table(numbers, asks, asks.by, LIMIT)
    period = _period(asks, view, pen)
    parts = [[*wrapped(sentence(facts), pen)], period, _funnel(view, pen), _endings(view, pen)]
    return [*parts, _split(by, pen)] if by else parts


def _period(asked: Question, view: overview.Overview, pen: Pen) -> list[Text]:
    first, last = asked.before.first, asked.before.last
    moment = ", as they stood at the same moment" if view.day_not_over else ""
    compared = f"Compared with {first} to {last}{moment}."
    if view.previous is None:
        compared = "Nothing is compared: it cannot be said how the period before stood."
    scope = asked.scope
    days = f"{scope.first} to {scope.last} ({view.timezone})."
    return [*wrapped(f"{days} {compared}", pen, style="")]


def _funnel(view: overview.Overview, pen: Pen) -> list[Text]:
    changes = (view.figures[0].change, *(step.change for step in view.steps[1:]))
    lines = [
        Line(label(step.key), step.count, (_percent(step.of_previous), changed(change)))
        for step, change in zip(view.steps, changes, strict=True)
    ]
    return chart(pen, ("Step", "Try-ons", "of step before", "change"), lines)


def _endings(view: overview.Overview, pen: Pen) -> list[Text]:
    """Draw the endings, which add up to the clicks; each bar is a share of those."""
    lines = [Line(label(each.key), each.count, (_percent(each.share),)) for each in view.endings]
    heads = ("Ending", "Try-ons", "of clicks")
    return chart(pen, heads, lines, view.totals["clicks"])


def _split(table: overview.Table, pen: Pen) -> list[Text]:
    """Draw the parts of a split; the endings of a row add up to its clicks."""
    lines = [
        Line(
            printable(row.key) or NONE,
            row.counts["clicks"],
            (*(f"{n:,}" for n in _ends(row.counts)), _percent(row.whole_rate)),
        )
        for row in table.rows
    ]
    heads = (table.label, "Clicks", "completed", "otherwise", "open", "rate")
    more = f"{table.more:,} more, all with --csv." if table.more else ""
    return [*chart(pen, heads, lines), *([Text(more)] if more else [])]


def _ends(counts: Counts) -> tuple[int, int, int]:
    completed, still_open = counts["completed"], counts["open"]
    return completed, counts["clicks"] - completed - still_open, still_open


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.1%}"


@click.command()
@click.option("--follow", is_flag=True, help="Go on as they come in, until interrupted.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON each.")
@click.option("--csv", "as_csv", is_flag=True, help="A line of CSV each.")
@separated
@with_database
def events(database: Database, follow: bool, as_json: bool, as_csv: bool, separator: str) -> None:
    """Show the newest events, the oldest of them first."""
    last, limit, zone = 0, timeline.LATEST, zone_of(database)
    if as_csv:
        put(exports.lines([timeline.LATEST_COLUMNS], separator))
    while True:
        with database.store.numbers() as numbers:
            found = timeline.latest(numbers, last, limit)
        for event in reversed(found):
            last = event["id"]
            if as_csv:
                put(exports.lines([event.values()], separator))
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
@separated
@with_database
def export(
    database: Database, name: str, output: Path | None, separator: str, **asked: str | None
) -> None:
    """Write attempts, events or daily counts as CSV, to standard output or a file.

    Of a damaged database it writes what can be read, and exits with 1.
    """
    store, asks_for = database.store, question(zone_of(database), asked)
    parts = exports.export(store, asks_for, name, separator, around=True)
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
@separated
@with_database
def forecast(database: Database, as_json: bool, as_csv: bool, separator: str) -> None:
    """Foresee this and next month's sessions, and the plan that fits."""
    with database.store.numbers() as numbers:
        fit = plan_fit(numbers, today(numbers.zone), load_settings().plans)
    if as_json:
        click.echo(json.dumps(_forecast_members(fit), indent=2, default=str))
    elif as_csv:
        rows = (asdict(each).values() for each in fit.days)
        put(exports.lines([("day", *TENTHS), *rows], separator))
    elif fit.this_month is None or fit.next_month is None:
        console.print(fit.reason)
    else:
        months = Table("", *map(str.upper, TENTHS))
        for name, month in (("This month", fit.this_month), ("Next month", fit.next_month)):
            months.add_row(name, *(f"{getattr(month, tenth):,.0f}" for tenth in TENTHS))
        console.print("Sessions; four times in five between P10 and P90.", months)
    if fit.plans and not (as_json or as_csv):
        console.print(_plans(fit))


def _forecast_members(fit: PlanFit) -> dict[str, Any]:
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


def _plans(fit: PlanFit) -> Table:
    table = Table("Plan", "Next month (P50)", f"Last {len(fit.months)} whole months", "Used up on")
    for each in fit.plans:
        name = f"{each.plan.name} (cheapest)" if each.is_cheapest else each.plan.name
        costs = (each.middle, each.replayed)
        shown = ("—" if cost is None else each.plan.written(cost) for cost in costs)
        table.add_row(name, *shown, str(each.run_out or "—"))
    return table
