"""How the app is served. Everything comes from the environment; see docs/settings.md.

HOST and PORT say where to listen (127.0.0.1:8000), everything else is a TRYON_ setting.
"""

import errno
import os
import resource
import socket
import sys
from contextlib import suppress
from pathlib import Path

# The working directory is the merchant's: it has the settings, and may have an app.py of its own.
sys.path.insert(0, str(Path(__file__).parent.absolute()))

from proxy import output
from proxy.places import heartbeats

# gunicorn calls these by their names.
from proxy.server import CannotStart, Worker, child_exit, pre_fork, usable_settings, when_ready

__all__ = ["child_exit", "on_starting", "pre_fork", "when_ready"]

output.install()


def on_starting(_arbiter: object) -> None:
    """Say which setting is wrong; gunicorn would try for five seconds, and name a socket."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:  # by an earlier server, for whose end gunicorn waits
            where = f"HOST={host} PORT={port}"
            sys.exit(f"The app cannot start:\n{where}: nothing can listen there, {error.strerror}")


try:
    settings = usable_settings()
except CannotStart as error:
    sys.exit(f"The app cannot start:\n{error}")

host = (os.environ.get("HOST") or "127.0.0.1").strip("[]")
port = os.environ.get("PORT") or "8000"
if not port.isdecimal() or not 0 < int(port) < 65_536:
    sys.exit("The app cannot start:\nPORT must be a whole number from 1 to 65535.")
bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
workers = settings.workers
worker_class = Worker
worker_connections = 20_000  # requests and idle connections
http_parser = "auto"  # the C parser, where it could be compiled
backlog = 2048
control_socket_disable = True
keepalive = 30  # also how long a request's headers may take
# The app believes X-Forwarded-For as TRYON_TRUSTED_PROXIES says. gunicorn would believe more from
# its own machine: a SCRIPT_NAME header, or a scheme, by which a client could spoil a request.
forwarded_allow_ips = ""
# Longer than what is under way may take: a click (the challenge, TRYON_UPSTREAM_DEADLINE, and then
# the storage), or a client for a piece of an answer (WRITE_DEADLINE_S). systemd and Docker have to
# wait longer.
graceful_timeout = 25
worker_tmp_dir = str(heartbeats())
accesslog = None  # the app writes its own, without capability keys
errorlog = "-"

# Each open page is a file; where the limit is the usual 1,024, more may be taken by asking.
with suppress(OSError, ValueError):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
