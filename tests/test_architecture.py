"""docs/architecture.md tells the way that requests take, the plan, and every module."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.servers import ROOT, Vendor
from tests.test_structure import MODULES, STOREYS

PAGE = (ROOT / "docs/architecture.md").read_text()


def section(title: str) -> str:
    """What stands below a heading, up to the next one."""
    begin = re.search(rf"^#+ {re.escape(title)}\n", PAGE, re.M)
    assert begin, title
    return re.split(r"^#", PAGE[begin.end() :], maxsplit=1, flags=re.M)[0]


@pytest.fixture(scope="module")
def walks(vendor: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("walks")
    done = subprocess.run(
        [sys.executable, "-m", "tests.walks", vendor.url, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("thread", ["request", "writer"])
@pytest.mark.parametrize(("request_", "status"), [("click", 201), ("callback", 204)])
def test_a_request_enters_the_modules_that_the_page_names_in_its_order(
    walks: Any, request_: str, status: int, thread: str
) -> None:
    steps = re.findall(r"^\d+\. (.*)", section(f"A {request_}, on the {thread}'s thread"), re.M)
    told = [re.match(r"`(\S+)`: ", step) for step in steps]
    assert walks[request_]["status"] == status
    assert [step and step[1] for step in told] == walks[request_][thread]


def test_the_drawing_has_the_storeys_that_the_imports_keep_to() -> None:
    drawing = section("Storeys").split("```")[1]
    drawn = [tuple(line.split()) for line in drawing.strip().splitlines()]
    assert drawn == [tuple(map(as_drawn, rooms)) for rooms in STOREYS]


def as_drawn(room: str) -> str:
    path = room.replace(".", "/")
    return "proxy/*.py" if room == "proxy" else f"{path}.py" if is_file(room) else path


def is_file(room: str) -> bool:
    return MODULES[room].name != "__init__.py"


def test_every_module_has_its_line() -> None:
    lines = re.findall(r"^- `((?:proxy|storage)/\S+\.py)`: ", PAGE, re.M)
    assert len(lines) == len({*lines})
    assert {*lines} == {str(path.relative_to(ROOT)) for path in MODULES.values() if has_code(path)}


def has_code(path: Path) -> bool:
    """Whether there is more in a module than its docstring."""
    return path != ROOT / "app.py" and len(ast.parse(path.read_text()).body) > 1
