"""Makes calls as a gunicorn worker does, all at once, with gevent in place of threads.

Standard input: a JSON list of [api_url, product_id, deadline, number of calls]. Output: for each,
what came of its last call. A host that begins with `slow-dns` is looked up for far too long.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import os  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from types import SimpleNamespace  # noqa: E402

import gevent  # noqa: E402
from pydantic import SecretStr  # noqa: E402

from proxy.upstream.breaker import Breaker  # noqa: E402
from proxy.upstream.client import UpstreamClient, UpstreamFailure  # noqa: E402
from proxy.upstream.contract import session_request  # noqa: E402
from storage.sqlite.counters import SQLiteCounters  # noqa: E402

native_sleep = monkey.get_original("time", "sleep")
cooperative_getaddrinfo = socket.getaddrinfo


def getaddrinfo(host, *args, **options):
    """A lookup blocks a thread of gevent's pool, as the C library's does."""
    if str(host).startswith("slow-dns"):
        gevent.get_hub().threadpool.apply(native_sleep, (5,))
    return cooperative_getaddrinfo(host, *args, **options)


def outcome(folder: Path, api_url: str, product_id: str, deadline: float, calls: int) -> dict:
    client = UpstreamClient(
        SimpleNamespace(
            api_url=api_url,
            api_token=SecretStr("canary-token"),
            launch_hosts=frozenset({"launch.tryon-api.com", api_url.split("/")[2]}),
            allow_http=False,
        ),
        Breaker(SQLiteCounters(Path(tempfile.mkdtemp(dir=folder)) / "counters.db")),
        deadline,
    )
    request = session_request(
        product_id=product_id,
        category="footwear",
        callback_url="https://merchant.example/callbacks/x",
        locale="en-US",
    )
    for _ in range(calls):
        started = time.monotonic()
        try:
            call = client.create_session(request, product_id)[1]
        except UpstreamFailure as failure:
            call = failure.call
        seconds = time.monotonic() - started
        gevent.sleep(0.5)  # the vendor may close meanwhile
    found = {name: getattr(call, name) for name in ("status", "error", "tries", "detail")}
    return found | {"seconds": seconds}


socket.getaddrinfo = getaddrinfo
with tempfile.TemporaryDirectory() as name:
    cases = json.load(sys.stdin)
    running = [gevent.spawn(outcome, Path(name), *case) for case in cases]
    print(json.dumps([each.get() for each in running]), flush=True)  # noqa: T201
os._exit(0)  # the lookup's thread would be waited for
