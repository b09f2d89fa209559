"""What the vendor's words mean: those we know, and those that the merchant has mapped."""

import json
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from types import MappingProxyType

from proxy.contract import OUTCOMES, Completion, Unreadable, normal_word, read_callback
from storage.connection import Error, connect
from storage.events import Event, event
from storage.sqlite import SQLiteStore
from storage.store import StorageUnavailable

# `progress` says that the try-on goes on; `other` takes a mapping back.
CHOICES = ("completed", "abandoned", "failed", "cancelled", "expired", "progress", "other")
TOLERANCE_MS = 600_000  # of the vendor's clock
KNOWN_FOR_S = 1.0  # a callback should cost no look at the database for what hardly ever changes


class Words:
    """The words of one store. The mapping stands in the database, so that all workers share it."""

    def __init__(self, store: SQLiteStore) -> None:
        self._store = store
        self._outcomes: Mapping[str, str] = OUTCOMES
        self._known_until = 0.0

    def outcomes(self) -> Mapping[str, str]:
        """The outcome of each word; what was mapped a second ago may be missing."""
        if time.monotonic() >= self._known_until:
            with suppress(StorageUnavailable):  # a callback is not refused for that
                self._outcomes = MappingProxyType({**OUTCOMES, **self.mapped()})
            self._known_until = time.monotonic() + KNOWN_FOR_S
        return self._outcomes

    def mapped(self) -> dict[str, str]:
        """What the merchant has mapped."""
        rows = self._store.read("SELECT value FROM meta WHERE key = 'mapping'")
        return dict(json.loads(rows[0][0])) if rows else {}

    def map(self, word: str, outcome: str) -> None:
        """Let a word mean an outcome of CHOICES from now on.

        On a connection of its own: the store's is the writer's, which may be within a commit.
        """
        try:
            with closing(connect(self._store.path)) as db:
                db.execute("BEGIN IMMEDIATE")
                row = db.execute("SELECT value FROM meta WHERE key = 'mapping'").fetchone()
                mapped = json.loads(row[0]) if row else {}
                mapped[normal_word(word)] = outcome
                kept = {word: outcome for word, outcome in mapped.items() if outcome != "other"}
                text = json.dumps(kept, sort_keys=True, ensure_ascii=False)
                db.execute("INSERT OR REPLACE INTO meta VALUES ('mapping', ?)", (text,))
                db.execute("COMMIT")
        except Error as error:
            raise StorageUnavailable(str(error)) from error
        self._known_until = 0.0

    def read_again(self, attempt_id: str, received_ms: int, body: bytes) -> Event | None:
        """What a stored callback states by now; None where it is not readable."""
        try:
            completion = read_callback(body, self.outcomes())
        except Unreadable:
            return None
        return callback_event(attempt_id, received_ms, completion)


def callback_event(attempt_id: str, received_ms: int, completion: Completion) -> Event:
    """The fact that a callback states. Its key has no timestamps: a redelivery may differ."""
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
