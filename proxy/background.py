"""Run a `tryon` command in a process of its own.

Long work of a worker needs a store that nobody else writes with, and must not end with the worker.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

HERE = Path(__file__).parent.parent


def run_apart(
    *arguments: str, env: Mapping[str, str] = os.environ, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start `tryon …` in a group of its own, in this working directory, since settings may be
    relative to it; what that holds is not imported (-P). `options` are Popen's."""
    return _start("from proxy.cli import cli; cli()", *arguments, env=env, **options)


def call_apart(
    module: str, function: str, argument: object, **options: Any
) -> "subprocess.Popen[bytes]":
    """Start a function of ours in a process of its own, with an argument that can be pickled."""
    code = f"import pickle, sys, {module} as of; of.{function}(pickle.load(sys.stdin.buffer))"
    process = _start(code, env=os.environ, stdin=subprocess.PIPE, **options)
    with suppress(BrokenPipeError), cast(IO[bytes], process.stdin) as given:
        given.write(pickle.dumps(argument))
    return process


def _start(
    code: str, *arguments: str, env: Mapping[str, str], **options: Any
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-c", code, *arguments]
    path = os.pathsep.join(filter(None, (str(HERE), env.get("PYTHONPATH"))))
    environ = {**env, "PYTHONPATH": path}
    return subprocess.Popen(command, env=environ, start_new_session=True, **options)  # noqa: S603
