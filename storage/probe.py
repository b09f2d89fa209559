"""Find out whether a store can write, as often as anybody asks and at little cost."""

import time

from storage.events import Entry
from storage.store import StorageUnavailable, Store
from storage.writer import Writer

PERIOD_S = 1.0


class Probe:
    """Writes once a second at most, all workers together: what one wrote, the others see."""

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store = store
        self._writer = writer
        self._failure: StorageUnavailable | None = None
        self._good_until = 0.0

    def failure(self) -> StorageUnavailable | None:
        """Return why nothing can be stored, as of a second ago at most; None where it can."""
        try:
            self._store.check()  # which writes nothing, and is asked each time
        except StorageUnavailable as error:
            return error
        if time.monotonic() >= self._good_until:
            # Set before the look, so that who asks meanwhile gets the answer before it.
            self._good_until = time.monotonic() + PERIOD_S
            self._failure = self._look()
        return self._failure

    def _look(self) -> StorageUnavailable | None:
        try:
            with self._store.claim("probe") as mine:
                if not mine:
                    return self._failure
                if not self._store.touched_within(PERIOD_S):
                    self._writer.submit(Entry())
        except StorageUnavailable as error:
            return error
        return None
