"""Locks on bytes of a file: who holds one, and whether that process goes on."""

import fcntl
import os
import struct
import sys
from pathlib import Path

FLOCK = "hhqqi"  # Linux's: type, whence, start, length, pid
TURN = 0  # the byte whose holder may write


def holder(locks: int) -> int | None:
    """Return the process that has the turn; None where none has, or it cannot be told."""
    if sys.platform != "linux":
        return None
    asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, TURN, 1, 0)
    kind, *_, pid = struct.unpack(FLOCK, fcntl.fcntl(locks, fcntl.F_GETLK, asked))
    return pid if kind != fcntl.F_UNLCK and pid > 0 else None


def is_stopped(pid: int) -> bool:
    """Tell whether a process was stopped by a signal or a debugger (proc_pid_stat(5))."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] in ("T", "t")
