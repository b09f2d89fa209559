"""What the vendor's words mean: a table of those we know, and those that the merchant mapped."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

from proxy.upstream.readings import Reading
from storage.events import now_ms
from storage.store import StorageUnavailable, Store

# How an attempt ends, by the state's word; `opened` and `progress` end nothing. A word that is not
# here is `other`, until the merchant maps it.
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
# What a word can be mapped to. `progress`: the try-on goes on; `other` takes a mapping back.
CHOICES = ("completed", "abandoned", "failed", "cancelled", "expired", "progress", "other")
# Until every worker knows a new mapping, so that no callback falls between it and the replay.
REPLAY_AFTER_MS = 2_000
# What may stand before a word: SESSION_COMPLETED, tryon_session_completed. Nothing else may, or
# calibration_completed would be a completion, and not_completed too.
BEFORE = re.compile(r"^((try_?on|session|completion|state|status|event|user|shopper|customer)_)+")
KNOWN_FOR_S = 1.0  # a callback should cost no look at the database for what hardly ever changes


def normal_word(state: str) -> str:
    """A state's word as OUTCOMES has it: lower case, underscores for spaces and hyphens."""
    return re.sub(r"[\s-]+", "_", state.strip().lower())


def outcome_of(state: str, mapping: Mapping[str, str] = OUTCOMES) -> str:
    """Return the outcome of a state's word, or else of its last part; `other` for an unknown one.

    The last part of `tryon.session.completed`, `SESSION_COMPLETED` and `sessionCompleted`.
    """
    word = normal_word(state)
    if word not in mapping:
        word = normal_word(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", re.split(r"[.:/]", state)[-1]))
        word = BEFORE.sub("", word)
    return mapping.get(word, "other")


class Outcomes:
    """The outcome of each word, with the merchant's mapping, and how the merchant reads what we
    cannot; all workers share them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: Mapping[str, str] = OUTCOMES
        self._readings: tuple[Reading, ...] = ()
        self._known_until = 0.0

    def known(self) -> Mapping[str, str]:
        """The outcome of each known word; one that was mapped a second ago may be missing."""
        self._refresh()
        return self._known

    def readings(self) -> tuple[Reading, ...]:
        """The merchant's readings, the newest first; likewise."""
        self._refresh()
        return self._readings

    def _refresh(self) -> None:
        if time.monotonic() >= self._known_until:
            with suppress(StorageUnavailable):  # a callback is not refused for that
                self._known = MappingProxyType({**OUTCOMES, **self._store.mapping()})
                self._readings = readings_of(self._store)
            self._known_until = time.monotonic() + KNOWN_FOR_S

    def map(self, word: str, outcome: str) -> None:
        """Let a word mean an outcome of CHOICES from now on, and soon in earlier callbacks too."""
        meaning = None if outcome == "other" else outcome
        self._store.map_word(normal_word(word), meaning, now_ms() + REPLAY_AFTER_MS)
        self._known_until = 0.0

    def read_by(self, reading: Reading, words: Mapping[str, str]) -> None:
        """Read by it from now on, and soon earlier callbacks too, or undo it; words get their
        outcomes of CHOICES."""
        meanings = {
            normal_word(word): outcome for word, outcome in words.items() if outcome != "other"
        }
        self._store.keep_reading(reading._asdict(), meanings, now_ms() + REPLAY_AFTER_MS)
        self._known_until = 0.0


def readings_of(store: Store) -> tuple[Reading, ...]:
    """Return the merchant's readings, the newest first."""
    return tuple(Reading(**each) for each in store.readings())
