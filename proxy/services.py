"""The long-lived objects, built once for each worker, after the fork."""

from dataclasses import dataclass

from flask import current_app

from proxy.catalog import products
from proxy.catalog.products import Catalog
from proxy.settings import Settings
from proxy.threads import Threads
from proxy.tryon import expiry
from proxy.tryon.keys import CallbackKeys
from proxy.tryon.limits import Limits
from proxy.tryon.live import Live
from proxy.tryon.sessions import Sessions
from proxy.tryon.state import Links
from proxy.upstream.breaker import Breaker
from proxy.upstream.client import UpstreamClient
from proxy.upstream.outcomes import Outcomes
from proxy.web import theme
from proxy.web.login import Login
from proxy.web.origins import Origins
from proxy.web.static import StaticFiles
from storage.database import Database, open_counters, open_database
from storage.store import Counters, Store
from storage.writer import Writer


@dataclass(frozen=True)
class Services:
    """What the routes work with. A test replaces a part with `dataclasses.replace`."""

    settings: Settings
    catalog: Catalog
    static: StaticFiles
    links: Links
    keys: CallbackKeys
    store: Store
    counters: Counters
    writer: Writer
    live: Live
    breaker: Breaker
    limits: Limits
    sessions: Sessions
    outcomes: Outcomes
    origins: Origins
    login: Login
    threads: Threads


def services() -> Services:
    """Return what the app of this request was built with."""
    built: Services = current_app.extensions["tryon"]
    return built


def database(settings: Settings) -> Database:
    """Open the database. :raises StorageUnavailable: it cannot be opened."""
    return open_database(settings.database, settings.timezone)


def build(settings: Settings) -> Services:
    """Build all of it, running: the writer, the live updates and expiry have their threads.

    :raises StorageUnavailable: the database cannot be opened.
    :raises CatalogError: the catalogue cannot be read.
    """
    opened = database(settings)
    opened.maintenance.ensure_timezone()
    store = opened.store
    counters = open_counters(settings.database)
    links = Links(settings.public_url)
    live = Live(store, links)
    # A commit on a thread of its own: an fsync on the event loop would stall all.
    writer = Writer(store.commit, offload=Threads(1).run, on_commit=live.poke)
    breaker = Breaker(counters)
    limits = Limits(settings, counters, store)
    keys = CallbackKeys(settings.secret_key)
    sessions = Sessions(
        store=store,
        writer=writer,
        upstream=UpstreamClient(settings, breaker, settings.upstream_deadline),
        limits=limits,
        keys=keys,
        public_url=settings.public_url,
        patience_s=settings.upstream_deadline + 2,
    )
    expiry.start(store, writer)
    expiry.start_purging(store)
    return Services(
        settings=settings,
        catalog=products.load(settings.catalog) if settings.catalog else {},
        static=StaticFiles(
            settings.public_url, {"theme.css": theme.stylesheet(settings.accent_color)}
        ),
        links=links,
        keys=keys,
        store=store,
        counters=counters,
        writer=writer,
        live=live,
        breaker=breaker,
        limits=limits,
        sessions=sessions,
        outcomes=Outcomes(store),
        origins=Origins(settings),
        login=Login(settings, limits),
        threads=Threads(2),
    )
