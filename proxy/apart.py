"""Long work of a worker, done by a `tryon` command in a process of its own.

It needs a store that nobody else writes with, and must not end with the worker.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent.parent


def run_apart(*arguments: str) -> "subprocess.Popen[bytes]":
    """Start `tryon …` with this process's settings, of which some may be relative to its working
    directory; what that holds is not imported (-P)."""
    command = [sys.executable, "-P", "-c", "from app import cli; cli()", *arguments]
    path = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
    environ = os.environ | {"PYTHONPATH": path}
    return subprocess.Popen(command, env=environ, start_new_session=True)  # noqa: S603 - our words
