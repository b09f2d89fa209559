"""Expiry: a session whose time is over without an ending gets its event, from any worker."""

import logging
import threading
import time

from storage.events import Entry, event, now_ms
from storage.store import StorageUnavailable, Store
from storage.writer import Writer

EVERY_S = 1.0
AT_ONCE = 500

log = logging.getLogger("tryon.sweep")


def sweep(store: Store, writer: Writer) -> int:
    """Record what has expired by now; how many. Twice at once, or again, changes nothing more."""
    now = now_ms()
    due = store.due(now, AT_ONCE)
    if due:
        writer.submit(Entry(tuple(event("expired", each, now, "proxy") for each in due)))
    return len(due)


def start(store: Store, writer: Writer) -> None:
    """Sweep for ever, in the background."""

    def run() -> None:
        while True:
            time.sleep(EVERY_S)
            try:
                while sweep(store, writer) == AT_ONCE:
                    pass
            except StorageUnavailable as error:
                log.warning("expiry waits: %s", error)

    threading.Thread(target=run, name="sweep", daemon=True).start()
