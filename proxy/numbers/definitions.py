"""Definitions of the figures: a sentence, and the SQL that gives each. Pages and docs show them."""

from typing import NamedTuple

from storage.numbers import ENDINGS

SOURCE = "FROM totals_day_category\nWHERE local_day BETWEEN :first AND :last;"

PERCENTILE = """\
SELECT pow(2, bucket / 8.0) AS ms FROM (
    SELECT bucket, sum(sum(n)) OVER (ORDER BY bucket) AS so_far, sum(sum(n)) OVER () AS n
    FROM histograms WHERE metric = '{}' AND local_day BETWEEN :first AND :last
    GROUP BY bucket
) WHERE so_far >= 0.5 * n ORDER BY bucket LIMIT 1;  -- 0.9 and 0.95 for p90 and p95"""


class Definition(NamedTuple):
    """A figure's meaning; `:first` and `:last` in its SQL are local days, both included."""

    key: str
    label: str
    meaning: str
    sql: str


def _sum(key: str, label: str, meaning: str) -> Definition:
    return Definition(key, label, meaning, f"SELECT sum({key}) {SOURCE}")


def _rate(key: str, label: str, meaning: str, part: str, whole: str) -> Definition:
    return Definition(key, label, meaning, f"SELECT 1.0 * {part} / nullif({whole}, 0) {SOURCE}")


def _percentile(key: str, label: str, meaning: str) -> Definition:
    meaning += " Read from buckets: at most 4.5 % off."
    return Definition(key, label, meaning, PERCENTILE.format(key))


SETTLED = "\n    + ".join(ENDINGS)
OPEN = f"(sum(clicks) - sum({SETTLED}))"
UNDERWAY = """(SELECT count(opened_ms) FROM attempts WHERE outcome = 'open' AND bot = 0
    AND expires_ms IS NOT NULL AND local_day BETWEEN :first AND :last)"""
DEFINITIONS = (
    _sum(
        "impressions", "Impressions", "How often a button was seen, where its page asks for that."
    ),
    _sum(
        "clicks",
        "Clicks",
        "Shoppers' intents to try one product on. A second click that finds its session again is "
        "not another one. An intent belongs to the shop's day of its first click, whenever it "
        "ends; bots are left out.",
    ),
    _sum("created", "Sessions", "Clicks for which the vendor made a session: what is paid for."),
    _sum(
        "create_failed",
        "No session came",
        "Clicks that got no session, since the vendor failed or refused, or a budget was spent. "
        "What the rate of a client or product refuses is not taken for a shopper's, and counted "
        "nowhere.",
    ),
    _sum(
        "reused",
        "Reused",
        "Clicks that found an earlier session again, and so cost none: double clicks, reloads, "
        "shoppers who came back.",
    ),
    _sum(
        "opened",
        "Launches",
        "Sessions whose link was followed on the device. One that completed counts as launched "
        "also where its launch was not seen.",
    ),
    _sum("completed", "Completed", "Try-ons that the vendor reported as completed."),
    _sum("abandoned", "Abandoned", "Try-ons that the shopper left, as the vendor reported."),
    _sum("failed", "Failed", "Try-ons that broke, as the vendor reported."),
    _sum(
        "cancelled",
        "Cancelled",
        "Try-ons that the shopper gave up in our dialog, or the vendor reported as cancelled.",
    ),
    _sum(
        "other",
        "Unknown word",
        "Try-ons that ended with a word of the vendor's that no mapping knows. Map it on the page "
        "of words, and they move to their outcome.",
    ),
    _sum(
        "expired_unlaunched",
        "Never launched",
        "Sessions whose time ran out before anybody opened them: paid for and not used.",
    ),
    _sum(
        "expired_unreported",
        "Launched, no word",
        "Sessions that were launched and whose time ran out without a callback. Not the same as "
        "abandoned: how they ended is not known.",
    ),
    Definition(
        "open",
        "Still open",
        "Clicks whose try-on can still end one way or another. Recent days have them; they are "
        "not lost.",
        f"SELECT {OPEN} {SOURCE}",
    ),
    _rate(
        "created_rate",
        "Session rate",
        "Sessions of the clicks that got one or no longer can.",
        "sum(created)",
        "sum(created) + sum(create_failed)",
    ),
    _rate(
        "opened_rate",
        "Launch rate",
        "Launches of the sessions that were launched or no longer can be.",
        "sum(opened)",
        f"sum(clicks) - sum(create_failed) - {OPEN} + {UNDERWAY}",
    ),
    _rate(
        "completed_rate",
        "Completion rate",
        "Completed try-ons of the launches that have ended.",
        "sum(completed)",
        f"sum(opened) - {UNDERWAY}",
    ),
    _rate(
        "whole_rate",
        "From click to completion",
        "Completed try-ons of the clicks whose try-on has ended: the whole funnel in one figure.",
        "sum(completed)",
        f"sum({SETTLED})",
    ),
    _percentile("launch", "Time to launch", "From the session's creation to its launch."),
    _percentile("complete", "Time to complete", "From the launch to the completion."),
    _percentile(
        "vendor", "The vendor's time", "How long calls to the vendor took, all tries together."
    ),
)
BY_KEY = {each.key: each for each in DEFINITIONS}


def label(key: str) -> str:
    return BY_KEY[key].label
