"""What a store does, whatever database is behind it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from storage.events import Entry
from storage.funnel import Attempt


class StorageUnavailable(Exception):
    """Nothing was stored: the disk is full, the database locked, read-only or damaged."""


class Conflict(Exception):
    """This entry cannot be stored beside what is there, such as a second use of a session ID."""


class Committed(NamedTuple):
    """What became of an entry, durably."""

    attempt: Attempt | None  # as it stands after the entry; None where it belongs to none
    fresh: bool  # False: every event of it had been stored before
    verdict: str | None  # of its receipt


class Changes(NamedTuple):
    """What the events after a position did."""

    position: int
    attempt_ids: frozenset[str]


Progress = Callable[[int], None]  # called with the number of further rows done


class Store(Protocol):
    """Durable facts, and what follows from them. All times in epoch milliseconds."""

    def commit(self, entries: Sequence[Entry]) -> list[Committed | Exception]:
        """Store entries in one transaction, synced to disk when this returns.

        An entry that cannot be stored (Conflict, or what its data raised) spares the others.

        :raises StorageUnavailable: nothing was stored, of any of them.
        """

    def attempt(self, attempt_id: str) -> Attempt | None: ...
    def attempt_by_public_id(self, public_id: str) -> Attempt | None: ...
    def attempt_by_launch_key(self, launch_key: str) -> Attempt | None: ...
    def attempt_by_click(self, click_id: str) -> Attempt | None: ...

    def position(self) -> int:
        """Where the events end now; a start for `changes`."""

    def changed(self) -> bool:
        """Whether anything may have been stored since this was last asked. Cheap."""

    def changes(self, position: int) -> Changes: ...

    def due(self, now_ms: int, limit: int) -> list[str]:
        """Attempts whose session's time is over, and which have not ended."""

    def created_since(self, day: str) -> int:
        """Sessions created on a day and after it, or that may have been: no answer came, or a wrong
        one."""

    def claim(self, key: str) -> AbstractContextManager[bool]:
        """Whether this process, of all workers, holds `key` as long as the context lasts."""

    def close(self) -> None: ...
