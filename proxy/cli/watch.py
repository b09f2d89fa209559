"""`tryon watch`: the first screen, live, in the terminal."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click
from rich.control import Control
from rich.screen import Screen

from proxy.cli.context import asks, console, load_settings, with_database
from proxy.cli.drawing import pen
from proxy.cli.first import Seen, screen, see
from storage.database import Database

STALE_S = 60.0  # what is compared moves on with the clock, also where nothing happens


@click.command()
@asks
@click.option(
    "--interval",
    type=click.FloatRange(1, 3600),
    default=1.0,
    metavar="SECONDS",
    help="Look for news so often; 1 at least, which it is if left out.",
)
@with_database
def watch(database: Database, interval: float, **asked: str | None) -> None:
    """Show the dashboard's first screen and draw it anew as things happen, until interrupted.

    Where there is no screen to draw on, a pipe or a dumb terminal, it is written once.
    """
    settings = load_settings()
    if not console.is_terminal or console.is_dumb_terminal:
        console.print(*screen(see(database, settings, asked), pen(console), None), sep="\n")
        return
    news = threading.Event()
    with suppress(KeyboardInterrupt), _screen(news):
        seen_at = -STALE_S
        while True:
            database.store.check()
            if database.store.changed() or time.monotonic() - seen_at > STALE_S:
                seen, seen_at = see(database, settings, asked), time.monotonic()
                news.set()
            if news.is_set():
                news.clear()
                _draw(seen)
            news.wait(interval)


def _draw(seen: Seen) -> None:
    console.control(Control.home())
    console.print(Screen(*screen(seen, pen(console), console.height)), end="")


@contextmanager
def _screen(news: threading.Event) -> Iterator[None]:
    """Take the terminal's other screen, and give it back however the process ends or pauses.

    `news` is set where it has to be drawn anew: it has another size, or the process goes on.
    """

    def pause(number: int, _frame: object) -> None:
        leave()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns when the process is continued
        signal.signal(number, pause)
        enter()
        news.set()

    def enter() -> None:
        console.set_alt_screen(True)
        console.show_cursor(False)

    def leave() -> None:
        console.show_cursor(True)
        console.set_alt_screen(False)

    handlers = {
        signal.SIGWINCH: lambda *_: news.set(),
        signal.SIGTSTP: pause,
        signal.SIGINT: signal.default_int_handler,  # whoever started it may have had it ignored
        signal.SIGTERM: lambda number, _: sys.exit(128 + number),
        signal.SIGHUP: lambda number, _: sys.exit(128 + number),
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    enter()
    try:
        yield
    finally:
        leave()
        for number, handler in before.items():
            signal.signal(number, handler)
