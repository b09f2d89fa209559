"""The dashboard's parameters: whatever is asked, a clear page, of the days that it says."""

import re

import pytest
import requests

from tests.routes.dashboard.merchant import log_in_once
from tests.servers import Shop

PAGES = ("", "first", "by/offered", "by/product_id", "attempts")
PERIOD = ("from", "to", "range")
FILTERS = ("product_id", "category", "locale", "device", "channel", "offered")
ASKED = {"from": "2026-11-03", "to": "2026-11-09"}
HOSTILE = (
    "", "0", "-1", "9" * 400, "2026-02-30", "20261101", "9999-12-31", "today ", "Today", "(none)",
    "<script>alert(1)</script>", "'; DROP TABLE events; --", "{{ 'q' * 40 }}", "%00", "\x00",
    "\u202e", "\u0660", "../../etc/passwd", "=cmd|' /C calc'!A0", "a\r\nX-A: b",
    "x" * 301, "\U0001f45f" * 90,
)  # fmt: skip


def look(shop: Shop, page: str, asked: dict[str, str] | list[tuple[str, str]]) -> requests.Response:
    return log_in_once(shop).get(f"{shop.url}/dashboard/{page}", params=asked)


def days(page: str) -> list[str]:
    return re.findall(r'<input type="date" name="(?:from|to)" value="([^"]+)"', page)


def is_answered_well(answer: requests.Response, value: str) -> None:
    assert answer.status_code in (200, 400), (answer.url, answer.text[:500])
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "X-A" not in answer.headers
    for part in ("<script>alert", "q" * 40):
        assert part not in answer.text, value


@pytest.mark.parametrize("name", [*FILTERS, "by", "sort", "limit", "chart", "search", "count"])
def test_no_value_is_our_mistake_or_changes_the_days(known: Shop, name: str) -> None:
    page = {"chart": "", "search": "by/locale", "count": "attempts"}.get(name, "by/offered")
    for value in HOSTILE:
        answer = look(known, page, ASKED | {name: value})
        is_answered_well(answer, value)
        if answer.status_code == 200:
            assert days(answer.text) == [ASKED["from"], ASKED["to"]], value


@pytest.mark.parametrize("name", PERIOD)
def test_a_period_that_is_none_is_refused_and_never_another_one(known: Shop, name: str) -> None:
    for value in HOSTILE[1:]:
        answer = look(known, "by/day", {name: value})
        assert answer.status_code == 400, value
        assert f"{name}: " in answer.text


@pytest.mark.parametrize("name", [*PERIOD, *FILTERS, "sort", "chart", "search", "colour", "from[]"])
def test_a_parameter_is_known_and_given_once(known: Shop, name: str) -> None:
    for page in PAGES:
        answer = look(known, page, [(name, "x"), (name, "x")])
        assert answer.status_code == 400
        assert re.search(rf"{re.escape(name)}: is (given twice|not known here)", answer.text)
