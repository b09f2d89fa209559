"""The long-lived objects, built once for each worker, after the fork."""

from pathlib import Path

from flask import current_app

from proxy.catalog import kept
from proxy.settings import Settings
from proxy.threads import Threads
from proxy.tryon import expiry
from proxy.tryon.challenge import Challenge
from proxy.tryon.keys import CallbackKeys, ClickKeys
from proxy.tryon.limits import Limits
from proxy.tryon.live import Live
from proxy.tryon.sessions import Sessions
from proxy.tryon.state import Links
from proxy.upstream.breaker import Breaker
from proxy.upstream.client import UpstreamClient
from proxy.upstream.outcomes import Outcomes
from proxy.upstream.siteverify import siteverify
from proxy.web import button, theme
from proxy.web.archive import Archive
from proxy.web.login import Login
from proxy.web.origins import Origins
from proxy.web.static import StaticFiles
from storage.database import open_counters, open_database
from storage.probe import Probe
from storage.store import Damaged, FilesGone
from storage.writer import Writer

DISK_NEEDED = 64 * 1024 * 1024  # bytes free; below this somebody should act


class Services:
    """What the routes work with, running: writer, live updates and expiry have their threads.

    A test replaces a part by assigning another.

    :raises StorageUnavailable: the database cannot be opened.
    :raises CatalogError: the catalogue cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        opened = open_database(settings.database, settings.timezone)
        opened.maintenance.ensure_timezone()
        self.store = opened.store
        self.catalog = kept.catalog(settings)
        self.links = Links(settings.public_url)
        self.live = Live(self.store, self.links)
        # A commit on a thread of its own: an fsync on the event loop would stall all.
        self.writer = Writer(
            self.store.commit,
            offload=Threads(1).run,
            on_commit=self.live.poke,
            holder=self.store.holder,
        )
        self.probe = Probe(self.store, self.writer)
        counters = open_counters(settings.database)
        self.breaker = Breaker(counters, calls=settings.call_rate)
        self.limits = Limits(settings, counters, self.store)
        service = siteverify(settings)
        self.challenge = Challenge(service, self.limits, counters) if service else None
        self.keys = CallbackKeys(settings.secret_key)
        self.click_keys = ClickKeys(settings.click_secret)
        self.outcomes = Outcomes(self.store)
        self.sessions = Sessions(
            store=self.store,
            writer=self.writer,
            upstream=UpstreamClient(settings, self.breaker, settings.upstream_deadline),
            limits=self.limits,
            keys=self.keys,
            public_url=settings.public_url,
            patience_s=settings.upstream_deadline + 2,
            challenge=self.challenge,
        )
        self.origins = Origins(settings)
        self.login = Login(settings, self.limits, counters)
        self.static = _static(settings)
        self.threads = Threads(2)
        expiry.start(self.store, self.writer, opened.jobs)
        if self.catalog:
            expiry.repeat("catalogue", self.catalog.tend)

    def parts(self) -> dict[str, str | None]:
        """Say what is wrong with each part, without a call to anybody; None where nothing is."""
        vendor = self.breaker.state()
        held_back = vendor["breaker"] != "closed"
        free = self.store.free_bytes()
        return {
            "database": self._database(),
            "disk": None if free >= DISK_NEEDED else f"only {free // 1024**2} MiB are free",
            "upstream": "the vendor fails; calls are held back" if held_back else None,
            "token": "the vendor refuses the token" if vendor["token_refused"] else None,
        } | ({"catalogue": self.catalog.trouble()} if self.catalog else {})

    def _database(self) -> str | None:
        failure = self.probe.failure()
        if isinstance(failure, (Damaged, FilesGone)):
            return str(failure)
        return "nothing can be written" if failure else self.store.damage or None


def services() -> Services:
    """Return what the app of this request was built with."""
    built: Services = current_app.extensions["tryon"]
    return built


def _static(settings: Settings) -> StaticFiles:
    archive = Archive(Path(f"{settings.database}-static"))
    static = StaticFiles(settings.public_url, archive, offload=Threads(1).run)
    static.add("theme.css", theme.stylesheet(settings.accent_color))
    button.install(static, settings.locale)
    static.keep()
    return static
