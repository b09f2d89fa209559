"""What is in the callbacks that could not be read, and what a reading would make of them.

A merchant is shown where things stand in a body, and of values only what may be a state: names,
addresses, links and keys of others stay where they are.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from proxy.strict_json import Unreadable
from proxy.upstream.completion import OTHERS, read_by, value_of
from proxy.upstream.outcomes import normal_word
from proxy.upstream.readings import MOST_PLACES, Reading, places
from storage.numbers import Numbers

MOST_CALLBACKS = 2_000  # the newest that are looked at
MOST_BYTES = 8 * 1024**2  # of them together
AT_ONCE = 100
MOST_SHAPES = 5
MOST_WORDS = 20
LONGEST_WORD = 200  # characters of one that can be mapped
NEWEST = 2**62

THE_SESSION = "the session's ID"
MOST_VALUES = 4
NO_BODY = "Its body was not kept."

Row = tuple[dict[str, Any], tuple[tuple[str, Any], ...]]  # of the database, and (place, value)

# What is not even JSON has no places; the others are shown with them.
REASONS = {
    "not_json": "It is neither JSON nor a form, so that nothing in it can be pointed at.",
    "duplicate_key": "It names one thing twice, which two readers would read differently.",
    "too_deep": "It is nested deeper than 32 levels.",
    "bad_value": "It has a number or a text that no reader takes.",
    "unsupported_media_type": "It came with a content encoding, and its body was not kept.",
    "payload_too_large": "It was over 64 KiB, and its body was not kept.",
}
WORD = re.compile(r"(?!.*//)[^\W\d_][\w .:/-]{0,39}")  # no address
PRIVATE = {
    "address", "auth", "authorization", "cookie", "email", "hash", "ip", "key", "mail", "mobile",
    "name", "password", "phone", "secret", "signature", "tel", "token", "url", "uri",
}  # fmt: skip
PEOPLE = OTHERS | {"buyer", "contact", "person", "profile", "recipient", "shopper", "visitor"}
LONGEST_NUMBER = 8  # digits; a longer one may be a telephone's


@dataclass(frozen=True)
class Place:
    """A place in a body, and what is told of its values."""

    place: str
    shown: str  # the newest values that differ
    is_session: bool  # it has the session's ID
    may_be_state: bool


@dataclass(frozen=True)
class Shape:
    """Callbacks that have the same places."""

    callbacks: int
    last_ms: int
    attempt_id: str
    reason: str  # why it cannot be pointed at; empty where it can
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Survey:
    total: int
    looked: int  # the newest, which were looked at
    shapes: tuple[Shape, ...]
    more_shapes: int


@dataclass(frozen=True)
class Preview:
    """What a reading would make of those that were looked at."""

    outcomes: Mapping[str, int]  # also "unreadable", and "elsewhere": they name another session
    words: Mapping[str, int]  # those that no mapping knows
    looked: int


def survey(numbers: Numbers) -> Survey:
    """Tell what shapes the newest of them have."""
    alike: dict[tuple[str, ...], list[Row]] = {}
    looked = Counter[tuple[str, ...]]()
    for row, value, reason in _values(numbers):
        found = () if reason else tuple(islice(places(value), MOST_PLACES))
        shape = (reason,) if reason else tuple(place for place, _ in found)
        looked[shape] += 1
        if looked[shape] <= AT_ONCE:
            alike.setdefault(shape, []).append((row, found))
    shapes = [
        _shape(rows, looked[shape], _why(shape))
        for shape, rows in islice(alike.items(), MOST_SHAPES)
    ]
    return Survey(count(numbers), looked.total(), tuple(shapes), len(alike) - len(shapes))


def count(numbers: Numbers) -> int:
    """Count those that are kept."""
    return int(numbers.rows("unreadable_count")[0]["n"])


def preview(numbers: Numbers, reading: Reading, mapping: Mapping[str, str]) -> Preview:
    """Tell what would become of the newest of them."""
    outcomes: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for row, value, reason in _values(numbers):
        read = None if reason else read_by(reading, value, mapping)
        if read is None:
            outcomes["unreadable"] += 1
        elif read.session_id and row["session_id"] and read.session_id != row["session_id"]:
            outcomes["elsewhere"] += 1
        else:
            outcomes[read.outcome] += 1
            if read.outcome == "other" and len(read.state) <= LONGEST_WORD:
                words[normal_word(read.state)] += 1
    return Preview(outcomes, dict(words.most_common(MOST_WORDS)), outcomes.total())


def _kept(numbers: Numbers) -> Iterator[dict[str, Any]]:
    before, size = NEWEST, 0
    while rows := numbers.rows("unreadable_callbacks", before=before, limit=AT_ONCE):
        for row in rows:
            size += len(row["body"])
            if size > MOST_BYTES:
                return
            yield row
        before = rows[-1]["id"]


def _values(numbers: Numbers) -> Iterator[tuple[dict[str, Any], Any, str]]:
    """Yield each with its value, or else with the reason why it has none."""
    for row in islice(_kept(numbers), MOST_CALLBACKS):
        try:
            yield row, value_of(row["body"]), ""
        except Unreadable as error:
            yield row, None, error.reason if row["body"] else row["reason"]


def _why(shape: tuple[str, ...]) -> str:
    """Say why nothing can be pointed at; places begin with a slash, or are the whole body's."""
    if not shape:
        return "There is nothing in it."
    return REASONS.get(shape[0], NO_BODY) if re.match(r"\w", shape[0]) else ""


def _shape(rows: list[Row], callbacks: int, reason: str) -> Shape:
    newest, found = rows[0]
    return Shape(
        callbacks=callbacks,
        last_ms=newest["received_ms"],
        attempt_id=newest["attempt_id"],
        reason=reason,
        places=tuple(
            _place(place, [(row, values[at][1]) for row, values in rows])
            for at, (place, _) in enumerate(found)
        ),
    )


def _place(place: str, values: list[tuple[dict[str, Any], Any]]) -> Place:
    """Tell a place by the values that callbacks of one shape have there."""
    shown = dict.fromkeys(_told(place, value, row) for row, value in values)
    newest = values[0][1]
    return Place(
        place,
        ", ".join(islice(shown, MOST_VALUES)) + (", …" if len(shown) > MOST_VALUES else ""),
        is_session=THE_SESSION in shown,
        may_be_state=THE_SESSION not in shown and isinstance(newest, str | int),
    )


def _told(place: str, value: Any, row: Mapping[str, Any]) -> str:
    if value == row["session_id"]:
        return THE_SESSION
    return "your reference" if value == row["reference"] else told(place, value)


def told(place: str, value: Any) -> str:
    """Tell a value where it can be a state's word; of any other its kind and length alone."""
    *around, name = place.split("/")
    parts = re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    is_private = bool(PRIVATE & {*parts}) or any(
        each.lower().removesuffix("s") in PEOPLE for each in around
    )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        text = str(value)
        return text if len(text) <= LONGEST_NUMBER and not is_private else "a number"
    if not is_private and WORD.fullmatch(value) and sum(map(str.isdigit, value)) < 5:
        return f"“{value}”"
    return "an empty text" if value == "" else f"a text of {len(value)} characters"
