"""Firefox and WebKit, driven by what they bring along: both take the commands of WebDriver."""

import base64
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import requests

from tests.servers import eventually, free_port, http

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
MISSING = {
    "firefox": "" if FIREFOX else "no Firefox was found (Debian: firefox-esr)",
    "webkit": ""
    if shutil.which("WebKitWebDriver") and shutil.which("Xvfb")
    else "no WebKit was found (Debian: webkit2gtk-driver xvfb)",
}
# Browsers keep their windows wider than a phone for what they put around a page.
PROFILE = {
    "user.js": """
user_pref("toolkit.legacyUserProfileCustomizations.stylesheets", true);
user_pref("layout.css.prefers-color-scheme.content-override", 1);
user_pref("ui.prefersReducedMotion", 1);
""",
    "chrome/userChrome.css": """
:root { min-width: 0 !important }
#navigator-toolbox { display: none !important }
""",
}
GTK = {
    ".config/gtk-3.0/gtk.css": "* { border: 0; min-width: 0; margin: 0; padding: 0; font: 1px a }",
    ".config/gtk-3.0/settings.ini": "[Settings]\ngtk-enable-animations=0\n",
}
PATIENCE = 120.0  # seconds for an answer: a start takes 20 where others work too
SCREEN = (1600, 1200)  # with room for every window
# The element of the page, or the part of the button, that is seen; else the first there is.
FIND = """
const hosts = [...document.querySelectorAll('try-on-button')].map(button => button.shadowRoot);
const found = [document, ...hosts].flatMap(root => [...root?.querySelectorAll(what) ?? []]);
const seen = found.find(each => each.checkVisibility({ visibilityProperty: true }));
const element = seen ?? found[0];
"""
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the name that WebDriver has for a reference
# Where each command is posted to over HTTP.
PATHS = {
    "Navigate": "url",
    "ExecuteScript": "execute/sync",
    "ElementClick": "element/{id}/click",
    "PerformActions": "actions",
    "SetWindowRect": "window/rect",
}
ESCAPE = "\ue00c"


class Window:
    """A browser's window, as a shopper uses it. What is in it is named by CSS selectors."""

    def __init__(self, command: Callable[..., Any]) -> None:
        self.command = command

    def open(self, url: str) -> None:
        self.evaluate("document.left = true")
        self.command("Navigate", url=url)
        eventually(lambda: self.evaluate("!document.left && document.readyState == 'complete'"))

    def evaluate(self, expression: str, argument: Any = None) -> Any:
        """Its value, or what it returns where it is a function, or what that promises."""
        body = f"const it = ({expression}); return typeof it == 'function' ? it(...arguments) : it"
        return self.command("ExecuteScript", script=body, args=[argument])["value"]

    def size(self, width: int, height: int) -> None:
        """Of the page alone, in CSS pixels."""
        around = self.evaluate("[outerWidth - innerWidth, outerHeight - innerHeight]")
        self.command("SetWindowRect", width=width + around[0], height=height + around[1])
        eventually(lambda: self.evaluate("[innerWidth, innerHeight]") == [width, height])

    def press(self, what: str) -> None:
        eventually(lambda: self.seen(what))
        self.command("ElementClick", id=self._find(what, "element")[ELEMENT])

    def type(self, keys: str) -> None:
        """Into whatever has the focus."""
        strokes = [{"type": way, "value": key} for key in keys for way in ("keyDown", "keyUp")]
        self.command("PerformActions", actions=[{"type": "key", "id": "keys", "actions": strokes}])

    def seen(self, what: str) -> bool:
        return bool(self._find(what, "!!seen"))

    def text(self, what: str) -> str:
        return str(self._find(what, "element?.innerText ?? ''"))

    def box(self, what: str) -> dict[str, float]:
        """Where it is in the window: `left`, `right`, `top`, `bottom`, `width`, `height`."""
        self._draw()
        return dict(self._find(what, "element.getBoundingClientRect().toJSON()"))

    def screenshot(self) -> bytes:
        """What is seen in the window, as a PNG."""
        self._draw()
        return base64.b64decode(self.command("TakeScreenshot", full=False)["value"])

    def _find(self, what: str, wanted: str) -> Any:
        return self.evaluate(f"what => {{ {FIND} return {wanted} }}", what)

    def _draw(self) -> None:
        """Wait until what has changed is drawn."""
        self.evaluate(
            "new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))"
        )


class Marionette:
    """Firefox's protocol: the commands by name, as JSON behind its length."""

    def __init__(self, connection: socket.socket) -> None:
        self.stream = connection.makefile("rwb")
        self._read()  # a greeting
        self("NewSession")

    def __call__(self, name: str, **parameters: Any) -> Any:
        message = json.dumps([0, 0, f"WebDriver:{name}", parameters]).encode()
        self.stream.write(b"%d:%s" % (len(message), message))
        self.stream.flush()
        *_, error, answer = self._read()
        assert not error, error
        return answer

    def _read(self) -> Any:
        length = b""
        while (byte := self.stream.read(1)) != b":":
            assert byte, "Firefox is gone"
            length += byte
        return json.loads(self.stream.read(int(length)))


def _connection(port: int) -> socket.socket | None:
    with suppress(OSError):
        return socket.create_connection(("127.0.0.1", port), PATIENCE)
    return None


class WebDriver:
    """The protocol of the standard: the commands by path, over HTTP."""

    def __init__(self, port: int) -> None:
        self.http = http()
        self.url = f"http://127.0.0.1:{port}/session"
        self.url += "/" + eventually(self._new_session, PATIENCE)

    def _new_session(self) -> str:
        with suppress(requests.ConnectionError):
            # WebKit's own wait for a page's end may last for ever where the page is of another
            # origin than the one before, and has a process of its own.
            wishes = {"alwaysMatch": {"pageLoadStrategy": "none"}}
            answer = self.http.post(self.url, json={"capabilities": wishes})
            return str(answer.json()["value"]["sessionId"])
        return ""

    def __call__(self, name: str, **parameters: Any) -> Any:
        if name == "TakeScreenshot":
            answer = self.http.get(f"{self.url}/screenshot", timeout=PATIENCE)
        else:
            path = PATHS[name].format(**parameters)
            answer = self.http.post(f"{self.url}/{path}", json=parameters, timeout=PATIENCE)
        if "before the unload event" in answer.text:  # the page was left: ask the one that comes
            return self(name, **parameters)
        assert answer.ok, answer.text
        return answer.json()

    def quit(self) -> None:
        self.http.delete(self.url)


@contextmanager
def running_firefox(home: Path) -> Iterator[Window]:
    port = free_port()
    width, height = map(str, SCREEN)
    _write(home, PROFILE | {"prefs.js": f'user_pref("marionette.port", {port});\n'})
    command = [str(FIREFOX), "--headless", "--marionette", "--profile", str(home), "about:blank"]
    with (
        _running(command, home, MOZ_HEADLESS_WIDTH=width, MOZ_HEADLESS_HEIGHT=height),
        eventually(lambda: _connection(port), PATIENCE) as connection,
    ):
        yield Window(Marionette(connection))


@contextmanager
def running_webkit(home: Path) -> Iterator[Window]:
    port = free_port()
    _write(home, GTK)
    # Nothing is asked of this machine's desktop, should it have one.
    alone = {"DBUS_SESSION_BUS_ADDRESS": "disabled:", "GSETTINGS_BACKEND": "memory"}
    command = ["WebKitWebDriver", f"--port={port}"]
    with _display(home) as display, _running(command, home, DISPLAY=display, **alone):
        driver = WebDriver(port)
        try:
            yield Window(driver)
        finally:
            driver.quit()


ENGINES = {"firefox": running_firefox, "webkit": running_webkit}


@contextmanager
def _display(home: Path) -> Iterator[str]:
    """The first one that is free."""
    reading, writing = os.pipe()
    screen = "{}x{}x24".format(*SCREEN)
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", screen, "-nolisten", "tcp"]
    with _running(command, home, pass_fds=[writing]), os.fdopen(reading) as told:
        os.close(writing)
        yield ":" + told.readline().strip()


@contextmanager
def _running(
    command: list[str], home: Path, pass_fds: Iterable[int] = (), **environ: str
) -> Iterator[None]:
    with (home / "log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], "HOME": str(home)} | environ,
            stdout=log,
            stderr=log,
            pass_fds=[*pass_fds],
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _write(home: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
