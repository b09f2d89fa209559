"""What happened: the newest events of the shop, and all that is known of one attempt."""

import json
from dataclasses import dataclass
from typing import Any

from storage.funnel import Attempt
from storage.numbers import Numbers

LATEST = 20
LATEST_COLUMNS = ("id", "received_ms", "name", "attempt_id", "source", "product_id", "note")
LONGEST_BODY = 4_000  # characters of a receipt's body on a page
# With these one could act as the shopper; the last is told as a moment.
NOT_TOLD = frozenset({"public_id", "launch_key", "launch_url", "qr_code_url", "expires_ms"})


@dataclass(frozen=True)
class Moment:
    """One event, receipt or call. `facts` are names and texts to show."""

    at_ms: int
    kind: str  # event, receipt, call
    name: str  # the event's, the receipt's verdict, the call's problem code or "ok"
    source: str
    facts: tuple[tuple[str, str], ...]
    body: str | None = None  # of a receipt, as text
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Timeline:
    """One attempt and everything that is kept of it, in its order."""

    attempt: Attempt
    moments: tuple[Moment, ...]


def latest(numbers: Numbers, after: int = 0, limit: int = LATEST) -> list[dict[str, Any]]:
    """List the newest events but impressions, newest first, by LATEST_COLUMNS."""
    return numbers.rows("latest_events", after=after, impressions=0, limit=limit)


def timeline(numbers: Numbers, attempt_id: str) -> Timeline | None:
    attempt = numbers.attempt(attempt_id)
    if attempt is None:
        return None
    moments = [
        *map(_event, numbers.about("events", attempt_id)),
        *map(_receipt, numbers.about("receipts", attempt_id)),
        *map(_call, numbers.about("upstream_calls", attempt_id)),
    ]
    return Timeline(attempt, tuple(sorted(moments, key=lambda moment: moment.at_ms)))


def _event(row: dict[str, Any]) -> Moment:
    props = json.loads(row["props"])
    facts = tuple((name, _text(value)) for name, value in props.items() if name not in NOT_TOLD)
    return Moment(row["received_ms"], "event", row["name"], row["source"], facts)


def _receipt(row: dict[str, Any]) -> Moment:
    body = row["body"].decode(errors="replace")
    facts = [("size", f"{len(row['body'])} bytes")]
    if row["reason"]:
        facts.append(("reason", row["reason"]))
    if len(body) > LONGEST_BODY:
        body = f"{body[:LONGEST_BODY]}…"
    headers = tuple((name, _text(text)) for name, text in json.loads(row["headers"]).items())
    return Moment(
        row["received_ms"], "receipt", row["verdict"], "vendor", tuple(facts), body, headers
    )


def _call(row: dict[str, Any]) -> Moment:
    facts = [
        ("operation", row["operation"]),
        ("status", _text(row["status"])),
        ("took", duration(row["duration_ms"])),
        ("tries", str(row["tries"])),
        ("detail", row["detail"]),
    ]
    kept = tuple((name, text) for name, text in facts if text)
    return Moment(row["at_ms"], "call", row["error"] or "ok", "proxy", kept)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def duration(ms: float | None) -> str:
    """A duration as a person says it."""
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
