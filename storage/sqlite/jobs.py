"""Jobs on SQLite: rows of `meta`, so that the transaction that calls for one can put it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from storage.sqlite.connection import Connection
from storage.store import Job

WAITING = """
SELECT substr(key, 5), CAST(value AS INTEGER) FROM meta
WHERE key BETWEEN 'job:' AND 'job:~' ORDER BY 2, 1
"""
PUT = "INSERT OR REPLACE INTO meta VALUES ('job:' || ?, ?)"
DONE = "DELETE FROM meta WHERE key = 'job:' || ? AND value = ?"


class SQLiteJobs:
    """See `storage.store.Jobs`."""

    def __init__(
        self,
        read: Callable[..., list[tuple[Any, ...]]],
        aside: Callable[[], AbstractContextManager[Connection]],
    ) -> None:
        self._read = read
        self._aside = aside

    def put(self, job: Job) -> None:
        with self._aside() as db:
            put_job(db, job)

    def waiting(self) -> list[Job]:
        return [Job(*row) for row in self._read(WAITING)]

    def done(self, job: Job) -> None:
        with self._aside() as db:
            db.execute(DONE, (job.command, str(job.due_ms)))


def put_job(db: Connection, job: Job) -> None:
    """Put a job within a transaction."""
    db.execute(PUT, (job.command, str(job.due_ms)))
