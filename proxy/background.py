"""Run a `tryon` command in a process of its own.

Long work of a worker needs a store that nobody else writes with, and must not end with the worker.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.parent


def run_apart(
    *arguments: str, env: Mapping[str, str] = os.environ, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start `tryon …` in a group of its own, in this working directory, since settings may be
    relative to it; what that holds is not imported (-P). `options` are Popen's."""
    command = [sys.executable, "-P", "-c", "from proxy.cli import cli; cli()", *arguments]
    path = os.pathsep.join(filter(None, (str(HERE), env.get("PYTHONPATH"))))
    environ = {**env, "PYTHONPATH": path}
    return subprocess.Popen(command, env=environ, start_new_session=True, **options)  # noqa: S603
