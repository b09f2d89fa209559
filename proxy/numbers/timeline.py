"""The newest events of the shop, and the timeline of one attempt: its events, receipts, calls."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from proxy.numbers.story import Story, story
from storage.funnel import Attempt
from storage.numbers import Numbers

LATEST = 20
LATEST_COLUMNS = ("id", "received_ms", "name", "attempt_id", "source", "product_id", "note")
LONGEST_BODY = 4_000  # characters of a receipt's body on a page
# With these one could act as the shopper; the page says the last as a date and time.
NOT_TOLD = frozenset({"public_id", "launch_key", "launch_url", "qr_code_url", "expires_ms"})

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Moment:
    """An event, receipt or call. `facts` are names and texts to show."""

    at_ms: int
    kind: str  # event, receipt, call
    name: str  # the event's, the receipt's verdict, the call's problem code or "ok"
    source: str
    facts: Facts
    body: str | None = None  # of a receipt, as text
    headers: Facts = ()


@dataclass(frozen=True)
class Timeline:
    """An attempt as it went, and everything that is kept of it, oldest first."""

    attempt: Attempt
    story: Story
    moments: tuple[Moment, ...]


def latest(numbers: Numbers, after: int = 0, limit: int = LATEST) -> list[dict[str, Any]]:
    """List the newest events but impressions, newest first, by LATEST_COLUMNS."""
    return numbers.rows("latest_events", after=after, impressions=0, limit=limit)


def timeline(numbers: Numbers, attempt_id: str) -> Timeline | None:
    """Assemble an attempt's timeline; None where there is no such attempt."""
    attempt = numbers.attempt(attempt_id)
    if attempt is None:
        return None
    events, receipts = (numbers.about(table, attempt_id) for table in ("events", "receipts"))
    moments = [
        *map(_event, events),
        *map(_receipt, receipts),
        *map(_call, numbers.about("upstream_calls", attempt_id)),
    ]
    return Timeline(
        attempt,
        story(attempt, events, receipts, numbers.zone),
        tuple(sorted(moments, key=lambda moment: moment.at_ms)),
    )


def _event(row: dict[str, Any]) -> Moment:
    props = json.loads(row["props"])
    told = {name: value for name, value in props.items() if name not in NOT_TOLD}
    return Moment(row["received_ms"], "event", row["name"], row["source"], _facts(told))


def _receipt(row: dict[str, Any]) -> Moment:
    body = row["body"].decode(errors="replace")
    facts = _facts({"size": f"{len(row['body'])} bytes", "reason": row["reason"]})
    if len(body) > LONGEST_BODY:
        body = f"{body[:LONGEST_BODY]}…"
    headers = tuple(json.loads(row["headers"]).items())
    return Moment(row["received_ms"], "receipt", row["verdict"], "vendor", facts, body, headers)


def _call(row: dict[str, Any]) -> Moment:
    told = row | {"took": duration(row["duration_ms"])}
    facts = {name: told[name] for name in ("operation", "status", "took", "tries", "detail")}
    return Moment(row["at_ms"], "call", row["error"] or "ok", "proxy", _facts(facts))


def _facts(values: Mapping[str, Any]) -> Facts:
    """Give each value as text; empty ones are left out."""
    return tuple((name, text) for name, value in values.items() if (text := _text(value)))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def duration(ms: float | None) -> str:
    """Format milliseconds as a person says them."""
    if ms is None:
        return "—"
    if ms < 1_000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes = ms / 60_000
    if minutes < 60:
        return f"{minutes:.1f} min"
    return f"{minutes / 60:.1f} h" if minutes < 2_880 else f"{minutes / 1440:.0f} days"
