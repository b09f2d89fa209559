"""The vendor's completion callback: read its body, and state the facts that it reports.

The vendor's API page names its fields only in words ("session ID, completion state, timestamps and
any configured merchant reference IDs"), and the URL has proved already whose callback it is. So
every natural shape is read: each field is looked for in all objects of the body, first in the one
that has most of them.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice, product
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from proxy.strict_json import Unreadable, read_json
from proxy.upstream.outcomes import OUTCOMES, outcome_of
from proxy.upstream.readings import Reading, word_at
from storage.events import EARLIEST_MS, LATEST_MS, Event, event

T = TypeVar("T")
Members = dict[str, tuple[str, Any]]  # of an object: (name, value), by the plain name

LONGEST_WORD = 512  # characters of an id, a state or a reference
MOST_REFERENCES = 32
MOST_CALLBACKS = 50  # in a body
MOST_OBJECTS = 50  # around a callback, and in it
DEEPEST = 3  # objects around an object
TOLERANCE_MS = 600_000  # of the vendor's clock

# Plain names: lower case, without _ and -; a member of an object may have that one's name
# before its own. Of several the first is taken, and the others stay in `extra`.
SESSION_ID = ("sessionid", "session", "tryonsessionid", "tryonsession")
ID = ("id",)  # of the session, or of the callback itself
STATE = tuple(
    f"{of}{word}{part}"
    for part, of, word in product(
        ("", "name", "code"), ("completion", "session", ""), ("state", "status")
    )
)
KIND = ("eventtype", "eventname", "event", "type")  # its last part may be the state
SENDING = ("sending status",)  # what a status is called that an envelope has of its own sending
STARTED = ("startedat",)
LAUNCHED = ("launchedat",)
ENDED = ("completedat", "endedat", "finishedat")
REFERENCES = tuple(
    map("".join, product(("merchantreference", "reference"), ("ids", "id", "s", "")))
)
FIELDS = frozenset((*SESSION_ID, *ID, *STATE, *STARTED, *LAUNCHED, *ENDED, *REFERENCES))
# Objects with a state that is not the session's.
OTHERS = {"asset", "client", "customer", "device", "error", "item", "order", "product", "user"}
ENVELOPES = {"body", "data", "payload", "response", "result"}
SENT = {"ok", "success", "fail", "error"}  # as JSend has it
FORM = re.compile(rb"[\w.\[\]%+-]+=[!-~]*")
BOM = b"\xef\xbb\xbf"


class Completion(NamedTuple):
    """A callback's content.

    Times are epoch milliseconds by the vendor's clock, for display only. `extra` holds every member
    that was not understood, as it came, of the object that has most fields.
    """

    state: str
    outcome: str
    session_id: str | None = None  # None: the URL alone says which
    ids: tuple[str, ...] = ()  # then these may be the session's, or the callback's own
    started_at: int | None = None
    launched_at: int | None = None
    ended_at: int | None = None
    references: tuple[str, ...] = ()
    extra: Mapping[str, Any] = MappingProxyType({})


def read_callbacks(
    body: bytes, mapping: Mapping[str, str] = OUTCOMES, readings: Sequence[Reading] = ()
) -> list[Completion]:
    """Read a body: a callback, or a list of several, of which those count that can be read.

    Only the session ID and the state can make one unreadable: a refused callback is lost for good,
    so an unreadable time or reference stays in `extra` and costs nothing else. What cannot be read
    is read as the merchant says.

    :raises Unreadable: with the reason; none can be read.
    """
    value = value_of(body)
    try:
        return _read_all(value, mapping)
    except Unreadable:
        for reading in readings:
            if not reading.undone and (completion := read_by(reading, value, mapping)):
                return [completion]
        raise


def read_by(reading: Reading, value: Any, mapping: Mapping[str, str]) -> Completion | None:
    """Read a body as the merchant says; None where it has no word there."""
    state = word_at(value, reading.state)
    if not _is_word(state):
        return None
    session = None if reading.session is None else word_at(value, reading.session)
    if reading.session is not None and not _is_word(session):
        return None
    return Completion(str(state), outcome_of(str(state), mapping), session)


def _read_all(value: Any, mapping: Mapping[str, str]) -> list[Completion]:
    completions, reason = [], "not_object"
    for objects in _callbacks(value):
        try:
            completions.append(_Reader(objects).read(mapping))
        except Unreadable as error:
            reason = error.reason
    if not completions:
        raise Unreadable(reason)
    return completions


def value_of(body: bytes) -> Any:
    """Parse JSON, or a form.

    :raises Unreadable: it is neither.
    """
    text = body.removeprefix(BOM).strip()
    if not FORM.fullmatch(text):
        return read_json(text)
    try:
        fields = parse_qsl(text.decode(), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Unreadable("not_json") from None
    if len(dict(fields)) < len(fields):
        raise Unreadable("duplicate_key")
    return read_json(json.dumps({_last(name): value for name, value in fields}).encode())


def _last(name: str) -> str:
    """Return the name of a form's field without those of the objects around it: data[session][id]
    is an id. What is another's, such as product[status], keeps them."""
    *around, last = re.split(r"[\[\]]+", name.rstrip("]"))
    return name if around and _is_anothers(around[-1].lower()) else last


def _is_anothers(plain: str) -> bool:
    return plain.removesuffix("s") in OTHERS


def _callbacks(value: Any) -> list[list[Members]]:
    """List the objects of each callback: of one in a list also those that are around it."""
    objects, lists = _look_into(value)
    if not lists or (_have(objects, SESSION_ID) and _have(objects, STATE)):
        return [objects] if objects else []
    if len(lists[0]) > MOST_CALLBACKS:
        raise Unreadable("too_many")
    return [[*map(dict, objects), *_look_into(each)[0]] for each in lists[0]]


def _look_into(value: Any) -> tuple[list[Members], list[list[Any]]]:
    """Return the objects that stand one in another, outermost first, and lists of several."""
    objects, lists = [], []
    inside = [("", 0, value)]  # grows
    for of, depth, each in islice(inside, MOST_OBJECTS):
        found = [one for one in each if isinstance(one, dict)] if isinstance(each, list) else [each]
        if len(found) > 1:
            lists.append(found)
        elif found and isinstance(found[0], dict) and depth <= DEEPEST:
            members = {_plain(name, of): (name, found[0][name]) for name in reversed(found[0])}
            objects.append(members)
            inside += [
                (plain, depth + 1, inner)
                for plain, (_, inner) in reversed(members.items())
                if isinstance(inner, dict | list) and not _is_anothers(plain)
            ]
    return objects, lists


def _have(objects: Sequence[Members], names: Sequence[str]) -> bool:
    return any(name in members for members in objects for name in names)


def _plain(name: str, of: str) -> str:
    plain = name.replace("_", "").replace("-", "").lower()
    return of + plain if of and of + plain in FIELDS else plain


class _Reader:
    """Takes the fields of a callback out of its objects."""

    def __init__(self, objects: Sequence[Members]) -> None:
        for members in objects:
            if "status" in members and _is_envelope(members) and _is_sent(members["status"][1]):
                members[SENDING[0]] = members.pop("status")
        self._objects = objects if len(objects) == 1 else sorted(objects, key=_fields, reverse=True)

    def read(self, mapping: Mapping[str, str]) -> Completion:
        session_id = self._take(SESSION_ID, _session_id)
        state = self._take(STATE, _word) or self._implied_state(mapping)
        return Completion(
            state=state,
            outcome=outcome_of(state, mapping),
            session_id=session_id,
            ids=() if session_id else tuple(self._words(ID)),
            started_at=self._take(STARTED, _moment),
            launched_at=self._take(LAUNCHED, _moment),
            ended_at=self._take(ENDED, _moment),
            references=self._references(),
            extra=dict(self._objects[0].values()),
        )

    def _take(self, names: Sequence[str], read: Callable[[Any], T | None]) -> T | None:
        """Take away the first member of these names that can be read, and return its value."""
        for members in self._objects:
            for name in names:
                if name in members and (value := read(members[name][1])) is not None:
                    del members[name]
                    return value
        return None

    def _words(self, names: Sequence[str]) -> list[str]:
        found = [members[name][1] for members in self._objects for name in names if name in members]
        return [*filter(_is_word, found)]

    def _implied_state(self, mapping: Mapping[str, str]) -> str:
        """Return the kind of event, if it is known for a state; else the word of a flag; else that
        of an envelope."""
        kinds = self._words(KIND)
        known = [kind for kind in kinds if outcome_of(kind, mapping) != "other"]
        for word in (*known, *self._flags(mapping), *self._words(SENDING), *kinds):
            return word
        raise Unreadable("no_state")

    def _flags(self, mapping: Mapping[str, str]) -> list[str]:
        """List known words that are names of what is true, or else false; an envelope's last."""
        flags = [
            (word, members[name][1])
            for members, word in product(sorted(self._objects, key=_is_envelope), mapping)
            for name in (_plain(word, ""), _plain(f"is{word}", ""))
            if name in members
        ]
        raised = [word for word, flag in flags if flag in (True, "true")]
        return raised or [f"{word}: false" for word, flag in flags if flag in (False, "false")]

    def _references(self) -> tuple[str, ...]:
        """Collect the merchant's references from every spelling, each once.

        A reference is a word or a whole number: alone, in a list, or under the merchant's own
        names.
        """
        found: dict[str, None] = {}
        there = [(each, name) for each in self._objects for name in REFERENCES if name in each]
        for members, name in there:
            value = members[name][1]
            values = list(value.values()) if isinstance(value, dict) else value
            words: list[Any] = [
                str(word) if type(word) is int else word
                for word in (values if isinstance(values, list) else [values])
            ]
            if words and all(map(_is_word, words)) and len(found) + len(words) <= MOST_REFERENCES:
                found |= dict.fromkeys(words)
                del members[name]
        return tuple(found)


def _fields(members: Members) -> int:
    return len(FIELDS & members.keys())


def _is_envelope(members: Members) -> bool:
    return any(isinstance(members[name][1], dict | list) for name in ENVELOPES & members.keys())


def _is_sent(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in SENT


def _is_word(value: Any) -> bool:
    short = isinstance(value, str) and len(value) <= LONGEST_WORD
    return short and value.isprintable() and value.strip() != ""


def _word(value: Any) -> str | None:
    return value if _is_word(value) else None


def _session_id(value: Any) -> str | None:
    """Read a session's ID, which is ours or a mistake; an object that has it is looked into."""
    inner = value[0] if value and isinstance(value, list) else value
    if not inner or isinstance(inner, dict):
        return None
    if not _is_word(value):
        raise Unreadable("bad_value")
    return str(value)


def _moment(value: Any) -> int | None:
    """Read ISO 8601 (without an offset: UTC), or epoch seconds or milliseconds."""
    try:
        if isinstance(value, str) and "-" in value:
            time = datetime.fromisoformat(value)
            seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        else:
            seconds = float(value)
        # Seconds pass 10^11 in the year 5138; milliseconds passed it in 1973.
        moment = round(seconds * 1000 if abs(seconds) < 10**11 else seconds)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if EARLIEST_MS <= moment < LATEST_MS else None


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
        key=f"callback:{attempt_id}:{completion.session_id or ''}:{completion.state}",
        occurred_ms=ended_ms if sane else received_ms,
        session_id=completion.session_id,
        ids=list(completion.ids) or None,
        state=completion.state,
        outcome=completion.outcome,
        references=list(completion.references) or None,
        extra=dict(completion.extra) or None,
    )


def read_receipt(
    attempt_id: str,
    received_ms: int,
    body: bytes,
    mapping: Mapping[str, str],
    readings: Sequence[Reading] = (),
) -> list[Event]:
    """Read a stored callback again; an empty list where it is still not readable.

    What readings said that were undone is said to be taken back.
    """
    read: list[Completion] = []
    with suppress(Unreadable):
        read = read_callbacks(body, mapping, readings)
    events = [callback_event(attempt_id, received_ms, completion) for completion in read]
    said = {event.key for event in events}
    undone = [reading for reading in readings if reading.undone]
    if undone:
        with suppress(Unreadable):
            value = value_of(body)
            for completion in filter(None, (read_by(each, value, mapping) for each in undone)):
                back = completion._replace(outcome="progress")
                event = callback_event(attempt_id, received_ms, back)
                if event.key not in said:
                    events.append(event._replace(props={**event.props, "taken_back": 1}))
    return events
