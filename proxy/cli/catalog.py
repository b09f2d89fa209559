"""`tryon catalog`: what a product feed gives, before it is used."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
from rich.markup import escape

from proxy import settings_values as values
from proxy.catalog.entries import CatalogError
from proxy.catalog.reading import Reading
from proxy.catalog.refreshing import rehearse
from proxy.catalog.source import rules_of, shown
from proxy.cli.context import console, load_settings, printable, put, separated
from proxy.numbers.exports import lines
from proxy.settings import Settings

PART = 1_000  # lines that are written at once


@click.group()
def catalog() -> None:
    """See what a product feed gives."""


@catalog.command()
@click.argument("source", metavar="[FILE|URL]", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="What was left out, as CSV.")
@separated
def check(source: str | None, as_json: bool, as_csv: bool, separator: str) -> None:
    """Show what a feed gives: its format, the products of each category, and every row that is left
    out, with line, column and reason.

    It is TRYON_CATALOG's if none is named. Exits with 1 where there is no product.
    """
    settings = load_settings()
    where = _where(source, settings)
    source = shown(where)
    try:
        reading = rehearse(where, rules_of(settings))
        if as_json:
            put(json.dumps({"source": source} | _members(reading), indent=2) + "\n")
        elif as_csv:
            put(lines([("line", "column", "reason"), *reading.reasons], separator))
        else:
            _show(source, reading, settings.categories)
        reading.demand_products()
    except CatalogError as error:
        raise click.ClickException(printable(f"{source}: {error}")) from None


def _where(source: str | None, settings: Settings) -> Path | str:
    if source is None and settings.catalog is None:
        raise click.UsageError("name a FILE or a URL, or set TRYON_CATALOG")
    if source is None:
        return settings.catalog or ""
    if "://" not in source:
        return Path(source)
    try:
        url = values.resource(source)
    except ValueError as error:
        raise click.UsageError(f"the URL {error}") from None
    if values.is_plain(url) and not settings.allow_http:
        raise click.UsageError("the URL must begin with https://")
    return url


def _members(reading: Reading) -> dict[str, object]:
    return {
        "format": reading.format,
        "encoding": reading.encoding,
        "rows": reading.rows,
        "products": reading.products,
        "categories": dict(reading.categories),
        "left_out": [row._asdict() for row in reading.reasons],
    }


def _show(source: str, reading: Reading, categories: tuple[str, ...]) -> None:
    console.print(f"{escape(printable(source))}: {reading.format}, {reading.encoding}")
    console.print(f"{reading.rows:,} rows, {reading.products:,} products")
    for category, number in reading.categories.most_common():
        strange = "" if category in categories else "  (not in TRYON_CATEGORIES)"
        console.print(f"  {category:<24} {number:>9,}{strange}")
    if reading.left_out:
        console.print(f"{reading.left_out:,} left out")
    for start in range(0, reading.left_out, PART):
        put("".join(_lines(reading, start)))


def _lines(reading: Reading, start: int) -> Iterator[str]:
    for row in reading.reasons[start : start + PART]:
        yield f"{row.line:>8}  {printable(row.column):<20}  {printable(row.reason)}\n"
