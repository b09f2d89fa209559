"""Where the catalogue comes from, and where what was read of it is kept."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from proxy.catalog_rules import Rule, by_name
from proxy.settings import Settings

READER = 1  # to be raised when the same feed gives other products than it did


@dataclass(frozen=True)
class Version:
    """What a server says of a feed, by which it is known for the same (RFC 9110, 8.8)."""

    etag: str = ""
    last_modified: str = ""

    def conditions(self) -> dict[str, str]:
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value}


@dataclass(frozen=True)
class Copy:
    """What was read of a feed, and of which state of it."""

    file: str  # of the products, in the folder of all of them
    stamp: str  # of the file that it was read from; empty for a URL
    version: Version
    format: str
    rows: int
    left_out: int
    first_left_out: str
    categories: dict[str, int]
    read_ms: int
    unruled: int = 0  # of those left out

    @property
    def products(self) -> int:
        return sum(self.categories.values())


@dataclass(frozen=True)
class State:
    """The copy that is used, and how it went when the source was last looked at."""

    copy: Copy | None = None
    looked_ms: int = 0
    failure: str = ""
    failing_since_ms: int = 0

    def failed(self, why: str, now_ms: int) -> "State":
        since = self.failing_since_ms if self.failure else now_ms
        return replace(self, looked_ms=now_ms, failure=why, failing_since_ms=since)


STATE = TypeAdapter(State)


@dataclass(frozen=True)
class Source:
    """A catalogue as the settings name it. Each has its files, by a key in their names: whoever
    starts with other settings takes nobody's products away."""

    where: Path | str  # or a URL
    rules: tuple[Rule, ...]
    place: Path  # of all its files, without what distinguishes them
    refresh_s: int
    key: str = field(init=False)

    def __post_init__(self) -> None:
        patterns = [
            (rule.category, [(f, p.pattern) for f, p in rule.patterns]) for rule in self.rules
        ]
        told = json.dumps([READER, str(self.where), patterns])
        object.__setattr__(self, "key", hashlib.sha256(told.encode()).hexdigest()[:16])

    def beside(self, suffix: str) -> Path:
        return Path(f"{self.place}-{self.key}{suffix}")

    @property
    def name(self) -> str:
        return shown(self.where)

    @property
    def state_file(self) -> Path:
        return self.beside(".json")

    def stamp(self) -> str:
        """Identify the state of the file. :raises OSError: there is none."""
        found = Path(self.where).stat()
        return f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}"

    def state(self) -> State:
        with suppress(OSError, ValidationError):
            return STATE.validate_json(self.state_file.read_bytes())
        return State()

    def keep(self, state: State) -> None:
        """Write the state so that it is whole, or as it was. :raises OSError: it cannot be."""
        new = self.beside(".new")
        with new.open("wb") as file:
            file.write(STATE.dump_json(state))
            file.flush()
            os.fsync(file.fileno())
        new.rename(self.state_file)
        folder = os.open(self.place.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def file_of(self, copy: Copy) -> Path:
        return self.place.parent / copy.file

    def remove_unused(self, state: State) -> None:
        """Remove what no state names: earlier copies, and what a killed process has left."""
        used = state.copy.file if state.copy else ""
        _unlink(path for path in self._files(f"-{self.key}-*") if path.name != used)

    def remove_others(self) -> None:
        """Remove the copies of other sources and rules; who has one open goes on with it."""
        _unlink(path for path in self._files("-*") if f"-{self.key}" not in path.name)

    def _files(self, pattern: str) -> list[Path]:
        return [*self.place.parent.glob(f"{self.place.name}{pattern}")]

    @contextmanager
    def turn(self, *, wait: bool) -> Iterator[int | None]:
        """Be the only one on this machine who reads this source; None if another does, and `wait`
        is not asked for. Who inherits the number has the turn until it ends, too."""
        lock = os.open(self.beside(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            flock(lock, LOCK_EX if wait else LOCK_EX | LOCK_NB)
            yield lock
        except BlockingIOError:
            yield None
        finally:
            os.close(lock)


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()


def shown(where: Path | str) -> str:
    """Return a source's name without the query of a URL, which may be as good as a password."""
    return str(where).partition("?")[0] if isinstance(where, str) else str(where)


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    return settings.catalog_rules or by_name(settings.categories)


def source_of(settings: Settings) -> Source | None:
    """Return the catalogue's source; None where any product can be tried on."""
    if settings.catalog is None:
        return None
    place = Path(f"{settings.database.absolute()}-catalog")
    where = settings.catalog
    if isinstance(where, Path):
        where = where.absolute()
    return Source(where, rules_of(settings), place, settings.catalog_refresh)
