"""Charts as SVG, drawn on the server for a strict CSP: no style attribute, no script.

A drawing stretches with its box while text and strokes keep their size: positions across are
percentages, and paths lie in an inner viewBox, one unit a day. Colours are classes of charts.css.
Days are consecutive, or hours (datetimes), or months (by a day of each). For hover values a chart
has `data-from`, its first day, or `data-labels`, the names of its hours or months; `data-series`,
names, and `data-values`, their numbers: `1,2,3;4,5,6`. `name` begins the ids in a chart, and must
be unique on the page.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from markupsafe import Markup

from proxy.numbers.forecast import Range

TOP, PLOT, FOOT = 10, 160, 26  # pixels
ROW, SPARK = 74, 32
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ONE_DAY = 25  # hours, where the clock goes back
LABELS = 5  # dates below a chart, at most; a phone shows every other one
MANY = 120  # days from which lines are thin


def line(
    name: str,
    title: str,
    days: Sequence[date],
    values: Sequence[float],
    *,
    before: Sequence[float] = (),
    open_days: int = 0,
    is_rate: bool = False,
) -> Markup:
    """Draw a period over the one before; the last `open_days` of its values are hatched: they can
    still rise. There are fewer values than days where a day is not over."""
    if not days:
        return _empty(name, title)
    last, before = len(days) - 1, before[: len(days)]
    high, body = _grid([*values, *before])
    now, closed = _heights(values, high), max(0, len(values) - 1 - open_days)
    text = _summary(days, values, is_rate)
    if before and not is_rate:
        text += f" In the period before: {_number(sum(before))}."
    if open_days:
        since = days[max(0, len(values) - open_days)]
        text += f" {_unit(days).capitalize()}s from {_name(since, days)} on can still rise."
        edge = round(100 * closed / (last or 1), 2)
        body += Markup(
            '<pattern id="{n}-hatch" width="6" height="6" patternUnits="userSpaceOnUse"'
            ' patternTransform="rotate(45)"><path class="hatch" d="M0 3H6"/></pattern>'
            '<rect x="{:g}%" y="{}" width="{:g}%" height="{}" fill="url(#{n}-hatch)"/>'
        ).format(edge, TOP, 100 - edge, PLOT, n=name)
    body += _stretch(
        last,
        {
            "area": f"{_points(now)}V{PLOT}H0z" if now else "",
            "before": _points(_heights(before, high)),
            "now": _points(now[: closed + 1]),
            "now later": _points(now[closed:], closed),
        },
    )
    if not last:
        body += _dot(last, _heights(before, high), "before")
    body += _dates(days, last) + _dot(last, now)
    height = TOP + PLOT + FOOT
    kind = "line" if last < MANY else "line chart-many"
    return _chart(kind, name, title, text, height, body, days, {"now": values, "before": before})


def interval(
    name: str, title: str, days: Sequence[date], values: Sequence[float], ranges: Sequence[Range]
) -> Markup:
    """Draw the days seen, and the fan of the forecast: P10 to P90, and P50 within it."""
    every = [*days, *(part.day for part in ranges)]
    if not every:
        return _empty(name, title)
    tenths = {key: [getattr(part, key) for part in ranges] for key in ("p10", "p50", "p90")}
    high, body = _grid([*values, *tenths["p90"]])
    seen, last = _heights(values, high), len(every) - 1
    # The fan opens from the last day seen.
    start = max(0, len(seen) - 1)
    low, middle, top = (seen[-1:] + _heights(part, high) for part in tenths.values())
    text = _summary(days, values) if days else ""
    if ranges:
        text += f" Expected on {_date(every[-1])}: {_number(round(ranges[-1].p50))},"
        text += f" between {_number(round(ranges[-1].p10))} and {_number(round(ranges[-1].p90))}."
    back = "".join(f"L{start + i} {low[i]:g}" for i in reversed(range(len(low))))
    fan = f"{_points(top, start)}{back}z"
    body += _stretch(last, {"fan": fan, "now": _points(seen), "now later": _points(middle, start)})
    body += _dates(every, last) + _dot(last, seen)
    gap = [None] * len(days)
    series = {"now": values} | {key: [*gap, *part] for key, part in tenths.items()}
    return _chart("interval", name, title, text, TOP + PLOT + FOOT, body, every, series)


def sparkline(name: str, title: str, days: Sequence[date], values: Sequence[float]) -> Markup:
    """Draw a line without axes, to stand beside a figure."""
    if not days:
        return _empty(name, title, SPARK)
    now, last = _heights(values, max(values) or 1, SPARK), len(days) - 1
    paths = {"area": f"{_points(now)}V{SPARK}H0z", "now": _points(now)}
    body = _stretch(last, paths, SPARK, 0) + _dot(last, now, top=0)
    return _chart("spark", name, title, _summary(days, values), SPARK, body)


def funnel(
    name: str, title: str, steps: Sequence[tuple[str, int]], rates: Sequence[float | None]
) -> Markup:
    """Draw each step as a bar of its share of the first; between them stands the rate of those who
    went on, from the second step's on."""
    if not steps:
        return _empty(name, title)
    body, text, falls, height = Markup(""), "", "", ROW * len(steps) - 36
    wide = [min(100, round(100 * count / (steps[0][1] or 1), 2)) for _, count in steps]
    for i, (label, count) in enumerate(steps):
        y = i * ROW
        if i:
            rate = percent(rates[i - 1])
            text += f" {label}: {_number(count)}, {rate} of the step before."
            falls += f"M0 {y - 40}H{wide[i - 1]:g}L{wide[i]:g} {y + 26}H0z"
            if rates[i - 1] is not None:
                body += Markup('<text y="{}">↓ {} went on</text>').format(y - 15, rate)
        else:
            text = f"{label}: {_number(count)}."
        body += Markup(
            '<text class="step" y="{a}">{}</text>'
            '<text class="step count" x="100%" y="{a}" text-anchor="end">{}</text>'
            '<rect class="track" y="{b}" width="100%" height="12" rx="3"/>'
            '<rect class="part" y="{b}" width="{:g}%" height="12" rx="3"/>'
        ).format(label, _number(count), wide[i], a=y + 14, b=y + 24)
    body = _stretch(100, {"fall": falls}, height, 0) + body
    return _chart("funnel", name, title, text, height, body)


def span(first: date, last: date) -> str:
    """Format a period as a person says it."""
    if first == last:
        return _date(first)
    return f"{_date(first, year=first.year != last.year)} \u2013 {_date(last)}"


def _unit(days: Sequence[date]) -> str:
    """Tell what a chart's days are by the first two of them."""
    if isinstance(days[0], datetime):
        return "hour"
    return "month" if len(days) > 1 and (days[1] - days[0]).days > 1 else "day"


def _name(day: date, days: Sequence[date]) -> str:
    """Format a day, or an hour or month, of a chart."""
    unit = _unit(days)
    if unit == "day":
        return _date(day)
    if unit == "month":
        return f"{MONTHS[day.month - 1]} {day.year}"
    return f"{day:%H:%M}" if len(days) <= ONE_DAY else f"{_date(day, year=False)}, {day:%H:%M}"


def percent(rate: float | None) -> str:
    """Format a rate as a percentage; of nothing there is none."""
    return "—" if rate is None else f"{100 * rate:.1f}%"


def key(entries: Mapping[str, str]) -> Markup:
    """Draw the legend beside a chart: the class of each series, and its label."""
    entry = Markup('<li class="{}">{}</li>')
    items = Markup("").join(entry.format(kind, label) for kind, label in entries.items())
    return Markup('<ul class="chart-key">{}</ul>').format(items)


def _chart(
    kind: str,
    name: str,
    title: str,
    text: str,
    height: int,
    body: Markup,
    days: Sequence[date] = (),
    series: Mapping[str, Sequence[float | None]] | None = None,
) -> Markup:
    data = Markup("")
    if series:
        lists = (
            ",".join("" if v is None else f"{round(v, 1)}" for v in s) for s in series.values()
        )
        data = Markup(' data-series="{}" data-values="{}"').format(
            " ".join(series), ";".join(lists)
        )
        if _unit(days) == "day":
            data = Markup(' data-from="{}"').format(days[0]) + data
        else:
            labels = ";".join(_name(day, days) for day in days)
            data = Markup(' data-labels="{}"').format(labels) + data
    return Markup(
        '<svg class="chart chart-{}" role="img" aria-labelledby="{n}-title {n}-desc" width="100%"'
        ' height="{}"{}><title id="{n}-title">{}</title><desc id="{n}-desc">{}</desc>{}</svg>'
    ).format(kind, height, data, title, text, body, n=name)


def _empty(name: str, title: str, height: int = TOP + PLOT + FOOT) -> Markup:
    body = Markup('<text x="50%" y="{}" text-anchor="middle">No data</text>').format(
        height // 2 + 4
    )
    return _chart("empty", name, title, "No data.", height, body)


def _grid(values: Sequence[float]) -> tuple[float, Markup]:
    """Return the value at a chart's top, and lines at round whole numbers, five at most."""
    high = max([*values, 1])
    size = 10 ** max(0, math.floor(math.log10(high / 4)))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor * 4 >= high)
    count = math.ceil(high / step)
    lines = Markup("")
    for i in range(count + 1):
        y = TOP + PLOT - PLOT * i // count
        lines += Markup(
            '<line x2="100%" y1="{y}" y2="{y}"/><text x="-8" y="{}" text-anchor="end">{}</text>'
        ).format(y + 4, _short(step * i), y=y)
    return step * count, Markup('<g class="grid">{}</g>').format(lines)


def _dates(days: Sequence[date], span: float) -> Markup:
    texts = Markup("")
    for n, (i, label) in enumerate(_marks(days)):
        at = round(100 * i / span, 2) if span else 50
        anchor = "start" if at < 5 else "end" if at > 95 else "middle"
        extra = Markup(' class="extra"') if n % 2 else ""
        texts += Markup('<text{} x="{:g}%" y="{}" text-anchor="{}">{}</text>').format(
            extra, at, TOP + PLOT + 20, anchor, label
        )
    return texts


def _marks(days: Sequence[date]) -> Iterator[tuple[int, str]]:
    """Choose a few days to name: every so many, or firsts of months where they are many."""
    many, unit = len(days), _unit(days)
    if isinstance(days[0], datetime):
        every = 6 if many <= ONE_DAY else 12
        yield from (
            (i, f"{day:%H:%M}" if day.hour or many <= ONE_DAY else _date(day, year=False))
            for i, day in enumerate(days)
            if isinstance(day, datetime) and day.hour % every == 0
        )
        return
    for step in (1, 2, 7, 14, 28) if unit == "day" else ():
        if many <= step * LABELS:
            yield from ((i, _date(days[i], year=many == 1)) for i in range(0, many, step))
            return
    months = many if unit == "month" else many / 31
    every = next((n for n in (1, 2, 3, 6) if months <= n * LABELS), 0)
    every = every or 12 * math.ceil(months / 11.8 / LABELS)
    for i, day in enumerate(days):
        is_first = day.day == 1 or unit == "month"
        if is_first and (day.year * 12 + day.month - 1) % every == 0:
            yield i, MONTHS[day.month - 1] + (f" {day.year}" if day.month == 1 else "")


def _stretch(span: float, paths: Mapping[str, str], height: int = PLOT, top: int = TOP) -> Markup:
    drawn = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(kind, d) for kind, d in paths.items() if d
    )
    return Markup(
        '<svg y="{}" width="100%" height="{h}" viewBox="0 0 {} {h}" preserveAspectRatio="none">'
        "{}</svg>"
    ).format(top, span or 1, drawn, h=height)


def _dot(last: int, heights: Sequence[float], kind: str = "", top: int = TOP) -> Markup:
    """Draw a dot on the last value: of a single day it is all there is to see."""
    if not heights:
        return Markup("")
    at = round(100 * (len(heights) - 1) / last, 2) if last else 50
    dot = Markup('<circle class="dot {}" cx="{:g}%" cy="{:g}" r="3.5"/>')
    return dot.format(kind, at, top + heights[-1])


def _heights(values: Sequence[float], high: float, plot: int = PLOT) -> list[float]:
    return [round(plot - plot * value / high, 1) for value in values]


def _points(heights: Sequence[float], start: int = 0) -> str:
    points = (f"{i} {height:g}" for i, height in enumerate(heights, start))
    return "M" + " ".join(points) if heights else ""


def _summary(days: Sequence[date], values: Sequence[float], is_rate: bool = False) -> str:
    first, last = (_name(day, days) for day in (days[0], days[-1]))
    text = f"{len(days)} {_unit(days)}s from {first} to {last}"
    if not values:
        return f"{text}: nothing yet."
    most = max(values)
    per_cent, when = "%" if is_rate else "", _name(days[values.index(most)], days)
    peak = f"at most {_number(most)}{per_cent} on {when}"
    return f"{text}: {peak}." if is_rate else f"{text}: {_number(sum(values))} in all, {peak}."


def _date(day: date, year: bool = True) -> str:
    return f"{day.day} {MONTHS[day.month - 1]}" + (f" {day.year}" if year else "")


def _number(value: float) -> str:
    return f"{round(value, 1):,}"


def _short(tick: int) -> str:
    for size, unit in ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k")):
        if tick >= size:
            return f"{tick / size:,g}{unit}"
    return str(tick)
