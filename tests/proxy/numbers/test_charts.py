"""Charts are well-formed, say in words what they show, and stay sane for any numbers."""

import gzip
import re
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from proxy.numbers import charts
from proxy.numbers.forecast import Range

FIRST = date(2026, 11, 1)
CSS = Path(__file__).parents[3] / "static" / "charts.css"


def days(many: int, first: date = FIRST) -> list[date]:
    return [first + timedelta(i) for i in range(many)]


def ranges(many: int, first: date, size: float = 10) -> list[Range]:
    return [Range(day, size, 2 * size, 3 * size) for day in days(many, first)]


def draw(kind: str, values: list[int], title: str = "Sessions") -> Markup:
    seen = days(len(values))
    match kind:
        case "line":
            return charts.line("c", title, seen, values, before=values[::-1], open_days=2)
        case "sparkline":
            return charts.sparkline("c", title, seen, values)
        case "funnel":
            return charts.funnel("c", title, [(title, n) for n in values], [0.5] * len(values[1:]))
        case _:
            ahead = ranges(3, FIRST + timedelta(len(values))) if values else []
            return charts.interval("c", title, seen, values, ahead)


def read(chart: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(chart)  # noqa: S314 (our own)


def texts(chart: Markup) -> list[str]:
    return [text.text or "" for text in read(chart).iter("text")]


def points(path: str) -> list[tuple[float, float]]:
    numbers = [float(n) for part in re.findall(r"[ML]([\d. ]+)", path) for n in part.split()]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def path(chart: Markup, kind: str) -> list[tuple[float, float]]:
    return next(points(p.get("d", "")) for p in read(chart).iter("path") if p.get("class") == kind)


KINDS = pytest.mark.parametrize("kind", ["line", "sparkline", "funnel", "interval"])


@KINDS
@pytest.mark.parametrize(
    "values",
    [[], [7], [0], [0] * 30, [3, 2], [10**15, 0, 1], list(range(40)), list(range(1200)), [5] * 140],
    ids=lambda values: f"{len(values)} of {max(values, default=None)}",
)
def test_any_numbers_give_a_drawing_within_its_bounds(kind, values):
    chart = draw(kind, values)
    svg = read(chart)
    assert not re.search(r"nan|inf\b|None|e[+-]?\d", re.sub("<(title|desc).*?</.*?>", "", chart))
    for element in svg.iter():
        for name in ("x", "width", "cx"):
            value = element.get(name, "")
            assert not value.endswith("%") or 0 <= float(value[:-1]) <= 100
    inner = svg.find("svg")
    if inner is not None:
        _, _, across, down = map(float, inner.get("viewBox", "").split())
        drawn = [point for p in inner for point in points(p.get("d", ""))]
        assert across > 0
        assert all(0 <= x <= across and 0 <= y <= down for x, y in drawn)


@KINDS
@pytest.mark.parametrize("values", [[], [7], [4, 9, 2]])
def test_a_chart_is_named_and_described(kind, values):
    svg = read(draw(kind, values))
    assert svg.get("role") == "img"
    title, desc = svg.get("aria-labelledby", "").split()
    named = {element.get("id"): element.text for element in svg.iter() if element.get("id")}
    assert named[title] == "Sessions"
    assert named[desc]


@KINDS
def test_hostile_text_is_only_text(kind):
    hostile = "</title><script>alert(1)</script>\"'&"
    chart = draw(kind, [3, 2, 1], hostile)
    assert read(chart).findtext("title") == hostile
    assert "script" not in {element.tag for element in read(chart).iter()}


@KINDS
def test_a_strict_policy_has_nothing_to_refuse(kind):
    for element in read(draw(kind, [3, 2, 1])).iter():
        assert element.tag not in ("style", "script", "foreignObject", "image", "use")
        assert not {name for name in element.attrib if name == "style" or name.startswith("on")}


@KINDS
def test_the_stylesheet_knows_every_class(kind):
    rules = CSS.read_text()
    classes = re.findall(r'class="([^"]*)"', draw(kind, [3, 2, 1]))
    for name in {name for names in classes for name in names.split()} - {
        "chart-line",
        "chart-interval",
    }:
        assert re.search(rf"\.{name}\b", rules), name


def test_hover_values_are_those_drawn():
    chart = charts.line("c", "t", days(3), [1, 2.25, 3], before=[4, 5, 6])
    svg = read(chart)
    assert svg.get("data-from") == "2026-11-01"
    assert svg.get("data-series") == "now before"
    assert svg.get("data-values") == "1,2.2,3;4,5,6"


def test_a_forecasts_hover_values_begin_after_those_seen():
    chart = charts.interval("c", "t", days(2), [7, 8], ranges(1, FIRST + timedelta(2)))
    assert read(chart).get("data-series") == "now p10 p50 p90"
    assert read(chart).get("data-values") == "7,8;,,10;,,20;,,30"


def test_heights_are_proportional():
    line = path(charts.line("c", "t", days(3), [0, 50, 100]), "now")
    assert line == [(0, 160), (1, 80), (2, 0)]


def test_the_last_days_are_drawn_as_open():
    chart = charts.line("c", "t", days(10), list(range(10)), open_days=3)
    assert [x for x, _ in path(chart, "now")] == list(range(7))
    assert [x for x, _ in path(chart, "now later")] == [6, 7, 8, 9]
    hatched = next(rect for rect in read(chart).iter("rect"))
    assert hatched.get("fill") == "url(#c-hatch)"
    assert hatched.get("x") == "66.67%"
    assert "Days from 8 Nov 2026 on can still rise." in chart


@pytest.mark.parametrize("open_days", [1, 5])
def test_a_period_that_is_all_open_is_hatched_whole(open_days):
    chart = charts.line("c", "t", days(1), [4], open_days=open_days)
    hatched = next(rect for rect in read(chart).iter("rect"))
    assert (hatched.get("x"), hatched.get("width")) == ("0%", "100%")
    assert "Days from 1 Nov 2026 on" in chart


def test_a_longer_period_before_does_not_run_out_of_the_chart():
    chart = charts.line("c", "t", days(3), [1, 2, 3], before=[9, 8, 7, 100])
    assert [x for x, _ in path(chart, "before")] == [0, 1, 2]
    assert texts(chart)[:3] == ["0", "5", "10"]


def test_a_forecasts_fan_opens_at_the_last_day_seen():
    chart = charts.interval("c", "t", days(2), [7, 8], ranges(2, FIRST + timedelta(2)))
    fan = path(chart, "fan")
    assert [x for x, _ in fan] == [1, 2, 3, 3, 2, 1]
    assert fan[0] == fan[-1] == path(chart, "now")[-1] == path(chart, "now later")[0]


def test_a_funnel_shows_each_steps_share_and_rate():
    chart = charts.funnel(
        "c", "t", [("Clicks", 200), ("Sessions", 150), ("Launches", 50)], [0.75, 0.4]
    )
    parts = [r.get("width") for r in read(chart).iter("rect") if r.get("class") == "part"]
    assert parts == ["100%", "75%", "25%"]
    assert "↓ 75.0% went on" in texts(chart)
    assert "↓ 40.0% went on" in texts(chart)


def test_of_nothing_there_is_no_rate():
    chart = charts.funnel("c", "t", [("Clicks", 0), ("Sessions", 0)], [None])
    assert texts(chart) == ["Clicks", "0", "Sessions", "0"]
    assert charts.percent(None) == "—"


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, ["0", "1"]),
        (1, ["0", "1"]),
        (3, ["0", "1", "2", "3"]),
        (7, ["0", "2", "4", "6", "8"]),
        (97, ["0", "50", "100"]),
        (6100, ["0", "2k", "4k", "6k", "8k"]),
        (1_300_000, ["0", "500k", "1M", "1.5M"]),
        (9 * 10**15, ["0", "5,000T", "10,000T"]),
    ],
)
def test_the_axis_has_a_few_round_whole_numbers(most, ticks):
    chart = charts.line("c", "t", days(2), [0, most])
    assert texts(chart)[: len(ticks)] == ticks
    assert not texts(chart)[len(ticks)].rstrip("kMBT").replace(",", "").isdigit()


@pytest.mark.parametrize(
    ("first", "many", "labels"),
    [
        (FIRST, 1, ["1 Nov 2026"]),
        (FIRST, 3, ["1 Nov", "2 Nov", "3 Nov"]),
        (FIRST, 7, ["1 Nov", "3 Nov", "5 Nov", "7 Nov"]),
        (FIRST, 30, ["1 Nov", "8 Nov", "15 Nov", "22 Nov", "29 Nov"]),
        (FIRST, 90, ["1 Nov", "29 Nov", "27 Dec", "24 Jan"]),
        (FIRST, 365, ["Jan 2027", "Apr", "Jul", "Oct"]),
        (date(2020, 1, 1), 3653, ["Jan 2020", "Jan 2022", "Jan 2024", "Jan 2026", "Jan 2028"]),
    ],
)
def test_dates_are_few_and_say_the_year_where_it_matters(first, many, labels):
    chart = charts.line("c", "t", days(many, first), [0] * many)
    assert texts(chart)[2:] == labels


def test_a_month_and_its_table_are_about_a_kilobyte():
    values = [(i * 37) % 90 + 10 for i in range(60)]
    chart = charts.line("c", "Completions", days(30), values[:30], before=values[30:], open_days=3)
    rows = "".join(f"<tr><td>{d}<td>{v}" for d, v in zip(days(30), values, strict=False))
    assert len(gzip.compress(f"{chart}<table>{rows}</table>".encode())) < 1300


def test_a_legend_names_each_series():
    legend = charts.key({"now": "This <period>", "before": "The one before"})
    assert [item.get("class") for item in read(legend)] == ["now", "before"]
    assert "This &lt;period&gt;" in legend


@KINDS
def test_nothing_says_so(kind):
    assert texts(draw(kind, [])) == ["No data"]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2026, 11, 24), date(2026, 11, 24), "24 Nov 2026"),
        (date(2026, 10, 26), date(2026, 11, 24), "26 Oct \u2013 24 Nov 2026"),
        (date(2025, 12, 26), date(2026, 1, 24), "26 Dec 2025 \u2013 24 Jan 2026"),
    ],
)
def test_a_span_of_days_is_said_as_people_do(first: date, last: date, said: str) -> None:
    assert charts.span(first, last) == said


def dots(chart: Markup) -> list[tuple[str, str]]:
    circles = read(chart).iter("circle")
    return [(dot.get("class", "").strip(), dot.get("cx", "")) for dot in circles]


def test_a_single_day_is_two_dots_in_the_middle_and_more_days_one_at_the_end():
    one, many = days(1), days(5)
    assert dots(charts.line("c", "t", one, [3], before=[2])) == [
        ("dot before", "50%"),
        ("dot", "50%"),
    ]
    assert dots(charts.line("c", "t", one, [3])) == [("dot", "50%")]
    assert dots(charts.line("c", "t", many, [3] * 5, before=[2] * 5)) == [("dot", "100%")]
    assert dots(charts.sparkline("c", "t", many, [1, 2, 3, 4, 5])) == [("dot", "100%")]
    seen = charts.interval("c", "t", many, [3] * 5, ranges(5, FIRST + timedelta(5)))
    assert dots(seen) == [("dot", "44.44%")]  # the last seen, the fifth of ten


def test_a_single_day_is_named_in_the_middle():
    [label] = [each for each in read(draw("line", [7])).iter("text") if "2026" in (each.text or "")]
    assert (label.get("x"), label.get("text-anchor"), label.text) == ("50%", "middle", "1 Nov 2026")


def test_an_expectation_is_told_in_words():
    chart = charts.interval("c", "t", days(2), [4, 5], ranges(3, FIRST + timedelta(2), 10.4))
    described = read(chart).findtext("desc") or ""
    assert described.endswith("Expected on 5 Nov 2026: 21, between 10 and 31.")


def test_each_month_has_its_name():
    year = days(365, date(2026, 1, 1))
    labels = [charts.span(day, day) for day in year if day.day == 1]
    assert [label.split()[1] for label in labels] == [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]  # fmt: skip
