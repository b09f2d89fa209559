"""Who takes part: this app and its peers, each with the command that starts it."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from benchmarks.processes import Contender, free_port, lacking

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = HERE / "peers"
VENV = HERE / ".venv"
TOKEN = "bench-token"
PEER_PYTHON = VENV / "bin" / "python"
OURS, NAIVE, EMPTY = "this app", "Flask, naive", "empty handler"
T = TypeVar("T")


@dataclass(frozen=True)
class Version:
    """This app as one tree has it, and the Python that has its packages."""

    name: str
    tree: Path
    python: Path

    @property
    def config(self) -> str:
        return str(self.tree / "gunicorn.conf.py")


TODAY = Version(OURS, ROOT, Path(sys.executable))


@dataclass(frozen=True)
class Bench:
    """What all contenders of a run share."""

    vendor_port: int
    scratch: Path  # on a disk, so that an fsync costs what it costs
    against: Version | None = None  # a commit's, beside today's
    events: int = 150_000  # of the past that maintenance works on
    products: int = 500_000  # of the catalogue

    @property
    def versions(self) -> tuple[Version, ...]:
        return (TODAY, self.against) if self.against else (TODAY,)

    @property
    def units(self) -> dict[str, str]:
        """The columns of ratios, and the contender whose figure is one in each."""
        peers = {"naive = 1": NAIVE, "empty = 1": EMPTY}
        return {**peers, "today = 1": OURS} if self.against else peers

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.vendor_port}/v1"


def prepare() -> list[str]:
    """Build what the peers need: a virtual environment and node_modules. Returns what failed."""
    failed = []
    if not PEER_PYTHON.exists() and not installed(VENV, HERE / "requirements.lock"):
        failed.append("the FastAPI peer's environment could not be built")
        shutil.rmtree(VENV, ignore_errors=True)
    modules = PEERS / "express" / "node_modules"
    if shutil.which("npm") and not modules.exists():
        npm = ("npm", "ci", "--no-audit", "--no-fund", "--prefix", PEERS / "express")
        if not _succeeds(*npm):
            failed.append("the Express peers' modules could not be installed")
            shutil.rmtree(modules, ignore_errors=True)
    return failed


def installed(venv: Path, lock: Path) -> bool:
    """Build a virtual environment of what `lock` names, and of nothing else."""
    pip = (venv / "bin" / "python", "-m", "pip", "install", "-q", "--require-hashes", "-r", lock)
    return _succeeds(sys.executable, "-m", "venv", venv) and _succeeds(*pip)


def _succeeds(*command: str | Path) -> bool:
    done = subprocess.run(command, timeout=600, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return done.returncode == 0


def turns(those: Sequence[T], number: int) -> Sequence[T]:
    """The order of round `number`: there and back, so that nobody follows always the same one."""
    return those[::-1] if number % 2 else those


def vendor(port: int) -> Contender:
    python = PEER_PYTHON if PEER_PYTHON.exists() else Path(sys.executable)
    command = (str(python), str(HERE / "vendor.py"), str(port))
    return Contender("vendor stub alone", command, port, path="/v1/sessions")


def ours(
    bench: Bench, version: Version = TODAY, *, workers: int = 2, like: Contender | None = None
) -> Contender:
    """This app, its own database; `like`: another instance on the same database and public URL."""
    port = free_port()
    environ = {
        "TRYON_API_TOKEN": TOKEN,
        "TRYON_API_URL": bench.api,
        "TRYON_ALLOW_HTTP": "1",
        "TRYON_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TRYON_SECRET_KEY": "0123456789abcdef" * 4,
        "TRYON_DATABASE": f"sqlite:///{bench.scratch}/ours-{port}.db",
        "TRYON_LAUNCH_HOSTS": f"127.0.0.1:{bench.vendor_port}",
        "TRYON_CLIENT_RATE": "1000000/second",
        **(like.environ if like else {}),
        "TRYON_WORKERS": str(workers),
        "PORT": str(port),
        # before site-packages, where today's tree is installed for every version
        "PYTHONPATH": str(version.tree),
    }
    command = _gunicorn(port, "-c", version.config, "app:create_app()", python=version.python)
    # from elsewhere than the project's folder, whose .env is somebody's own
    return Contender(version.name, command, port, environ, bench.scratch, ours=True)


def empty(bench: Bench) -> Contender:
    """Our own limit: the same server, settings and framework with nothing to do."""
    served = ours(bench)
    command = _gunicorn(served.port, "-c", TODAY.config, "benchmarks.peers.empty:app")
    return replace(served, name=EMPTY, command=command, ours=False)


def _gunicorn(port: int, *arguments: str, python: Path = TODAY.python) -> tuple[str, ...]:
    program = str(python.with_name("gunicorn"))
    return (program, "--bind", f"127.0.0.1:{port}", "--log-level", "warning", *arguments)


def _gthread(port: int, module: str) -> tuple[str, ...]:
    return _gunicorn(port, "-k", "gthread", "-w", "2", "--threads", "256", module)


def _peer_environ(bench: Bench, port: int) -> dict[str, str]:
    return {
        "VENDOR_URL": bench.api,
        "VENDOR_TOKEN": TOKEN,
        "CALLBACK_URL": f"http://127.0.0.1:{port}/callbacks/tryon",
        "DATABASE": str(bench.scratch / f"peer-{port}.db"),
        "STORE": str(bench.scratch / f"peer-{port}.jsonl"),
        "NODE_ENV": "production",
        "PORT": str(port),
        "WORKERS": "2",
    }


def _flask(bench: Bench, module: str, path: str) -> Contender:
    port = free_port()
    command = _gthread(port, f"{module}:app")
    return Contender(NAIVE, command, port, _peer_environ(bench, port), PEERS, path=path)


def _express(bench: Bench, name: str, script: str, module: str, path: str) -> Contender:
    port = free_port()
    missing = lacking("node", "npm")
    if not missing and not (PEERS / "express" / "node_modules" / module).exists():
        missing = f"{module} could not be installed"
    return Contender(
        name,
        ("node", script),
        port,
        _peer_environ(bench, port),
        PEERS / "express",
        path=path,
        missing=missing,
    )


def _fastapi(bench: Bench) -> Contender:
    port = free_port()
    command = (
        *(str(PEER_PYTHON), "-m", "uvicorn", "fastapi_sessions:app"),
        *("--port", str(port), "--workers", "2", "--no-access-log", "--log-level", "warning"),
    )
    missing = "" if PEER_PYTHON.exists() else "its environment could not be built"
    name, environ = "FastAPI + httpx", _peer_environ(bench, port)
    return Contender(name, command, port, environ, PEERS, missing=missing)


def _nginx(bench: Bench) -> Contender:
    port = free_port()
    scratch = bench.scratch / f"nginx-{port}"
    scratch.mkdir()
    text = (PEERS / "nginx.conf").read_text()
    words = {"scratch": scratch, "port": port, "token": TOKEN}
    for word, value in {**words, "vendor": f"127.0.0.1:{bench.vendor_port}"}.items():
        text = text.replace(f"@{word}@", str(value))
    (scratch / "nginx.conf").write_text(text)
    # Debian keeps it where only root's PATH looks
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    command = (
        nginx or "nginx",
        "-e",
        str(scratch / "start.log"),
        "-c",
        str(scratch / "nginx.conf"),
    )
    missing = "" if nginx else "no nginx (Debian: nginx-light)"
    return Contender("nginx, token only", command, port, cwd=ROOT, missing=missing)


def _webhook(bench: Bench) -> Contender:
    port = free_port()
    hooks = bench.scratch / f"hooks-{port}.json"
    here = str(PEERS / "webhook")
    hooks.write_text((PEERS / "webhook" / "hooks.json").read_text().replace("@here@", here))
    command = ("webhook", "-hooks", str(hooks), "-ip", "127.0.0.1", "-port", str(port))
    return Contender(
        "webhook + append",
        command,
        port,
        _peer_environ(bench, port),
        ready="/",
        path="/hooks/tryon",
        missing=lacking("webhook"),
    )


def for_sessions(bench: Bench) -> list[Contender]:
    return [
        *(ours(bench, version) for version in bench.versions),
        _flask(bench, "naive_sessions", "/sessions"),
        _express(bench, "Express + fetch", "sessions.js", "express", "/sessions"),
        _fastapi(bench),
        _nginx(bench),
        empty(bench),
    ]


def for_callbacks(bench: Bench) -> list[Contender]:
    path = "/callbacks/tryon"
    name, module = "Express + better-sqlite3", "better-sqlite3/build"
    return [
        *(ours(bench, version) for version in bench.versions),
        _flask(bench, "naive_callbacks", path),
        _express(bench, name, "callbacks.js", module, path),
        _webhook(bench),
        replace(empty(bench), path=path),
    ]
