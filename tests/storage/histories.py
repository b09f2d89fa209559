"""Histories of a shop: random ones with all that can go wrong, and the pieces of small ones.

Entries are made as the app makes them. Times lie around local midnights and changes of the clock.
"""

import random
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from storage.events import Entry, Event, Receipt, UpstreamCall, event, now_ms
from storage.funnel import HISTOGRAMS, TOTALS
from storage.sqlite.connection import connect

TABLES = [*TOTALS, *HISTOGRAMS]

# A zone and a moment in it near which its clock changes, or its offset is no whole hour.
PLACES = [
    ("Europe/Berlin", "2026-03-29T00:30"),
    ("Europe/Berlin", "2026-10-25T00:30"),
    ("America/New_York", "2026-10-31T23:30"),
    ("America/Havana", "2026-03-07T23:30"),  # midnight does not exist
    ("America/Havana", "2026-10-31T23:30"),  # midnight comes twice
    ("Asia/Kolkata", "2026-02-28T23:30"),
    ("Pacific/Auckland", "2026-09-26T23:30"),
    ("UTC", "2026-06-30T23:30"),
]
WORDS = {
    "completed": "completed", "done": "completed", "left": "abandoned", "error": "failed",
    "cancelled": "cancelled", "timeout": "expired", "weird": "other", "odd": "other",
    "started": "opened", "ready": "progress",
}  # fmt: skip
MINUTE = 60_000
ZONE = "America/New_York"


def moment(text: str, zone: str = "UTC") -> int:
    """Epoch milliseconds of a local time."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def attempt_id(at_ms: int, number: int = 0) -> str:
    return f"{at_ms:012x}{number:020x}"


def click(a: str, **props: Any) -> Event:
    known = {"product_id": "sku-1", "category": "shoes", "locale": "en", "device": "phone"}
    return event("click", a, int(a[:12], 16), "button", key=f"click:{a}", **(known | props))


def created(a: str, at_ms: int, session_id: str | None = None) -> Event:
    return event(
        "created",
        a,
        at_ms,
        "proxy",
        public_id=f"p-{a}",
        launch_key=f"l-{a}",
        session_id=session_id or f"s-{a}",
        launch_url="https://vendor.example/launch",
        expires_ms=at_ms + 15 * MINUTE,
    )


def launch(a: str, at_ms: int, channel: str = "qr") -> Event:
    return event("launch", a, at_ms, "phone", channel=channel)


def callback(a: str, at_ms: int, word: str, session_id: str | None = None, **props: Any) -> Event:
    """`session_id` "": it names none."""
    session_id = f"s-{a}" if session_id is None else session_id
    return event(
        "callback",
        a,
        at_ms,
        "vendor",
        key=f"callback:{a}:{session_id}:{word}",
        session_id=session_id,
        state=word,
        **{"outcome": WORDS.get(word, "other"), **props},
    )


def impression(at_ms: int, number: int = 0, **props: Any) -> Event:
    known = {"product_id": "sku-1", "category": "shoes", "locale": "en", "device": "phone"}
    return event(
        "impression", "", at_ms, "button", key=f"impression:{at_ms}:{number}", **(known | props)
    )


def call(a: str, at_ms: int, duration_ms: int, tries: int = 1) -> UpstreamCall:
    return UpstreamCall(at_ms, "create_session", 201, None, duration_ms, tries, a)


def small_history() -> list[Entry]:
    """Two days in New York around the night in which the clock goes back, and the day before."""
    at = {
        name: moment(time, ZONE)
        for name, time in {
            "early": "2026-10-31T23:59:59",  # the day before
            "first": "2026-11-01T00:00",
            "twice": "2026-11-01T01:30",  # an hour that comes twice
            "last": "2026-11-01T23:59:59",
            "next": "2026-11-02T12:00",
        }.items()
    }
    entries = []
    for number, (name, outcome, props) in enumerate(
        [
            ("early", "completed", {}),
            ("first", "completed", {"product_id": "sku-2", "device": "desktop"}),
            ("twice", "abandoned", {}),
            ("twice", None, {"device": "desktop"}),  # launched, and open
            ("last", "nothing", {"product_id": "=1+1", "locale": "de"}),  # never launched
            ("last", "failed", {"bot": 1}),  # which counts nowhere
            ("next", "completed", {"category": "glasses"}),
        ]
    ):
        a, start = attempt_id(at[name], number), at[name]
        made = created(a, start + 100)
        if outcome is None:  # for so long that no sweep ends it meanwhile
            made = made._replace(props={**made.props, "expires_ms": now_ms() + 3_600_000})
        events = [click(a, reference="=cmd|' /C calc'!A0", **props), made]
        if outcome != "nothing":
            events.append(launch(a, start + 10_100, "qr"))
        if outcome == "nothing":
            events.append(event("expired", a, start + 900_000, "proxy"))
        elif outcome:
            word = {"completed": "done", "abandoned": "left", "failed": "error"}[outcome]
            events.append(callback(a, start + 40_100, word))
        entries.append(Entry(tuple(events)))
    entries.append(Entry((impression(at["first"] - 1), impression(at["first"], product_id="x"))))
    a = attempt_id(at["first"], 1)
    entries.append(Entry((event("reused", a, at["first"] + 5, "button", key="reused:1"),)))
    return entries


def history(rng: random.Random, around_ms: int, attempts: int) -> list[Entry]:
    """Entries of so many attempts, their impressions and errors, in the order of their making."""
    entries = []
    for number in range(attempts):
        at_ms = around_ms + rng.randrange(-60, 180) * MINUTE + rng.randrange(MINUTE)
        if rng.random() < 0.2:
            at_ms += rng.choice([-40, -1, 1, 33]) * 1440 * MINUTE
        seen = {
            "product_id": f"sku-{rng.randrange(4)}",
            "category": rng.choice(["shoes", "glasses"]),
            "locale": rng.choice(["en", "de-AT"]),
            "device": rng.choice(["phone", "tablet", "desktop"]),
            "bot": int(rng.random() < 0.1),
        }
        offered = rng.choice(["", "qr", "direct"])  # "" was not recorded in the beginning
        entries += _attempt(rng, attempt_id(at_ms, number), seen | {"offered": offered})
        for more in range(rng.randrange(3)):
            entries.append(Entry((impression(at_ms - rng.randrange(9_000), more, **seen),)))
        if rng.random() < 0.1:
            key = f"error:{at_ms}"
            entries.append(Entry((event("error", "", at_ms, "button", key=key, code="x"),)))
    return entries


def _attempt(rng: random.Random, a: str, seen: dict[str, Any]) -> list[Entry]:
    at_ms = int(a[:12], 16)

    def later() -> int:
        return (
            at_ms + rng.choice([5_000, MINUTE, 15 * MINUTE, 24 * 60 * MINUTE]) + rng.randrange(99)
        )

    entries = []
    reference = f"order-{rng.randrange(6)}" if rng.random() < 0.4 else None
    clicked = click(a, reference=reference, **seen)
    if rng.random() < 0.2:
        code = rng.choice(["upstream_timeout", "upstream_error"])
        failed = event("create_failed", a, later(), "proxy", key=f"create_failed:{a}", code=code)
        entries.append(Entry((clicked, failed), call=call(a, at_ms, rng.randrange(9_000), 0)))
    if rng.random() < 0.85:
        after = rng.randrange(1, 4_000)
        entries.append(Entry((clicked, created(a, at_ms + after)), call=call(a, at_ms, after)))
    for number in range(rng.choice([0, 0, 0, 1, 2])):
        entries.append(Entry((event("reused", a, later(), "button", key=f"reused:{a}:{number}"),)))
    if rng.random() < 0.7:
        entries.append(Entry((launch(a, later(), rng.choice(["qr", "direct"])),)))
    if rng.random() < 0.1:
        preview = event("launch", a, later(), "phone", key=f"preview:{a}", bot=1, channel="direct")
        entries.append(Entry((preview,)))
    for name in ("cancel", "expired"):
        if rng.random() < 0.15:
            entries.append(Entry((event(name, a, later(), "page"),)))
    for word in rng.sample(list(WORDS), rng.choice([0, 1, 1, 2, 3])):
        session_id = rng.choices([None, f"foreign-{a}", ""], [5, 1, 1])[0]
        told = callback(a, later(), word, session_id)
        receipt = Receipt(a, told.received_ms, {"content-type": "text/json"}, b"{}", "accepted")
        entries.append(Entry((told,), receipt))
    return entries


def table(path: Path, name: str) -> list[tuple[Any, ...]]:
    """What a table holds; rows of zeros left out for totals."""
    with closing(connect(path)) as db:
        rows = db.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
    if name not in TABLES:
        return sorted(rows)
    width = len(TOTALS.get(name, "four"))
    return sorted(row for row in rows if any(row[width:]))
