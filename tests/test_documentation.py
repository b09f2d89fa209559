"""The documents say what the code does, and the Makefile does what it says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from proxy.numbers.definitions import DEFINITIONS
from tests.servers import ROOT

MANIFEST = json.loads((ROOT / "static/custom-elements.json").read_text())
ELEMENT = MANIFEST["modules"][0]["declarations"][0]
EMBEDDING = (ROOT / "docs/embedding.md").read_text()
NUMBERS = (ROOT / "docs/numbers.md").read_text()
DOCUMENTS = sorted(
    path
    for pattern in (
        "*.md",
        "llms.txt",
        ".github/**/*.md",
        "deploy/**/*.md",
        "docs/**/*.md",
        "integrations/*/*.md",
    )
    for path in ROOT.glob(pattern)
)
DECISIONS = ROOT / "docs/decisions"


@pytest.mark.parametrize("kind", ["attributes", "events", "slots", "cssParts", "cssProperties"])
def test_the_embedding_guide_names_all_that_the_element_has(kind: str) -> None:
    words = set(re.findall(r"[a-z-]+", EMBEDDING))
    assert {each["name"] for each in ELEMENT[kind]} - {""} <= words


def test_each_figure_is_explained() -> None:
    for each in DEFINITIONS:
        assert f"| {each.label} | {each.meaning} |" in NUMBERS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text()):
        path, _, anchor = target.partition("#")
        found = document.parent / path if path else document
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def anchors(document: Path) -> set[str]:
    """The names by which a document's headings are linked to."""
    headings = re.findall(r"^#+ (.*)", document.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named(document: Path, *folders: str) -> list[str]:
    """The paths in folders that a document names as code."""
    return re.findall(rf"`((?:{'|'.join(folders)})/[\w./-]+)`", document.read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_is_named_exists(document: Path) -> None:
    folders = ("proxy", "storage", "simulator", "static", "templates", "deploy", "docs")
    for path in named(document, *folders, "benchmarks"):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_is_named_exists(document: Path) -> None:
    for path in named(document, "tests"):
        assert (ROOT / path).exists(), path


def test_the_index_has_every_document() -> None:
    index = (ROOT / "docs/README.md").read_text()
    for document in (ROOT / "docs").glob("*.md"):
        assert document.name == "README.md" or f"]({document.name}" in index, document.name
    parts = ["Try", "Embed", "Connect", "Run", "Watch", "Scale", "Extend"]
    assert re.findall(r"^## (.*)", index, re.M) == parts


def test_what_assistants_read_has_every_document() -> None:
    """llms.txt: a title, a summary, and lists of links (llmstxt.org)."""
    text = (ROOT / "llms.txt").read_text()
    assert re.match(r"# tryon-proxy\n\n(> .*\n)+\n", text)
    for document in (ROOT / "docs").glob("*.md"):
        assert f"(docs/{document.name})" in text, document.name


def test_every_decision_is_short_and_in_the_index() -> None:
    files = [path for path in sorted(DECISIONS.glob("*.md")) if path.name != "README.md"]
    index = re.findall(r"^\| \[(\d+)\]\((.*?)\) \| ", (DECISIONS / "README.md").read_text(), re.M)
    assert index == [(str(number), path.name) for number, path in enumerate(files, 1)]
    for number, path in enumerate(files, 1):
        lines = path.read_text().splitlines()
        assert path.name.startswith(f"{number:04}-")
        assert lines[0].startswith(f"# {number}. ")
        assert [line for line in lines if line.startswith("## ")] == [
            "## Context",
            "## Decision",
            "## Consequences",
        ]
        assert len(lines) <= 40


def test_the_hooks_run_what_make_lint_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    recipe = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    linted = re.findall(r"^\t\$\(VENV\)/bin/(.*?)(?: \.)?$", recipe, re.M)
    assert linted == [
        hook["entry"].removeprefix(".venv/bin/").replace(" --force-exclude", "") for hook in hooks
    ]


def test_ci_runs_on_every_python_that_is_supported() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    job = workflow["jobs"]["test"]
    oldest = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert oldest
    pythons = job["strategy"]["matrix"]["python"]
    assert pythons == [f"3.{minor}" for minor in range(int(oldest[1]), 15)]
    assert job["steps"][-1]["run"].endswith("bash .ci/run")
    assert workflow["permissions"] == {"contents": "read"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_a_form_for_issues_can_be_read(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    assert path.stem == "config" or {"name", "description", "body"} <= form.keys()


def test_the_readme_opens_with_small_pictures_that_a_command_makes() -> None:
    beginning = (ROOT / "README.md").read_text().partition("\n## ")[0]
    pictures = [ROOT / path for path in re.findall(r"!\[[^]]+\]\((\S+)\)", beginning)]
    assert [path.name for path in pictures] == ["dialog.png", "dashboard.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert sum(path.stat().st_size for path in pictures) <= 300_000
    for command in ("screens", "pictures"):
        assert f"| `make {command}` |" in (ROOT / "CONTRIBUTING.md").read_text()
        recipe = (ROOT / "Makefile").read_text().partition(f"\n{command}: $(VENV)/test")[2]
        module = re.search(r"\$\(RUN\) -m ([\w.]+)", recipe)
        assert module
        assert (ROOT / module[1].replace(".", "/")).with_suffix(".py").exists()


def test_the_crash_test_runs_every_test_that_counts_its_crashes() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ncrash-test:")[2]
    chosen = re.search(r"-k (\w+|\"[^\"]+\")", recipe)
    assert chosen
    proofs = "tests/test_proofs.py"
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
