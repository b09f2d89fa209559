"""The source read into a new copy in a process of its own: its memory ends with it, and no click
waits for it."""

import logging
from contextlib import suppress

from proxy.background import call_apart
from proxy.catalog.entries import CatalogError
from proxy.catalog.source import Source, source_of
from proxy.settings import Settings

log = logging.getLogger("tryon.catalog")


def prepare(settings: Settings) -> None:
    """Have a copy of the products as the file is now; of a URL the workers will have one.

    :raises CatalogError: it cannot be used; a copy that was there before stays.
    """
    source = source_of(settings)
    if source is None:
        return
    source.remove_others()
    if isinstance(source.where, str):
        return  # the app starts whatever is the matter elsewhere, and clicks are told
    if not is_current(source):
        with source.turn(wait=True) as turn:
            refresh(source, turn)
    state = source.state()
    if not is_current(source):
        raise CatalogError(f"{source.name}: {state.failure or 'it could not be read'}")
    if state.copy and state.copy.left_out:
        number, first = state.copy.left_out, state.copy.first_left_out
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
    inherited = [] if turn is None else [turn]
    call_apart("proxy.catalog.refreshing", "refresh", source, pass_fds=inherited).wait()
