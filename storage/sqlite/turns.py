"""Long work in short transactions: writers are held off for a moment at a time, however much it is.

Between two of them the others have their turn for as long as this had it.
"""

import time
from collections.abc import Callable, Iterator

from storage.sqlite.connection import Connection
from storage.sqlite.store import SQLiteStore
from storage.store import Progress, quiet

TURN_S = 0.05  # and the commit


def in_turns(
    store: SQLiteStore,
    steps: Callable[[Connection], Iterator[int]],
    progress: Progress = quiet,
) -> int:
    """Run through small steps, each of which yields how many rows it did; return them all.

    What one transaction did is there even if the next one fails.
    """
    running: Iterator[int] | None = None
    total, ended = 0, False
    while not ended:
        with store.transaction() as db:
            began, rows = time.monotonic(), 0
            running = running or steps(db)
            for done in running:
                rows += done
                if time.monotonic() - began >= TURN_S:
                    break
            else:
                ended = True
        total += rows
        progress(rows)
        if not ended:
            time.sleep(time.monotonic() - began)
    return total
