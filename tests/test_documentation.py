"""The documents say what the code does."""

import json
import re

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
