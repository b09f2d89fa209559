"""The vendor's contract: what is sent, what may come back, and how a completion is read.

Source: the vendor's API page. It names the session's fields exactly and the callback's only in
words ("session ID, completion state, timestamps and any configured merchant reference IDs"), so a
session is checked strictly and a callback is read in every natural spelling.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import from_json

LONGEST_WORD = 512  # characters of an id, a state or a reference
LONGEST_URL = 2_048
DEEPEST = 32  # containers inside one another
MOST_REFERENCES = 32
EARLIEST_MS = 946_684_800_000  # 2000-01-01
LATEST_MS = 4_102_444_800_000  # 2100-01-01


# --- What is sent ---------------------------------------------------------------------------------


class Asset(BaseModel):
    """Product media, or a model, to be used in a session."""

    model_config = ConfigDict(frozen=True)

    url: str
    kind: Literal["media", "model"] = "media"

    @classmethod
    def of(cls, url: str) -> "Asset":
        """The asset at a URL; what it is follows from the suffix."""
        suffix = url.partition("?")[0].rpartition(".")[2].lower()
        models = ("glb", "gltf", "usdz", "obj", "fbx", "stl", "ply")
        return cls(url=url, kind="model" if suffix in models else "media")


class SessionRequest(BaseModel):
    """The body of `POST /v1/sessions`."""

    model_config = ConfigDict(frozen=True)

    product_id: str
    category: str
    experience: Literal["browser"] = "browser"
    callback_url: str
    locale: str
    assets: tuple[Asset, ...] | None = None

    def body(self) -> bytes:
        """The documented fields as JSON; `assets` only where there are any."""
        return self.model_dump_json(exclude=None if self.assets else {"assets"}).encode()


# --- What comes back ------------------------------------------------------------------------------


def _text_only(value: object) -> object:
    """Pydantic takes a number for a time too; the vendor documents an ISO 8601 string."""
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[Tt ]", value):
        raise ValueError("must be an ISO 8601 time")
    return value


def _web_url(value: object) -> str | None:
    """A URL to show and never to fetch; whatever else stands there is dropped, not refused."""
    web = r"https?://[!-~]+"
    ok = isinstance(value, str) and len(value) <= LONGEST_URL and re.fullmatch(web, value, re.I)
    return str(value) if ok else None


class Session(BaseModel):
    """The vendor's session object. Fields that the page does not name are in `metadata`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    id: str = Field(pattern=r"^[!-~]+$", max_length=200)
    status: str = Field(min_length=1, max_length=64)
    launch_url: str = Field(max_length=LONGEST_URL)
    expires_at: Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text_only)]
    qr_code_url: Annotated[str | None, BeforeValidator(_web_url)] = None

    @property
    def metadata(self) -> dict[str, Any]:
        """The category-specific members, as they came."""
        return dict(self.model_extra or {})


LAUNCH_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?#][a-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?",
    re.IGNORECASE | re.ASCII,
)


def is_launch_url(url: str, hosts: frozenset[str], *, allow_http: bool) -> bool:
    """Whether a shopper may be sent to this URL: https, and a host that is listed exactly.

    `hosts` holds `host` (port 443) or `host:port`, in lower case. Plain http needs `allow_http` or
    a loopback host. A pattern of what is allowed, rather than a URL parser and a list of tricks:
    parsers and browsers disagree on backslashes, user names, control characters and dots.
    """
    match = LAUNCH_URL.fullmatch(url)
    if not match or len(url) > LONGEST_URL:
        return False
    host, secure = match["host"].lower(), match["scheme"].lower() == "https"
    port = int(match["port"] or (443 if secure else 80))
    if not secure and not allow_http and not _is_loopback(host):
        return False
    return (host if port == 443 else f"{host}:{port}") in hosts


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def vendor_reason(body: bytes) -> str:
    """The sentence inside an error reply, whose shape the page leaves open."""
    try:
        value = read_json(body)
    except Unreadable:
        return body.decode(errors="replace")
    for _ in range(3):  # {"error": {"message": "..."}} and flatter
        if not isinstance(value, dict):
            break
        names = ("error", "errors", "message", "detail", "reason", "title", "code")
        value = next((value[name] for name in names if value.get(name)), json.dumps(value))
    return value if isinstance(value, str) else json.dumps(value)


# --- Strict JSON ----------------------------------------------------------------------------------


class Unreadable(ValueError):
    """A body that we do not take. `reason` is the code for log, metric and receipt: not_json,
    duplicate_key, too_deep or bad_value; of a callback also not_object, no_session_id, no_state."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_json(body: bytes) -> Any:
    """The value of a JSON text (RFC 8259), or Unreadable.

    UTF-8 without BOM; no NaN or infinity, no lone surrogate, no duplicate key, no NUL in a string,
    integers below 2^64, containers at most `DEEPEST` deep. The caller bounds the body's size.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        deep = "recursion limit" in str(error)
        raise Unreadable("too_deep" if deep else "not_json") from None
    _check(value)
    if b":" in body:
        # from_json keeps the last of two equal keys without a word. The text is known to be valid
        # and shallow by now, so that the standard library's parser is safe to run over it.
        STANDARD.decode(body.decode())
    return value


def _check(value: Any, depth: int = 1) -> None:
    match value:
        case str():
            if "\0" in value:
                raise Unreadable("bad_value")
        case float():  # 1e999 is valid JSON and reads as infinity
            if value - value != 0:
                raise Unreadable("bad_value")
        case int():
            if abs(value) >= 2**64:
                raise Unreadable("bad_value")
        case list() | dict():
            if depth > DEEPEST:
                raise Unreadable("too_deep")
            for inner in value:
                _check(inner, depth + 1)
            if isinstance(value, dict):
                for inner in value.values():
                    _check(inner, depth + 1)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Unreadable("duplicate_key")


STANDARD = json.JSONDecoder(object_pairs_hook=_refuse_duplicates)


# --- The completion callback ----------------------------------------------------------------------

# How an attempt ends, by the state's word; `opened` and `progress` end nothing. Words are in lower
# case, with underscores for spaces and hyphens. A word that is not here is `other`, until the
# merchant maps it.
OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        word: outcome
        for outcome, words in {
            "completed": "complete completed success succeeded finished done",
            "abandoned": "abandon abandoned left closed exited dismissed",
            "failed": "fail failed failure error errored",
            "cancelled": "cancel cancelled canceled",
            "expired": "expired timeout timed_out",
            "opened": "opened launched started in_progress",
            "progress": "created ready",
        }.items()
        for word in words.split()
    }
)

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
    """What a callback says. Times are epoch milliseconds by the vendor's clock, for display only;
    `extra` holds every member that was not understood, as it came."""

    session_id: str
    state: str
    outcome: str
    started_at: int | None = None
    launched_at: int | None = None
    ended_at: int | None = None
    references: tuple[str, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


def read_callback(body: bytes, mapping: Mapping[str, str] = OUTCOMES) -> Completion:
    """The completion in a callback's body, or Unreadable.

    Only the session ID and the state can make it unreadable: a refused callback is lost for good,
    so an unreadable time or reference stays in `extra` and costs nothing else.
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


def normal_word(state: str) -> str:
    """A state's word as OUTCOMES has it."""
    return re.sub(r"[\s-]+", "_", state.strip().lower())


def _word(members: dict[str, Any], names: tuple[str, ...], absent: str) -> str:
    name = next((name for name in names if members.get(name) not in (None, "")), None)
    if name is None:
        raise Unreadable(absent)
    word: str = members.pop(name)
    if not _is_word(word):
        raise Unreadable("bad_value")
    return word


def _time(members: dict[str, Any], names: tuple[str, ...]) -> int | None:
    """The first readable time among these members, in epoch milliseconds."""
    for name in names:
        moment = _moment(members[name]) if name in members else None
        if moment is not None and EARLIEST_MS <= moment < LATEST_MS:
            del members[name]
            return moment
    return None


def _moment(value: Any) -> int | None:
    """ISO 8601 (without an offset: UTC), or epoch seconds or milliseconds as number or digits."""
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
    """The merchant's references from every spelling, each once: a word or a whole number, alone,
    in a list, or under names of the merchant's own."""
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
