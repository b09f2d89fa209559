"""Live state: who watches an attempt is woken when it changes, whichever worker changed it.

One look at the database's version serves all watchers of a worker; the events behind it say whom
to wake.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from storage.store import StorageUnavailable, Store

LOOK_EVERY_S = 0.02


class Live:
    """Wakes the watchers of this worker. `poke` after a commit of one's own spares the wait."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watchers: dict[str, set[threading.Event]] = {}
        self._position = 0
        self.closed = False
        self._wanted = threading.Event()
        self._poked = threading.Event()
        threading.Thread(target=self._run, name="live", daemon=True).start()

    @contextmanager
    def watch(self, attempt_id: str) -> Iterator[threading.Event]:
        """An event that is set whenever the attempt may have changed; the watcher clears it.

        Read the attempt after this began, so that no change is missed.
        """
        changed = threading.Event()
        if not self._watchers:
            self._position = self._store.position()
        self._watchers.setdefault(attempt_id, set()).add(changed)
        self._wanted.set()
        try:
            yield changed
        finally:
            watchers = self._watchers[attempt_id]
            watchers.discard(changed)
            if not watchers:
                del self._watchers[attempt_id]

    @property
    def watchers(self) -> int:
        """How many are watching in this worker."""
        return sum(map(len, self._watchers.values()))

    def poke(self) -> None:
        """Something was committed here."""
        if self._watchers:
            self._poked.set()

    def close(self) -> None:
        """Wake everyone for the last time: the worker is about to stop."""
        self.closed = True
        for watchers in self._watchers.values():
            for changed in watchers:
                changed.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._poked.wait(LOOK_EVERY_S)
            self._poked.clear()
            with suppress(StorageUnavailable):  # the next look may work again
                self._look()
            if not self._watchers:
                self._wanted.clear()

    def _look(self) -> None:
        if not self._store.changed():
            return
        self._position, attempt_ids = self._store.changes(self._position)
        for attempt_id in attempt_ids & self._watchers.keys():
            for changed in self._watchers[attempt_id]:
                changed.set()
