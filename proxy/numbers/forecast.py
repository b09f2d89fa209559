"""Forecast of the sessions of the days to come: weekday pattern, trend, and honest intervals.

A log-linear model of the last weeks: each day's mean is its weekday's level times trend^days, its
variance mean + excess · mean² (shops are busier and quieter by more than chance). Many futures are
drawn from it, each with effects as uncertain as the fit left them and with the surprises of past
weeks; a tenth, half and nine tenths of those futures stay below P10, P50 and P90. It
cannot know of a season or a change that the days seen give no sign of.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from statistics import fmean, quantiles

MIN_DAYS = 28  # four of each weekday: with fewer, pattern, trend and chance can't be told apart
MIN_SESSIONS = 28  # one a day: with fewer, every interval begins at zero and says nothing
WINDOW = 112  # days looked back: a longer one lags behind a trend that bends
FUTURES = 500
# Precisions of the effects before any day is seen: weekdays are within a factor e of the mean,
# trends within 1 % a day. It keeps a weekday that is always zero, and a small shop's trend, finite.
PRIOR = [*[1.0] * 7, 0.01**-2]
FAR = 2.5  # a day further off than this, in standard deviations, pulls the fit no harder


@dataclass(frozen=True)
class Range:
    """Sessions of a day, or of the month that starts on it: p10..p90 holds 80 % of outcomes."""

    day: date
    p10: float
    p50: float
    p90: float


@dataclass(frozen=True)
class Forecast:
    """Ranges of the days from the history to the end of next month, and of this and next month.

    This month's range includes the sessions already seen in it.
    """

    days: tuple[Range, ...]
    months: tuple[Range, Range]


@dataclass(frozen=True)
class NotEnough:
    """The reason why there is no forecast yet, as a sentence to show."""

    reason: str


def forecast(history: Iterable[tuple[date, int]]) -> Forecast | NotEnough:
    """Forecast from finished days and the sessions created on each, in any order.

    A day left out had none. The same history gives the same forecast.

    :raises ValueError: a day is given twice, or a count is negative.
    """
    seen: dict[date, int] = {}
    for day, count in history:
        if day in seen or count < 0:
            raise ValueError(f"{day} is given twice" if day in seen else f"{day} has {count}")
        seen[day] = count
    start = max(seen, default=date.min) + timedelta(1)
    age = (start - min((day for day in seen if seen[day]), default=start)).days
    counts = [seen.get(start - timedelta(back), 0) for back in range(min(age, WINDOW), 0, -1)]
    if age < MIN_DAYS:
        return NotEnough(f"Not enough data yet: {age} of {MIN_DAYS} days since the first session.")
    if sum(counts) < MIN_SESSIONS:
        return NotEnough(f"Not enough data: {sum(counts)} sessions in the last {len(counts)} days.")
    this, following, end = (_month(start, later) for later in range(3))
    rest = (following - start).days
    futures = list(_futures(counts, (end - start).days))
    known = sum(count for day, count in seen.items() if day >= this)
    return Forecast(
        tuple(
            _range(start + timedelta(i), day) for i, day in enumerate(zip(*futures, strict=True))
        ),
        (
            _range(this, [known + sum(future[:rest]) for future in futures]),
            _range(following, [sum(future[rest:]) for future in futures]),
        ),
    )


@dataclass
class _Model:
    effects: list[float]  # log mean of each weekday, and the trend a day
    precision: list[float]  # of each; they are independent where days count from `middle`
    middle: float
    excess: float = 0.0

    def mean(self, day: int, level: float = 0.0) -> float:
        """Return a day's mean. Days count from the first to come: the last seen is -1."""
        level += self.effects[day % 7] + self.effects[7] * (day - self.middle)
        return math.exp(min(50.0, level))

    def deviation(self, mean: float) -> float:
        return math.sqrt(mean + self.excess * mean**2)


def _fit(counts: Sequence[int]) -> _Model:
    """Fit by penalised likelihood: trend and weekdays in turn, and excess variance by moments."""
    n = len(counts)
    expected = [math.log(fmean(counts))] * 7 + [0.0]
    model = _Model(expected[:], PRIOR[:], -n / 2)
    for step in range(24):
        pull = [p * (e - x) for p, e, x in zip(PRIOR, expected, model.effects, strict=True)]
        precision = PRIOR[:]
        weights = moment = extra = squares = 0.0
        for day, count in enumerate(counts, -n):
            mean = model.mean(day)
            deviation = model.deviation(mean)
            miss = (count - mean) / deviation
            near = _near(miss)
            weight = (mean / deviation) ** 2 * (near / miss if miss else 1.0)
            for i, x in ((day % 7, 1.0), (7, day - model.middle)):
                pull[i] += mean / deviation * near * x
                precision[i] += weight * x**2
            weights += weight
            moment += weight * day
            extra += (near * deviation) ** 2 - mean
            squares += mean**2
        for i in range(7) if step % 2 else (7,):
            longest = 0.05 if i == 7 else 2.0  # exp() forgives no long step
            model.effects[i] += max(-longest, min(longest, pull[i] / precision[i]))
        shift = moment / weights - model.middle
        model.effects[:7] = [level + shift * model.effects[7] for level in model.effects[:7]]
        model.middle += shift
        model.precision = precision
        if step > 3:  # before that the means are not worth measuring against
            # Eight of the n days' freedom went into the effects.
            model.excess = max(0.0, extra * n / (n - 8) / squares)
    return model


def _futures(counts: Sequence[int], days: int) -> Iterator[list[float]]:
    n, model = len(counts), _fit(counts)
    scale = math.sqrt(n / (n - 8))  # days that shaped the fit lie nearer to it than later ones
    means = [model.mean(day) for day in range(-n, 0)]
    misses = [scale * (c - m) / model.deviation(m) for c, m in zip(counts, means, strict=True)]
    drift = _drift(misses) * (1 / fmean(means) + model.excess)
    random = Random(0)  # noqa: S311 (the same forecast for the same history)
    for _ in range(FUTURES):
        *levels, trend = (random.gauss(0, p**-0.5) for p in model.precision)
        # The error of a wandering level at its end, and of its apparent trend, by the same theory.
        wander = random.gauss(0, math.sqrt(drift * n * 2 / 15))
        slide = random.gauss(0, math.sqrt(drift * 1.2 / n))
        future = []
        for day in range(days):
            if day % 7 == 0:  # whole weeks are drawn, since a sale lasts for days
                week = random.randrange(n - 6)
            wander += random.gauss(slide, math.sqrt(drift))
            mean = model.mean(day, levels[day % 7] + trend * (day - model.middle) + wander)
            future.append(max(0.0, mean + misses[week + day % 7] * model.deviation(mean)))
        yield future


def _drift(misses: Sequence[float]) -> float:
    """Estimate the variance a day of a wandering level, which leaves days like their neighbours."""
    n, centre = len(misses), fmean(map(_near, misses))
    near = [_near(miss) - centre for miss in misses]
    alike = fmean(near[i] * near[i + lag] for lag in range(1, 8) for i in range(n - lag))
    chance = fmean(x * x for x in near) / math.sqrt(7 * n)  # one standard error
    # A random walk of variance q a day has variance n·q/15 about its own straight trend.
    return max(0.0, alike - chance) * 15 / n


def _near(miss: float) -> float:
    return max(-FAR, min(FAR, miss))


def _month(day: date, later: int) -> date:
    years, month = divmod(day.month - 1 + later, 12)
    return date(day.year + years, month + 1, 1)


def _range(day: date, futures: Sequence[float]) -> Range:
    tenths = quantiles(futures, n=10)
    return Range(day, tenths[0], tenths[4], tenths[8])
