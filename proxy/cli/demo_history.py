"""`tryon demo-data`: a believable past of the demo shop, stored as the app would have stored it."""

import math
import random
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import click

from proxy.cli.context import progress, with_database
from proxy.settings import Settings
from storage.database import Database
from storage.events import Entry, Event, Receipt, UpstreamCall, event, now_ms
from storage.store import Store

DAY_MS = 86_400_000
SESSION_MS = 900_000
AT_ONCE = 200  # entries in a transaction

PRODUCTS = {"trail-runner": 5, "court-classic": 4, "city-boot": 3, "linen-slip-on": 1}
LOCALES = {"en-US": 6, "en-GB": 3, "de-DE": 2, "fr-FR": 2, "es-ES": 1}
DEVICES = {"desktop": 5, "phone": 6, "tablet": 1}
ENDINGS = {"completed": 60, "abandoned": 22, "failed": 4, "cancelled": 3, "": 11}
FAILURES = {"upstream_timeout": 2, "upstream_error": 3, "not_available": 2}
LAUNCHED = {"desktop": 0.62, "phone": 0.95, "tablet": 0.9}


def fill(store: Store, days: int, progress: Callable[[int], None]) -> int:
    """Write so many days up to now, each day's clicks in order; how many clicks there were."""
    dice = random.Random(days)  # noqa: S311 - the same past each time
    now = now_ms()
    today = now - now % DAY_MS
    clicks = 0
    for day in range(days, -1, -1):
        entries = list(_day(dice, today - day * DAY_MS, days - day, now))
        for start in range(0, len(entries), AT_ONCE):
            store.commit(entries[start : start + AT_ONCE])
        clicks += len(entries)
        progress(1)
    return clicks


def _day(dice: random.Random, day_ms: int, number: int, now: int) -> Iterator[Entry]:
    """One day's stories: more at weekends and in the evening, and a little more every week."""
    weekday = (day_ms // DAY_MS + 3) % 7
    expected = 46 * (1 + number / 220) * (1.45 if weekday >= 5 else 1) * dice.uniform(0.85, 1.15)
    count = max(0, round(dice.gauss(expected, math.sqrt(expected))))
    moments = sorted(day_ms + int(dice.triangular(0, 24, 19.5) * 3_600_000) for _ in range(count))
    return (_story(dice, at) for at in moments if at + SESSION_MS + 120_000 < now)


def _story(dice: random.Random, at: int) -> Entry:
    """One shopper, from the click to wherever it ended."""
    attempt_id = f"{at:012x}{dice.getrandbits(80):020x}"
    product_id, device = _pick(dice, PRODUCTS), _pick(dice, DEVICES)
    seen: dict[str, Any] = {
        "product_id": product_id,
        "category": "footwear",
        "locale": _pick(dice, LOCALES),
        "device": device,
    }
    looks = (
        event(
            "impression", "", at - dice.randrange(60_000), "button", key=_key("impression"), **seen
        )
        for _ in range(dice.randint(2, 6))
    )
    click = event("click", attempt_id, at, "button", **seen)
    took = round(dice.lognormvariate(5.2, 0.5))
    if dice.random() < 0.015:
        code = _pick(dice, FAILURES)
        failed = event("create_failed", attempt_id, at + took, "proxy", code=code)
        call = UpstreamCall(at, "create_session", None, code, took, 1, attempt_id)
        return Entry((*looks, click, failed), call=call)
    call = UpstreamCall(at, "create_session", 200, None, took, 1, attempt_id)
    session_id = f"tsn_{secrets.token_hex(13)}"
    made = event(
        *("created", attempt_id, at + took, "proxy"),
        public_id=secrets.token_urlsafe(16),
        launch_key=secrets.token_urlsafe(16),
        session_id=session_id,
        launch_url=f"https://launch.tryon-api.com/s/{session_id}",
        expires_ms=at + SESSION_MS,
    )
    rest = [*_rest(dice, attempt_id, device, at + took, session_id)]
    answered = next((each for each in rest if each.name == "callback"), None)
    receipt = answered and Receipt(
        *(attempt_id, answered.received_ms, {"content-type": "application/json"}),
        f'{{"session_id": "{session_id}", "state": "{answered.props["state"]}"}}'.encode(),
        "accepted",
    )
    return Entry((*looks, click, made, *rest), receipt, call)


def _rest(
    dice: random.Random, attempt_id: str, device: str, at: int, session_id: str
) -> Iterator[Event]:
    """What came after the session was made."""
    if dice.random() < 0.08:
        yield event("reused", attempt_id, at + 4_000, "button", key=_key("reused"))
    if dice.random() > LAUNCHED[device]:
        yield event("expired", attempt_id, at + SESSION_MS, "proxy")
        return
    opened = at + round(dice.lognormvariate(9.2 if device == "desktop" else 6.5, 0.6))
    channel = "qr" if device == "desktop" and dice.random() < 0.9 else "direct"
    yield event("launch", attempt_id, opened, "phone", channel=channel)
    outcome = _pick(dice, ENDINGS)
    ended = opened + min(round(dice.lognormvariate(10.8, 0.5)), SESSION_MS // 2)
    if outcome == "":
        yield event("expired", attempt_id, at + SESSION_MS, "proxy")
    elif outcome == "cancelled":
        yield event("cancel", attempt_id, ended, "button")
    else:
        key = f"callback:{attempt_id}:{session_id}:{outcome}"
        told: dict[str, Any] = {"outcome": outcome, "state": outcome, "session_id": session_id}
        yield event("callback", attempt_id, ended, "vendor", key=key, **told)


def _pick(dice: random.Random, weights: dict[str, int]) -> str:
    return dice.choices(list(weights), list(weights.values()))[0]


def _key(name: str) -> str:
    return f"{name}:{secrets.token_urlsafe(12)}"


@click.command("demo-data")
@click.option(
    "--days",
    type=click.IntRange(1),
    default=90,
    show_default=True,
    help="How many days back it goes.",
)
@click.option("--force", is_flag=True, help="Even where there are events already.")
@with_database
def demo_history(_: Settings, database: Database, days: int, force: bool) -> None:
    """Fill the database with a believable past of the demo shop."""
    if database.maintenance.count("events") and not force:
        raise click.ClickException("there are events already; --force adds to them")
    with progress(days, "days") as advance:
        clicks = fill(database.store, days, advance)
    click.echo(f"{clicks:,} clicks on {days} days.")
