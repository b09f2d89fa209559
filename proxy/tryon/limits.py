"""Rates and budgets: new sessions of a client, of a product, of all, in a day and in a month.

They hold exactly, over all workers. All that a click is counted in is counted in one step.
"""

import ipaddress
import logging
import re
import secrets
from calendar import monthrange
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple
from zoneinfo import ZoneInfo

from proxy.refusals import Refusal
from proxy.settings import Settings
from storage.events import now_ms
from storage.funnel import local_day, midnight_ms
from storage.store import Counters, Limit, Store, Taken

PASS = (5, 600_000)  # sessions more for a passed challenge, and within how many milliseconds
GUESSES = (10, 60_000)  # wrong passwords of one client, and in how many milliseconds
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# An IPv6 customer has a /64 at least, often a /56 and at times a /48: how many clients each is.
IPV6_SHARES = {64: 1, 56: 4, 48: 16}
OF_CLIENT, OF_PASS = "sessions:", "pass:"  # how a client's keys begin
LEAST_OF_AN_HOUR = 20  # sessions; a small month would else be spread too thin
TOLD_AT = (100, 80, 50)  # percent of a budget
# Some proxies write a port into X-Forwarded-For, and each connection has another.
WITH_PORT = re.compile(r"(?:([0-9.]+)|\[([0-9A-Fa-f:.]+)\])(?::[0-9]+)?")

log = logging.getLogger("tryon")


class LimitReached(Refusal):
    """No more for now: `rate_limited` or `budget_exhausted`."""


class ClientOverRate(LimitReached):
    """Nothing but the rate of the client and its networks is in the way: a person may pass a
    challenge."""


class Budget(NamedTuple):
    """The sessions of a period of the shop's."""

    name: str  # daily or monthly
    limit: int
    first_day: str
    until_ms: int
    key: str

    @property
    def counted(self) -> Limit:
        return Limit(self.key, self.limit, self.until_ms)


class Spent(NamedTuple):
    """How much of a budget is spent."""

    name: str  # daily or monthly
    limit: int
    sessions: int

    @property
    def part(self) -> float:
        return self.sessions / self.limit if self.limit else 1.0


class Limits:
    """Counts what is limited. :raises LimitReached: it would be too much."""

    def __init__(self, settings: Settings, counters: Counters, store: Store) -> None:
        self._counters = counters
        self._settings = settings
        self._zone = settings.timezone
        self._salt = (0, b"")  # and of which day
        self._named: tuple[int, set[str]] = (0, set())  # of which day, and what is known of it
        seed(settings, counters, store)

    def admit(self, what: str, client: str, limit: int, period_ms: int) -> None:
        """Count a request of a kind from a client (an IP address)."""
        now = now_ms()
        self._take(now, self._of_client(what, client, limit, period_ms, now))

    def admit_guess(self, what: str, client: str, *, is_right: bool) -> bool:
        """Count a wrong guess of a secret; return whether it was right.

        Right ones are not counted, and spare a client nothing: after too many wrong ones both are
        refused alike, so that no answer tells one from the other.
        """
        now = now_ms()
        limits = self._of_client(what, client, *GUESSES, now)
        if not is_right:
            self._take(now, limits)
        elif full := self._counters.full(now, limits):
            raise LimitReached("rate_limited", -(-max(full.values()) // 1000))
        return is_right

    def admit_name(self, kind: str, name: str, most: int) -> None:
        """Let a browser name a thing, if it was named before or the day has had fewer of a kind."""
        now = now_ms()
        day, until_ms = now // DAY_MS, (now // DAY_MS + 1) * DAY_MS
        if self._named[0] != day:
            self._named = (day, set())
        first = Limit(f"named:{day}:{kind}:{name}", 1, until_ms)
        if first.key in self._named[1]:
            return
        full = self._counters.take(now, [first, Limit(f"named:{day}:{kind}", most, until_ms)]).full
        if full and first.key not in full:
            raise LimitReached("rate_limited", -(-max(full.values()) // 1000))
        self._named[1].add(first.key)

    def admit_reuse(self, client: str) -> None:
        """Count a session that a client found again: ten times as many as new ones."""
        rate = self._settings.client_rate
        self.admit("reuses", client, 10 * rate.limit, rate.seconds * 1000)

    def admit_session(self, client: str, product_id: str) -> int:
        """Count a new session: in every rate, then in every budget, or in none of them.

        A click that a budget refuses counts in the rates, since it is recorded. Returns the moment,
        for `refund` where the vendor made no session after all.

        :raises ClientOverRate: it is only the client's rate, and the client has no pass.
        """
        now = now_ms()
        budgets = _budgets(self._settings, now)
        limits = [budget.counted for budget in budgets] + self._hour(now)
        taken = self._take_session(client, product_id, now, limits)
        for budget in budgets:
            self._tell(budget, taken.counts[budget.key], now)
        return now

    def give_pass(self, client: str) -> None:
        """Let a client go over its rate by some sessions, since it passed a challenge."""
        now = now_ms()
        more, _ = PASS
        passes = self._pass(client, now)
        self._counters.add(passes.key, -more, passes.until_ms, now)

    def refund(self, spent_ms: int) -> None:
        """Put a session back into the budgets that it was taken from."""
        for limit in [each.counted for each in _budgets(self._settings, spent_ms)] + self._hour(
            spent_ms
        ):
            self._counters.add(limit.key, -1, limit.until_ms, now_ms())

    def spent(self) -> list[Spent]:
        """Say how much of each budget is spent."""
        return spent(self._settings, self._counters)

    def _take(self, now: int, rates: list[Limit], budgets: Sequence[Limit] = ()) -> Taken:
        taken = self._counters.take(now, rates, budgets)
        if taken.full:
            wait_s = -(-max(taken.full.values()) // 1000)
            if taken.full.keys() & {limit.key for limit in budgets}:
                raise LimitReached("budget_exhausted", wait_s)
            if all(key.startswith((OF_CLIENT, OF_PASS)) for key in taken.full):
                raise ClientOverRate("rate_limited", wait_s)
            raise LimitReached("rate_limited", wait_s)
        return taken

    def _take_session(
        self, client: str, product_id: str, now: int, budgets: Sequence[Limit]
    ) -> Taken:
        """Take a session from the client's rate, or else from its pass."""
        common = self._common_rates(product_id, now)
        try:
            return self._take(now, self._client_rates(client, now) + common, budgets)
        except ClientOverRate as over:
            if self._settings.challenge_url is None:
                raise
            try:
                return self._take(now, [self._pass(client, now), *common], budgets)
            except ClientOverRate:
                raise over from None  # who has no pass waits for the rate

    def _client_rates(self, client: str, now: int) -> list[Limit]:
        rate = self._settings.client_rate
        return self._of_client("sessions", client, rate.limit, rate.seconds * 1000, now)

    def _pass(self, client: str, now: int) -> Limit:
        """Limit a client to its pass, which is a counter below zero: where there is none, it is
        full."""
        _, period_ms = PASS
        narrowest, _ = networks_of(client)[0]
        key = OF_PASS + _pseudonym(narrowest, self._daily_salt(now))
        return Limit(key, 0, now + period_ms)

    def _common_rates(self, product_id: str, now: int) -> list[Limit]:
        settings = self._settings
        rates = (
            ("sessions", settings.session_rate),
            (f"product:{product_id}", settings.product_rate),
        )
        return [Limit(key, rate.limit, now + rate.seconds * 1000) for key, rate in rates if rate]

    def _of_client(
        self, what: str, client: str, limit: int, period_ms: int, now: int
    ) -> list[Limit]:
        salt = self._daily_salt(now)
        return [
            Limit(f"{what}:{_pseudonym(network, salt)}", share * limit, now + period_ms)
            for network, share in networks_of(client)
        ]

    def _hour(self, at_ms: int) -> list[Limit]:
        """Limit an hour to one day's share of the month, so that no flood spends all of it."""
        month = self._settings.monthly_sessions
        if month is None or not self._settings.monthly_spread:
            return []
        today = date.fromisoformat(local_day(at_ms, self._zone))
        share = -(-month // monthrange(today.year, today.month)[1])
        hour = at_ms // HOUR_MS
        return [Limit(f"hour:{hour}", max(LEAST_OF_AN_HOUR, share), (hour + 1) * HOUR_MS)]

    def _tell(self, budget: Budget, spent: int, now: int) -> None:
        """Log, once in its period, that half of a budget is spent, most of it, or all."""
        for percent in TOLD_AT:
            at = -(-budget.limit * percent // 100)
            if spent == at:
                told = Limit(f"{budget.key}:{percent}", 1, budget.until_ms)
                if not self._counters.take(now, [told]).full:
                    log.warning(
                        "%d %% of the %s budget of %d sessions is spent",
                        percent, budget.name, budget.limit,
                    )  # fmt: skip
                return

    def _daily_salt(self, now: int) -> bytes:
        """Return the salt of the day of UTC, which is thrown away after it."""
        day = now // DAY_MS
        if self._salt[0] != day:
            proposed = secrets.randbits(62)
            # A day has a key of its own: a clock that ran ahead leaves no salt for this one.
            salt, _ = self._counters.agree(f"salt:{day}", proposed, (day + 1) * DAY_MS, now)
            self._salt = (day, str(salt).encode())
            # Whoever was counted by an older salt is not found again. Budgets stay: they are few,
            # and a clock that ran ahead must not give back what was spent.
            self._counters.prune(now, keep="budget:")
        return self._salt[1]


def seed(settings: Settings, counters: Counters, store: Store) -> None:
    """Count what is stored against the budgets: a power cut may have taken it from the counters."""
    now = now_ms()
    for budget in _budgets(settings, now):
        created = store.created_since(budget.first_day)
        counters.seed(budget.key, created, budget.until_ms, now)


def spent(settings: Settings, counters: Counters) -> list[Spent]:
    """Say how much of each budget is spent."""
    now = now_ms()
    counts = counters.under("budget:", now)
    return [
        Spent(budget.name, budget.limit, counts.get(budget.key, (0, 0))[0])
        for budget in _budgets(settings, now)
    ]


def _budgets(settings: Settings, at_ms: int) -> list[Budget]:
    """List the budgets in force; days are the shop's."""
    month, day = settings.monthly_sessions, settings.daily_sessions
    if month is day is None:
        return []
    today = date.fromisoformat(local_day(at_ms, settings.timezone))
    first = today.replace(day=1)
    next_month = (first + timedelta(days=32)).replace(day=1)
    periods = (
        ("monthly", month, first, next_month),
        ("daily", day, today, today + timedelta(days=1)),
    )
    return [
        Budget(name, limit, str(first), _start(end, settings.timezone), f"budget:{first}:{end}")
        for name, limit, first, end in periods
        if limit is not None
    ]


def _pseudonym(network: str, salt: bytes) -> str:
    """Hash a network with a salt, so that no address is kept."""
    return blake2b(network.encode(), key=salt, digest_size=12).hexdigest()


@lru_cache(maxsize=4)
def _start(day: date, zone: ZoneInfo) -> int:
    return midnight_ms(str(day), zone)


@lru_cache(maxsize=4_096)
def networks_of(client: str) -> tuple[tuple[str, int], ...]:
    """Return what an address counts as, the narrowest first, and as how many clients each of it."""
    if named := WITH_PORT.fullmatch(client):
        client = named[1] or named[2]
    with suppress(ValueError):  # an address that a proxy made up still counts, as itself
        address = ipaddress.ip_address(client)
        if address.version == 6 and address.ipv4_mapped:
            client = str(address.ipv4_mapped)  # one client, whichever proxy writes it
        elif address.version == 6:
            return tuple(
                (str(ipaddress.ip_network((address, prefix), strict=False)), share)
                for prefix, share in IPV6_SHARES.items()
            )
    return ((client, 1),)
