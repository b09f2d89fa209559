"""Long work of a worker, done by a `tryon` command in a process of its own.

It needs a store that nobody else writes with, and must not end with the worker.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent.parent


def run_apart(*arguments: str) -> "subprocess.Popen[bytes]":
    """Start `tryon …` with this process's settings."""
    command = [sys.executable, "-c", "from app import cli; cli()", *arguments]
    return subprocess.Popen(command, cwd=HERE, start_new_session=True)  # noqa: S603 - our own words
