"""Group commit: entries that wait are stored in one transaction.

While one commit is syncing, the next entries gather. Under gevent the commit runs on a real thread
(`offload`), so that an fsync stalls no stream.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from storage.events import Entry
from storage.store import Committed, StorageUnavailable

Commit = Callable[[Sequence[Entry]], list[Committed | Exception]]
Offload = Callable[[Commit, Sequence[Entry]], list[Committed | Exception]]

log = logging.getLogger("tryon.writer")

BATCH = 256  # entries a transaction at most
# Longer than the store itself waits for a lock, and short enough for a vendor's own patience.
PATIENCE_S = 8.0
CAPACITY = 8_192  # entries waiting at most, about 50 MB of the largest callbacks


class _Waiting:
    """An entry, and the place of its result."""

    __slots__ = ("done", "entry", "result")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.done = threading.Event()
        self.result: Committed | Exception | None = None


class Writer:
    """Commits what is handed in, in order. One for each worker."""

    def __init__(
        self,
        commit: Commit,
        offload: Offload = lambda commit, entries: commit(entries),
        capacity: int = CAPACITY,
        on_commit: Callable[[], None] = lambda: None,
        patience_s: float = PATIENCE_S,
        holder: Callable[[], str] = lambda: "",
    ) -> None:
        self._commit = commit
        self._offload = offload
        self._capacity = capacity
        self._on_commit = on_commit
        self._patience_s = patience_s
        self._holder = holder
        self._queue: deque[_Waiting] = deque()
        self._filled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """The number of entries that wait for the next commit."""
        return len(self._queue)

    def submit(self, entry: Entry) -> Committed:
        """Wait until an entry is on disk.

        :raises StorageUnavailable: it is not stored. Where the wait was too long it still may be,
            which harms nothing: sent again it is the same.
        :raises Conflict: it cannot be stored beside what is there.
        """
        if len(self._queue) >= self._capacity:
            raise StorageUnavailable("too many writes are waiting")
        waiting = _Waiting(entry)
        self._queue.append(waiting)
        self._filled.set()
        if not waiting.done.wait(self._patience_s):
            raise StorageUnavailable(f"no commit within {self._patience_s:g} s{self._holder()}")
        if isinstance(waiting.result, Committed):
            return waiting.result
        raise waiting.result or StorageUnavailable("the writer has stopped")

    def _run(self) -> None:
        while True:
            self._filled.wait()
            self._filled.clear()
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
                for waiting, result in zip(batch, self._results(batch), strict=True):
                    waiting.result = result
                    waiting.done.set()
                try:
                    self._on_commit()
                except Exception:  # what is waiting must not wait for ever
                    log.exception("after a commit")

    def _results(self, batch: list[_Waiting]) -> Sequence[Committed | Exception]:
        try:
            return self._offload(self._commit, [waiting.entry for waiting in batch])
        except Exception as error:
            return [error] * len(batch)
