"""The first screen in a terminal: the sentence, the four dots, the five figures, the chart, now."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from rich.text import Text

from proxy.cli.context import printable, question
from proxy.cli.drawing import Pen
from proxy.numbers import timeline
from proxy.numbers.charts import percent
from proxy.numbers.comparison import Change
from proxy.numbers.definitions import label
from proxy.numbers.overview import Figure, First, first
from proxy.numbers.questions import RANGES, Question, today
from proxy.numbers.sentence import Facts, Status, facts, sentence, spending, statuses
from proxy.settings import Settings
from proxy.tryon.limits import seed, spent
from proxy.upstream.breaker import Breaker
from storage.database import Database, private_counters, read_counters
from storage.events import now_ms
from storage.numbers import Numbers
from storage.store import Counters, Store

MARKS = {"ok": ("●", "*", "green"), "warn": ("▲", "!", "yellow"), "bad": ("✗", "x", "red")}
MARKS["off"] = ("○", "-", "dim")
TALLEST = 12  # lines of the chart
SPARK = 60  # cells of the longest
EVENTS = 10


class Seen(NamedTuple):
    """What the first screen shows, all of one moment."""

    asked: Question
    view: First
    facts: Facts
    latest: Sequence[Mapping[str, Any]]
    at: datetime


def see(database: Database, settings: Settings, asked: dict[str, str | None]) -> Seen:
    """Read the first screen from one snapshot."""
    with database.store.numbers() as numbers:
        asks_for, view, matters = read(database.store, numbers, settings, asked, first)
        at = datetime.now(numbers.zone)
        return Seen(asks_for, view, matters, timeline.latest(numbers, limit=EVENTS), at)


def read(
    store: Store, numbers: Numbers, settings: Settings, asked: dict[str, str | None], look: Any
) -> tuple[Question, Any, Facts]:
    """Answer the question of the options by `first` or `overview`, and say what matters of it."""
    zone = numbers.zone
    settings, asks_for = replace(settings, timezone=zone), question(zone, asked)
    with closing(_counters(settings, store)) as counters:
        breaker = Breaker(counters).state()
        budgets = [spending(*each, each.part) for each in spent(settings, counters)]
    view = look(numbers, asks_for, today(zone), now_ms(), breaker, settings.plans)
    return asks_for, view, facts(view, budgets)


def _counters(settings: Settings, store: Store) -> Counters:
    """Open what the workers have counted; where there is none of it, count what is stored."""
    counters = read_counters(settings.database)
    if counters is None:
        counters = private_counters()
        seed(settings, counters, store)
    return counters


def screen(seen: Seen, pen: Pen, height: int | None) -> list[Text]:
    """Draw all of it; what a low terminal has no room for is left out from below."""
    lines = [
        _title(seen, pen),
        *wrapped(sentence(seen.facts), pen),
        Text(),
        *(_status(each, pen) for each in statuses(seen.facts)),
        Text(),
        *_figures(seen.view, pen),
        Text(),
    ]
    left = TALLEST + 3 + EVENTS if height is None else height - len(lines)
    drawn = _over_time(seen.view, pen, min(left - 4, TALLEST))
    return [*lines, *drawn, *_now(seen, pen, left - len(drawn))]


def wrapped(text: str, pen: Pen, style: str = "bold") -> Iterator[Text]:
    """Break a sentence between its words."""
    line = ""
    for word in pen.text(text).split():
        if line and len(line) + 1 + len(word) > pen.width:
            yield Text(line, style)
            line = word
        else:
            line = f"{line} {word}".lstrip()
    yield Text(line, style)


def changed(change: Change | None) -> str:
    """Say a change, and whether it is one."""
    if change is None or change.by is None:
        return ""
    return f"{change} (noise)" if change.noise and change.by else str(change)


def _title(seen: Seen, pen: Pen) -> Text:
    scope = seen.asked.scope
    days = RANGES.get(seen.asked.range or "", f"{scope.first} to {scope.last}")
    narrowed = "".join(f", {printable(value) or '(none)'}" for value in scope.filters.values())
    at = f"{seen.at:%Y-%m-%d %H:%M:%S}"
    text = pen.name(f"{days}{narrowed} ({seen.view.timezone})", max(0, pen.width - len(at) - 1))
    return Text(f"{text} {at}", "dim")


def _status(status: Status, pen: Pen) -> Text:
    blocks, plain, style = MARKS[status.level]
    mark = blocks if pen.has_blocks else plain
    head = f" {status.of.capitalize():<9}  {status.word:<8}  "
    said = pen.name(status.text, max(0, pen.width - len(head) - 1)).rstrip()
    return Text.assemble((mark, style), head, said)


def _figures(view: First, pen: Pen) -> Iterator[Text]:
    values = [_value(figure) for figure in view.figures]
    names = max(len(label(figure.key)) for figure in view.figures)
    widest = max(map(len, values))
    changes = [changed(figure.change) for figure in view.figures]
    cells = min(pen.width - names - widest - max(map(len, changes)) - 6, SPARK)
    for figure, value, change in zip(view.figures, values, changes, strict=True):
        drawn = Text(f"{label(figure.key):<{names}}  {value:>{widest}}  ")
        (spark,) = pen.columns(view.series.values(figure.key), cells)
        drawn.append(f"{spark:<{max(0, cells)}}", "blue")
        yield drawn.append(f"  {change}")


def _value(figure: Figure) -> str:
    return percent(figure.value) if figure.is_rate else f"{figure.value or 0:,.0f}"


def _over_time(view: First, pen: Pen, height: int) -> list[Text]:
    """Draw the clicks; a period that is not over has an empty end."""
    series = view.series
    values = series.values("clicks")
    if height < 2 or not values:
        return []
    parts = len(series.marks)
    drawn = pen.columns([*values, *[0.0] * (parts - len(values))], pen.width, height)
    start, end = (_mark(mark) for mark in (series.marks[0], series.marks[-1]))
    head = f"Clicks by {series.unit}, at most {max(values):,.0f}"
    width = max(map(len, drawn))
    foot = start if parts == 1 else f"{start}{end:>{max(1, width - len(start))}}"
    return [Text(head), *(Text(line, "blue") for line in drawn), Text(foot, "dim")]


def _mark(mark: date) -> str:
    return f"{mark:%Y-%m-%d %H:%M}" if isinstance(mark, datetime) else str(mark)


def _now(seen: Seen, pen: Pen, left: int) -> Iterator[Text]:
    now = seen.view.now
    yield Text(f"Now: {now.waiting:,} waiting for a phone, {now.launched:,} trying on.")
    for event in seen.latest[: max(0, left - 1)]:
        at = datetime.fromtimestamp(event["received_ms"] / 1000, seen.at.tzinfo)
        words = (event["name"], event["product_id"], event["note"])
        told = " ".join(printable(str(word)) for word in words if word)
        yield Text(pen.name(f"{at:%H:%M:%S}  {told}", pen.width).rstrip(), "dim")
