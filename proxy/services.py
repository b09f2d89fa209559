"""The long-lived objects, built once for each worker, after the fork."""

from dataclasses import dataclass
from pathlib import Path

from proxy import catalog, sweep, theme
from proxy.capability import CallbackKeys
from proxy.catalog import Catalog
from proxy.gate import Gate
from proxy.limits import Limits
from proxy.live import Live
from proxy.sessions import Sessions
from proxy.settings import Settings
from proxy.static_files import StaticFiles
from proxy.threads import Threads
from proxy.upstream import UpstreamClient
from proxy.views import Links
from proxy.words import Words
from storage.counters import Counters
from storage.recount import ensure_timezone
from storage.sqlite import SQLiteStore
from storage.writer import Writer


@dataclass(frozen=True)
class Services:
    """What the routes work with. A test replaces a part with `dataclasses.replace`."""

    settings: Settings
    catalog: Catalog
    static: StaticFiles
    links: Links
    keys: CallbackKeys
    store: SQLiteStore
    counters: Counters
    writer: Writer
    live: Live
    gate: Gate
    limits: Limits
    sessions: Sessions
    words: Words
    threads: Threads


def open_store(settings: Settings) -> SQLiteStore:
    return SQLiteStore(settings.database, settings.timezone)


def upstream_client(settings: Settings, gate: Gate, deadline_s: float) -> UpstreamClient:
    return UpstreamClient(
        api_url=settings.api_url,
        token=settings.api_token,
        launch_hosts=settings.launch_hosts,
        allow_http=settings.allow_http,
        deadline=deadline_s,
        gate=gate,
    )


def build(settings: Settings) -> Services:
    """All of it, running: the writer, the live updates and the expiry sweep have their threads.

    :raises StorageUnavailable: the database cannot be opened.
    :raises CatalogError: the catalogue cannot be read.
    """
    store = open_store(settings)
    ensure_timezone(store)
    counters = Counters(Path(f"{settings.database}-counters"))
    links = Links(settings.public_url)
    live = Live(store, links)
    # A commit on a thread of its own: an fsync on the event loop would stall all.
    writer = Writer(store.commit, offload=Threads(1).run, on_commit=live.poke)
    gate = Gate(counters)
    limits = Limits(settings, counters, store)
    keys = CallbackKeys(settings.secret_key)
    products = catalog.load(settings.catalog) if settings.catalog else {}
    sessions = Sessions(
        store=store,
        writer=writer,
        upstream=upstream_client(settings, gate, settings.upstream_deadline),
        limits=limits,
        keys=keys,
        catalog=products,
        public_url=settings.public_url,
        patience_s=settings.upstream_deadline + 2,
    )
    sweep.start(store, writer)
    sweep.start_purging(store)
    return Services(
        settings=settings,
        catalog=products,
        static=StaticFiles(
            settings.public_url, {"theme.css": theme.stylesheet(settings.accent_color)}
        ),
        links=links,
        keys=keys,
        store=store,
        counters=counters,
        writer=writer,
        live=live,
        gate=gate,
        limits=limits,
        sessions=sessions,
        words=Words(store),
        threads=Threads(2),
    )
