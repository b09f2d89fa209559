"""Guesses of ids and keys that nobody has: a network gets so many answers a minute.

Counted in each worker's memory, so that a stranger causes no write. It sheds load and shows in the
metrics; what keeps an id secret is its 128 random bits.
"""

import time
from collections import Counter

from proxy.tryon.limits import LimitReached, networks_of

MOST = 300  # of a client, in a minute; a wider network is so many clients as for clicks
PERIOD_S = 60.0
MOST_NETWORKS = 1_000  # that are told apart; all others count as one


class Guesses:
    """Counts the guesses of a minute."""

    def __init__(self) -> None:
        self._of_network: Counter[str] = Counter()
        self._until = 0.0

    def admit(self, client: str) -> None:
        """Count a guess of a client (an IP address). :raises LimitReached: it was one too many."""
        now = time.monotonic()
        if now >= self._until:
            self._of_network.clear()
            self._until = now + PERIOD_S
        counted = dict(map(self._counted_as, networks_of(client)))
        if any(self._of_network[each] >= share * MOST for each, share in counted.items()):
            raise LimitReached("rate_limited", round(self._until - now) or 1)
        self._of_network.update(counted.keys())

    def _counted_as(self, network: tuple[str, int]) -> tuple[str, int]:
        is_new = network[0] not in self._of_network
        return ("others", 1) if is_new and len(self._of_network) >= MOST_NETWORKS else network
