"""How the app is served. Everything comes from the environment; see docs/settings.md.

HOST and PORT say where to listen (127.0.0.1:8000), everything else is a TRYON_ setting.
"""

import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import gevent

# The working directory is the merchant's: it has the settings, and may have an app.py of its own.
sys.path.insert(0, str(Path(__file__).parent.absolute()))

from proxy import catalog
from proxy.settings import Settings, SettingsError, load


class CannotStart(Exception):
    """What is wrong, as it is to be said."""


def checked() -> Settings:
    """The settings; what is wrong is said here once, and not by each worker."""
    try:
        found = load()
        if found.catalog:
            catalog.load(found.catalog)
    except SettingsError as error:
        raise CannotStart("\n".join([*error.problems, "`tryon doctor` says more."])) from None
    except catalog.CatalogError as error:
        raise CannotStart(f"TRYON_CATALOG cannot be used. {error}") from None
    folder = found.database.parent
    if not folder.is_dir():
        raise CannotStart(f"TRYON_DATABASE: there is no folder {folder.absolute()}")
    return found


try:
    settings = checked()
except CannotStart as error:
    sys.exit(f"The app cannot start:\n{error}")

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = settings.workers
worker_class = "gevent"
worker_connections = 20_000  # requests and idle connections
http_parser = "auto"  # the C parser, where its wheel could be installed
backlog = 2048
control_socket_disable = True
keepalive = 30  # also how long a request's headers may take
# The app believes X-Forwarded-For as TRYON_TRUSTED_PROXIES says. gunicorn would believe more from
# its own machine: a SCRIPT_NAME header, or a scheme, by which a client could spoil a request.
forwarded_allow_ips = ""
graceful_timeout = 15
LAST_WAIT_S = 0.5  # a request that was on its way when the stop came has come by then
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - heartbeat files
accesslog = None  # the app writes its own, without capability keys
errorlog = "-"

# Each open page is a file; where the limit is the usual 1,024, more may be taken by asking.
with suppress(OSError, ValueError):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

# Where all workers put their figures; it must be known before prometheus_client is imported.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="tryon-metrics-")


def when_ready(server: Any) -> None:
    """Refuse a reload with wrong settings or a wrong catalogue: the workers go on with what they
    have. When gunicorn reads this file again, it is too late: its end would end the master."""
    reload = server.reload

    def reload_if_right() -> None:
        try:
            checked()
        except CannotStart as error:
            server.log.error("Nothing was reloaded:\n%s", error)
        else:
            reload()

    server.reload = reload_if_right


def pre_request(_worker: Any, request: Any) -> None:
    """A stream takes its connection with it (proxy/live.py): no other request can follow on it."""
    if request.method == "GET" and request.path.endswith("/events"):
        request.force_close()


def post_worker_init(worker: Any) -> None:
    """Let streams and idle connections end when the worker is told to stop, so that it stops at
    once: gunicorn would wait for them as long as for requests, all of `graceful_timeout`."""
    waiting: dict[gevent.Timeout, Any] = {}  # who waits for a connection's next request

    @contextmanager
    def await_request() -> Iterator[None]:
        with gevent.Timeout(keepalive if worker.alive else LAST_WAIT_S, False) as timeout:
            waiting[timeout] = gevent.getcurrent()
            try:
                yield
            finally:
                del waiting[timeout]

    def end(timeout: gevent.Timeout, greenlet: Any) -> None:
        if timeout in waiting:
            greenlet.throw(timeout)

    def end_all(idle: dict[gevent.Timeout, Any]) -> None:
        for pair in idle.items():
            gevent.get_hub().loop.run_callback(end, *pair)

    def stop(number: int, frame: FrameType | None) -> None:
        worker.handle_exit(number, frame)
        gevent.spawn_later(LAST_WAIT_S, end_all, dict(waiting))
        gevent.spawn(worker.wsgi.extensions["tryon"].live.close)

    worker.timeout_ctx = await_request
    signal.signal(signal.SIGTERM, stop)


def child_exit(_server: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
