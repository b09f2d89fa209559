"""Starts, watches and ends the processes of a benchmark; none outlives it."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

# Even where the harness is killed outright, no server stays behind.
LEASH = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Contender:
    """How to start one server. `missing` says why it cannot take part, empty when it can."""

    name: str
    command: tuple[str, ...]
    port: int
    environ: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path()
    ready: str = "/healthz"
    path: str = "/sessions"
    missing: str = ""
    ours: bool = False  # this app, of whichever commit: it keeps a database


@dataclass(frozen=True)
class Server:
    contender: Contender
    pid: int
    start_ms: float  # from the start of the process to its first 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.contender.port}"

    def pids(self) -> list[int]:
        """The process group that was started, the leader first."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(ValueError, ProcessLookupError):
                if os.getpgid(int(entry.name)) == self.pid:
                    found.append(int(entry.name))
        return sorted(found, key=lambda pid: (pid != self.pid, pid))

    def pss(self) -> list[float]:
        """Proportional set size of every process, MiB: shared pages are counted once."""
        return [_pss_kib(pid) / 1024 for pid in self.pids()]


def _pss_kib(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


@contextlib.contextmanager
def running(
    contender: Contender, log: Path, within: float = 30, wrapped: tuple[str, ...] = ()
) -> Iterator[Server]:
    """Start it, wait for its first 200 (at most `within` seconds), end its whole group after."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TRYON_")}
    began = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(
            (*LEASH, *wrapped, *contender.command),
            env={**inherited, **contender.environ},
            cwd=contender.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_ready(process, contender, log, began + within)
        yield Server(contender, process.pid, (time.perf_counter() - began) * 1000)
    finally:
        end(process)


def _wait_ready(
    process: subprocess.Popen[bytes], contender: Contender, log: Path, until: float
) -> None:
    while time.perf_counter() < until:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError, http.client.HTTPException):
            if get(contender.port, contender.ready)[0] == 200:
                return
        time.sleep(0.005)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise RuntimeError(f"{contender.name} did not answer {contender.ready}:\n{tail}")


def get(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    return _call(port, "GET", path, headers=headers)


def post(port: int, path: str, body: str = "", **headers: str) -> tuple[int, bytes]:
    return _call(port, "POST", path, body, {"Content-Type": "application/json", **headers})


def _call(
    port: int,
    method: str,
    path: str,
    body: str = "",
    headers: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, dict(headers))
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """End the group that `process` leads: a request first, force after three seconds."""
    for word, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, word)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):  # what outlived its leader
        os.killpg(process.pid, signal.SIGKILL)


def lacking(*programs: str) -> str:
    """Name the programs that are not installed."""
    return ", ".join(f"no {name}" for name in programs if not shutil.which(name))
