"""Delete raw rows before the purge line."""

from storage.sqlite.batch import Terms
from storage.sqlite.connection import Connection

# Which rows go with the purge line, and how. An attempt goes after its events, since an erasure
# finds those by it. (The + keeps SQLite from walking through all impressions again and again.)
PURGED = (
    ("events", "attempt_id > '' AND attempt_id < :first_id"),
    ("events", "+attempt_id = '' AND received_ms < :line_ms"),
    ("receipts", "attempt_id < :first_id"),
    ("upstream_calls", "at_ms < :line_ms"),
    ("attempts", "id < :first_id"),
)
PURGE_SOME = "DELETE FROM {0} WHERE id IN (SELECT id FROM {0} WHERE {1} LIMIT :at_once)"


def purge_all(db: Connection, terms: Terms) -> None:
    """Delete all raw rows before the line within a transaction."""
    for table, condition in PURGED:
        purge_some(db, table, condition, terms, -1)


def purge_some(db: Connection, table: str, condition: str, terms: Terms, at_once: int) -> int:
    """Delete so many raw rows before the line, all where it is -1; return how many."""
    values = {"first_id": terms.first_id, "line_ms": terms.line_ms, "at_once": at_once}
    return int(db.execute(PURGE_SOME.format(table, condition), values).rowcount)
