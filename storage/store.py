"""The protocols of a store, whatever database is behind it: all that `proxy` may call.

All times are epoch milliseconds, all days the shop's, as YYYY-MM-DD. What cannot be done for want
of the database raises StorageUnavailable, whatever it is.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from storage.events import Entry, Event
from storage.funnel import Attempt
from storage.numbers import Numbers


class StorageUnavailable(Exception):
    """The disk is full, the database locked, read-only or damaged; nothing was stored."""


class FilesGone(StorageUnavailable):
    """A file was deleted or replaced while it was open: others who open it find another."""


class DatabaseGone(FilesGone):
    """It is one of the database's own: what is committed to it ends with the process."""


class Damaged(StorageUnavailable):
    """The database's file cannot be read, or not all of it; `what` says why."""

    def __init__(self, what: str) -> None:
        super().__init__(f"damaged: {what}; restore with `tryon restore FILE`")


class Conflict(Exception):
    """This entry cannot be stored beside what is there, such as a second use of a session ID."""


class Committed(NamedTuple):
    """The result of a stored entry."""

    attempt: Attempt | None  # as it stands after the entry; None where it belongs to none
    fresh: bool  # False: every event of it had been stored before
    verdict: str | None  # of its receipt


class Changes(NamedTuple):
    """The attempts that the events after a position changed."""

    position: int
    attempt_ids: frozenset[str]


class Store(Protocol):
    """Durable facts, and what follows from them."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone that it was opened with."""

    @property
    def damage(self) -> str:
        """What was found damaged since it was opened; "" if nothing was. Other rows may be well."""

    def commit(self, entries: Sequence[Entry]) -> list[Committed | Exception]:
        """Store entries in one transaction, synced to disk when this returns.

        An entry that cannot be stored (Conflict, or what its data raised) spares the others.

        :raises StorageUnavailable: nothing was stored, of any of them.
        """

    def check(self) -> None:
        """Look whether what is stored now would last; a matter of microseconds.

        :raises StorageUnavailable: it would not.
        """

    def attempt(self, attempt_id: str) -> Attempt | None: ...
    def attempt_by_public_id(self, public_id: str) -> Attempt | None: ...
    def attempt_by_launch_key(self, launch_key: str) -> Attempt | None: ...
    def attempt_by_click(self, click_id: str) -> Attempt | None: ...

    def numbers(self) -> AbstractContextManager[Numbers]:
        """Read one state of the store, however long that takes; writers are not held off."""

    def position(self) -> int:
        """Return where the events end now; a start for `changes`."""

    def changed(self) -> bool:
        """Tell whether anything may have been stored since the last call. Cheap."""

    def changes(self, position: int) -> Changes: ...

    def due(self, now_ms: int, limit: int) -> list[str]:
        """List attempts whose session's time is over, and which have not ended."""

    def created_since(self, day: str) -> int:
        """Count the sessions created on a day and after it.

        Those that may have been are counted too: no answer came, or a wrong one.
        """

    def mapping(self) -> dict[str, str]:
        """The vendor's words that the merchant has mapped, and their outcomes."""

    def map_word(self, word: str, outcome: str | None, replay_ms: int) -> None:
        """Let a word mean an outcome from now on; None takes the mapping back.

        At `replay_ms` a job reads stored callbacks again.
        """

    def readings(self) -> list[dict[str, Any]]:
        """How the merchant says that callbacks are read, as it was kept, the newest first."""

    def keep_reading(
        self, reading: dict[str, Any], words: Mapping[str, str], replay_ms: int
    ) -> None:
        """Keep a reading in the place of one with the same `state` and `session`, and let words
        mean outcomes, in one step. At `replay_ms` a job reads stored callbacks again.
        """

    def holder(self) -> str:
        """Say which process holds writers off, to end a sentence; empty where none is known to."""

    def touched_within(self, seconds: float) -> bool:
        """Tell whether an empty entry was stored so lately, by any worker."""

    def claim(self, key: str) -> AbstractContextManager[bool]:
        """Hold `key` as long as the context lasts; False if another worker holds it."""

    def free_bytes(self) -> int:
        """Return the free space where it writes, in bytes."""

    def close(self) -> None: ...


class Job(NamedTuple):
    """A command to be run by whichever worker is first, at a moment or after it."""

    command: str  # of `tryon`
    due_ms: int


class Jobs(Protocol):
    """Jobs that wait in the database until one worker has done them: one for each command."""

    def put(self, job: Job) -> None:
        """Add a job, in the place of one with the same command."""

    def waiting(self) -> list[Job]:
        """List all jobs, the first that is due first."""

    def done(self, job: Job) -> None:
        """Strike a job off, unless it was put anew while it was done."""


class Limit(NamedTuple):
    """So many in a window, which begins with its first take."""

    key: str
    most: int
    until_ms: int  # the end of a window that would begin now


class Taken(NamedTuple):
    """What came of a take."""

    counts: dict[str, int]  # of the limits in which it was counted, by key
    full: dict[str, int]  # milliseconds until each full one ends; empty: it was counted in all


class Counters(Protocol):
    """Named integers that all workers share, each good until a moment."""

    def take(self, now_ms: int, *groups: Sequence[Limit]) -> Taken:
        """Count one in each limit, in one step over all workers.

        A group is counted whole or not at all, and none after the first that has a full limit. An
        end that is far later than one set now would be was set by a clock that ran ahead: that
        window is over.
        """

    def full(self, now_ms: int, limits: Sequence[Limit]) -> dict[str, int]:
        """Return the milliseconds until each full limit ends; nothing is counted."""

    def add(self, key: str, amount: int, until_ms: int, now_ms: int) -> None:
        """Add to a counter and move its end; a counter past its end starts at 0."""

    def agree(self, key: str, value: int, until_ms: int, now_ms: int) -> tuple[int, int]:
        """Return (value, until_ms) of the first that proposed one, among all workers."""

    def under(self, prefix: str, now_ms: int, also: str = "") -> dict[str, tuple[int, int]]:
        """Return (value, until_ms) of each counter whose key starts like this, unless past.

        `also` is one more key.
        """

    def put(self, key: str, value: int, until_ms: int) -> None:
        """Set a counter, whatever it was."""

    def seed(self, key: str, value: int, until_ms: int, now_ms: int) -> None:
        """Raise a counter to at least `value`."""

    def drop(self, *keys: str) -> None:
        """Forget counters."""

    def prune(self, now_ms: int, keep: str) -> None:
        """Delete what is past its end, but for the keys that begin with `keep`."""

    def close(self) -> None: ...


class Difference(NamedTuple):
    """A stored value that the events do not give."""

    table: str
    key: tuple[Any, ...]
    column: str
    stored: Any  # None: there is no such row
    recounted: Any  # None: there should be none


Progress = Callable[[int], None]  # called with the number of further rows done
# The callback events that a body states, from (attempt_id, received_ms, body); none where there is
# no reading it.
Read = Callable[[str, int, bytes], Sequence[Event]]


def quiet(_: int) -> None:
    """Ignore progress."""


class Maintenance(Protocol):
    """Work on a whole store, beside the workers and in a process of its own.

    All of it may be killed and run again, and holds writers off for moments only.
    """

    def count(self, table: str) -> int:
        """Count the rows of events or receipts."""

    def integrity(self) -> list[str]:
        """List what the database itself finds wrong with its file."""

    def verify(self, progress: Progress = quiet) -> list[Difference]:
        """Recount all that is not purged, and say what differs."""

    def rebuild(self, progress: Progress = quiet) -> None:
        """Put right whatever `verify` would find.

        :raises StorageUnavailable: an event cannot be read; what it belongs to is as it was.
        """

    def ensure_timezone(self) -> bool:
        """Count by the days of the store's zone from now on.

        True where it was another's before: what is counted already moves with a job, a rebuild.
        """

    def purge(self, before_day: str, progress: Progress = quiet) -> int:
        """Delete the raw rows of all days before a day, and return how many; totals stay.

        :raises ValueError: it is no day, or one to come, whose clicks would be refused as too old.
        """

    def erase(self, reference: str) -> int:
        """Forget every attempt with a reference, in the totals too; return how many.

        :raises StorageUnavailable: a copy of it is on the disk still; erase it again.
        """

    def replay(self, read: Read, progress: Progress = quiet) -> int:
        """Read stored callbacks again; return how many now say something else."""


class Engine(NamedTuple):
    """The database program behind the store, for `tryon doctor`."""

    found: str
    mend: str  # what to do about it; empty where it is as it should be
