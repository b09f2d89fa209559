"""`/dashboard/settings`: what this app runs with, and what `tryon doctor` says of it."""

import json
import logging
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import PIPE, TimeoutExpired
from threading import Lock
from typing import Any

from flask import Blueprint, render_template

from proxy.background import run_apart
from proxy.catalog.source import shown
from proxy.routes.dashboard import demand_known, guard, read
from proxy.services import services
from proxy.settings import current_table
from proxy.web.problems import Problem
from storage.numbers import Numbers

DOCTOR_WAITS_S = 60
LONGEST_ERROR = 2_000  # bytes of what it says in vain
PROJECT = Path(__file__).parents[3] / "pyproject.toml"

routes = Blueprint("dashboard_settings", __name__, url_prefix="/dashboard")
guard(routes)
_visiting = Lock()

log = logging.getLogger("tryon")


@routes.get("/settings")
def settings() -> str:
    """The settings, the catalogue, the budgets, and what is wrong with them."""
    demand_known()
    return _page()


@routes.post("/settings")
def ask_doctor() -> str:
    """Run `tryon doctor`, which asks the vendor too, and show what it says."""
    if not _visiting.acquire(blocking=False):
        raise Problem("busy", retry_after=10)
    try:
        doctor = _doctor()
    finally:
        _visiting.release()
    return _page(doctor=doctor)


def _page(**more: object) -> str:
    built = services()
    catalog = built.settings.catalog
    return render_template(
        "dashboard/settings.html",
        settings=built.settings,
        rows=current_table(),
        catalog=built.catalog,
        source=shown(catalog) if catalog else None,
        spent={each.name: each for each in built.limits.spent()},
        parts=built.parts(),
        version=_version(),
        raw_since=read(_raw_since),
        **more,
    )


def _raw_since(numbers: Numbers) -> str:
    return numbers.raw_since or numbers.since


def _doctor() -> dict[str, Any]:
    """Run it in a process of its own; return the members of its JSON."""
    process = run_apart("doctor", "--json", stdout=PIPE, stderr=PIPE)
    try:
        said, error = process.communicate(timeout=DOCTOR_WAITS_S)
    except TimeoutExpired:
        process.kill()
        process.communicate()
        return {"verdict": f"It has not come to an end within {DOCTOR_WAITS_S} seconds."}
    try:
        return dict(json.loads(said))
    except ValueError:
        log.error("tryon doctor ended with %s: %r", process.returncode, error[-LONGEST_ERROR:])
        return {"verdict": "It could not be run; the log says why."}


def _version() -> str:
    try:
        return version("tryon-proxy")
    except PackageNotFoundError:  # it runs from its folder
        return str(tomllib.loads(PROJECT.read_text())["project"]["version"])
