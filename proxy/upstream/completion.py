"""The vendor's completion callback: read its body, and state the fact that it reports.

The vendor's API page names its fields only in words ("session ID, completion state, timestamps and
any configured merchant reference IDs"), so every natural spelling is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from proxy.strict_json import Unreadable, read_json
from proxy.upstream.outcomes import OUTCOMES, normal_word
from storage.events import EARLIEST_MS, LATEST_MS, Event, event

LONGEST_WORD = 512  # characters of an id, a state or a reference
MOST_REFERENCES = 32
TOLERANCE_MS = 600_000  # of the vendor's clock

# Where two spellings are present, the first is taken and the second stays in `extra`.
SESSION_ID = ("session_id", "id")
STATE = ("completion_state", "state", "status")
STARTED = ("started_at",)
LAUNCHED = ("launched_at",)
ENDED = ("completed_at", "ended_at", "finished_at")
REFERENCES = (
    "merchant_reference_ids",
    "merchant_reference_id",
    "merchant_references",
    "merchant_reference",
    "reference_ids",
    "reference_id",
    "references",
    "reference",
)


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A callback's content.

    Times are epoch milliseconds by the vendor's clock, for display only. `extra` holds every member
    that was not understood, as it came.
    """

    session_id: str
    state: str
    outcome: str
    started_at: int | None = None
    launched_at: int | None = None
    ended_at: int | None = None
    references: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


def read_callback(body: bytes, mapping: Mapping[str, str] = OUTCOMES) -> Completion:
    """Read a callback's body.

    Only the session ID and the state can make it unreadable: a refused callback is lost for good,
    so an unreadable time or reference stays in `extra` and costs nothing else.

    :raises Unreadable: with the reason.
    """
    members = read_json(body)
    if not isinstance(members, dict):
        raise Unreadable("not_object")
    session_id = _word(members, SESSION_ID, "no_session_id")
    state = _word(members, STATE, "no_state")
    return Completion(
        session_id=session_id,
        state=state,
        outcome=mapping.get(normal_word(state), "other"),
        started_at=_time(members, STARTED),
        launched_at=_time(members, LAUNCHED),
        ended_at=_time(members, ENDED),
        references=_references(members),
        extra=members,
    )


def _word(members: dict[str, Any], names: tuple[str, ...], absent: str) -> str:
    name = next((name for name in names if members.get(name) not in (None, "")), None)
    if name is None:
        raise Unreadable(absent)
    word: str = members.pop(name)
    if not _is_word(word):
        raise Unreadable("bad_value")
    return word


def _time(members: dict[str, Any], names: tuple[str, ...]) -> int | None:
    """Return the first readable time among these members, in epoch milliseconds."""
    for name in names:
        moment = _moment(members[name]) if name in members else None
        if moment is not None and EARLIEST_MS <= moment < LATEST_MS:
            del members[name]
            return moment
    return None


def _moment(value: Any) -> int | None:
    """Read ISO 8601 (without an offset: UTC), or epoch seconds or milliseconds."""
    try:
        if isinstance(value, str) and "-" in value:
            time = datetime.fromisoformat(value)
            seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        else:
            seconds = float(value)
        # Seconds pass 10^11 in the year 5138; milliseconds passed it in 1973.
        return round(seconds * 1000 if abs(seconds) < 10**11 else seconds)
    except (TypeError, ValueError, OverflowError):
        return None


def _references(members: dict[str, Any]) -> tuple[str, ...]:
    """Collect the merchant's references from every spelling, each once.

    A reference is a word or a whole number: alone, in a list, or under the merchant's own names.
    """
    found: dict[str, None] = {}
    for name in REFERENCES:
        if name not in members:
            continue
        value = members[name]
        values = list(value.values()) if isinstance(value, dict) else value
        words: list[Any] = [
            str(word) if type(word) is int else word
            for word in (values if isinstance(values, list) else [values])
        ]
        if words and all(map(_is_word, words)) and len(found) + len(words) <= MOST_REFERENCES:
            found |= dict.fromkeys(words)
            del members[name]
    return tuple(found)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST_WORD and value.isprintable()


def callback_event(attempt_id: str, received_ms: int, completion: Completion) -> Event:
    """Make the event of a callback. Its key has no timestamps: a redelivery's may differ."""
    ended_ms = completion.ended_at
    # The vendor's time is for display; one that cannot be right is replaced by ours.
    sane = ended_ms is not None and abs(ended_ms - received_ms) <= TOLERANCE_MS
    return event(
        "callback",
        attempt_id,
        received_ms,
        "vendor",
        key=f"callback:{attempt_id}:{completion.session_id}:{completion.state}",
        occurred_ms=ended_ms if sane else received_ms,
        session_id=completion.session_id,
        state=completion.state,
        outcome=completion.outcome,
        references=list(completion.references) or None,
        extra=dict(completion.extra) or None,
    )


def read_receipt(
    attempt_id: str, received_ms: int, body: bytes, mapping: Mapping[str, str]
) -> Event | None:
    """Read a stored callback again; None where it is still not readable."""
    try:
        return callback_event(attempt_id, received_ms, read_callback(body, mapping))
    except Unreadable:
        return None
