"""The breaker: holds calls to the vendor back, by what every worker has learnt from its answers.

Three things open it: the vendor asked for a pause (429), refused our token (401), or failed so
often in a row. Besides, what the vendor refused (400) is not asked for again for some minutes, and
calls have a ceiling of their own. All of it is in `Counters`, so that one worker's bad news holds
for all of them.
"""

import math
from collections.abc import Callable
from contextlib import suppress

from proxy.refusals import Refusal
from proxy.settings_values import Rate
from storage.events import now_ms
from storage.store import Counters, Limit, StorageUnavailable

# Failed tries in a row, over all workers. A click makes three at most, so that one or two unlucky
# clicks open nothing.
FAILURES_TO_OPEN = 10
FAILURES_KEPT_MS = 600_000  # a failure so old says nothing about now
PROBE_EVERY_MS = 1_000
LONGEST_HOLD_S = 3_600.0  # a vendor may ask for a month; once an hour somebody has to look
TOKEN_PAUSE_MS = 10_000
TOKEN_REFUSED_KEPT_MS = 86_400_000  # shown until a call succeeds, or for a day
# A shopper who tries again costs no call; a product that is mended is found within minutes.
DECLINED_KEPT_MS = 300_000

CALLS, DECLINED = "calls", "declined:"
HELD, REFUSED, FAILURES, PROBE = "vendor:held", "vendor:refused", "vendor:failures", "vendor:probe"
LONGEST_MS = {
    HELD: int(LONGEST_HOLD_S * 1000),
    REFUSED: TOKEN_REFUSED_KEPT_MS,
    FAILURES: FAILURES_KEPT_MS,
    PROBE: PROBE_EVERY_MS,
}


class HeldBack(Refusal):
    """No call may be made now: `busy`, `unavailable` or `not_available`, and why."""

    def __init__(self, code: str, wait_s: int | None, why: str = "by the breaker") -> None:
        super().__init__(code, wait_s)
        self.why = why


class Breaker:
    """Asked before each try, told after it. `clock` gives epoch milliseconds.

    `calls` is the most that may be made, each try counted. A `subject` is what is asked for, in any
    words of its own.
    """

    def __init__(
        self, counters: Counters, clock: Callable[[], int] = now_ms, calls: Rate | None = None
    ) -> None:
        self._counters = counters
        self._clock = clock
        self._calls = calls
        self._trouble = False  # there is something to clear at the next success

    def check(self, subject: str = "") -> bool:
        """Let a try pass.

        True where the breaker is open and this is the one probe of its second: it gets a single
        try, so that an hour of failures costs the vendor no more calls than there are clicks.

        :raises HeldBack: no call may be made now.
        """
        now = self._clock()
        news = self._news(now, DECLINED + subject)
        if held := news.get(HELD):
            raise HeldBack("busy", _seconds(held[1] - now))
        refused = news.get(REFUSED)
        if refused and now < refused[0] <= now + TOKEN_PAUSE_MS:
            raise HeldBack("unavailable", _seconds(refused[0] - now))
        if DECLINED + subject in news:
            raise HeldBack("not_available", None, "since the vendor refused it minutes ago")
        failures = news.get(FAILURES)
        self._trouble = bool(refused or failures)
        is_open = bool(failures and failures[0] >= FAILURES_TO_OPEN)
        self._count(now, is_probe=is_open)
        return is_open

    def _count(self, now: int, *, is_probe: bool) -> None:
        limits = [Limit(PROBE, 1, now + PROBE_EVERY_MS)] if is_probe else []
        if rate := self._calls:
            limits.append(Limit(CALLS, rate.limit, now + rate.seconds * 1000))
        full = self._counters.take(now, limits).full if limits else {}
        if PROBE in full:
            raise HeldBack("unavailable", _seconds(full[PROBE]))
        if full:
            raise HeldBack("busy", _seconds(full[CALLS]), "by TRYON_CALL_RATE")

    def decline(self, subject: str) -> None:
        """Note that the vendor refused what was asked for."""
        now = self._clock()
        with suppress(StorageUnavailable):
            self._counters.put(DECLINED + subject, 1, now + DECLINED_KEPT_MS)

    def hold_off(self, seconds: float) -> None:
        """Note that the vendor asked everyone to wait. A shorter wish never cuts a longer one."""
        now = self._clock()
        until = now + math.ceil(max(0.0, min(seconds, LONGEST_HOLD_S)) * 1000)
        with suppress(StorageUnavailable):
            held = self._news(now).get(HELD)
            if until > (held[1] if held else now):
                self._counters.put(HELD, 1, until)

    def refuse_token(self) -> None:
        """Pause all calls, since the vendor refused our token, and say so in `state`."""
        self._trouble = True
        now = self._clock()
        with suppress(StorageUnavailable):
            self._counters.put(REFUSED, now + TOKEN_PAUSE_MS, now + TOKEN_REFUSED_KEPT_MS)

    def failed(self) -> None:
        """Count a try that got no answer, or a 5xx."""
        self._trouble = True
        now = self._clock()
        with suppress(StorageUnavailable):
            self._counters.add(FAILURES, 1, now + FAILURES_KEPT_MS, now)

    def succeeded(self) -> None:
        """Forget whatever was counted against the vendor: it works and takes our token."""
        if self._trouble:
            with suppress(StorageUnavailable):
                self._counters.drop(FAILURES, REFUSED)
                self._trouble = False

    def state(self) -> dict[str, str | int | bool | None]:
        """Describe it for /readyz and /metrics.

        `breaker` is closed, open, or half-open (a probe may go now).
        """
        now = self._clock()
        news = self._news(now)
        held, failures = news.get(HELD), news.get(FAILURES)
        breaker = "closed"
        if failures and failures[0] >= FAILURES_TO_OPEN:
            breaker = "open" if PROBE in news else "half-open"
        return {
            "breaker": breaker,
            "held_until_ms": held[1] if held else None,
            "token_refused": REFUSED in news,
        }

    def _news(self, now: int, also: str = "") -> dict[str, tuple[int, int]]:
        """Read what is noted, but for what ends later than it could: the clock was set back."""
        noted = self._counters.under("vendor:", now, also)
        latest = self._clock()  # another worker may have noted it since
        longest = LONGEST_MS | {also: DECLINED_KEPT_MS}
        return {key: found for key, found in noted.items() if found[1] <= latest + longest[key]}


def _seconds(ms: int) -> int:
    return max(1, math.ceil(ms / 1000))
