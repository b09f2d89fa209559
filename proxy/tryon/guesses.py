"""Guesses of ids and keys that nobody has: a network gets so many answers a minute.

Counted in each worker's memory, so that a stranger causes no write. It sheds load and shows in the
metrics; what keeps an id secret is its 128 random bits.
"""

import time
from collections import Counter

from proxy.tryon.limits import LimitReached, network_of

MOST = 300  # of a network, in a minute
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
        network = network_of(client)
        if network not in self._of_network and len(self._of_network) >= MOST_NETWORKS:
            network = "others"
        self._of_network[network] += 1
        if self._of_network[network] > MOST:
            raise LimitReached("rate_limited", round(self._until - now) or 1)
