"""gunicorn's requests, worker and master, with what ours do differently.

gunicorn.conf.py imports this before gevent has patched anything: nothing that opens a connection
or starts a thread may be imported here at the top. The memory of the metrics has to be: the workers
share what the master has when it forks them.
"""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import count
from types import FrameType
from typing import Any

import gevent
import gevent.lock
from gunicorn import util
from gunicorn.arbiter import Arbiter
from gunicorn.errors import AppImportError, HaltServer
from gunicorn.http import body, errors, message
from gunicorn.http.parser import RequestParser
from gunicorn.workers.ggevent import GeventWorker

from proxy import metrics
from proxy.catalog import apart
from proxy.catalog.entries import CatalogError
from proxy.places import unwritable
from proxy.settings import Settings, SettingsError, keep, load
from proxy.tryon import state

LAST_WAIT_S = 0.5  # a request that was on its way when the stop came has come by then
MOST_REQUESTS = 1_000  # on one connection, as nginx has it; a client may open another
# For a piece of an answer that its client does not take. Reads of a body end by it too: it must be
# longer than their own deadline (15), or they would not be known as slow.
WRITE_DEADLINE_S = 16.0
LARGEST_HEAD = 32 * 1024  # bytes, as nginx has it; gunicorn would take 800 KiB
MOST_CHUNKS = 4_096  # of a body; with a byte in each, even a small one costs a worker much time
MOST_ABOUT = 8 * 1024  # bytes that stand before a chunk (its size), or after the last (trailers)
MOST_LEFT = 64 * 1024  # bytes of a body that are read only to use the connection again
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(:\d*)?", re.ASCII)  # RFC 9112, 3.2
CHUNK_ERRORS = (
    errors.InvalidChunkSize,
    errors.InvalidChunkExtension,
    errors.ChunkMissingTerminator,
)


class CannotStart(Exception):
    """The app cannot be served; the message says why and what to do."""


def usable_settings(*, reads: bool = True) -> Settings:
    """Load the settings, check what each worker would fail at, and keep for the workers what is the
    same for all. Unless it `reads`, a changed catalogue has been read already.

    :raises CannotStart: with all that is wrong.
    """
    try:
        settings = load()
        folder = settings.database.parent
        if not folder.is_dir():
            raise CannotStart(f"TRYON_DATABASE: there is no folder {folder.absolute()}")
        if folders := unwritable(settings.database):
            raise CannotStart(f"Must be writable: {'; '.join(folders)}")
        apart.prepare(settings, reads=reads)
    except SettingsError as error:
        raise CannotStart("\n".join([*error.problems, "`tryon doctor` says more."])) from None
    except CatalogError as error:
        raise CannotStart(f"TRYON_CATALOG cannot be used. {error}") from None
    keep(settings)
    state.codes(settings.public_url)
    return settings


class UnreadableBody(errors.InvalidHeader):  # type: ignore[misc]
    """The chunks of a body that no route has read are wrong."""

    def __str__(self) -> str:
        return "The body's chunks cannot be read"


class Chunks(body.ChunkedReader):  # type: ignore[misc]
    """Chunks with a bound on what is no part of the body: gunicorn would read on to its end, and
    from its beginning at each piece."""

    _number = 0

    def parse_chunk_size(self, unreader: Any, data: bytes | None = None) -> Any:
        self._number += 1
        if self._number > MOST_CHUNKS:
            raise errors.InvalidChunkSize("one too many")
        return super().parse_chunk_size(unreader, data)

    def get_data(self, unreader: Any, read: BytesIO) -> None:
        if read.tell() > MOST_ABOUT:
            raise errors.InvalidChunkExtension("too long")
        gevent.sleep(0)  # what has come already is read without a turn for others, or for deadlines
        super().get_data(unreader, read)


class Body(body.Body):  # type: ignore[misc]
    """A body that takes its connection with it, once a read of it has failed: how far it came is
    not known, and what follows could be taken for a request."""

    def __init__(self, request: "Request") -> None:
        reader = request.body.reader
        if isinstance(reader, body.ChunkedReader):
            reader = Chunks(request, request.unreader)
        super().__init__(reader)
        self._request = request

    def read(self, size: int | None = None) -> bytes:
        try:
            data: bytes = super().read(size)
        except BaseException:  # a deadline's, too
            self._request.force_close()
            raise
        return data


class Request(message.Request):  # type: ignore[misc]  # gunicorn has no types
    """A request that names its host, and whose connection ends where its body is not read."""

    def parse(self, unreader: Any) -> Any:
        self.max_buffer_headers = LARGEST_HEAD
        return super().parse(unreader)

    def set_body_reader(self) -> None:
        hosts = [value for name, value in self.headers if name == "HOST"]
        if not all(map(HOST.fullmatch, hosts)) or (not hosts and self.version >= (1, 1)):
            raise errors.InvalidHeader("HOST", req=self)
        super().set_body_reader()
        self.body = Body(self)
        self._is_read = False

    def should_close(self) -> bool:
        """Tell whether the connection ends with the answer, whose headers are about to be sent.

        :raises UnreadableBody: no answer may be sent but 400.
        """
        if not (self.must_close or self._is_read):
            self._is_read = self._read_on()
            if not self._is_read:
                self.force_close()
        return bool(super().should_close())

    def _read_on(self) -> bool:
        """Read what the route has left of the body; False if it does not come to its end."""
        try:
            with gevent.Timeout(LAST_WAIT_S, False):
                return len(self.body.read(MOST_LEFT)) < MOST_LEFT
        except CHUNK_ERRORS:
            raise UnreadableBody("TRANSFER-ENCODING", req=self) from None
        return False


RequestParser.mesg_class = Request  # gunicorn has no setting for it


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """A gevent worker that stops at once and lets the live streams keep their connections."""

    seat: int  # where it counts its metrics; set by the master

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Greenlets that wait for a connection's next request, by the timeout that ends the wait.
        self._waiting: dict[gevent.Timeout, gevent.Greenlet] = {}
        self._turn = gevent.lock.BoundedSemaphore()

    def init_process(self) -> None:
        metrics.take_seat(self.seat)
        super().init_process()

    def load_wsgi(self) -> None:
        from storage.store import StorageUnavailable

        try:
            super().load_wsgi()
        except StorageUnavailable as error:  # the one kind of failure that is told in a sentence
            raise AppImportError(f"The app cannot start: the database: {error}") from None

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        # A stream takes its connection with it: no other request can follow on it.
        is_stream = req.method == "GET" and req.path.endswith("/events")
        if is_stream or req.req_number >= MOST_REQUESTS:
            req.force_close()
        sock.settimeout(WRITE_DEADLINE_S)
        try:
            super().handle_request(listener_name, req, sock, addr)
        except TimeoutError:
            raise StopIteration from None
        except StopIteration:
            if req.must_close:  # something may have come that nobody has read
                util.close_graceful(sock)
            raise
        sock.settimeout(None)
        self._let_others_go_first(req)

    def _let_others_go_first(self, req: Any) -> None:
        if req.unreader.buf.tell():  # more has come already, for which no read will have to wait
            with self._turn:  # one of all of them goes on, once all others have been served
                gevent.idle()

    def is_already_handled(self, respiter: Any) -> bool:
        """End gunicorn's part of a connection that its answer has handed to the live streams."""
        if super().is_already_handled(respiter):
            raise StopIteration
        return False

    @contextmanager
    def timeout_ctx(self) -> Iterator[None]:
        """Bound the wait for a connection's next request, and note which greenlet waits."""
        seconds = self.cfg.keepalive if self.alive else LAST_WAIT_S
        with gevent.Timeout(seconds, False) as timeout:
            self._waiting[timeout] = gevent.getcurrent()
            try:
                yield
            finally:
                del self._waiting[timeout]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop without waiting for streams and idle connections, for which gunicorn would wait as
        for requests, up to `graceful_timeout`."""
        super().handle_exit(sig, frame)
        if not self.booted:  # it has taken no connection yet, and may have no app
            return
        gevent.spawn_later(LAST_WAIT_S, self._end_waits, dict(self._waiting))
        gevent.spawn(self.wsgi.extensions["tryon"].live.close)

    def _end_waits(self, waits: dict[gevent.Timeout, gevent.Greenlet]) -> None:
        for timeout, greenlet in waits.items():
            gevent.get_hub().loop.run_callback(self._end_wait, timeout, greenlet)

    def _end_wait(self, timeout: gevent.Timeout, greenlet: gevent.Greenlet) -> None:
        if timeout in self._waiting:
            greenlet.throw(timeout)


class Master(Arbiter):  # type: ignore[misc]
    """A master that keeps the old settings at a reload where the new ones cannot be used, and that
    ends in order where no worker can boot."""

    _halts = False
    _reader: subprocess.Popen[bytes] | None = None

    def reload(self) -> None:
        """Reload, once a catalogue that has changed is read: a large one takes a minute, in which
        workers may have to be killed or started."""
        has_read = self._reader is not None
        if not has_read:
            with suppress(SettingsError):  # which are told below
                self._reader = apart.begin(load())
        if self._reader is None or self._reader.poll() is not None:
            self._reader = None
            self._reload(reads=not has_read)

    def _reload(self, *, reads: bool) -> None:
        # When gunicorn reads its configuration again it is too late: an error there ends it.
        try:
            usable_settings(reads=reads)
        except CannotStart as error:
            self.log.error("Nothing was reloaded:\n%s", error)
        else:
            super().reload()

    def reap_workers(self) -> None:
        # The first worker that cannot boot ends the server. While it ends, another raised the same
        # again, which cut the stop short: a traceback, and workers without a master.
        try:
            super().reap_workers()
        except HaltServer:
            if not self._halts:
                self._halts = True
                raise
        if self._reader and self._reader.poll() is not None:
            self.reload()


def when_ready(arbiter: Arbiter) -> None:
    arbiter.__class__ = Master  # gunicorn has a setting for the worker's class, none for this one


def pre_fork(arbiter: Arbiter, worker: Worker) -> None:
    taken = {each.seat for each in arbiter.WORKERS.values()}
    worker.seat = next(seat for seat in count() if seat not in taken)


def child_exit(_arbiter: Arbiter, worker: Worker) -> None:
    metrics.leave_seat(worker.seat)
