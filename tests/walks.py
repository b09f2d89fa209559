"""Serve a click and its callback in this process, and print which modules each of them enters.

Their bytes come by a socket that gunicorn's worker reads, and the vendor is a simulator, whose
address is the first argument; the second is a folder for the database. gevent patches nothing here,
so that the writer is a thread of its own and has a walk of its own. Output, as JSON: for each
request its status and, by thread, the modules of proxy/ and storage/ in the order of first entry.
"""

import json
import os
import socket
import sys
import threading
from contextlib import redirect_stdout
from pathlib import Path
from types import FrameType

from gunicorn.config import Config
from gunicorn.glogging import Logger

from app import create_app
from proxy.server import Worker
from proxy.settings import load
from storage.events import Entry
from tests.servers import DESKTOP, ROOT, TOKEN

OURS = tuple(f"{ROOT / folder}{os.sep}" for folder in ("proxy", "storage"))
CLICK_ID = "a-click-to-follow"

walks: dict[str, dict[str, None]] = {}  # by thread


def follow(frame: FrameType, event: str, _: object) -> None:
    file = frame.f_code.co_filename
    if event == "call" and file.startswith(OURS):
        walk = walks.setdefault(threading.current_thread().name, {})
        walk[str(Path(file).relative_to(ROOT))] = None


def walk(vendor: str, folder: str) -> dict[str, dict[str, object]]:
    threading.setprofile(follow)  # for those that the app starts
    app = create_app(
        load(
            {
                "TRYON_API_TOKEN": TOKEN,
                "TRYON_API_URL": f"{vendor}/v1",
                "TRYON_PUBLIC_URL": "http://127.0.0.1",
                "TRYON_SECRET_KEY": "0123456789abcdef" * 3,
                "TRYON_DATABASE": f"sqlite:///{folder}/tryon.db",
                "TRYON_LAUNCH_HOSTS": vendor.partition("//")[2],
            }
        )
    )
    built = app.extensions["tryon"]
    worker = Worker(0, os.getpid(), [], None, 30, Config(), Logger(Config()))
    worker.wsgi = app

    def post(path: str, **body: str | None) -> dict[str, object]:
        content = json.dumps(body)
        text = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
            f"User-Agent: {DESKTOP}\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"Content-Length: {len(content)}\r\n\r\n{content}"
        )
        near, far = socket.socketpair()
        with near, far, socket.create_server(("127.0.0.1", 0)) as listener:
            near.sendall(text.encode())
            walks.clear()
            sys.setprofile(follow)
            worker.handle(listener, far, ("127.0.0.1", 1))
            sys.setprofile(None)
            built.writer.submit(Entry())  # what the writer does after a commit is done by then
            status = int(near.recv(4096).split()[1])
        return {
            "status": status,
            "request": [*walks["MainThread"]],
            "writer": [*walks["writer"]],
        }

    click = post("/sessions", product_id="sku-1", category="footwear", click_id=CLICK_ID)
    attempt = built.store.attempt_by_click(CLICK_ID)
    path = f"/callbacks/{built.keys.seal(attempt.id)}"
    return {"click": click, "callback": post(path, session_id=attempt.session_id, state="done")}


if __name__ == "__main__":
    with redirect_stdout(sys.stderr):  # where the app's log goes meanwhile
        found = walk(*sys.argv[1:])
    json.dump(found, sys.stdout)
