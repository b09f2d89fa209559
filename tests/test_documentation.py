"""The documents say what the code does."""

import html
import json
import re

import pytest

from proxy.definitions import DEFINITIONS
from tests.servers import ROOT, Shop

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


def snippets(text: str) -> list[str]:
    return re.findall(r"^```(?:html|liquid|php)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_guide_and_the_embed_page_give_the_same_snippets(shop: Shop) -> None:
    page = shop.http.get(f"{shop.url}/embed").text
    shown = re.sub(r"\s+", " ", html.unescape(page)).replace("sku-12345", "")
    for snippet in snippets(EMBEDDING):
        here = snippet.replace("https://tryon.shop.example", shop.url)
        for line in filter(None, map(str.strip, here.splitlines())):
            assert re.sub(r"\s+", " ", line).replace("sku-12345", "") in shown, line


def test_every_link_between_documents_leads_somewhere() -> None:
    for document in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), (document.name, target)
