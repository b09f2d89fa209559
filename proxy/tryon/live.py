"""Live state: tell a page that follows an attempt of each change, whichever worker made it.

A stream is a bare connection. Its request is over once the first state was sent; a greenlet that
waited for each page would hold twenty times the memory. One look at the database's version serves
all streams of a worker; the events behind it say whom to tell.
"""

import logging
import os
import resource
import ssl
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from pydantic_core import to_json

from proxy import metrics
from proxy.tryon.state import TERMINAL, Links, etag, state, view
from storage.funnel import Attempt
from storage.store import StorageUnavailable, Store

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

LOOK_EVERY_S = 0.02
HEARTBEAT_S = 20.0
BEATS = 40  # at one look: 40,000 streams have theirs in time, and none of them holds up the others
RECONNECT_MS = 2_000
MOST = 20_000  # streams of a worker
PAUSE_S = 1.0  # after a failure that nobody foresaw: what lasts must not fill the log
# An event and no comment, which a page would not see: where a middlebox holds the stream back, the
# page finds out by its silence.
BEAT = b"event: beat\ndata:\n\n"
ENDING = b"0\r\n\r\n"  # the last chunk, RFC 9112, section 7.1

log = logging.getLogger("tryon.live")


class _Stream:
    """A connection taken over. No call waits: a page that does not read is let go of."""

    __slots__ = ("_chunked", "_fd", "attempt_id", "beat_at", "tag")

    def __init__(self, fd: int, chunked: bool, attempt: Attempt) -> None:
        self._fd, self._chunked = fd, chunked
        self.attempt_id, self.tag = attempt.id, etag(attempt)
        self.beat_at = time.monotonic() + HEARTBEAT_S

    def send(self, text: bytes) -> bool:
        """Send an event; False if not all of it was taken."""
        return self._write(b"%x\r\n%b\r\n" % (len(text), text) if self._chunked else text)

    def beat(self) -> bool:
        """Send a heartbeat; False if the page no longer listens, as far as is known."""
        try:
            if not os.read(self._fd, 512):
                return False
        except BlockingIOError:
            pass
        except OSError:  # reset, timed out, no route: it has gone
            return False
        return self.send(BEAT)

    def _write(self, data: bytes) -> bool:
        with suppress(OSError):
            return os.write(self._fd, data) == len(data)
        return False

    def close(self, *, whole: bool) -> None:
        """Close the connection; `whole`: with the chunk that says nothing is missing."""
        if whole and self._chunked:
            self._write(ENDING)
        os.close(self._fd)


class Live:
    """The streams of this worker. `poke` after a commit of this worker saves the wait."""

    def __init__(self, store: Store, links: Links) -> None:
        self._store, self._links = store, links
        self._streams: dict[str, set[_Stream]] = {}
        self._beats: deque[_Stream] = deque()  # the next heartbeat first; some may have been closed
        self._open = 0
        self._room = _room()
        self._position = 0
        self._behind = False
        self._closed = False
        self._woken = threading.Event()
        threading.Thread(target=self._run, name="live", daemon=True).start()

    def first(self, attempt: Attempt) -> bytes:
        """Return the beginning of a stream: when to ask again after its end, and the state."""
        return b"retry: %d\n\n%b" % (RECONNECT_MS, self._message(attempt))

    def take_over(self, attempt: Attempt, environ: "WSGIEnvironment") -> bool:
        """Take over this request's connection, whose answer has sent `first`.

        False where that cannot be (another server, TLS, no room, the end of the worker, or of the
        attempt, events that cannot be read): the answer ends then, and its page asks again in
        RECONNECT_MS.
        """
        connection = environ.get("gunicorn.socket")
        protocol = environ["SERVER_PROTOCOL"]
        if connection is None or isinstance(connection, ssl.SSLSocket) or protocol > "HTTP/1.1":
            return False
        if self._closed or self._open >= self._room or state(attempt) in TERMINAL:
            return False
        if not self._open and not self._begin():
            return False
        # A duplicate would leave the event loop watching the other one's number.
        fd = connection.detach()
        os.set_blocking(fd, False)
        self._add(_Stream(fd, protocol == "HTTP/1.1", attempt))
        return True

    def poke(self) -> None:
        """Look at once: something was committed here."""
        if self._open:
            self._woken.set()

    def close(self) -> None:
        """End all streams, since the worker is about to stop."""
        self._closed = True
        for stream in [each for streams in self._streams.values() for each in streams]:
            self._drop(stream, whole=True)

    def _message(self, attempt: Attempt) -> bytes:
        data = to_json(view(attempt, self._links))
        return b"event: state\nid: %b\ndata: %b\n\n" % (etag(attempt).encode(), data)

    def _begin(self) -> bool:
        """Note where the events end, from where to tell of them; False if nobody knows."""
        with suppress(StorageUnavailable):
            self._position = self._store.position()
            return True
        return False

    def _add(self, stream: _Stream) -> None:
        self._streams.setdefault(stream.attempt_id, set()).add(stream)
        self._beats.append(stream)
        self._count(1)
        self._woken.set()
        try:
            self._tell(stream.attempt_id)  # what changed since the first state was read
        except StorageUnavailable:
            self._drop(stream)  # its page comes again

    def _drop(self, stream: _Stream, *, whole: bool = False) -> None:
        streams = self._streams.get(stream.attempt_id, set())
        if stream not in streams:  # another greenlet has let it go meanwhile
            return
        streams.remove(stream)
        if not streams:
            del self._streams[stream.attempt_id]
        self._count(-1)
        stream.close(whole=whole)

    def _count(self, more: int) -> None:
        self._open += more
        metrics.open_streams(self._open)

    def _run(self) -> None:
        while True:
            self._woken.wait(LOOK_EVERY_S if self._open else None)
            self._woken.clear()
            try:
                with suppress(StorageUnavailable):  # the next look may work again
                    self._look()
                self._beat()
            except Exception:  # without this thread no page would be told anything any more
                log.exception("streams could not be served")
                time.sleep(PAUSE_S)

    def _look(self) -> None:
        self._behind = self._store.changed() or self._behind
        if not self._behind:
            return
        position, attempt_ids = self._store.changes(self._position)
        for attempt_id in attempt_ids & self._streams.keys():
            self._tell(attempt_id)
        self._position, self._behind = position, False

    def _tell(self, attempt_id: str) -> None:
        attempt = self._store.attempt(attempt_id)
        if attempt is None:
            return
        tag, message, over = etag(attempt), self._message(attempt), state(attempt) in TERMINAL
        for stream in [*self._streams.get(attempt_id, ())]:
            if stream.tag == tag:
                continue
            stream.tag = tag
            taken = stream.send(message)
            if over or not taken:
                self._drop(stream, whole=taken)

    def _beat(self) -> None:
        now = time.monotonic()
        for _ in range(BEATS):
            if not self._beats or self._beats[0].beat_at > now:
                return
            stream = self._beats.popleft()
            if stream not in self._streams.get(stream.attempt_id, ()):
                continue
            if stream.beat():
                stream.beat_at = now + HEARTBEAT_S
                self._beats.append(stream)
            else:
                self._drop(stream)


def _room() -> int:
    """Leave a fifth of the open files that the system allows to requests and the database."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST if allowed == resource.RLIM_INFINITY else min(MOST, allowed * 4 // 5)
