"""This app as a commit had it, for one more contender: its tree, and the packages of its lock."""

import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import click

from benchmarks import report
from benchmarks.contenders import OURS, ROOT, TODAY, Bench, Version, installed, ours
from benchmarks.processes import free_port, running

LOCK = "requirements.lock"
# What a Python with PYTHONVERBOSE says of a module that it compiled, and of one compiled before.
LOADED = re.compile(r"^# (?:code object from|\S+ matches) '?([^'\n]+\.py)'?$", re.MULTILINE)


def find(name: str) -> str | None:
    """The hash of the commit that `name` means, if there is one."""
    done = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return done.stdout.strip() if done.returncode == 0 else None


def version(commit: str, scratch: Path) -> Version:
    """Its tree, unpacked in `scratch`, ready to be started; goes when `scratch` goes."""
    short, subject = _git("show", "-s", "--format=%h%n%s", commit).stdout.splitlines()
    tree = _unpacked(commit, scratch / f"tree-{short}")
    same = (tree / LOCK).read_bytes() == (ROOT / LOCK).read_bytes()
    report.say(f"Against: {short} {subject} ({'the same' if same else 'its own'} packages)")
    found = Version(f"{OURS} at {short}", tree, TODAY.python if same else _python(tree))
    _tried(found, scratch)
    return found


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True)


def _unpacked(commit: str, tree: Path) -> Path:
    """An archive, and no worktree of git's: nothing is left in the repository, whatever happens."""
    archive = tree.with_suffix(".zip")
    _git("archive", f"--output={archive}", commit).check_returncode()
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tree)
    return tree


def _python(tree: Path) -> Path:
    report.say("Its packages differ from today's and are being installed …")
    if not installed(tree / ".venv", tree / LOCK):
        raise click.ClickException("the packages that this commit locked could not be installed")
    return tree / ".venv" / "bin" / "python"


def _tried(version: Version, scratch: Path) -> None:
    """Start it twice, so that it is compiled as today's tree is, and says whose code it runs."""
    contender = ours(Bench(free_port(), scratch), version)
    try:
        with running(contender, scratch / "commit.log"):
            pass
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None
    log = scratch / "imports.log"
    with running(replace(contender, environ={**contender.environ, "PYTHONVERBOSE": "1"}), log):
        pass
    loaded = {Path(name) for name in LOADED.findall(log.read_text(errors="replace"))}
    own = [path for path in loaded if _of(path, version.tree)]
    others = [path for path in loaded if _of(path, ROOT)]
    if version.tree / "app.py" not in own or others:
        raise click.ClickException(f"{version.name} runs other code than its own: {others}")
    report.say(f"{version.name} runs {len(own)} modules of its own tree, and none of today's.")


def _of(path: Path, tree: Path) -> bool:
    """Whether it is the project's own code in `tree`, and not a package installed there."""
    return tree in path.parents and not {Path(sys.prefix), tree / ".venv"} & set(path.parents)
