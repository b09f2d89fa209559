"""The challenge: whoever passes it may go on where the rate of their client is passed."""

import logging
from hashlib import blake2b

from proxy.tryon.limits import DAY_MS, Limits
from proxy.upstream.siteverify import ChallengeFailed, Siteverify
from storage.events import now_ms
from storage.store import Counters, Limit

ANSWERS = (10, 60_000)  # of one client, and in how many milliseconds

log = logging.getLogger("tryon")


class Challenge:
    """Takes answers, each once over all workers, whatever the service would say the next time."""

    def __init__(self, service: Siteverify, limits: Limits, counters: Counters) -> None:
        self._service = service
        self._limits = limits
        self._counters = counters

    def demand(self, answer: str, client: str) -> None:
        """Require a right answer, for which a client (an IP address) may go on.

        :raises ChallengeFailed: it is wrong or used up, or the service fails.
        :raises LimitReached: the client has had too many.
        """
        self._limits.admit("answers", client, *ANSWERS)
        self._use_up(answer)
        try:
            self._service.demand(answer)
        except ChallengeFailed as failed:
            if failed.code == "challenge_unavailable":
                log.error("the challenge's service fails: %s", failed.why)
            raise
        self._limits.give_pass(client)

    def _use_up(self, answer: str) -> None:
        now = now_ms()
        key = f"answer:{blake2b(answer.encode(), digest_size=16).hexdigest()}"
        if self._counters.take(now, [Limit(key, 1, now + DAY_MS)]).full:
            raise ChallengeFailed("challenge_failed", "used before")
