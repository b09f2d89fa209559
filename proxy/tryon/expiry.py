"""Background work of every worker: expire sessions, purge old raw rows."""

import logging
import threading
import time

from proxy.background import run_apart
from storage.events import Entry, event, now_ms
from storage.store import StorageUnavailable, Store
from storage.writer import Writer

EVERY_S = 1.0
PURGE_EVERY_S = 6 * 3600.0
AT_ONCE = 500

log = logging.getLogger("tryon.sweep")


def sweep(store: Store, writer: Writer) -> int:
    """Record the sessions that have expired; how many. Doing it twice changes nothing more."""
    now = now_ms()
    due = store.due(now, AT_ONCE)
    if due:
        writer.submit(Entry(tuple(event("expired", each, now, "proxy") for each in due)))
    return len(due)


def start(store: Store, writer: Writer) -> None:
    """Expire sessions for ever, in the background."""

    def run() -> None:
        while True:
            time.sleep(EVERY_S)
            try:
                while sweep(store, writer) == AT_ONCE:
                    pass
            except StorageUnavailable as error:
                log.warning("expiry waits: %s", error)
            except Exception:
                log.exception("expiry failed, and goes on")

    threading.Thread(target=run, name="sweep", daemon=True).start()


def start_purging(store: Store) -> None:
    """Purge old raw rows now and then, by whichever worker is first."""

    def run() -> None:
        while True:
            time.sleep(PURGE_EVERY_S)
            with store.claim("purge") as mine:
                if mine:
                    run_apart("purge", "--quiet").wait()

    threading.Thread(target=run, name="purge", daemon=True).start()
