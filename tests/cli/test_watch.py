"""`tryon watch` in a real terminal: drawn anew as things happen, and given back as it was."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest

from storage.events import Entry, now_ms
from tests.cli.terminal import DAYS, store_of, told
from tests.servers import Shop, eventually
from tests.storage.histories import attempt_id, click

ENTER, LEAVE, SHOW = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"
COMMAND = [sys.executable, "-c", "from proxy.cli import cli; cli()", "watch"]


class Terminal:
    """A terminal with a command in it, and all that it has written."""

    def __init__(self, ours: int, process: "subprocess.Popen[bytes]") -> None:
        self.ours = ours
        self.process = process
        self.written = b""
        self.modes: list[Any] = []  # of the terminal, as the command left them
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with suppress(OSError):  # EIO: the other side has closed
            while piece := os.read(self.ours, 65536):
                self.written += piece
                self.modes = termios.tcgetattr(self.ours)

    @property
    def text(self) -> str:
        return self.written.decode(errors="replace")

    @property
    def frames(self) -> list[list[str]]:
        """The lines of each screen that was drawn, without colours."""
        drawn = re.split(r"\x1b\[H", self.text)[1:]
        plain = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", frame) for frame in drawn]
        return [[line.rstrip() for line in frame.split("\r\n")] for frame in plain]

    def shows(self, words: str) -> list[str]:
        """The first screen with these words."""
        return eventually(
            lambda: next((f for f in self.frames if words in " ".join(f) and len(f) > 1), [])
        )

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def end(self) -> int:
        status = self.process.wait(60)
        self._reader.join(60)
        return status


def resize(terminal: int, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))


@contextmanager
def terminal(shop: Shop, *command: str, **environ: str) -> Iterator[Terminal]:
    ours, its = pty.openpty()
    resize(ours, 80, 24)
    process = subprocess.Popen(
        command,
        cwd=shop.folder,
        env=shop.environ | {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | environ,
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(its, termios.TIOCSCTTY, 0),
    )
    before = termios.tcgetattr(its)
    os.close(its)
    found = Terminal(ours, process)
    try:
        yield found
    finally:
        process.kill()
        found.end()
        os.close(ours)
    assert found.modes == before


def press(shop: Shop, number: int) -> None:
    with closing(store_of(shop)) as store:
        store.commit([Entry((click(attempt_id(now_ms(), number), product_id="new"),))])


def test_it_draws_anew_what_happens_and_fits_the_terminal(shop: Shop) -> None:
    with terminal(shop, *COMMAND, "--range", "today") as screen:
        frame = screen.shows("No clicks in this time.")
        eventually(lambda: len(screen.frames[-1]) == 24)
        press(shop, 1)
        frame = screen.shows("1 click so far, all still under way.")
        assert len(frame) == 24
        assert max(map(len, frame)) <= 80
        words = [line.split("  ")[0].strip() for line in frame]
        parts = ["Clicks", "Sessions", "Launches", "Completed", "From click to completion"]
        assert [word for word in words if word in parts] == parts
        assert [w[2:] for w in words if w[2:] in ("Vendor", "Callbacks", "Budget", "Plan")]
        assert any(line.startswith("Clicks by hour, at most 1") for line in frame)
        assert any(line.startswith("Now: ") for line in frame)
        assert any(line.endswith("click new") for line in frame)
        resize(screen.ours, 44, 12)
        narrow = eventually(lambda: next((f for f in screen.frames if len(f) == 12), []))
        assert max(map(len, narrow)) <= 44
        screen.type(b"\x03")
        assert screen.end() == 0
    assert "Traceback" not in screen.text
    assert screen.text.startswith(ENTER)
    assert screen.text.rstrip("^C").endswith(SHOW + LEAVE)


def test_it_draws_nothing_anew_where_nothing_happens(shop: Shop) -> None:
    with terminal(shop, *COMMAND, "--interval", "1", *DAYS) as screen:
        screen.shows("Of 5 clicks")
        eventually(lambda: len(screen.frames[-1]) == 24)
        press(shop, 1)
        screen.shows("click new")
        assert len(screen.frames) <= 3  # the second may be for the size that it was given


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_leaves_the_terminal_clean(shop: Shop, number: int) -> None:
    with terminal(shop, *COMMAND) as screen:
        screen.shows("Now: ")
        screen.process.send_signal(number)
        assert screen.end() == 128 + number
    assert screen.text.endswith(SHOW + LEAVE)


def test_a_pause_gives_the_terminal_back_meanwhile(shop: Shop) -> None:
    jobs = f"'{COMMAND[0]}' -c '{COMMAND[2]}' watch; echo paused $?; fg >/dev/null; echo ended $?"
    with terminal(shop, "bash", "-mc", jobs) as screen:
        screen.shows("Now: ")
        screen.type(b"\x1a")
        eventually(lambda: "paused 148" in screen.text)
        assert screen.text.index(LEAVE) < screen.text.index("paused 148")
        eventually(lambda: "Now: " in screen.text.rpartition(ENTER)[2])
        assert screen.text.count(ENTER) == 2
        screen.type(b"\x03")
        assert screen.end() == 0
    assert "ended 0" in screen.text


def test_without_colours_it_says_the_same(shop: Shop) -> None:
    with terminal(shop, *COMMAND, NO_COLOR="1") as screen:
        frame = screen.shows("Now: ")
        assert [line for line in frame if line.endswith("No calls in the last day.")]
        screen.type(b"\x03")
        assert screen.end() == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", screen.text)


def test_a_dumb_terminal_and_a_pipe_get_it_once(shop: Shop) -> None:
    with terminal(shop, *COMMAND, *DAYS, TERM="dumb") as screen:
        assert screen.end() == 0
    piped = told(shop, "watch", *DAYS)
    for shown in (screen.text, piped):
        assert "\x1b" not in shown
        assert "Of 5 clicks (1 still under way), 2 led to a completed try-on" in shown
        assert "\n2026-11-01 00:00      " in shown


def test_a_database_that_goes_away_ends_it_in_a_sentence(shop: Shop) -> None:
    with terminal(shop, *COMMAND) as screen:
        screen.shows("Now: ")
        shop.database.rename(shop.folder / "elsewhere.db")
        resize(screen.ours, 90, 30)
        assert screen.end() == 1
    assert "the database: " in screen.text.rpartition(LEAVE)[2]


def test_it_looks_once_a_second_at_most(shop: Shop) -> None:
    assert "--interval" in told(shop, "watch", "--interval", "0.1", status=2)
