"""gunicorn's settings for the simulator: one worker, since its state is memory."""

import sys
from typing import Any

workers = 1
worker_class = "gevent"
worker_connections = 5000
keepalive = 75  # as long as common servers: whoever asks again after a pause is not cut off
graceful_timeout = 1  # a hanging scenario need not be waited for
loglevel = "warning"
wsgi_app = "simulator.app:create_app()"


def when_ready(server: Any) -> None:
    """Print the address: with port 0 only the socket knows it."""
    host, port = server.LISTENERS[0].sock.getsockname()[:2]
    host = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"Vendor simulator: http://{host}:{port}\n")
    sys.stdout.flush()
