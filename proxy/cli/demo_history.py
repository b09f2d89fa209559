"""`tryon demo-data`: a believable past of the demo shop, stored as the app would have stored it."""

import json
import math
import random
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import click

from proxy.catalog import demo
from proxy.cli.context import progress, with_database
from proxy.tryon.keys import new_token
from proxy.upstream.completion import Completion, callback_event
from storage.database import Database
from storage.events import Entry, Event, Receipt, UpstreamCall, event, new_attempt_id, now_ms

DAY_MS = 86_400_000
SESSION_MS = 900_000

Option = TypeVar("Option")

# Each value and its weight.
PRODUCTS = {product: product.share for product in demo.PRODUCTS if not product.shows}
LOCALES = {"en-US": 6, "en-GB": 3, "de-DE": 2, "fr-FR": 2, "es-ES": 1}
DEVICES = {"desktop": 5, "phone": 6, "tablet": 1}
FAILURES = {"": 460, "upstream_timeout": 2, "upstream_error": 3, "not_available": 2}
ENDINGS = {"completed": 60, "abandoned": 22, "failed": 4, "cancelled": 3, "expired": 11}
LAUNCHED = {"desktop": 0.62, "phone": 0.95, "tablet": 0.9}


def _clicks(dice: random.Random, day_ms: int, number: int) -> list[int]:
    """Draw a day's clicks: more at weekends and in the evening, a little more every week."""
    weekend = (day_ms // DAY_MS + 3) % 7 >= 5
    expected = 46 * (1 + number / 220) * (1.45 if weekend else 1) * dice.uniform(0.85, 1.15)
    count = round(dice.gauss(expected, math.sqrt(expected)))
    return sorted(day_ms + int(dice.triangular(0, DAY_MS, 0.8 * DAY_MS)) for _ in range(count))


def _in_order(attempts: list[Entry]) -> list[Entry]:
    """Store each event at its time, and a receipt or call with the last of its attempt."""
    parts = [
        Entry((one,)) if one is not entry.events[-1] else entry._replace(events=(one,))
        for entry in attempts
        for one in entry.events
    ]
    return sorted(parts, key=lambda part: part.events[0].received_ms)


def _attempt(dice: random.Random, at: int) -> Entry:
    """Draw an attempt that began at `at`, from the button's impressions to its ending."""
    attempt_id = new_attempt_id(at)
    device, product = _pick(dice, DEVICES), _pick(dice, PRODUCTS)
    seen: dict[str, Any] = {
        "product_id": product.product_id,
        "category": product.category,
        "locale": _pick(dice, LOCALES),
        "device": device,
    }
    events = [
        event("impression", "", at - 9_000 * n, "button", key=f"impression:{new_token()}", **seen)
        for n in range(dice.randint(2, 6))
    ]
    offered = "qr" if device == "desktop" else "direct"
    events.append(
        event("click", attempt_id, at, "button", title=product.title, offered=offered, **seen)
    )
    took, code = round(dice.lognormvariate(5.2, 0.5)), _pick(dice, FAILURES)
    status = None if code else 200
    call = UpstreamCall(at, "create_session", status, code or None, took, 1, attempt_id)
    at += took
    if code:
        events.append(event("create_failed", attempt_id, at, "proxy", code=code))
        return Entry(tuple(events), call=call)
    session_id = f"tsn_{secrets.token_hex(13)}"
    created = event(
        *("created", attempt_id, at, "proxy"),
        public_id=new_token(),
        launch_key=new_token(),
        session_id=session_id,
        launch_url=f"https://launch.tryon-api.com/s/{session_id}",
        expires_ms=at + SESSION_MS,
    )
    events += [created, *_shopper(dice, attempt_id, session_id, device, at)]
    if events[-1].name != "callback":
        return Entry(tuple(events), call=call)
    ended, state = events[-1].received_ms, events[-1].props["state"]
    body = json.dumps({"session_id": session_id, "state": state}).encode()
    headers = {"content-type": "application/json"}
    return Entry(tuple(events), Receipt(attempt_id, ended, headers, body, "accepted"), call)


def _shopper(
    dice: random.Random, attempt_id: str, session_id: str, device: str, at: int
) -> Iterator[Event]:
    """Draw the events that follow a session's creation."""
    if dice.random() < 0.08:
        yield event("reused", attempt_id, at + 4_000, "button", key=f"reused:{new_token()}")
    ending, opened = "expired", at
    if dice.random() < LAUNCHED[device]:
        opened = at + round(dice.lognormvariate(9.2 if device == "desktop" else 6.5, 0.6))
        channel = "qr" if device == "desktop" and dice.random() < 0.9 else "direct"
        yield event("launch", attempt_id, opened, "phone", channel=channel)
        ending = _pick(dice, ENDINGS)
    if ending == "expired":
        yield event("expired", attempt_id, at + SESSION_MS, "proxy")
        return
    ended = opened + min(round(dice.lognormvariate(10.8, 0.5)), SESSION_MS // 2)
    if ending == "cancelled":
        yield event("cancel", attempt_id, ended, "button")
    else:
        told = Completion(session_id=session_id, state=ending, outcome=ending)
        yield callback_event(attempt_id, ended, told)


def _pick(dice: random.Random, weights: dict[Option, int]) -> Option:
    return dice.choices(list(weights), list(weights.values()))[0]


@click.command()
@click.option(
    "--days",
    type=click.IntRange(1),
    default=90,
    show_default=True,
    help="How many days back it goes.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Its last day, in UTC; without it, the past goes up to this moment.",
)
@click.option("--force", is_flag=True, help="Even where there are events already.")
@partial(with_database, may_be_new=True)
def demo_data(database: Database, days: int, until: datetime | None, force: bool) -> None:
    """Fill the database with a believable past of the demo shop."""
    if database.maintenance.count("events") and not force:
        raise click.ClickException("there are events already; --force adds to them")
    dice = random.Random(days)  # noqa: S311 - as many clicks each time
    now, clicks = now_ms(), 0
    if until:
        now = min(now, int(until.replace(tzinfo=UTC).timestamp() * 1000) + DAY_MS)
    today = now - now % DAY_MS
    with progress(days, "days") as advance:
        for number in range(days + 1):
            moments = _clicks(dice, today - (days - number) * DAY_MS, number)
            past = [at for at in moments if at + SESSION_MS + 120_000 < now]
            database.store.commit(_in_order([_attempt(dice, at) for at in past]))
            clicks += len(past)
            advance(1)
    click.echo(f"{clicks:,} clicks on {days} days.")
