"""An 80 % interval holds 80 % of what happens, on histories made to be like a shop's."""

import math
from datetime import date, timedelta
from random import Random

import pytest

from proxy.numbers import forecast as module
from proxy.numbers.forecast import Forecast, NotEnough, forecast

MONDAY = date(2026, 6, 1)
SHOPS = ("steady", "growing", "uneven", "with sales", "all at once")
FEW = 100  # futures, which cover as much as 500 do, in less time


def history(counts: list[int], start: date = MONDAY) -> list[tuple[date, int]]:
    return [(start + timedelta(day), count) for day, count in enumerate(counts)]


def chance(random: Random, mean: float) -> int:
    """A Poisson number."""
    if mean > 40:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    count, left = 0, random.random() / math.exp(-mean)
    while left > 1:
        count, left = count + 1, left * random.random()
    return count


def shop(random: Random, kind: str, days: int) -> list[int]:
    """Daily counts of a shop with a weekday pattern and, by its kind, growth, unevenness, sales."""
    level = random.choice([3, 10, 40, 200])
    week = [math.exp(random.gauss(0, 0.25)) for _ in range(7)]
    trend = 0.0 if kind == "steady" else random.uniform(-0.004, 0.006)
    shape = random.choice([4, 8, 20]) if kind in ("uneven", "all at once") else None
    counts = []
    for day in range(days):
        mean = level * week[day % 7] * math.exp(trend * (day - days / 2))
        if kind in ("with sales", "all at once") and random.random() < 1 / 40:
            mean *= random.uniform(1.8, 3)
        if shape:  # mixed over a gamma, counts are negative binomial
            mean = random.gammavariate(shape, mean / shape)
        counts.append(chance(random, mean))
    return counts


def back_test(kinds: tuple[str, ...], histories: int) -> tuple[float, float]:
    """How many of the days to come, and of the next months, were within p10..p90."""
    days: list[bool] = []
    months: list[bool] = []
    for kind in kinds:
        random = Random(f"a shop that is {kind}")
        for _ in range(histories):
            seen = random.choice([28, 35, 50, 84, 120, 300])
            counts = history(
                shop(random, kind, seen + 62), MONDAY + timedelta(random.randrange(30))
            )
            answer = forecast(counts[:seen])
            if isinstance(answer, NotEnough):
                continue
            truth = dict(counts)
            days += [a.p10 <= truth[a.day] <= a.p90 for a in answer.days]
            month = answer.months[1]
            total = sum(truth[a.day] for a in answer.days if a.day >= month.day)
            months.append(month.p10 <= total <= month.p90)
    return sum(days) / len(days), sum(months) / len(months)


def test_the_intervals_hold_what_they_say(monkeypatch):
    monkeypatch.setattr(module, "FUTURES", FEW)
    days, months = back_test(SHOPS, 12)
    assert 0.75 <= days <= 0.85
    assert 0.75 <= months <= 0.85


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "futures"), [*((kind, FEW) for kind in SHOPS[:-1]), ("all at once", 500)]
)
def test_the_intervals_hold_what_they_say_for_each_kind_of_shop(monkeypatch, kind, futures):
    monkeypatch.setattr(module, "FUTURES", futures)
    days, months = back_test((kind,), 500)
    assert 0.75 <= days <= 0.85
    assert 0.75 <= months <= 0.85


@pytest.fixture(scope="module")
def busy() -> tuple[list[tuple[date, int]], Forecast]:
    """168 days of about 50, weekends half as busy, half a percent more each day, from a Monday."""
    random = Random(7)
    means = [50 * 1.005**day * (0.5 if day % 7 > 4 else 1) for day in range(168)]
    counts = history([chance(random, mean) for mean in means])
    answer = forecast(counts)
    assert isinstance(answer, Forecast)
    return counts, answer


def test_it_reaches_from_the_day_after_to_the_end_of_next_month(busy):
    counts, answer = busy
    assert counts[-1][0] == date(2026, 11, 15)
    assert [a.day for a in answer.days] == [date(2026, 11, 16) + timedelta(i) for i in range(46)]
    assert [a.day for a in answer.months] == [date(2026, 11, 1), date(2026, 12, 1)]


def test_it_sees_weekdays_and_trend(busy):
    _, answer = busy
    for later, day in enumerate(answer.days):
        mean = 50 * 1.005 ** (168 + later) * (0.5 if day.day.weekday() > 4 else 1)
        assert day.p10 < day.p50 < day.p90
        assert day.p50 == pytest.approx(mean, rel=0.2)


def test_a_month_is_known_better_than_its_days(busy):
    _, answer = busy
    december = [a for a in answer.days if a.day.month == 12]
    assert answer.months[1].p10 > sum(a.p10 for a in december)
    assert answer.months[1].p90 < sum(a.p90 for a in december)


def test_this_month_includes_what_was_seen_of_it(busy):
    counts, answer = busy
    november = sum(count for day, count in counts if day.month == 11)
    to_come = sum(a.p50 for a in answer.days if a.day.month == 11)
    assert answer.months[0].p10 > november
    assert answer.months[0].p50 == pytest.approx(november + to_come, rel=0.03)


def test_after_a_whole_month_this_month_is_the_next_one():
    answer = forecast(history([9] * 30))
    assert isinstance(answer, Forecast)
    assert [a.day for a in answer.months] == [date(2026, 7, 1), date(2026, 8, 1)]
    assert answer.months[0].p50 == pytest.approx(9 * 31, rel=0.1)


def test_the_same_history_gives_the_same_forecast_in_any_order(busy):
    counts, answer = busy
    assert forecast(reversed(counts)) == answer


def test_a_day_left_out_had_no_sessions():
    closed = [0 if day % 7 == 6 else 20 for day in range(70)]
    counts = history(closed)
    answer = forecast(counts)
    assert forecast([(day, count) for day, count in counts if count] + counts[-1:]) == answer
    assert isinstance(answer, Forecast)
    assert answer.days[6].p90 < 1 < 10 < answer.days[5].p10


def test_a_sale_widens_the_days_and_leaves_the_middle():
    quiet = [30 + day % 3 for day in range(84)]
    sales = [300 if day in (40, 41) else count for day, count in enumerate(quiet)]
    (before, after) = (forecast(history(counts)) for counts in (quiet, sales))
    assert isinstance(before, Forecast)
    assert isinstance(after, Forecast)
    assert after.days[0].p50 == pytest.approx(before.days[0].p50, rel=0.1)
    assert after.months[1].p90 > before.months[1].p90 * 1.1


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([], "0 of 28 days"),
        ([0] * 400, "0 of 28 days"),
        ([50] * 27, "27 of 28 days"),
        ([0] * 300 + [50] * 27, "27 of 28 days"),
        ([1] * 27 + [0] * 10, "27 sessions in the last 37 days"),
        ([90] * 60 + [0] * 112, "0 sessions in the last 112 days"),
    ],
)
def test_it_says_so_while_there_is_not_enough_data(counts, reason):
    answer = forecast(history(counts))
    assert isinstance(answer, NotEnough)
    assert answer.reason.startswith("Not enough data")
    assert reason in answer.reason


@pytest.mark.parametrize(
    "counts",
    [
        [1] * 28,
        [28] + [0] * 27,
        [0, 0, 0, 0, 0, 0, 5] * 8,
        [10**9] * 90,
        [10**9, 0] * 45,
        [1] * 60 + [10**6] * 24,
        [10**6] * 60 + [0] * 24,
        [2 ** min(day, 60) for day in range(84)],
    ],
)
def test_strange_histories_get_finite_ordered_ranges(counts):
    answer = forecast(history(counts))
    assert isinstance(answer, Forecast)
    for a in answer.days + answer.months:
        assert 0 <= a.p10 <= a.p50 <= a.p90 < math.inf


@pytest.mark.parametrize("wrong", [[(MONDAY, 1), (MONDAY, 2)], [(MONDAY, -1)]])
def test_it_refuses_a_history_that_contradicts_itself(wrong):
    with pytest.raises(ValueError, match=str(MONDAY)):
        forecast(wrong)
