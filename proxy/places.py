"""The folders that must be writable. All else may be read-only, the program's own among it."""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one; a file's folder on a disk could block


def heartbeats() -> Path:
    """Return where the workers show gunicorn that they live, without a byte being written.

    :raises FileNotFoundError: there is no such folder.
    """
    return MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def unwritable(database: Path) -> list[str]:
    """Name each folder that must be writable and is not, with what for."""
    found = []
    if not os.access(database.absolute().parent, os.W_OK | os.X_OK):
        found.append(f"{database.absolute().parent} (TRYON_DATABASE)")
    try:
        heartbeats()
    except FileNotFoundError:
        found.append(f"{MEMORY} or a temporary folder (the workers' heartbeats)")
    return found
