"""Rates and budgets: new sessions of a client, of a product, in a day and in a month.

They hold exactly, over all workers.
"""

import ipaddress
import re
import secrets
from contextlib import suppress
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b

from proxy.refusals import Refusal
from proxy.settings import Settings
from storage.events import now_ms
from storage.funnel import local_day, midnight_ms
from storage.store import Counters, Store

DAY_MS = 86_400_000
GUESSES = (10, 60_000)  # wrong passwords of one client, and in how many milliseconds
# Some proxies write a port into X-Forwarded-For, and each connection has another.
WITH_PORT = re.compile(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::[0-9]+)?")


class LimitReached(Refusal):
    """No more for now: `rate_limited` or `budget_exhausted`."""


class Limits:
    """Counts what is limited. :raises LimitReached: it would be too much."""

    def __init__(self, settings: Settings, counters: Counters, store: Store) -> None:
        self._counters = counters
        self._settings = settings
        self._zone = settings.timezone
        self._salt = (0, 0)  # and until when it is good
        # What a power cut took from the counters is still in the store.
        now = now_ms()
        for _, key, first_day, until_ms in self._budgets(now):
            counters.seed(key, store.created_since(first_day), until_ms, now)

    def admit(self, what: str, client: str, limit: int, period_ms: int) -> None:
        """Count a request of a kind from a client (an IP address)."""
        now = now_ms()
        self._take(f"{what}:{self._pseudonym(client, now)}", limit, period_ms, now)

    def _take(self, key: str, limit: int, period_ms: int, now: int) -> None:
        wait_ms = self._counters.take(key, limit, period_ms, now)
        if wait_ms > period_ms:  # the clock was set back since
            self._counters.drop(key)
            wait_ms = self._counters.take(key, limit, period_ms, now)
        if wait_ms:
            raise LimitReached("rate_limited", -(-wait_ms // 1000))

    def admit_guess(self, what: str, client: str, *, is_right: bool) -> bool:
        """Count a wrong guess of a secret; return whether it was right.

        Right ones are not counted, and spare a client nothing: after too many wrong ones both are
        refused alike, so that no answer tells one from the other.
        """
        now = now_ms()
        key = f"{what}:{self._pseudonym(client, now)}"
        wrong, until_ms = self._counters.under(key, now).get(key, (0, now))
        if not is_right:
            self._take(key, *GUESSES, now)
        elif wrong >= GUESSES[0] and until_ms - now <= GUESSES[1]:  # or the clock was set back
            raise LimitReached("rate_limited", -(-(until_ms - now) // 1000))
        return is_right

    def admit_session(self, client: str) -> None:
        """Count a new session of a client."""
        rate = self._settings.client_rate
        self.admit("sessions", client, rate.limit, rate.seconds * 1000)

    def admit_product(self, product_id: str) -> None:
        """Count a new session of a product, if there is a limit to that."""
        if rate := self._settings.product_rate:
            self._take(f"product:{product_id}", rate.limit, rate.seconds * 1000, now_ms())

    def admit_reuse(self, client: str) -> None:
        """Count a session that a client found again: ten times as many as new ones."""
        rate = self._settings.client_rate
        self.admit("reuses", client, 10 * rate.limit, rate.seconds * 1000)

    def spend(self) -> int:
        """Take one session out of every budget, or none where one of them is spent.

        Returns the moment, for `refund` where the vendor made no session after all.
        """
        now = now_ms()
        taken: list[tuple[str, int]] = []
        for limit, key, _, until_ms in self._budgets(now):
            wait_ms = until_ms - now
            if limit:  # 0 allows none, not even the first
                wait_ms = self._counters.take(key, limit, wait_ms, now)
            if wait_ms:
                for earlier, until in taken:
                    self._counters.add(earlier, -1, until, now)
                raise LimitReached("budget_exhausted", -(-wait_ms // 1000))
            taken.append((key, until_ms))
        return now

    def refund(self, spent_ms: int) -> None:
        """Put a session back into the budgets that it was taken from."""
        for _, key, _, until_ms in self._budgets(spent_ms):
            self._counters.add(key, -1, until_ms, now_ms())

    def _budgets(self, at_ms: int) -> list[tuple[int, str, str, int]]:
        """List (limit, key, first day, end) of each budget in force; days are the shop's."""
        today = date.fromisoformat(local_day(at_ms, self._zone))
        month = today.replace(day=1)
        periods = (
            (self._settings.monthly_sessions, month, (month + timedelta(days=32)).replace(day=1)),
            (self._settings.daily_sessions, today, today + timedelta(days=1)),
        )
        return [
            (limit, f"budget:{first}:{end}", str(first), midnight_ms(str(end), self._zone))
            for limit, first, end in periods
            if limit is not None
        ]

    def _pseudonym(self, client: str, now: int) -> str:
        """Hash a client's network with a salt that is thrown away each day."""
        salt = self._daily_salt(now)
        return blake2b(network_of(client).encode(), key=salt, digest_size=12).hexdigest()

    def _daily_salt(self, now: int) -> bytes:
        salt, until_ms = self._salt
        if now >= until_ms:
            midnight = now - now % DAY_MS + DAY_MS
            proposed = secrets.randbits(62)
            salt, _ = self._salt = self._counters.agree("salt", proposed, midnight, now)
            # Whoever was counted by an older salt is not found again. Budgets stay: they are few,
            # and a clock that ran ahead must not give back what was spent.
            self._counters.prune(now, keep="budget:")
        return str(salt).encode()


@lru_cache(maxsize=4_096)
def network_of(client: str) -> str:
    """Return what an address counts as: IPv6 by its /64, since one customer has at least that."""
    if named := WITH_PORT.fullmatch(client):
        client = named[1] or named[2]
    with suppress(ValueError):  # an address that a proxy made up still counts, as itself
        address = ipaddress.ip_address(client)
        if address.version == 6 and not address.ipv4_mapped:
            return str(ipaddress.ip_network((address, 64), strict=False))
    return client
