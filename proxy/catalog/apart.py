"""The source read into a new copy in a process of its own: its memory ends with it, and no click
waits for it."""

import logging
import subprocess
from contextlib import suppress
from pathlib import Path

from proxy.background import call_apart
from proxy.catalog.entries import CatalogError
from proxy.catalog.source import Source, source_of
from proxy.settings import Settings

log = logging.getLogger("tryon.catalog")


def begin(settings: Settings) -> subprocess.Popen[bytes] | None:
    """Have the file read without waiting for that; None where there is nothing to read, or another
    process reads it."""
    source = source_of(settings)
    if source is None or isinstance(source.where, str) or is_current(source):
        return None
    with source.turn(wait=False) as turn:
        return None if turn is None else _start(source, turn)


def prepare(settings: Settings, *, reads: bool = True) -> None:
    """Have a copy of the products as the file is now, and unless it `reads`, as it has been read;
    of a URL the workers will have one.

    :raises CatalogError: it cannot be used; a copy that was there before stays.
    """
    source = source_of(settings)
    if source is None:
        return
    if isinstance(source.where, Path):  # else it starts whatever is the matter elsewhere
        _prepare(source, reads=reads)
    source.remove_others()


def _prepare(source: Source, *, reads: bool) -> None:
    if reads and not is_current(source):
        with source.turn(wait=True) as turn:
            refresh(source, turn)
    state = source.state()
    if not is_current(source):
        raise CatalogError(f"{source.name}: {state.failure or 'it could not be read'}")
    if state.copy and state.copy.left_out > state.copy.unruled:
        number, first = state.copy.left_out - state.copy.unruled, state.copy.first_left_out
        told = "%s: %d rows left out, first %s; `tryon catalog check` lists them"
        log.warning(told, source.name, number, first)


def is_current(source: Source) -> bool:
    """Tell whether the file is as it was when its copy was made."""
    copy = source.state().copy
    with suppress(OSError):
        return copy is not None and copy.stamp == source.stamp() and source.file_of(copy).exists()
    return False


def refresh(source: Source, turn: int | None) -> None:
    """Read the source in a process of its own, to which the turn goes too, and wait for its end."""
    _start(source, turn).wait()


def _start(source: Source, turn: int | None) -> subprocess.Popen[bytes]:
    inherited = [] if turn is None else [turn]
    return call_apart("proxy.catalog.refreshing", "refresh", source, pass_fds=inherited)
