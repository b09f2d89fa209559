"""The vendor's memory: its sessions, their callbacks, and the count of its calls."""

import math
import secrets
import threading
import time
from collections import Counter, OrderedDict
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from flask import current_app

from simulator.scenarios import Scenario

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MOST = 100_000  # sessions, and products whose calls are counted; the oldest are forgotten first
MOST_DELIVERIES = 100  # for each session

# Metadata of each category's sessions: the vendor's page promises some and names none.
CATEGORIES: dict[str, dict[str, Any]] = {
    "footwear": {"tracking": "feet", "both_sides": True},
    "eyewear": {"tracking": "face", "pupil_distance": "measured"},
    "headwear": {"tracking": "head"},
    "watches": {"tracking": "wrist"},
    "jewelry": {"tracking": "neck"},
    "apparel": {"tracking": "body", "full_length": False},
}


def timestamp(seconds: float) -> str:
    """Format epoch seconds as the vendor writes times: whole seconds, UTC, with a Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id() -> str:
    """Make "tsn_" and a ULID: 48 bits of milliseconds, 80 of chance, as 26 Crockford letters."""
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    return "tsn_" + "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


@dataclass
class Delivery:
    """A callback that was sent, and the answer of the merchant's server."""

    body: str
    at: str
    status: int | None = None
    duration_ms: int | None = None
    error: str | None = None


@dataclass
class Session:
    """A try-on. Times are epoch seconds."""

    product_id: str
    category: str
    locale: str
    callback_url: str
    merchant_reference: str | None
    base_url: str
    scenario: Scenario
    id: str = field(default_factory=new_id)
    created_at: float = field(default_factory=time.time)
    state: str = "ready"
    started_at: float | None = None
    completed_at: float | None = None
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def expires_at(self) -> float:
        return math.ceil(self.created_at + self.scenario.lifetime)

    @property
    def over(self) -> bool:
        return self.completed_at is not None

    def document(self) -> dict[str, Any]:
        """Return the session object of the API, in the order of the vendor's example."""
        return {
            "id": self.id,
            "status": self.state,
            "launch_url": f"{self.base_url}/s/{self.id}",
            "expires_at": timestamp(self.expires_at),
            "qr_code_url": f"{self.base_url}/qr/{self.id}.png",
            "metadata": {"category": self.category, **CATEGORIES[self.category]},
        }

    def record(self) -> dict[str, Any]:
        """Return all that the console shows of it."""
        return self.document() | {
            "product_id": self.product_id,
            "category": self.category,
            "locale": self.locale,
            "state": self.state,
            "callback_url": self.callback_url,
            "merchant_reference": self.merchant_reference,
            "scenario": self.scenario.about,
            "created_at": timestamp(self.created_at),
            "deliveries": [asdict(delivery) for delivery in self.deliveries],
        }


class Vendor:
    """The simulator's state. Any method may be called from any thread."""

    def __init__(self, *, token: str, base_url: str, callback_secret: str | None) -> None:
        self.token = token
        self.base_url = base_url
        self.callback_secret = callback_secret
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self.outage: str | None = None  # a scenario's name: every call gets that one
            self._sessions: OrderedDict[str, Session] = OrderedDict()
            self._calls: OrderedDict[str, Counter[str]] = OrderedDict()

    def keep(self, session: Session) -> None:
        with self._lock:
            self._sessions[session.id] = session
            if len(self._sessions) > MOST:
                self._sessions.popitem(last=False)

    def find(self, session_id: str) -> Session | None:
        with self._lock:
            return self._sessions.get(session_id)

    def newest(self, count: int) -> list[Session]:
        with self._lock:
            return list(islice(reversed(self._sessions.values()), count))

    def start(self, session: Session) -> bool:
        """Record a launch; true the first time."""
        with self._lock:
            if session.started_at is not None:
                return False
            session.started_at = time.time()
            session.state = "started"
            return True

    def end(self, session: Session, state: str) -> bool:
        """Record the try-on's ending; true the first time."""
        with self._lock:
            if session.over:
                return False
            session.state, session.completed_at = state, time.time()
            return True

    def note(self, session: Session, delivery: Delivery) -> None:
        with self._lock:
            session.deliveries.append(delivery)
            del session.deliveries[:-MOST_DELIVERIES]

    def count(self, product_id: str, what: str) -> int:
        """Count "calls" or an answered status for a product; return the new count."""
        with self._lock:
            counts = self._calls.setdefault(product_id, Counter())
            counts[what] += 1
            if len(self._calls) > MOST:
                self._calls.popitem(last=False)
            return counts[what]

    def counts(self) -> dict[str, Any]:
        with self._lock:
            by_product = {product_id: dict(counts) for product_id, counts in self._calls.items()}
            sessions = len(self._sessions)
        total = sum((Counter(counts) for counts in by_product.values()), Counter())
        return {
            "calls": total.pop("calls", 0),
            "by_status": dict(sorted(total.items())),
            "by_product": by_product,
            "sessions": sessions,
        }


def the_vendor() -> Vendor:
    """Return the vendor of the app that is answering."""
    vendor: Vendor = current_app.extensions["vendor"]
    return vendor
