"""A vendor stub that is far faster than what calls it: a bare protocol, no framework.

`POST /v1/sessions` answers after the delay set by `POST /delay/<ms>`; `GET /collected` hands out,
once each, "product_id session_id callback_url" of the sessions so far; `GET /count` says how many
were ever made. Run as `python vendor.py PORT`; uses uvloop where it is installed.
"""

import asyncio
import re
import sys
import time
from datetime import UTC, datetime

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
FIELD = re.compile(rb'"(product_id|callback_url)" *: *"([^"]*)"')
HOUR = 3600


class State:
    delay = 0.0
    count = 0
    run = f"{time.time_ns():x}"
    collected: list[bytes] = []  # noqa: RUF012
    port = 0


def answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        len(body),
        body,
    )


def session(body: bytes) -> bytes:
    State.count += 1
    name = f"tsn_{State.run}_{State.count}"
    fields = dict(FIELD.findall(body))
    State.collected.append(
        b"%s %s %s"
        % (fields.get(b"product_id", b"-"), name.encode(), fields.get(b"callback_url", b"-"))
    )
    expires = datetime.fromtimestamp(time.time() + HOUR, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    here = f"http://127.0.0.1:{State.port}"
    return answer(
        f'{{"id":"{name}","status":"ready","launch_url":"{here}/s/{name}",'
        f'"expires_at":"{expires}","qr_code_url":"{here}/qr/{name}.png"}}'.encode()
    )


def control(method: bytes, path: bytes) -> bytes:
    if method == b"POST" and path.startswith(b"/delay/"):
        State.delay = int(path[7:]) / 1000
        return answer(b"{}")
    if path == b"/collected":
        lines, State.collected = State.collected, []
        return answer(b"\n".join(lines))
    if path in (b"/count", b"/healthz"):
        return answer(b"%d" % State.count)
    return answer(b"{}", b"404 Not Found")


class Vendor(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.data = b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self.data, 0, end + 2)
            stop = end + 4 + (int(found[1]) if found else 0)
            if len(self.data) < stop:
                return
            method, path, _ = self.data[: self.data.index(b"\r\n")].split(b" ", 2)
            body, self.data = self.data[end + 4 : stop], self.data[stop:]
            if (method, path) != (b"POST", b"/v1/sessions"):
                self.transport.write(control(method, path))
            elif State.delay:
                asyncio.get_running_loop().call_later(State.delay, self.reply, body)
            else:
                self.reply(body)

    def reply(self, body: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(session(body))


async def main(port: int) -> None:
    State.port = port
    server = await asyncio.get_running_loop().create_server(Vendor, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        from uvloop import run
    except ImportError:
        from asyncio import run
    run(main(int(sys.argv[1])))
