"""The facts: what is appended once and never changed, and what is handed to the store together."""

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

EARLIEST_MS = 946_684_800_000  # 2000-01-01: an earlier moment is a mistake
LATEST_MS = 4_102_444_800_000  # 2100-01-01


def now_ms() -> int:
    """Return milliseconds since the epoch, by the machine's clock."""
    return time.time_ns() // 1_000_000


def new_attempt_id(at_ms: int) -> str:
    """Make an id of 32 hexadecimal digits: 12 of the first click's millisecond, 20 random.

    An id that begins with its time keeps the indexes' newest pages together, and tells the day of
    an attempt even where its callback is all that is known of it.
    """
    return f"{at_ms:012x}{secrets.token_hex(10)}"


def attempt_ms(attempt_id: str) -> int:
    """Return the millisecond of an attempt's first click."""
    return int(attempt_id[:12], 16)


class Event(NamedTuple):
    """A fact. `key` says which one, and is unique for ever."""

    name: str  # impression click created reused create_failed launch cancel callback expired error
    attempt_id: str  # "" where it belongs to none
    key: str
    occurred_ms: int
    received_ms: int
    source: str  # button, page, phone, vendor, proxy
    props: Mapping[str, Any]


def event(
    name: str,
    attempt_id: str,
    at_ms: int,
    source: str,
    *,
    key: str | None = None,
    occurred_ms: int | None = None,
    **props: Any,
) -> Event:
    """Make an event; its key is `name:attempt_id` unless one is given. Empty props fall away."""
    return Event(
        name,
        attempt_id,
        key or f"{name}:{attempt_id}",
        at_ms if occurred_ms is None else occurred_ms,
        at_ms,
        source,
        {name: value for name, value in props.items() if value not in (None, "")},
    )


class Receipt(NamedTuple):
    """A callback as it came. `verdict` is settled by the store where it depends on the attempt."""

    attempt_id: str
    received_ms: int
    headers: Mapping[str, str]
    body: bytes
    # accepted, duplicate, mismatch, too_old, too_many, erased, unreadable, unsigned
    verdict: str
    reason: str = ""


class UpstreamCall(NamedTuple):
    """One call to the vendor, all its tries together; `tries` 0: it was held back, not sent."""

    at_ms: int
    operation: str
    status: int | None  # HTTP status of the last try; None: no answer
    error: str | None  # problem code; None: it worked
    duration_ms: int
    tries: int
    attempt_id: str = ""
    detail: str = ""  # the vendor's reason, for the merchant alone


class Entry(NamedTuple):
    """Events, a receipt and a call that are stored together or not at all."""

    events: tuple[Event, ...] = ()
    receipt: Receipt | None = None
    call: UpstreamCall | None = None


# Made once: `json.dumps` would make one at each call.
_encoder = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def to_json(value: Mapping[str, Any]) -> str:
    """Write compact JSON with sorted keys, so that equal values are equal texts."""
    return _encoder.encode(value)
