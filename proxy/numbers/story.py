"""One attempt as it went, in words: what happened when, and what it waits for or how it ended."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from proxy.numbers.definitions import BY_KEY
from storage.funnel import Attempt, ending

# Why no session came, by problem code; another code is said as it is.
FAILURES = {
    "upstream_timeout": "the vendor did not answer in time",
    "upstream_error": "the vendor failed",
    "bad_upstream_reply": "the vendor's answer could not be used",
    "not_available": "the vendor refused this product",
    "busy": "the vendor asked to wait",
    "unavailable": "calls to the vendor were held back",
    "budget_exhausted": "a budget is spent",
    "rate_limited": "too many clicks came at once",
}
# What is told of callbacks by their verdicts; those that were counted are told by their events.
RECEIPTS = {
    "duplicate": "The same callback came again",
    "mismatch": "A callback came that names another session, and was not counted",
    "too_old": "A callback came for a day that is purged",
    "too_many": "One callback too many came",
    "unreadable": "A callback came that could not be read",
    "unsigned": "A callback came whose signature is missing or wrong",
}
OFFERS = {"qr": ", and was shown the code", "direct": ", and was given the link"}
OUTCOMES = {"progress": "it goes on", "opened": "it is under way"}


@dataclass(frozen=True)
class Line:
    """Something that happened, and how often in a row."""

    at_ms: int
    time: str  # of the shop's day, or with its date where that is another than the click's
    later: str  # than the line before; "" of the first
    text: str
    times: int = 1


@dataclass(frozen=True)
class Story:
    day: str
    lines: tuple[Line, ...]
    stands: str  # what it waits for, or how it ended


def story(
    attempt: Attempt,
    events: Iterable[Mapping[str, Any]],
    receipts: Iterable[Mapping[str, Any]],
    zone: ZoneInfo,
) -> Story:
    """Tell an attempt by its events, and by those of its callbacks that were not counted."""
    teller = _Teller(attempt, zone)
    told = [(each["received_ms"], teller.of_event(each)) for each in events]
    told += [
        (each["received_ms"], text)
        for each in receipts
        if (text := RECEIPTS.get(each["verdict"], ""))
    ]
    told.sort(key=lambda each: each[0])
    return Story(teller.day, tuple(teller.lines(told)), teller.stands())


class _Teller:
    def __init__(self, attempt: Attempt, zone: ZoneInfo) -> None:
        self._attempt = attempt
        self._zone = zone
        self.day = f"{self._local(attempt.first_ms):%-d %B %Y}"

    def _local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms / 1000, self._zone)

    def _time(self, at_ms: int) -> str:
        local = self._local(at_ms)
        same = local.date() == self._local(self._attempt.first_ms).date()
        return f"{local:%H:%M:%S}" if same else f"{local:%-d %B %H:%M:%S}"

    def lines(self, told: Iterable[tuple[int, str]]) -> Iterable[Line]:
        before = None
        for text, some in groupby(told, key=lambda each: each[1]):
            (at_ms, _), *more = some
            later = "" if before is None else said_later(at_ms - before)
            yield Line(at_ms, self._time(at_ms), later, text, 1 + len(more))
            before = more[-1][0] if more else at_ms

    def of_event(self, row: Mapping[str, Any]) -> str:
        props = json.loads(row["props"])
        match row["name"]:
            case "click":
                return self._click(props)
            case "reused":
                return "Clicked again: the session was found again, and cost nothing more"
            case "created":
                return f"The vendor made a session, good until {self._time(props['expires_ms'])}"
            case "create_failed":
                return f"No session came: {FAILURES.get(props['code'], props['code'])}"
            case "launch":
                return self._launch(props)
            case "cancel":
                return "Gave it up in the shop's dialog"
            case "expired":
                return f"The session's time ran out{self._expired()}"
            case "callback":
                return _callback(props)
        return str(row["name"])

    def _click(self, props: Mapping[str, Any]) -> str:
        what = quoted(props.get("title") or props["product_id"])
        bot = ", as a bot: it counts nowhere" if props.get("bot") else ""
        offer = OFFERS.get(props.get("offered", ""), "")
        return f"Clicked on {what} on a {props['device']}{offer}{bot}"

    def _launch(self, props: Mapping[str, Any]) -> str:
        if props.get("bot"):
            return "A bot looked at the link, which is no launch"
        if props["channel"] == "qr":
            return "Scanned the code with a phone, and opened the try-on there"
        device = self._attempt.device
        return f"Opened the try-on by its link{f' on the {device}' if device else ''}"

    def _expired(self) -> str:
        if self._attempt.opened_ms is None:
            return ": nobody had opened it"
        return ", without a word from the vendor" if self._attempt.outcome == "expired" else ""

    def stands(self) -> str:
        attempt, now = self._attempt, ending(self._attempt)
        if now != "open":
            after = said_later((attempt.ended_ms or attempt.first_ms) - attempt.first_ms)
            after = after.replace("later", "after the click")
            return f"Ended {after}, and counts as “{BY_KEY[now].label}”."
        if attempt.created_ms is None:
            return "Waits for the vendor to make a session."
        until = f", until {self._time(attempt.expires_ms)}" if attempt.expires_ms else ""
        if attempt.opened_ms is None:
            return f"Waits to be opened{until}."
        return f"Waits for the vendor's word on how it ended{until}."


def _callback(props: Mapping[str, Any]) -> str:
    word, outcome = quoted(props["state"]), props["outcome"]
    if "supersedes" in props:
        told = OUTCOMES.get(outcome, outcome)
        return f"The vendor's {word} is read anew: {told}"
    if outcome == "other":
        return f"The vendor reported {word}, a word that no mapping knows"
    if outcome == props["state"]:
        return f"The vendor reported {word}"
    return f"The vendor reported {word}: {OUTCOMES.get(outcome, outcome)}"


def quoted(text: str) -> str:
    """Put a text of others in quotes, and hold its direction apart from the sentence's."""
    return f"“\u2068{text}\u2069”"


def said_later(ms: float) -> str:
    """Say how much later something was, as a person would."""
    if ms < 1_000:
        return "at once"
    for limit, unit, each in ((60, "s", 1), (3_600, "min", 60), (172_800, "h", 3_600)):
        if ms < limit * 1_000:
            return f"{ms / 1_000 / each:.0f} {unit} later"
    return f"{ms / 86_400_000:.0f} days later"
