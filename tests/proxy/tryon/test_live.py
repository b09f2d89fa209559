"""Streams: who is told what, and which connections are let go of."""

import os
import resource
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from proxy.tryon import live
from proxy.tryon.live import Live
from proxy.tryon.state import Links
from storage.funnel import Attempt
from storage.store import Changes, StorageUnavailable
from tests.servers import eventually

WAITING = Attempt("a" * 32, 1_800_000_000_000, "2027-01-15")._replace(
    public_id="P" * 22, launch_key="L" * 22, product_id="sku-1", category="footwear"
)
OPENED = WAITING._replace(opened_ms=1_800_000_000_500)
COMPLETED = OPENED._replace(outcome="completed", ended_ms=1_800_000_001_000)


class Facts:
    """As much of a store as a stream asks."""

    def __init__(self) -> None:
        self.now = WAITING
        self.count = self.seen = 0
        self.failures = 0  # to come
        self.failure: Exception = StorageUnavailable("the disk is away")

    def become(self, attempt: Attempt) -> None:
        self.now = attempt
        self.count += 1

    def attempt(self, attempt_id: str) -> Attempt | None:
        assert attempt_id == self.now.id
        if self.failures:
            self.failures -= 1
            raise self.failure
        return self.now

    def position(self) -> int:
        return self.count

    def changed(self) -> bool:
        before, self.seen = self.seen, self.count
        return before != self.count

    def changes(self, position: int) -> Changes:
        found = {self.now.id} if self.count > position else set()
        return Changes(self.count, frozenset(found))


class Browser:
    """One end of a connection; the other is the server's, which closes it when it has let go."""

    def __init__(self, protocol: str = "HTTP/1.1") -> None:
        self.socket, server = socket.socketpair()
        self.socket.settimeout(5)
        self.environ: dict[str, Any] = {"gunicorn.socket": server, "SERVER_PROTOCOL": protocol}

    def follow(self, lives: Live, attempt: Attempt = WAITING) -> bytes:
        """The first state; the connection is handed over."""
        first = lives.first(attempt)
        assert lives.take_over(attempt, self.environ)
        return first

    def hears(self, word: bytes) -> bytes:
        heard = b""
        while word not in heard:
            more = self.socket.recv(4096)
            assert more, heard
            heard += more
        return heard

    def rest(self) -> bytes:
        heard = b""
        until = time.monotonic() + 5
        while more := self.socket.recv(65_536):
            assert time.monotonic() < until, "it was not let go of"
            heard += more
        return heard


@pytest.fixture
def facts() -> Facts:
    return Facts()


@pytest.fixture
def lives(facts: Facts) -> Iterator[Live]:
    made = Live(facts, Links("https://tryon.shop.example"))  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    made = Browser()
    with closing(made.socket), closing(made.environ["gunicorn.socket"]):
        yield made


def test_it_tells_each_change_in_a_chunk_and_ends_with_the_last(
    lives: Live, facts: Facts, browser: Browser
) -> None:
    assert b'"state":"waiting"' in browser.follow(lives)
    facts.become(OPENED)
    size, chunk = browser.hears(b'"opened"').split(b"\r\n", 1)
    assert chunk.startswith(b"event: state\nid: opened-")
    assert len(chunk) == int(size, 16) + 2
    facts.become(COMPLETED)
    assert browser.rest().endswith(b"\n\n\r\n0\r\n\r\n")


def test_it_sends_an_older_client_no_chunks(lives: Live, facts: Facts, browser: Browser) -> None:
    browser.environ["SERVER_PROTOCOL"] = "HTTP/1.0"
    browser.follow(lives)
    facts.become(COMPLETED)
    told = browser.rest()
    assert told.startswith(b"event: state\nid: completed-")
    assert told.endswith(b"}\n\n")


def test_it_tells_what_changed_while_the_connection_was_handed_over(
    lives: Live, facts: Facts, browser: Browser
) -> None:
    facts.become(COMPLETED)  # after the request had read it as waiting
    browser.follow(lives, WAITING)
    assert b'"completed"' in browser.rest()


def test_it_makes_up_for_a_look_that_failed(lives: Live, facts: Facts, browser: Browser) -> None:
    browser.follow(lives)
    facts.failures = 2
    facts.become(OPENED)
    assert browser.hears(b'"opened"')
    assert facts.failures == 0


def test_a_failure_that_nobody_foresaw_is_logged_and_not_the_end(
    lives: Live,
    facts: Facts,
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(live, "PAUSE_S", 0.01)
    browser.follow(lives)
    facts.failures, facts.failure = 2, KeyError("a mistake of ours")
    facts.become(OPENED)
    assert browser.hears(b'"opened"')
    assert facts.failures == 0
    assert "a mistake of ours" in caplog.text


def test_it_lets_go_of_a_connection_whose_state_it_cannot_read(
    lives: Live, facts: Facts, browser: Browser
) -> None:
    facts.failures = 1
    browser.follow(lives)
    assert browser.rest() == b""  # without an end: its page comes again


def test_it_beats_for_as_long_as_the_page_listens(
    lives: Live, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    browser.follow(lives)
    beat, heard = b"13\r\nevent: beat\ndata:\n\n\r\n", b""
    while len(heard) < 3 * len(beat):
        heard += browser.hears(b"\n\n\r\n")
    assert heard == beat * (len(heard) // len(beat))
    browser.socket.shutdown(socket.SHUT_WR)  # all that a server sees of a page that was closed
    assert not browser.rest().endswith(b"0\r\n\r\n")


def test_heartbeats_keep_their_time(
    lives: Live, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.2)
    began = time.monotonic()
    browser.follow(lives)
    browser.hears(b"event: beat")
    assert time.monotonic() - began >= 0.2


def test_whatever_error_a_connection_has_its_page_has_gone_and_the_others_are_told(
    lives: Live, facts: Facts, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    # ENOTCONN: as ETIMEDOUT and EHOSTUNREACH, an error that is no ConnectionError.
    lost = socket.socket()
    number, inode = lost.fileno(), os.fstat(lost.fileno()).st_ino
    environ = {"gunicorn.socket": lost, "SERVER_PROTOCOL": "HTTP/1.1"}
    assert lives.take_over(WAITING, environ)
    browser.follow(lives)
    eventually(lambda: not is_open(number, inode))
    browser.hears(b"event: beat")
    facts.become(OPENED)
    assert browser.hears(b'"opened"')


def is_open(number: int, inode: int) -> bool:
    """Whether a file's number is still that of the same file."""
    try:
        return os.fstat(number).st_ino == inode
    except OSError:
        return False


def fill(browser: Browser) -> None:
    """Send until no more is taken, as to a page that does not read."""
    server = browser.environ["gunicorn.socket"]
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            server.send(b"x" * 1024)


def test_it_lets_go_of_a_page_that_does_not_read(
    lives: Live, facts: Facts, browser: Browser
) -> None:
    fill(browser)
    browser.follow(lives)
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    facts.become(OPENED)
    eventually(lambda: len(list(Path("/proc/self/fd").iterdir())) < open_files)
    assert b"opened" not in browser.rest()


def test_a_page_is_told_though_another_one_is_stuck(lives: Live, facts: Facts) -> None:
    stuck, reading = Browser(), Browser()
    with closing(stuck.socket), closing(reading.socket):
        fill(stuck)
        stuck.follow(lives)
        reading.follow(lives)
        facts.become(COMPLETED)
        assert b'"completed"' in reading.rest()


def test_it_writes_nothing_past_tls(lives: Live, browser: Browser) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = context.wrap_socket(
        browser.environ["gunicorn.socket"], server_side=True, do_handshake_on_connect=False
    )
    with closing(server):
        environ = browser.environ | {"gunicorn.socket": server}
        assert not lives.take_over(WAITING, environ)


@pytest.mark.parametrize(
    "environ", [{"gunicorn.socket": None}, {"SERVER_PROTOCOL": "HTTP/2"}], ids=["server", "http2"]
)
def test_where_it_cannot_have_the_connection_the_page_has_to_ask_again(
    lives: Live, browser: Browser, environ: dict[str, Any]
) -> None:
    assert lives.first(WAITING).startswith(b"retry: 2000\n\nevent: state\n")
    assert not lives.take_over(WAITING, browser.environ | environ)


def test_where_the_events_cannot_be_read_the_page_has_to_ask_again(
    lives: Live, facts: Facts, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> int:
        raise StorageUnavailable("a page of the file is damaged")

    monkeypatch.setattr(facts, "position", fail)
    assert not lives.take_over(WAITING, browser.environ)
    assert browser.environ["gunicorn.socket"].fileno() > 0  # the server's, who closes it


def test_when_there_is_no_more_room_the_page_has_to_ask_again(
    facts: Facts, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST", 1)
    lives = Live(facts, Links("https://tryon.shop.example"))  # type: ignore[arg-type]
    first = Browser()
    with closing(first.socket):
        first.follow(lives)
        assert not lives.take_over(WAITING, browser.environ)
        facts.become(COMPLETED)
        assert first.rest()
        facts.become(WAITING)
        browser.follow(lives)  # there is room again
    lives.close()


def test_the_end_of_the_worker_ends_all_streams_and_takes_no_more(
    lives: Live, browser: Browser
) -> None:
    browser.follow(lives)
    lives.close()
    assert browser.rest() == b"0\r\n\r\n"
    another = Browser()
    with closing(another.socket), closing(another.environ["gunicorn.socket"]):
        assert not lives.take_over(WAITING, another.environ)


def test_one_look_sends_forty_heartbeats_and_leaves_the_others_to_the_next(
    facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Live, "_run", lambda _: None)  # its looks are made here
    lives = Live(facts, Links("https://tryon.shop.example"))  # type: ignore[arg-type]
    browsers = [Browser() for _ in range(50)]
    for browser in browsers:
        browser.follow(lives)
        browser.socket.setblocking(False)
    began = time.monotonic()
    monkeypatch.setattr(live.time, "monotonic", lambda: began + 21)
    for beats in (40, 10, 0):
        lives._beat()
        assert sum(map(has_heard, browsers)) == beats
    lives.close()
    for browser in browsers:
        browser.socket.close()
        browser.environ["gunicorn.socket"].close()


def has_heard(browser: Browser) -> bool:
    try:
        return b"event: beat" in browser.socket.recv(4096)
    except BlockingIOError:
        return False


@pytest.mark.parametrize(
    ("allowed", "room"), [(1_000, 800), (1_000_000, 20_000), (resource.RLIM_INFINITY, 20_000)]
)
def test_a_fifth_of_the_open_files_is_left_to_others(
    monkeypatch: pytest.MonkeyPatch, allowed: int, room: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (allowed, allowed))
    assert live._room() == room
