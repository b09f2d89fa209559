"""Standard output and error that hold nobody up: what nobody takes is lost.

A terminal that somebody holds (Ctrl-S), or a pipe whose reader stands still, would hold the process
with all its requests.
"""

import os
import select
import sys
from pathlib import Path
from typing import Any, TextIO

from gevent.monkey import get_original

POLL = get_original("select", "poll")  # to gevent's, even "now" is a turn of its loop


class Passing:
    """A stream that is written to as long as it takes something."""

    def __init__(self, stream: TextIO | None) -> None:
        # None: it was closed at the start.
        self._stream = stream or Path(os.devnull).open("w")  # noqa: SIM115 - it stays open
        self._room = POLL()
        self._room.register(self._stream.fileno(), select.POLLOUT)

    def write(self, text: str) -> int:
        return self._stream.write(text) if self._room.poll(0) else 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def install() -> None:
    """Let this process, and those that are forked from it, be held up by neither."""
    if not isinstance(sys.stdout, Passing):  # else this is a reload
        sys.stdout, sys.stderr = Passing(sys.stdout), Passing(sys.stderr)
