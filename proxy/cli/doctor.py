"""`tryon doctor`: check each thing that the app needs, and say how to mend what is wrong."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import click
import requests
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from proxy.catalog.apart import is_current
from proxy.catalog.entries import CatalogError
from proxy.catalog.kept import Catalog
from proxy.catalog.reading import Reading
from proxy.catalog.refreshing import rehearse
from proxy.catalog.source import Copy, source_of
from proxy.cli.context import console, opened, printable, progress
from proxy.places import unwritable
from proxy.settings import Settings, SettingsError, load, origin_of, table, unknown
from proxy.upstream.breaker import Breaker
from proxy.upstream.client import UpstreamClient
from proxy.upstream.siteverify import ChallengeFailed, Siteverify, siteverify
from storage.database import engine, private_counters
from storage.events import Entry
from storage.store import Damaged, StorageUnavailable

CLOCK_TOLERANCE_S = 60
WAIT_S = 5.0
BEGINNING = 2 * 1024**2  # bytes of a catalogue that are looked at; a large one takes a minute

MENDS = {
    "dns": "Check TRYON_API_URL and this machine's name servers.",
    "tcp": "Check TRYON_API_URL and whether a firewall lets this machine out.",
    "tls": "The vendor's certificate is not trusted here; check TRYON_API_URL and the clock.",
    "token": "Put the vendor's current bearer token into TRYON_API_TOKEN.",
}


class Check(NamedTuple):
    """A check of the doctor; `ok` None: worth knowing, and no hindrance."""

    name: str
    ok: bool | None
    found: str
    mend: str = ""


def examine() -> list[Check]:
    """Check what can be checked with the settings that there are: without all of them, this machine
    alone. What has to be mended comes first, then what is worth a thought."""
    try:
        found = [*checks(load())]
    except SettingsError as error:
        found = [Check("settings", False, problem) for problem in error.problems]
        with suppress(SettingsError):
            found += _of_this_machine(load(to_serve=False))
    return sorted(found, key=lambda check: (check.ok is True, check.ok is None, not check.mend))


def checks(settings: Settings) -> Iterator[Check]:
    """Yield each check as it is done. None of them spends a session."""
    yield from _of_this_machine(settings)
    if service := siteverify(settings):
        yield _challenge(service)
    yield _callbacks(settings)
    yield _public_url(settings)
    yield from _vendor(settings)
    yield _clock(settings)


def _of_this_machine(settings: Settings) -> Iterator[Check]:
    yield from (Check("settings", None, warning) for warning in unknown())
    yield _places(settings)
    yield _database(settings)
    found, mend = engine()
    yield Check("sqlite", None if mend else True, found, mend)
    yield _catalog(settings)
    if trouble := Catalog(source_of(settings)).trouble():
        yield Check("catalogue's copy", None, trouble, "It is what the app goes by.")
    yield _origins(settings)
    yield _budget(settings)


def _places(settings: Settings) -> Check:
    if folders := unwritable(settings.database):
        mend = "Let the user that serves write there; deploy/README.md lists all such folders."
        return Check("folders", False, f"not writable: {'; '.join(folders)}", mend)
    return Check("folders", True, "those that must be writable are")


def _database(settings: Settings) -> Check:
    if not (settings.database.exists() or unwritable(settings.database)):
        return Check("database", None, f"none yet: the first start makes {settings.database}")
    try:
        with closing(opened(settings)) as database:
            database.store.commit([Entry()])
            if broken := database.maintenance.integrity():
                raise Damaged(broken[0])
    except Damaged as error:
        return Check("database", False, str(error))
    except StorageUnavailable as error:
        mend = "The folder must exist, and the file be writable for the user that serves."
        return Check("database", False, str(error), mend)
    return Check("database", True, f"{settings.database} can be written")


def _catalog(settings: Settings) -> Check:
    source = source_of(settings)
    if source is None:
        return Check("catalogue", None, "none: any product of a supported category is accepted")
    try:
        copy = source.state().copy if is_current(source) else None
        return _read(copy or rehearse(source.where, source.rules, BEGINNING), settings.categories)
    except CatalogError as error:
        mend = "Correct what TRYON_CATALOG names, or TRYON_CATALOG_RULES."
        return Check("catalogue", False, f"{source.name}: {error}", mend)


def _read(read: Copy | Reading, supported: tuple[str, ...]) -> Check:
    """Judge what was read of the catalogue, be it all of it or its beginning."""
    where = ""
    if isinstance(read, Reading):
        where = f" in its first {BEGINNING // 1024**2} MiB" if read.is_part else ""
        if not read.is_part:
            read.demand_products()
    faulty = read.left_out - read.unruled
    unruled = f", {read.unruled:,} rows that no rule knows" if read.unruled else ""
    left_out = f", {faulty:,} rows left out" if faulty else ""
    found = f"{read.format}: {read.products:,} products{where}{unruled}{left_out}"
    strange = sorted({name for name, n in read.categories.items() if n} - {*supported})
    if strange:
        mend = "Add them to TRYON_CATEGORIES, or leave those products out."
        return Check("catalogue", None, f"{found}; categories not supported: {strange}", mend)
    if left_out or not read.products:
        return Check("catalogue", None, found, "`tryon catalog check` reads all, and says why.")
    return Check("catalogue", True, found)


def _origins(settings: Settings) -> Check:
    """Say whose pages may have the button, and whether those of the catalogue's products may."""
    may = settings.allowed_origins | {settings.public_origin}
    mend = "Put the shop's address into TRYON_ALLOWED_ORIGINS, without a path."
    if may == {settings.public_origin}:
        return Check("shop's pages", None, "only this app's own may have the button", mend)
    kept = Catalog(source_of(settings))
    product = kept.get(kept.first() or "")
    page = origin_of(product.page_url) if product and product.page_url else None
    if page and page not in may:
        return Check("shop's pages", None, f"the catalogue's, on {page}, may not have it", mend)
    return Check("shop's pages", True, f"{', '.join(sorted(may))} may have the button")


def _budget(settings: Settings) -> Check:
    budgets = {"a day": settings.daily_sessions, "a month": settings.monthly_sessions}
    found = ", ".join(f"{n:,} sessions {period}" for period, n in budgets.items() if n is not None)
    if found or settings.catalog:
        return Check("budget", True, found or "none, but only what is in the catalogue")
    mend = (
        "Set TRYON_MONTHLY_SESSIONS or TRYON_CATALOG: else a flood of invented products is billed."
    )
    return Check("budget", None, "none, and no catalogue", mend)


def _challenge(service: Siteverify) -> Check:
    """Ask about an answer that nobody gave: what refuses it takes the secret."""
    try:
        service.demand("doctor")
    except ChallengeFailed as failed:
        if failed.code == "challenge_failed":
            return Check("challenge", True, "the service answers, and takes the secret")
        mend = "Check TRYON_CHALLENGE_URL and TRYON_CHALLENGE_SECRET: nobody can pass it like this."
        return Check("challenge", False, f"the service fails: {failed.why}", mend)
    mend = "Use your own TRYON_CHALLENGE_SECRET: this is one for tests."
    return Check("challenge", None, "the service takes any answer", mend)


def _callbacks(settings: Settings) -> Check:
    if settings.callback_secret:
        return Check("callbacks", True, "a URL for each session, and a signature required")
    return Check("callbacks", True, "a URL for each session (the vendor documents no signature)")


def _public_url(settings: Settings) -> Check:
    address = f"{settings.public_url}/healthz"
    try:
        answer = _get(address)
    except requests.RequestException as error:
        mend = "Fine if the app is not running yet, or reachable from outside alone."
        return Check("public URL", None, f"{address}: {type(error).__name__}", mend)
    if answer.status_code != 200 or answer.headers.get("X-Request-ID") is None:
        mend = "TRYON_PUBLIC_URL must lead to this app, path prefix included."
        return Check("public URL", False, f"{address} answered {answer.status_code}", mend)
    return Check("public URL", True, f"{address} answers")


def _vendor(settings: Settings) -> Iterator[Check]:
    # Counters of its own: what the workers' breaker has learnt holds no call back here.
    with closing(private_counters()) as counters:
        for step in UpstreamClient(settings, Breaker(counters), WAIT_S).probe():
            mend = "" if step.ok else MENDS[step.name]
            yield Check(f"vendor: {step.name}", step.ok, step.detail, mend)


def _clock(settings: Settings) -> Check:
    """Compare the clock with the vendor's, since expiry times are the vendor's."""
    try:
        theirs = parsedate_to_datetime(_get(settings.api_url).headers["Date"]).timestamp()
    except (requests.RequestException, KeyError, ValueError, OverflowError):
        return Check("clock", None, "not compared: the vendor gave no time")
    off = round(time.time() - theirs)
    if abs(off) > CLOCK_TOLERANCE_S:
        mend = "Set this machine's clock, for instance by NTP."
        return Check("clock", False, f"{off} s off the vendor's", mend)
    return Check("clock", True, "agrees with the vendor's")


def _get(address: str) -> requests.Response:
    """GET without the token, and without proxies or passwords from the environment."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(address, timeout=WAIT_S, allow_redirects=False)


@click.command()
@click.option("--settings", "settings_too", is_flag=True, help="Each setting too, but no secret.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with what is well, too.")
@click.pass_context
def doctor(context: click.Context, settings_too: bool, as_json: bool) -> None:
    """Say whether the app can serve, what has to be mended, and how.

    Exits with 1 where something has to be mended, else with 0. No session is spent.
    """
    with progress(None, "checking"):
        found = examine()
    if as_json:
        click.echo(json.dumps(_members(found, settings_too=settings_too), indent=2))
    else:
        _tell(found)
        if settings_too:
            _show_settings()
    context.exit(0 if _is_ready(found) else 1)


def _is_ready(found: Sequence[Check]) -> bool:
    return all(check.ok is not False for check in found)


def _verdict(found: Sequence[Check]) -> str:
    wrong = sum(check.ok is False for check in found)
    thoughts = sum(check.ok is None for check in found)
    also = f" {thoughts} {'is' if thoughts == 1 else 'are'} worth a thought." if thoughts else ""
    if not wrong:
        return f"Ready: nothing has to be mended.{also}"
    return f"Not ready: {wrong} of {len(found)} checks failed.{also}"


def _tell(found: Sequence[Check]) -> None:
    """Write the verdict, then what is not well with its mend, then what is."""
    style = "green" if _is_ready(found) else "red"
    console.print(f"[bold {style}]{_verdict(found)}[/]", highlight=False)
    for check in found:
        if not check.ok:
            mark = "[yellow]![/]" if check.ok is None else "[red]✗[/]"
            console.print(f"{mark} {escape(check.name)}: {escape(printable(check.found))}")
            if check.mend:
                console.print(Padding(escape(check.mend), (0, 0, 0, 2), expand=False))
    if well := ", ".join(check.name for check in found if check.ok):
        console.print(f"[green]✓[/] well: {escape(well)}", highlight=False)


def _show_settings() -> None:
    rows = Table("Setting", "Value", "From", "What it is")
    for row in table():
        rows.add_row(*map(escape, row))
    console.print(rows)


def _members(found: Sequence[Check], *, settings_too: bool) -> dict[str, object]:
    """Return the members of `--json`."""
    told: dict[str, object] = {
        "ready": _is_ready(found),
        "verdict": _verdict(found),
        "checks": [check._asdict() for check in found],
    }
    if settings_too:
        told["settings"] = [row._asdict() for row in table()]
    return told
