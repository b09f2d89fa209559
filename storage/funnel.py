"""Fold events into attempts, and attempts into totals. Pure functions.

`fold` gives the same attempt for the same set of events in any order. That holds because every
field is either set by one event alone, a minimum, or a maximum of the endings' order. An event is
folded once only: its unique key sees to that before `fold` is called.

An event may say that it `supersedes` another (a callback's word that was mapped anew): the other is
then left out, which only `fold_all` can do, since a maximum cannot be taken back.
"""

import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from operator import attrgetter, neg, sub
from typing import NamedTuple
from zoneinfo import ZoneInfo

from storage.events import Event, attempt_ms, to_json

# How an attempt can stand, weakest first: a stronger ending wins over a weaker one, whichever came
# first. The vendor's word is stronger than ours, and nothing wins over `completed`.
OUTCOMES = (
    "open", "create_failed", "expired", "cancelled", "other", "abandoned", "failed", "completed",
)  # fmt: skip
RANK = {outcome: rank for rank, outcome in enumerate(OUTCOMES)}

COUNTS = (
    "impressions", "clicks", "created", "create_failed", "reused", "opened", "completed",
    "abandoned", "failed", "cancelled", "other", "expired_unlaunched", "expired_unreported",
    "launch_ms_sum", "complete_ms_sum",
)  # fmt: skip
AT = {name: position for position, name in enumerate(COUNTS)}

# Columns that make up a row's key in each table of totals.
TOTALS = {
    "totals_day": ("local_day", "device", "channel", "locale", "offered"),
    "totals_day_product": ("local_day", "product_id"),
    "totals_day_category": ("local_day", "category"),
    "totals_month": ("local_month", "device", "channel", "locale", "offered"),
    "totals_month_product": ("local_month", "product_id"),
    "totals_hour": ("utc_hour", "channel"),
}
SEEN = ("product_id", "category", "locale", "device")  # what is known of an impression
HISTOGRAMS = {
    "histograms": ("local_day", "metric", "channel", "bucket"),
    "histograms_month": ("local_month", "metric", "channel", "bucket"),
}
# Tables of months, which are sums of tables of days: a year is read as eleven months and the rest.
MONTHS = {
    "totals_month": "totals_day",
    "totals_month_product": "totals_day_product",
    "histograms_month": "histograms",
}

# What says in which rows an attempt is counted.
_place = attrgetter("bot", "local_day", "first_ms", "channel", "offered", *SEEN)

Key = tuple[str | int, ...]
Contribution = dict[tuple[str, Key], tuple[int, ...]]

# (the session that it is about, None for the attempt's own; what, when, why)
Note = tuple[str | None, str, int, str | None]


class Attempt(NamedTuple):
    """One shopper's intent to try one product on. Times in epoch milliseconds.

    A named tuple, since it is read from and written to its table as it stands, at every commit.
    """

    id: str
    first_ms: int
    local_day: str
    product_id: str = ""  # "": a callback came before its click
    category: str = ""
    locale: str = ""
    device: str = ""
    channel: str = ""  # direct, qr; "": not launched
    bot: int = 0
    reference: str | None = None
    title: str | None = None
    clicks: int = 1
    created_ms: int | None = None
    opened_ms: int | None = None
    ended_ms: int | None = None
    outcome: str = "open"
    reason: str | None = None
    expires_ms: int | None = None
    public_id: str | None = None
    launch_key: str | None = None
    session_id: str | None = None
    launch_url: str | None = None
    qr_code_url: str | None = None
    metadata: str | None = None
    early: str | None = None  # JSON list of notes that came before `created`
    offered: str = ""  # what the click was answered with: direct, qr; "": not recorded then


def local_day(at_ms: int, zone: ZoneInfo) -> str:
    """Return the shop's calendar day of a moment, as YYYY-MM-DD."""
    return datetime.fromtimestamp(at_ms / 1000, zone).date().isoformat()


def midnight_ms(day: str, zone: ZoneInfo) -> int:
    """Return the first moment of a local day; `local_day(at) < day` just when `at` is before it."""
    return int(datetime.fromisoformat(day).replace(tzinfo=zone).timestamp() * 1000)


def new_attempt(attempt_id: str, zone: ZoneInfo) -> Attempt:
    first_ms = attempt_ms(attempt_id)
    return Attempt(attempt_id, first_ms, local_day(first_ms, zone))


def fold(attempt: Attempt, event: Event) -> Attempt:
    """Fold one more event into an attempt. An error says nothing of it and changes nothing."""
    return FOLDS.get(event.name, _nothing)(attempt, event)


def fold_all(attempt_id: str, events: Iterable[Event], zone: ZoneInfo) -> Attempt:
    """Make an attempt from all its events."""
    events = list(events)
    superseded = {event.props.get("supersedes") for event in events}
    attempt = new_attempt(attempt_id, zone)
    for event in events:
        if event.key not in superseded:
            attempt = fold(attempt, event)
    return attempt


def _nothing(attempt: Attempt, _: Event) -> Attempt:
    return attempt


def _click(attempt: Attempt, event: Event) -> Attempt:
    props = event.props
    return attempt._replace(
        product_id=props["product_id"],
        category=props["category"],
        locale=props["locale"],
        device=props["device"],
        bot=props.get("bot", 0),
        reference=props.get("reference"),
        title=props.get("title"),
        offered=props.get("offered", ""),
    )


def _created(attempt: Attempt, event: Event) -> Attempt:
    props = event.props
    notes: list[Note] = json.loads(attempt.early or "[]")
    attempt = attempt._replace(
        created_ms=event.received_ms,
        expires_ms=props["expires_ms"],
        public_id=props["public_id"],
        launch_key=props["launch_key"],
        session_id=props["session_id"],
        launch_url=props["launch_url"],
        qr_code_url=props.get("qr_code_url"),
        metadata=to_json(props["metadata"]) if props.get("metadata") else None,
        early=None,
    )
    return _replay(attempt, notes)


def _reused(attempt: Attempt, _: Event) -> Attempt:
    return attempt._replace(clicks=attempt.clicks + 1)


def _launch(attempt: Attempt, event: Event) -> Attempt:
    if event.props.get("bot"):
        return attempt
    attempt = attempt._replace(channel=event.props["channel"])
    return _note(attempt, None, "opened", event.received_ms, None)


def _create_failed(attempt: Attempt, event: Event) -> Attempt:
    return _note(attempt, None, "create_failed", event.received_ms, event.props["code"])


def _cancel(attempt: Attempt, event: Event) -> Attempt:
    return _note(attempt, None, "cancelled", event.received_ms, None)


def _expired(attempt: Attempt, event: Event) -> Attempt:
    return _note(attempt, None, "expired", event.received_ms, None)


def _callback(attempt: Attempt, event: Event) -> Attempt:
    props = event.props
    session_id, told = props.get("session_id"), props["state"]
    return _note(attempt, session_id, props["outcome"], event.received_ms, told)


FOLDS = {
    "click": _click,
    "created": _created,
    "create_failed": _create_failed,
    "reused": _reused,
    "launch": _launch,
    "cancel": _cancel,
    "expired": _expired,
    "callback": _callback,
}


def _note(
    attempt: Attempt, session_id: str | None, what: str, at_ms: int, reason: str | None
) -> Attempt:
    """Note an opening or an ending of a session; None: of the attempt's own, whichever it is.

    Until `created` is known, which sessions count is not known either: the notes are kept, and
    gone through again at each.
    """
    note = (session_id, what, at_ms, reason)
    if attempt.created_ms is not None:
        return _apply(attempt, note)
    notes = [tuple(kept) for kept in json.loads(attempt.early or "[]")]
    notes = sorted({*notes, note}, key=lambda kept: (kept[2], str(kept)))
    attempt = attempt._replace(early=json.dumps(notes, separators=(",", ":")))
    return _replay(attempt, notes)


def concerns(attempt: Attempt, session_id: str | None) -> bool:
    """Tell whether what is said of a session, or of none, is said of this attempt."""
    return None in (session_id, attempt.session_id) or session_id == attempt.session_id


def _replay(attempt: Attempt, notes: Iterable[Note]) -> Attempt:
    attempt = attempt._replace(opened_ms=None, ended_ms=None, outcome="open", reason=None)
    for note in notes:
        attempt = _apply(attempt, note)
    return attempt


def _apply(attempt: Attempt, note: Note) -> Attempt:
    session_id, what, at_ms, reason = note
    if not concerns(attempt, session_id):
        return attempt
    if what == "opened":
        return attempt._replace(opened_ms=min(attempt.opened_ms or at_ms, at_ms))
    if what not in RANK or (what == "create_failed" and attempt.created_ms is not None):
        return attempt  # progress, say, which is no ending
    # The stronger ending; of two alike the earlier one, so that a duplicate changes nothing.
    standing = (RANK[attempt.outcome], -(attempt.ended_ms or 0), attempt.reason or "")
    if (RANK[what], -at_ms, reason or "") <= standing:
        return attempt
    return attempt._replace(outcome=what, ended_ms=at_ms, reason=reason)


def contribution(attempt: Attempt) -> Contribution:
    """Return what an attempt adds to each row of the totals; nothing for a bot."""
    if attempt.bot:
        return {}
    return _rows(attempt, _counts(attempt)) | _durations(attempt)


def negative(rows: Contribution) -> Contribution:
    """Return what takes a contribution back."""
    return {row: tuple(map(neg, counts)) for row, counts in rows.items()}


def difference(before: Attempt | None, after: Attempt) -> Iterator[Contribution]:
    """Yield what a change adds to the totals.

    Most changes leave the attempt in its rows: only the counts that differ are added then, for half
    of the work.
    """
    if before is None:
        yield contribution(after)
    elif _place(before) != _place(after):
        yield negative(contribution(before))
        yield contribution(after)
    elif not after.bot:
        yield _rows(after, tuple(map(sub, _counts(after), _counts(before))))
        old, new = _durations(before), _durations(after)
        if old != new:
            yield negative(old)
            yield new


def impression(event: Event, zone: ZoneInfo) -> Contribution:
    """Return what an impression adds to the totals."""
    if event.props.get("bot"):
        return {}
    seen = Attempt("", event.received_ms, local_day(event.received_ms, zone))
    known = {name: event.props[name] for name in SEEN if name in event.props}
    return _rows(seen._replace(**known), (1, *[0] * (len(COUNTS) - 1)))


def vendor_latency(at_ms: int, duration_ms: int, zone: ZoneInfo) -> Contribution:
    """Return what a call to the vendor adds to the histograms."""
    return _timed(local_day(at_ms, zone), "vendor", "", duration_ms)


def _timed(day: str, metric: str, channel: str, duration_ms: int) -> Contribution:
    key = (metric, channel, bucket(duration_ms))
    return {("histograms", (day, *key)): (1,), ("histograms_month", (day[:7], *key)): (1,)}


def _durations(attempt: Attempt) -> Contribution:
    """Return what launch and completion add to the histograms."""
    rows: Contribution = {}
    for metric, duration in (("launch", launch_ms(attempt)), ("complete", complete_ms(attempt))):
        if duration is not None:
            rows |= _timed(attempt.local_day, metric, attempt.channel, duration)
    return rows


def _rows(attempt: Attempt, counts: tuple[int, ...]) -> Contribution:
    dimensions: dict[str, str | int] = {
        "local_day": attempt.local_day,
        "local_month": attempt.local_day[:7],
        "utc_hour": attempt.first_ms // 3_600_000,
        "device": attempt.device,
        "channel": attempt.channel,
        "offered": attempt.offered,
        "locale": attempt.locale,
        "product_id": attempt.product_id,
        "category": attempt.category,
    }
    return {
        (table, tuple(dimensions[column] for column in columns)): counts
        for table, columns in TOTALS.items()
    }


def _counts(attempt: Attempt) -> tuple[int, ...]:
    """Count the stages and the ending of an attempt. A stage implies all before it."""
    counts = [0] * len(COUNTS)
    outcome = attempt.outcome
    opened = attempt.opened_ms is not None or outcome == "completed"
    created = opened or attempt.created_ms is not None or RANK[outcome] > RANK["create_failed"]
    counts[AT["clicks"]] = 1
    counts[AT["created"]] = created
    counts[AT["create_failed"]] = outcome == "create_failed" and not created
    counts[AT["reused"]] = attempt.clicks - 1
    counts[AT["opened"]] = opened
    if outcome == "expired":
        counts[AT["expired_unreported" if opened else "expired_unlaunched"]] = 1
    elif RANK[outcome] > RANK["expired"]:
        counts[AT[outcome]] = 1
    counts[AT["launch_ms_sum"]] = launch_ms(attempt) or 0
    counts[AT["complete_ms_sum"]] = complete_ms(attempt) or 0
    return tuple(counts)


def ending(attempt: Attempt) -> str:
    """Name the count among whose endings an attempt is; "open" as long as it can still end."""
    opened = attempt.opened_ms is not None
    if attempt.outcome == "expired":
        return "expired_unreported" if opened else "expired_unlaunched"
    return "open" if opened and attempt.outcome == "create_failed" else attempt.outcome


def launch_ms(attempt: Attempt) -> int | None:
    """Return the milliseconds from the session's creation to the launch."""
    if attempt.created_ms is None or attempt.opened_ms is None:
        return None
    return max(0, attempt.opened_ms - attempt.created_ms)


def complete_ms(attempt: Attempt) -> int | None:
    """Return the milliseconds from the launch to the completion."""
    if attempt.outcome != "completed" or attempt.opened_ms is None or attempt.ended_ms is None:
        return None
    return max(0, attempt.ended_ms - attempt.opened_ms)


# Eight buckets for each doubling: a percentile read from them is at most 4.5 % off.
BUCKETS_PER_DOUBLING = 8


def bucket(duration_ms: int) -> int:
    """Return the log-spaced bucket of a duration."""
    return round(math.log2(max(1, duration_ms)) * BUCKETS_PER_DOUBLING)


def bucket_ms(number: int) -> float:
    """Return the duration in the middle of a bucket, in milliseconds."""
    return float(2 ** (number / BUCKETS_PER_DOUBLING))
