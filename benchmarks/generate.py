"""`python -m benchmarks.generate DATABASE`: a shop's believable past, straight into a file.

Weekends, evenings, a few products that lead and many that trail, slow growth; every event folds
and counts as the app's own would, so that `tryon verify` finds nothing to correct.
"""

import math
import random
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from storage.events import Event, Receipt, UpstreamCall, event, to_json
from storage.funnel import contribution, fold_all, impression, vendor_latency
from storage.sqlite import batch
from storage.sqlite.connection import connect
from storage.sqlite.rows import INSERT_CALLS, INSERT_EVENTS, INSERT_RECEIPTS, WRITE_ATTEMPTS
from storage.sqlite.store import SQLiteStore

DAY_MS = 86_400_000
SESSION_MS = 900_000
EVENTS_PER_CLICK = 6.4  # of all kinds, with the impressions; only shapes the growth
LOCALES = {"en-US": 50, "en-GB": 20, "de-DE": 12, "fr-FR": 10, "es-ES": 8}
ENDINGS = {"completed": 58, "abandoned": 22, "failed": 5, "": 15}  # "": no word ever came
FAILURES = {"upstream_timeout": 40, "upstream_error": 40, "not_available": 20}


@dataclass(frozen=True)
class Story:
    """One shopper: the events, the call to the vendor, and the callback where one came."""

    attempt_id: str
    events: list[Event]
    call: UpstreamCall
    receipt: Receipt | None


class Shop:
    def __init__(self, seed: int, products: int) -> None:
        self._random = random.Random(seed)
        self._products = [f"sku-{number:05}" for number in range(products)]
        self._weights = [1 / (rank + 3) for rank in range(products)]

    def moments(self, day_ms: int, count: int) -> list[int]:
        """When the day's clicks happen: mostly in the evening, hardly at night."""
        hour = 3_600_000
        return sorted(
            day_ms + int(self._random.triangular(0, 24, 19.5) * hour) % DAY_MS for _ in range(count)
        )

    def impressions(self, at: int) -> Iterator[Event]:
        for _ in range(self._random.choice((1, 2, 3, 3, 4))):
            key, seen = f"impression:{self._token()}", self._seen()
            yield event("impression", "", at - self._wait(20_000), "button", key=key, **seen)

    def story(self, at: int) -> Story:
        """Click, session, launch, ending: or as far as this shopper came."""
        attempt_id = f"{at:012x}{self._random.getrandbits(80):020x}"
        seen = self._seen()
        key = f"click:{self._token()}"
        offered = "qr" if seen["device"] == "desktop" else "direct"
        events = [event("click", attempt_id, at, "button", key=key, offered=offered, **seen)]
        took = self._wait(180)
        if self._random.random() < 0.02:
            code = self._pick(FAILURES)
            failure = f"create_failed:{attempt_id}:{code}"
            events.append(
                event("create_failed", attempt_id, at + took, "proxy", key=failure, code=code)
            )
            call = UpstreamCall(at + took, "create_session", None, code, took, 1, attempt_id)
            return Story(attempt_id, events, call, None)
        session_id = f"tsn_{self._token()}"
        created = event(
            *("created", attempt_id, at + took, "proxy"),
            public_id=self._token(),
            launch_key=self._token(),
            session_id=session_id,
            launch_url=f"https://launch.tryon-api.com/s/{session_id}",
            expires_ms=at + took + SESSION_MS,
        )
        events.append(created)
        receipt = self._rest(events, attempt_id, session_id, seen["device"], at + took)
        call = UpstreamCall(at + took, "create_session", 200, None, took, 1, attempt_id)
        return Story(attempt_id, events, call, receipt)

    def _rest(
        self, events: list[Event], attempt_id: str, session_id: str, device: str, at: int
    ) -> Receipt | None:
        phone = device == "phone"
        if self._random.random() > (0.9 if phone else 0.6):
            gone = self._random.random() < 0.3
            name, after = ("cancel", self._wait(20_000)) if gone else ("expired", SESSION_MS)
            events.append(event(name, attempt_id, at + after, "button" if gone else "proxy"))
            return None
        opened = at + self._wait(900 if phone else 14_000)
        channel = "direct" if phone else "qr"
        events.append(event("launch", attempt_id, opened, "phone", channel=channel))
        state = self._pick(ENDINGS)
        if not state:
            events.append(event("expired", attempt_id, max(opened, at + SESSION_MS), "proxy"))
            return None
        ended = opened + self._wait(70_000)
        key = f"callback:{attempt_id}:{session_id}:{state}"
        props = {"session_id": session_id, "state": state, "outcome": state}
        events.append(event("callback", attempt_id, ended, "vendor", key=key, **props))
        body = to_json({"session_id": session_id, "state": state}).encode()
        return Receipt(attempt_id, ended, {"content-type": "application/json"}, body, "accepted")

    def _seen(self) -> dict[str, str]:
        return {
            "product_id": self._random.choices(self._products, self._weights)[0],
            "category": "footwear",
            "locale": self._pick(LOCALES),
            "device": self._pick({"phone": 60, "desktop": 36, "tablet": 4}),
        }

    def _pick(self, shares: dict[str, int]) -> str:
        return self._random.choices(list(shares), list(shares.values()))[0]

    def _wait(self, typical_ms: int) -> int:
        return int(self._random.lognormvariate(math.log(typical_ms), 0.7))

    def _token(self) -> str:
        return urlsafe_b64encode(self._random.randbytes(16)).rstrip(b"=").decode()


def write_day(db: batch.Connection, zone: ZoneInfo, shop: Shop, day_ms: int, clicks: int) -> int:
    """One day in one transaction; returns how many events it had."""
    events: list[Event] = []
    totals, attempts, calls, receipts = batch.Totals(), [], [], []
    for at in shop.moments(day_ms, clicks):
        for sighting in shop.impressions(at):
            events.append(sighting)
            totals.add(impression(sighting, zone))
        story = shop.story(at)
        events += story.events
        attempt = fold_all(story.attempt_id, story.events, zone)
        attempts.append(attempt)
        totals.add(contribution(attempt))
        calls.append(story.call)
        totals.add(vendor_latency(story.call.at_ms, story.call.duration_ms, zone))
        if receipt := story.receipt:
            receipts.append(receipt._replace(headers=to_json(receipt.headers)))
    events.sort(key=lambda each: each.received_ms)
    db.execute("BEGIN")
    INSERT_EVENTS.write(db, [(*each[:-1], to_json(each.props)) for each in events])
    WRITE_ATTEMPTS.write(db, attempts)
    INSERT_CALLS.write(db, calls)
    INSERT_RECEIPTS.write(db, receipts)
    totals.write(db)
    db.execute("COMMIT")
    return len(events)


@click.command(help=__doc__)
@click.argument("database", type=click.Path(path_type=Path))
@click.option("--events", type=click.IntRange(1), default=100_000, show_default=True)
@click.option("--days", type=click.IntRange(1), default=365, show_default=True)
@click.option("--products", type=click.IntRange(1), default=500, show_default=True)
@click.option("--timezone", type=ZoneInfo, default="UTC", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(
    database: Path, events: int, days: int, products: int, timezone: ZoneInfo, seed: int
) -> None:
    if database.exists():
        raise click.UsageError(f"{database} is there already; this writes a new file")
    SQLiteStore(database, timezone).close()  # the schema
    db = connect(database, synchronous="OFF")  # it can be made again
    db.execute("PRAGMA cache_size = -1000000")
    shop, done = Shop(seed, products), 0
    first = int(time.time() * 1000) // DAY_MS * DAY_MS - days * DAY_MS
    shares = [_share(first + day * DAY_MS, day / days) for day in range(days)]
    with click.progressbar(length=events, label="Events", update_min_steps=10_000) as bar:
        for day, share in enumerate(shares):
            clicks = round((events - done) / EVENTS_PER_CLICK * share / sum(shares[day:]))
            written = write_day(db, timezone, shop, first + day * DAY_MS, clicks)
            done += written
            bar.update(written)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    click.echo(f"{done:,} events in {database}")


def _share(day_ms: int, progress: float) -> float:
    """A day's weight: it grows by half over the time, and weekends are busier."""
    weekend = time.gmtime(day_ms / 1000).tm_wday >= 5
    return (1 + progress / 2) * (1.35 if weekend else 1)


if __name__ == "__main__":
    main()
