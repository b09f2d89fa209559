"""Turn a click into a session: find it again, share it with its twins, or create and record it."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from proxy import metrics
from proxy.catalog.products import Product
from proxy.refusals import Refusal
from proxy.tryon.challenge import Challenge
from proxy.tryon.guesses import Guesses
from proxy.tryon.keys import TOKEN, CallbackKeys, new_token
from proxy.tryon.limits import ClientOverRate, LimitReached, Limits
from proxy.upstream.client import UpstreamClient, UpstreamFailure
from proxy.upstream.contract import Session, session_request
from storage.events import (
    EARLIEST_MS,
    LATEST_MS,
    Entry,
    Event,
    UpstreamCall,
    attempt_ms,
    event,
    new_attempt_id,
    now_ms,
)
from storage.funnel import Attempt
from storage.store import Conflict, StorageUnavailable, Store
from storage.writer import Writer

TWIN_LOOK_S = 0.01  # how often to look whether another worker has answered the same click
ANEW = "-"  # ends the click_id of a press after one whose outcome nobody knows
# After these the vendor may hold a session of ours: it stays in the budget.
MAY_EXIST = frozenset({"upstream_timeout", "bad_upstream_reply"})


@dataclass(frozen=True, kw_only=True)
class Click:
    """A shopper's wish to try a product on, checked, and completed from the catalogue."""

    product: Product
    locale: str
    device: str
    offered: str  # how to launch: direct, on this device, or qr
    client: str  # IP address, for the rate limit; never stored
    bot: bool = False
    reference: str | None = None
    click_id: str | None = None
    resume: str | None = None
    challenge: str | None = None  # the answer to one

    @property
    def subject(self) -> str:
        """What of it the vendor may refuse."""
        return f"{self.product.category}:{self.locale}:{self.product.product_id}"


class NoSession(Refusal):
    """There is no such session, or the click gets none."""


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Turns clicks into attempts with a session."""

    store: Store
    writer: Writer
    upstream: UpstreamClient
    limits: Limits
    keys: CallbackKeys
    public_url: str
    patience_s: float  # how long to wait for another worker that has the same click
    challenge: Challenge | None = None
    guesses: Guesses = field(default_factory=Guesses)
    _in_flight: dict[str, Future[Attempt]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, public_id: str, client: str) -> Attempt:
        """Look an attempt up by the id that reads, for a client (an IP address).

        :raises NoSession: the same `not_found` for what is malformed and what is unknown.
        :raises LimitReached: too many of both came from this client.
        """
        return self._known(public_id, self.store.attempt_by_public_id, client)

    def find_launch(self, launch_key: str, client: str) -> Attempt:
        """Look an attempt up by the key that launches."""
        return self._known(launch_key, self.store.attempt_by_launch_key, client)

    def _known(self, token: str, look_up: Callable[[str], Attempt | None], client: str) -> Attempt:
        attempt = look_up(token) if TOKEN.fullmatch(token) else None
        if attempt is None:
            self.guesses.admit(client)
            raise NoSession("not_found")
        return attempt

    def obtain(self, click: Click) -> tuple[Attempt, bool]:
        """Return the attempt of a click, and whether it was there before.

        :raises Refusal: there is no session; what can be said of it is recorded.
        :raises StorageUnavailable: there may be one, but it could not be recorded.
        """
        if resumed := self._resume(click):
            return resumed, True
        if click.click_id is None:
            return self._create(click, new_attempt_id(now_ms())), False
        if click.click_id.endswith(ANEW) and (
            earlier := self.store.attempt_by_click(click.click_id.removesuffix(ANEW))
        ):
            _demand_open(earlier)  # its callback may have settled it meanwhile
        return self._once(click, click.click_id)

    def _resume(self, click: Click) -> Attempt | None:
        """Return the earlier session while it lasts; the click is recorded as one more of it."""
        if click.resume is None:
            return None
        attempt = self.store.attempt_by_public_id(click.resume)
        now = now_ms()
        lasts = attempt and attempt.outcome == "open" and (attempt.expires_ms or 0) > now
        if not attempt or not lasts or attempt.product_id != click.product.product_id:
            return None
        self.limits.admit_reuse(click.client)  # it costs no session, but each is a row
        key = f"reused:{click.click_id or new_token()}"
        return self.writer.submit(
            Entry((event("reused", attempt.id, now, "button", key=key),))
        ).attempt

    def _once(self, click: Click, click_id: str) -> tuple[Attempt, bool]:
        """Call the vendor once for a click, however often and however concurrently it is sent."""
        with self._lock:
            twin = self._in_flight.get(click_id)
            if twin is None:
                mine: Future[Attempt] = Future()
                self._in_flight[click_id] = mine
        if twin is not None:
            return twin.result(), True
        try:
            attempt, reused = self._first_of_all_workers(click, click_id)
            mine.set_result(attempt)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            del self._in_flight[click_id]
        return attempt, reused

    def _first_of_all_workers(self, click: Click, click_id: str) -> tuple[Attempt, bool]:
        arrived = now_ms()
        until = time.monotonic() + self.patience_s
        while time.monotonic() < until:
            with self.store.claim(f"click:{click_id}") as mine:
                if mine:
                    known = self.store.attempt_by_click(click_id)
                    if known and self._settled(known, arrived):
                        return known, True
                    return self._create(
                        click, known.id if known else new_attempt_id(arrived)
                    ), False
            time.sleep(TWIN_LOOK_S)
        raise NoSession("busy", 1)

    def _settled(self, known: Attempt, arrived: int) -> bool:
        """Tell whether a click has its session.

        A failure while we waited is ours too; after an earlier one the click may be tried again,
        unless the vendor may have made a session.
        """
        if known.created_ms is not None:
            return True
        _demand_open(known)
        reason = known.reason or "upstream_error"
        if reason in MAY_EXIST or (known.ended_ms or 0) >= arrived:
            raise NoSession(reason)
        return False

    def _create(self, click: Click, attempt_id: str) -> Attempt:
        self.store.check()  # a session that cannot be recorded is not bought
        try:
            spent = self._admit(click)
        except LimitReached as reached:
            if reached.code == "budget_exhausted":  # one of a flood is not taken for a shopper's
                with suppress(StorageUnavailable):  # the shopper's answer is the same
                    self._record(click, None, _create_failed(attempt_id, reached.code))
            raise
        try:
            request = self._request(click, attempt_id)
            session, call = self.upstream.create_session(request, click.subject)
        except UpstreamFailure as failure:
            if failure.code not in MAY_EXIST:
                self.limits.refund(spent)
            with suppress(StorageUnavailable):  # the shopper's answer is the same
                self._record(click, failure.call, _create_failed(attempt_id, failure.code))
            raise
        try:
            return self._record(click, call, _created(attempt_id, session))
        except Conflict:
            # The vendor gave a session that another attempt has: it must not be shown to two.
            code = "bad_upstream_reply"
            self._record(click, call._replace(error=code), _create_failed(attempt_id, code))
            raise NoSession(code) from None

    def _admit(self, click: Click) -> int:
        """Count a session in the limits, once more where a challenge was passed for it."""
        product_id = click.product.product_id
        try:
            return self.limits.admit_session(click.client, product_id)
        except ClientOverRate:
            if self.challenge is None or click.challenge is None:
                raise
        self.challenge.demand(click.challenge, click.client)
        return self.limits.admit_session(click.client, product_id)

    def _request(self, click: Click, attempt_id: str) -> bytes:
        product = click.product
        return session_request(
            product.product_id,
            product.category,
            f"{self.public_url}/callbacks/{self.keys.seal(attempt_id)}",
            click.locale,
            product.asset_urls,
        )

    def _record(self, click: Click, call: UpstreamCall | None, outcome: Event) -> Attempt:
        """Store the click, the call if there was one, and what came of it, in one transaction."""
        attempt_id = outcome.attempt_id
        if call:
            metrics.observe(metrics.UPSTREAM, call.duration_ms / 1000, call.error or "ok")
            call = call._replace(attempt_id=attempt_id)
        events = (_click(click, attempt_id), outcome)
        attempt = self.writer.submit(Entry(events, call=call)).attempt
        assert attempt is not None  # noqa: S101 - the entry has events of an attempt
        return attempt


def _demand_open(attempt: Attempt) -> None:
    """Refuse a click whose session we never saw, where its callback has ended it.

    :raises NoSession: `gone`.
    """
    if attempt.created_ms is None and attempt.outcome not in ("open", "create_failed"):
        raise NoSession("gone")


def _click(click: Click, attempt_id: str) -> Event:
    return event(
        "click",
        attempt_id,
        attempt_ms(attempt_id),
        "button",
        key=f"click:{click.click_id or attempt_id}",
        product_id=click.product.product_id,
        category=click.product.category,
        locale=click.locale,
        device=click.device,
        bot=int(click.bot) or None,
        reference=click.reference,
        title=click.product.title,
        offered=click.offered,
    )


def _created(attempt_id: str, session: Session) -> Event:
    return event(
        "created",
        attempt_id,
        now_ms(),
        "proxy",
        public_id=new_token(),
        launch_key=new_token(),
        session_id=session.id,
        launch_url=session.launch_url,
        # At the edge of the calendar no page could show it.
        expires_ms=min(max(int(session.expires_at.timestamp() * 1000), EARLIEST_MS), LATEST_MS),
        qr_code_url=session.qr_code_url,
        metadata=session.metadata or None,
    )


def _create_failed(attempt_id: str, code: str) -> Event:
    key = f"create_failed:{attempt_id}:{code}"
    return event("create_failed", attempt_id, now_ms(), "proxy", key=key, code=code)
