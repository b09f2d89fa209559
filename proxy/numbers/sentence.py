"""What matters, in a sentence, and how the four things stand that can need the merchant.

Everything is chosen by rule from the page's own figures, and each rule is a line of `RULES` or of
`verdict` and `loss`. No Flask, no clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from proxy.numbers.comparison import compared_rate, count_change, reached
from proxy.numbers.overview import First
from storage.numbers import Counts

FEW = 30  # ended try-ons: with fewer, a share says little
WORTH_SAYING = 0.1  # a loss, of the step before
FAILING, BROKEN, CALLS = 0.05, 0.5, 20  # of the vendor's calls, and of how many at least
SILENT, LAUNCHES = 0.5, 20  # of the launches that ended without a callback
SPENT, NEARLY = 1.0, 0.8  # of a budget
OK, WARN, BAD, OFF = "ok", "warn", "bad", "off"
WORDS = {OK: "fine", WARN: "look", BAD: "needs you"}
NONE_OF = {
    "vendor": "no calls", "callbacks": "none yet", "budget": "not set", "plan": "not set",
}  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What the sentence and the four dots are made from."""

    counts: Counts
    days: int  # of the period
    previous: Counts | None = None
    desktops: Counts | None = None  # of those who were shown a QR
    token_refused: bool = False
    breaker: str = "closed"
    calls: int = 0
    failing: float = 0.0  # of those calls
    last_callback_ms: int | None = None
    unreadable: int = 0  # of the last 1,000 callbacks
    unknown_words: int = 0
    budgets: Sequence[tuple[float, str]] = ()  # the part that is spent, and how to say it
    plans: int = 0
    plan: str = ""  # the merchant's own, where that is said
    run_out: date | None = None  # of that plan, this month

    @property
    def spent(self) -> tuple[float, str]:
        return max(self.budgets, default=(0.0, ""))

    @property
    def silent(self) -> int:
        return self.counts["expired_unreported"]

    @property
    def ended(self) -> int:
        """The launches that can end no more."""
        return self.counts["opened"] - self.counts["underway"]


@dataclass(frozen=True)
class Status:
    """How one of vendor, callbacks, budget and plan stands."""

    of: str
    level: str  # ok, warn, bad; off: there is none
    text: str

    @property
    def word(self) -> str:
        return NONE_OF[self.of] if self.level == OFF else WORDS[self.level]


Rule = tuple[str, str, Callable[[Facts], object], Callable[[Facts], str]]

# For each of the four the first rule that holds, in this order: of what, how it stands, when, and
# what is said.
RULES: tuple[Rule, ...] = (
    ("vendor", BAD, lambda f: f.token_refused,
     lambda _: "The vendor refuses the token."),
    ("vendor", BAD, lambda f: f.breaker != "closed",
     lambda _: "The vendor fails: calls are held back."),
    ("vendor", BAD, lambda f: f.calls >= CALLS and f.failing >= BROKEN,
     lambda f: f"The vendor fails {f.failing:.0%} of its calls."),
    ("vendor", WARN, lambda f: f.calls >= CALLS and f.failing >= FAILING,
     lambda f: f"The vendor fails {f.failing:.0%} of its calls."),
    ("vendor", OK, lambda f: f.calls,
     lambda f: f"{some(f.calls, 'call')} in the last day, {f.failing:.1%} failed."),
    ("vendor", OFF, lambda _: True,
     lambda _: "No calls in the last day."),
    ("callbacks", BAD, lambda f: f.unreadable,
     lambda f: f"Of the last callbacks {f.unreadable:,} could not be read."),
    ("callbacks", BAD, lambda f: f.ended >= LAUNCHES and f.silent >= SILENT * f.ended,
     lambda f: f"No callback came for {f.silent / f.ended:.0%} of the launches."),
    ("callbacks", WARN, lambda f: f.unknown_words,
     lambda f: f"{some(f.unknown_words, 'try-on')} ended with a word that no mapping knows."),
    ("callbacks", OK, lambda f: f.last_callback_ms,
     lambda _: "Callbacks come and are read."),
    ("callbacks", OFF, lambda _: True,
     lambda _: "No callback yet."),
    ("budget", BAD, lambda f: f.spent[0] >= SPENT, lambda f: f.spent[1]),
    ("budget", WARN, lambda f: f.spent[0] >= NEARLY, lambda f: f.spent[1]),
    ("budget", OK, lambda f: f.budgets, lambda f: f.spent[1]),
    ("budget", OFF, lambda _: True, lambda _: "No budget is set."),
    ("plan", WARN, lambda f: f.run_out,
     lambda f: f"The sessions of {f.plan} run out on {f.run_out:%-d %B}."),
    ("plan", OK, lambda f: f.plan,
     lambda f: f"The sessions of {f.plan} last for this month."),
    ("plan", OFF, lambda f: f.plans,
     lambda _: "It is not said which plan is yours."),
    ("plan", OFF, lambda _: True,
     lambda _: "No plan is set."),
)  # fmt: skip


def facts(view: First, budgets: Sequence[tuple[float, str]]) -> Facts:
    """Take what matters from the page's figures."""
    health, own = view.health, view.own_plan
    unreadable = [each["n"] for each in health.verdicts if each["verdict"] == "unreadable"]
    return Facts(
        counts=view.totals,
        days=view.days,
        previous=view.previous,
        desktops=view.desktops,
        token_refused=bool(health.breaker.get("token_refused")),
        breaker=health.breaker.get("breaker", "closed"),
        calls=health.calls,
        failing=health.error_rate or 0.0,
        last_callback_ms=health.last_callback_ms,
        unreadable=sum(unreadable),
        unknown_words=view.unknown_words,
        budgets=budgets,
        plans=view.plans,
        plan=own.plan.name if own else "",
        run_out=own.run_out if own else None,
    )


def statuses(facts: Facts) -> tuple[Status, ...]:
    """Tell how vendor, callbacks, budget and plan stand."""
    found: dict[str, Status] = {}
    for of, level, holds, says in RULES:
        if of not in found and holds(facts):
            found[of] = Status(of, level, says(facts))
    return tuple(found.values())


def sentence(facts: Facts) -> str:
    """Say how it goes, what the largest loss is, and what needs the merchant."""
    stand = statuses(facts)
    needs = [each.text for level in (BAD, WARN) for each in stand if each.level == level]
    parts = (verdict(facts), loss(facts), *(needs or ["Nothing is broken."]))
    return " ".join(filter(None, parts))


def verdict(facts: Facts) -> str:
    """Say how many of the clicks were completed, and whether that is more than before."""
    part, whole = reached(facts.counts, "whole_rate")
    clicks = facts.counts["clicks"]
    if not clicks:
        return "No clicks in this time."
    if not whole:
        return f"{some(clicks, 'click')} so far, all still under way."
    open_ones = f" ({facts.counts['open']:,} still under way)" if facts.counts["open"] else ""
    said = f"Of {some(clicks, 'click')}{open_ones}, {part:,} led to a completed try-on"
    return f"{said} ({part / whole:.1%}){_beside_before(facts)}."


def _beside_before(facts: Facts) -> str:
    rate = compared_rate(facts.counts, facts.previous, "whole_rate")
    if facts.previous is None or rate.by is None:
        return ""
    before = f"in the {facts.days} days before" if facts.days > 1 else "on the day before"
    clicks = count_change(facts.counts["clicks"], facts.previous["clicks"])
    moved = clicks.by is not None and not clicks.noise
    of_clicks = f", of {abs(clicks.by or 0):.0%} {_more(clicks.by or 0)} clicks" if moved else ""
    if not rate.noise:
        points = f"{abs(100 * rate.by):.1f} points {_more(rate.by, 'less')}"
        return f", {points} than {before}{of_clicks}"
    return f", about {'the same share ' if moved else ''}as {before}{of_clicks}"


def loss(facts: Facts) -> str:
    """Name the step that loses most of all try-ons, where enough have ended to say so."""
    if reached(facts.counts, "whole_rate")[1] < FEW:
        return ""
    steps = {step: reached(facts.counts, step) for step in STEPS}
    step = max(steps, key=lambda each: steps[each][1] - steps[each][0])
    part, whole = steps[step]
    if whole - part < WORTH_SAYING * whole:
        return ""
    if step == "opened" and facts.desktops:
        scanned, shown = reached(facts.desktops, step)
        if 2 * (shown - scanned) > whole - part:  # most of them were lost there
            part, whole, step = scanned, shown, "scanned"
    if step == "completed" and 2 * facts.silent > whole - part:
        step = "unknown"
    return f"The largest loss: {1 - part / whole:.0%} of {(STEPS | OF_THESE)[step]}."


STEPS = {
    "created": "clicks get no session",
    "opened": "sessions are never launched",
    "completed": "launches are not completed",
}
OF_THESE = {
    "scanned": "desktop shoppers never scan the code",
    "unknown": "launches are not completed, mostly for want of a callback",
}


def spending(name: str, limit: int, sessions: int, part: float) -> tuple[float, str]:
    """Say which part of a budget is spent."""
    of = f"{sessions:,} of {some(limit, 'session')}"
    return part, f"{part:.1%} of the {name} budget is spent: {of}."


def _more(by: float, else_: str = "fewer") -> str:
    return "more" if by > 0 else else_


def some(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"
