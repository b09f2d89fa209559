"""`make screens` reaches every state that it names."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.screens import SCREENS
from tests.servers import ROOT


def test_each_state_has_a_name_of_its_own() -> None:
    names = [screen.name for screen in SCREENS]
    assert len(set(names)) == len(names) > 60
    assert all(re.fullmatch(r"[a-z -]+", name) for name in names)  # they are files' names too


@pytest.mark.slow
def test_every_state_is_reached(tmp_path: Path, chromium: Browser) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.browser.screens", "--folder", str(tmp_path), "--width=320"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len([*tmp_path.glob("*.png")]) == 2 * len(SCREENS)
    assert (tmp_path / "index.html").read_text().count("<h2>") == len(SCREENS)
