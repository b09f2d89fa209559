"""The documents say what the code does, and the Makefile does what it says."""

import json
import re
import subprocess
import sys

import pytest

from proxy.numbers.definitions import DEFINITIONS
from tests.servers import ROOT

MANIFEST = json.loads((ROOT / "static/custom-elements.json").read_text())
ELEMENT = MANIFEST["modules"][0]["declarations"][0]
EMBEDDING = (ROOT / "docs/embedding.md").read_text()
NUMBERS = (ROOT / "docs/numbers.md").read_text()


@pytest.mark.parametrize("kind", ["attributes", "events", "slots", "cssParts", "cssProperties"])
def test_the_embedding_guide_names_all_that_the_element_has(kind: str) -> None:
    words = set(re.findall(r"[a-z-]+", EMBEDDING))
    assert {each["name"] for each in ELEMENT[kind]} - {""} <= words


def test_each_figure_is_explained() -> None:
    for each in DEFINITIONS:
        assert f"| {each.label} | {each.meaning} |" in NUMBERS


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), (document.name, target)


def test_the_crash_test_runs_every_test_that_counts_its_crashes() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ncrash-test:")[2]
    chosen = re.search(r"-k (\w+|\"[^\"]+\")", recipe)
    assert chosen
    proofs = "tests/e2e/test_proofs.py"
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-m", "slow", "-k", chosen[1].strip('"'),
         proofs],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout  # fmt: skip
    tests = re.split(r"^def (?=test_)", (ROOT / proofs).read_text(), flags=re.M)[1:]
    counting = [test.partition("(")[0] for test in tests if "range(CRASHES)" in test]
    assert len(counting) == 2
    for name in counting:
        assert f"{proofs}::{name}" in listed
