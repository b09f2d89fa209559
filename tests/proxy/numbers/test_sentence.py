"""The sentence above the page: each rule on a history that it is for."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from proxy.numbers.comparison import SUMMED
from proxy.numbers.sentence import Facts, sentence, statuses
from storage.numbers import Counts


def counts(**some: int) -> Counts:
    return dict.fromkeys(SUMMED, 0) | some


def funnel(clicks: int, created: int, opened: int, completed: int, **more: int) -> Counts:
    """Try-ons that have all ended, but for those that `more` says are open."""
    return counts(
        clicks=clicks, created=created, create_failed=clicks - created, opened=opened,
        completed=completed, **more,
    )  # fmt: skip


USUAL = funnel(1_000, 990, 800, 720)
DESKTOPS = funnel(500, 500, 320, 300)
WELL = Facts(USUAL, 30, USUAL, DESKTOPS, calls=1_000, failing=0.001, last_callback_ms=1)
CALM = "Nothing is broken."


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            Facts(counts(), 7),
            f"No clicks in this time. {CALM}",
        ),
        (
            Facts(counts(clicks=1, open=1), 7),
            f"1 click so far, all still under way. {CALM}",
        ),
        (  # a quiet day: too few to speak of a loss
            replace(WELL, counts=funnel(12, 12, 8, 1), previous=funnel(14, 14, 9, 2)),
            "Of 12 clicks, 1 led to a completed try-on (8.3%), about as in the 30 days before. "
            f"{CALM}",
        ),
        (  # a day, beside the one before
            replace(WELL, counts=funnel(12, 12, 8, 1), previous=funnel(14, 14, 9, 2), days=1),
            f"Of 12 clicks, 1 led to a completed try-on (8.3%), about as on the day before. {CALM}",
        ),
        (  # a rise within noise
            replace(WELL, counts=funnel(1_020, 1_010, 830, 750), desktops=None),
            "Of 1,020 clicks, 750 led to a completed try-on (73.5%), about as in the 30 days "
            "before. "
            f"The largest loss: 18% of sessions are never launched. {CALM}",
        ),
        (  # better than before, of more
            replace(WELL, counts=funnel(2_000, 1_980, 1_900, 1_800), previous=USUAL),
            "Of 2,000 clicks, 1,800 led to a completed try-on (90.0%), 18.0 points more than "
            "in the "
            f"30 days before, of 100% more clicks. {CALM}",
        ),
        (  # worse than before, of as many
            replace(WELL, counts=funnel(1_000, 990, 950, 600), desktops=None),
            "Of 1,000 clicks, 600 led to a completed try-on (60.0%), 12.0 points less than in the "
            f"30 days before. The largest loss: 37% of launches are not completed. {CALM}",
        ),
        (  # as good as before, of more
            replace(WELL, counts=funnel(2_000, 1_980, 1_600, 1_440), desktops=None),
            "Of 2,000 clicks, 1,440 led to a completed try-on (72.0%), about the same share "
            "as in the "
            "30 days before, of 100% more clicks. The largest loss: 19% of sessions are never "
            f"launched. {CALM}",
        ),
        (  # a leak at the QR
            WELL,
            "Of 1,000 clicks, 720 led to a completed try-on (72.0%), about as in the 30 days "
            "before. "
            f"The largest loss: 36% of desktop shoppers never scan the code. {CALM}",
        ),
        (  # most give up on the phone
            replace(WELL, counts=funnel(1_000, 990, 900, 300), previous=None),
            "Of 1,000 clicks, 300 led to a completed try-on (30.0%). The largest loss: 67% of "
            f"launches are not completed. {CALM}",
        ),
        (  # most are not heard of
            replace(
                WELL, counts=funnel(1_000, 990, 900, 300, expired_unreported=301), previous=None
            ),
            "Of 1,000 clicks, 300 led to a completed try-on (30.0%). The largest loss: 67% of "
            f"launches are not completed, mostly for want of a callback. {CALM}",
        ),
        (  # nobody is counted as lost who can still come
            replace(
                WELL,
                counts=funnel(100, 100, 60, 40, open=50, underway=20),
                previous=None,
                desktops=None,
            ),
            "Of 100 clicks (50 still under way), 40 led to a completed try-on (80.0%). The largest "
            f"loss: 14% of sessions are never launched. {CALM}",
        ),
        (  # a failing vendor
            replace(
                WELL,
                counts=funnel(1_000, 500, 480, 460),
                breaker="open",
                failing=0.5,
            ),
            "Of 1,000 clicks, 460 led to a completed try-on (46.0%), 26.0 points less than in the "
            "30 days before. The largest loss: 50% of clicks get no session. The vendor "
            "fails: calls are held back.",
        ),
    ],
)
def test_the_sentence_is_chosen_by_rule(facts: Facts, said: str) -> None:
    assert sentence(facts) == said


BUDGET = "90.0% of the monthly budget is spent: 900 of 1,000 sessions."


@pytest.mark.parametrize(
    ("changed", "of", "level", "said"),
    [
        ({"token_refused": True}, "vendor", "bad", "The vendor refuses the token."),
        ({"breaker": "half-open"}, "vendor", "bad", "The vendor fails: calls are held back."),
        ({"calls": 20, "failing": 0.5}, "vendor", "bad", "The vendor fails 50% of its calls."),
        ({"calls": 20, "failing": 0.05}, "vendor", "warn", "The vendor fails 5% of its calls."),
        ({"calls": 19, "failing": 0.5}, "vendor", "ok", "19 calls in the last day, 50.0% failed."),
        ({"calls": 0}, "vendor", "off", "No calls in the last day."),
        ({"unreadable": 3}, "callbacks", "bad", "Of the last callbacks 3 could not be read."),
        (
            {"counts": USUAL | {"expired_unreported": 400}},
            "callbacks", "bad", "No callback came for 50% of the launches.",
        ),
        ({"counts": USUAL | {"expired_unreported": 399}}, "callbacks", "ok",
         "Callbacks come and are read."),
        (
            {"unknown_words": 1},
            "callbacks", "warn", "1 try-on ended with a word that no mapping knows.",
        ),
        ({"last_callback_ms": None}, "callbacks", "off", "No callback yet."),
        ({"budgets": [(0.9, BUDGET), (0.1, "daily")]}, "budget", "warn", BUDGET),
        ({"budgets": [(1.0, "all")]}, "budget", "bad", "all"),
        ({"budgets": [(0.79, "some")]}, "budget", "ok", "some"),
        ({}, "budget", "off", "No budget is set."),
        (
            {"plans": 2, "plan": "Growth", "run_out": date(2026, 11, 17)},
            "plan", "warn", "The sessions of Growth run out on 17 November.",
        ),
        (
            {"plans": 2, "plan": "Growth"},
            "plan", "ok", "The sessions of Growth last for this month.",
        ),
        ({"plans": 2}, "plan", "off", "It is not said which plan is yours."),
        ({}, "plan", "off", "No plan is set."),
    ],
)  # fmt: skip
def test_each_dot_stands_as_its_rule_says(
    changed: dict[str, Any], of: str, level: str, said: str
) -> None:
    facts = replace(WELL, **changed)
    found = statuses(facts)
    assert [each.of for each in found] == ["vendor", "callbacks", "budget", "plan"]
    status = next(each for each in found if each.of == of)
    assert (status.level, status.text) == (level, said)
    assert (said in sentence(facts)) == (level in ("warn", "bad"))


def test_what_is_worst_is_said_first() -> None:
    facts = replace(WELL, budgets=[(0.9, BUDGET)], unreadable=1)
    assert sentence(facts).endswith(f"Of the last callbacks 1 could not be read. {BUDGET}")
