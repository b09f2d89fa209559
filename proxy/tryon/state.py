"""An attempt seen from outside: its state, its links, and the JSON that the button reads."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field
from typing_extensions import TypedDict  # pydantic reads the standard one from Python 3.12 on

from proxy.tryon.keys import TOKEN_LENGTH
from proxy.tryon.qr import QR, LinkCodes
from storage.events import now_ms
from storage.funnel import Attempt

QR_MARK = "?q"  # tells a scan from a tap

# Of a word of the vendor's that nobody knows, a shopper learns that the try-on is over.
STATES = {"other": "ended", "create_failed": "failed"}
TERMINAL = frozenset({"completed", "abandoned", "failed", "ended", "expired", "cancelled"})
ENDED = sorted(TERMINAL)


class SessionView(TypedDict):
    """The members of `GET /sessions/<id>` and of each Server-Sent Event."""

    id: str
    state: Annotated[str, Field(json_schema_extra={"enum": ["waiting", "opened", *ENDED]})]
    reason: str | None
    product_id: str
    category: str
    launch_url: str
    handoff_url: str
    status_url: str
    events_url: str
    expires_at: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None


class QRPicture(TypedDict):
    """A code to draw in a square of `size` units: `path` is SVG, to be filled with black."""

    size: int
    path: str


class Merchant(TypedDict):
    name: str


class SessionAnswer(SessionView):
    """What `POST /sessions` answers: the view, and what the button draws its dialog with."""

    reused: bool
    expires_in: Annotated[int | None, Field(description="Seconds.")]
    title: str | None
    image_url: str | None
    qr: QRPicture
    merchant: Merchant


def state(attempt: Attempt, at_ms: int | None = None) -> str:
    """Return waiting, opened, or one of TERMINAL. Expiry counts before it is recorded."""
    if attempt.outcome != "open":
        return STATES.get(attempt.outcome, attempt.outcome)
    if attempt.expires_ms is not None and attempt.expires_ms <= (at_ms or now_ms()):
        return "expired"
    return "waiting" if attempt.opened_ms is None else "opened"


def etag(attempt: Attempt) -> str:
    """Return a tag that differs whenever the view does."""
    return f"{state(attempt)}-{attempt.ended_ms or attempt.opened_ms or 0}"


def iso(at_ms: int | None) -> str | None:
    """Write a time as RFC 3339 in UTC, to the second."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms // 1000, UTC).isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=4)
def codes(public_url: str) -> LinkCodes:
    """Prepare the QR codes of launch links: a seventh of a second, which the master spends once for
    all workers."""
    return LinkCodes(f"{public_url}/go/", TOKEN_LENGTH, QR_MARK)


class Links:
    """The links of an attempt, all built from the public URL, and the QR of its launch link."""

    def __init__(self, public_url: str) -> None:
        self.public_url = public_url
        self._codes = codes(public_url)

    def go(self, attempt: Attempt) -> str:
        return f"{self.public_url}/go/{attempt.launch_key}"

    def qr(self, attempt: Attempt) -> str:
        """The link inside the QR."""
        return self.go(attempt) + QR_MARK

    def code(self, attempt: Attempt) -> QR:
        return self._codes.code(attempt.launch_key or "")

    def handoff(self, attempt: Attempt) -> str:
        return f"{self.public_url}/handoff/{attempt.public_id}"

    def challenge(self, click: Mapping[str, str]) -> str:
        """The page where a person passes a challenge, and from which their click goes on."""
        return f"{self.public_url}/challenge?{urlencode(click)}"

    def status(self, attempt: Attempt) -> str:
        return f"{self.public_url}/sessions/{attempt.public_id}"


def view(attempt: Attempt, links: Links) -> SessionView:
    return {
        "id": attempt.public_id or "",
        "state": state(attempt),
        "reason": attempt.reason,
        "product_id": attempt.product_id,
        "category": attempt.category,
        "launch_url": links.go(attempt),
        "handoff_url": links.handoff(attempt),
        "status_url": links.status(attempt),
        "events_url": f"{links.status(attempt)}/events",
        "expires_at": iso(attempt.expires_ms),
    }
