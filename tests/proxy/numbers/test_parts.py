"""What the dashboard's pages say alike, in words."""

from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader

from proxy.numbers.questions import Change

TEMPLATES = Path(__file__).parents[3] / "templates"


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (0.0, "no change"),
        (-0.004, "no change"),
        (0.004, "no change"),
        (-0.012, "-1%"),
        (0.5, "+50%"),
        (None, "no period before to compare with"),
    ],
)
def test_a_change_is_said_with_its_sign_and_none_as_none(ratio: float | None, said: str) -> None:
    parts = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    page = parts.from_string('{% from "dashboard/parts.html" import change %}{{ change(it) }}')
    assert page.render(it=Change(ratio=ratio, noise=False)) == f"<span>{said}</span>"
