"""Files of earlier releases, kept beside the database: pages that name them are still out there."""

import hashlib
import logging
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("tryon")

MOST = 500  # files; a release adds those that it changed, a dozen at most
HASHED = re.compile(r"[\w-]+\.([0-9a-f]{12})\.[a-z.]+")


class Archive:
    """A folder of files, each under a name with the hash of its content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, bodies: Mapping[str, bytes]) -> None:
        """Keep what a release serves, by hashed name, and forget the oldest beyond MOST.

        Where that fails it is worth a warning and no more: only older pages need it.
        """
        try:
            self._folder.mkdir(exist_ok=True)
            for name, body in bodies.items():
                self._keep(self._folder / name, body)
            for path in sorted(self._folder.iterdir(), key=_age)[MOST:]:
                path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("this release's files are not kept for older pages: %s", error)

    def _keep(self, path: Path, body: bytes) -> None:
        with suppress(FileNotFoundError):
            if path.stat().st_size == len(body):
                os.utime(path)  # among the newest again
                return
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            draft.write_bytes(body)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def find(self, hashed_name: str) -> bytes | None:
        """Return a file's content; None where there is none, or it is not what its name says."""
        named = HASHED.fullmatch(hashed_name)
        with suppress(OSError):
            body = (self._folder / hashed_name).read_bytes() if named else b""
            if named and digest(body) == named[1]:
                return body
        return None


def digest(body: bytes) -> str:
    """Return the hash that a file's name has: 12 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(body).hexdigest()[:12]


def _age(path: Path) -> float:
    """Sort the newest first; what another worker has just deleted is the oldest."""
    with suppress(OSError):
        return -path.stat().st_mtime
    return 0
