"""What other processes do in these tests; importable, so that they can be started afresh."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from storage.events import Entry
from storage.sqlite import SQLiteStore


def commit_all(path: Path, zone: str, groups: Sequence[Sequence[Entry]]) -> None:
    """Commit groups of entries, as one worker among others."""
    store = SQLiteStore(path, ZoneInfo(zone))
    for group in groups:
        store.commit(group)
    store.close()
