"""The settings: one definition each, for reading, checking, doctor's table and the docs.

A setting is an environment variable, or its name with `_FILE`: a path whose content is the value.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, fields
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import ConfigDict, SecretStr
from pydantic.dataclasses import dataclass

from proxy import catalog_rules as rules
from proxy import plans as pricing
from proxy import settings_values as values

PREFIX = "TRYON_"
LARGEST_FILE = 1_048_576  # bytes; a path that was meant for something else stops here
PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
# The cores that this process may use, which under taskset or a container's cpuset are fewer.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class SettingsError(Exception):
    """Problems with the settings: sentences that name the variable, never its value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Definition(NamedTuple):
    """A setting, as read and as documented. The default is text, as a person would write it."""

    name: str
    help: str
    secret: bool
    parse: Callable[[str], Any]
    default: str | None = None
    note: str = ""  # where the default isn't a constant, or its absence means something
    missing: str = ""  # what to do when it isn't set; empty where it needn't be
    absent: object = None  # the value where neither it nor a default is set

    @property
    def attribute(self) -> str:
        return self.name.removeprefix(PREFIX).lower()


class Row(NamedTuple):
    """A row of doctor's table. `shown` never holds a secret, nor a value that is wrong."""

    name: str
    shown: str
    source: str
    help: str


def setting(parse: Callable[[str], Any], default: str | None = None, **more: Any) -> Any:
    """Define a field of Settings. Its name, type and docstring complete the Definition."""
    return field(metadata={"definition": partial(Definition, parse=parse, default=default, **more)})


@dataclass(frozen=True, kw_only=True, config=ConfigDict(use_attribute_docstrings=True))
class Settings:
    """All settings, read and checked by `load`. The docstring of each is its help text."""

    api_token: SecretStr = setting(
        values.token, missing="Put the vendor's bearer token there", absent=SecretStr("")
    )
    """The vendor's bearer token. No browser ever sees it."""

    api_url: str = setting(values.url, "https://api.tryon-api.com/v1")
    """Where the vendor's API is."""

    allow_http: bool = setting(values.flag, "0")
    """`1` lets URLs be plain http elsewhere than on this machine, for trying a phone on the local
    network. Not for production: tokens and links then travel readable."""

    public_url: str = setting(
        values.url,
        missing="Put the address there at which shoppers and the vendor reach this app",
        absent="",
    )
    """Where shoppers and the vendor reach this app, with its path prefix if it has one. Every link
    is built from it."""

    secret_key: tuple[SecretStr, ...] = setting(
        values.each(values.secret_key),
        missing="Put 32 random characters or more there",
        absent=(),
    )
    """Signs URLs and logins; 32 characters or more, from `python -c 'import secrets;
    print(secrets.token_urlsafe(48))'`. A comma-separated list rotates: the first signs, all
    verify."""

    database: Path = setting(values.database, "sqlite:///tryon.db")
    """`sqlite:///` and a path: relative to the working directory, or absolute with a fourth slash.
    On a local disk: SQLite's locks do not hold on network file systems."""

    allowed_origins: frozenset[str] = setting(
        values.each(values.origin), note="the public URL's own"
    )
    """The shop's origins, exactly as the browser sends them, comma-separated:
    `https://shop.example`. Only their pages may start a try-on."""

    categories: tuple[str, ...] = setting(values.each(values.category), "footwear")
    """What can be tried on, comma-separated. Start with one. Another is refused without a call to
    the vendor."""

    catalog: Path | str | None = setting(values.file_or_url, note="any product")
    """A file of products, or its URL, in a format that is recognised by its content:
    `docs/catalog.md`. When set, only these can be tried on, and what is known of them comes from
    it, not from the browser. A file without a product stops the start; at a reload, and where a URL
    fails, the products stay."""

    catalog_refresh: int = setting(values.period, "1h")
    """How often a catalogue is fetched that has a URL: `30m`, `1h`, `1d`."""

    catalog_rules: tuple[rules.Rule, ...] = setting(
        rules.parse, note="a type or tag with a category's name", absent=()
    )
    """What of a shop system's feed can be tried on, as JSON:
    `{"footwear": {"product_type": "Shoes*", "tag": "try-on"}}`. The first rule that matches names
    the category; what none knows is not in the catalogue."""

    launch_hosts: frozenset[str] = setting(values.each(values.host), "launch.tryon-api.com")
    """The hosts to which a shopper may be sent, comma-separated; with the port where it isn't
    443."""

    callback_secret: tuple[SecretStr, ...] = setting(
        values.each(values.signing_secret),
        note="unsigned callbacks are taken, on their secret URLs",
        absent=(),
    )
    """The vendor's signing secret (`whsec_…`), comma-separated to rotate. When set, a callback
    without a valid Standard Webhooks signature is refused. It needs the vendor to sign; the
    documented API does not."""

    click_secret: tuple[SecretStr, ...] = setting(
        values.each(values.secret_key), note="clicks need no signature", absent=()
    )
    """When set, a click must carry the shop's signature of its product (`docs/embedding.md`): what
    your pages don't show nobody can have tried on. 32 characters or more, comma-separated to
    rotate."""

    dashboard_password: SecretStr | None = setting(values.password, note="no dashboard")
    """Opens the dashboard."""

    metrics_token: SecretStr | None = setting(values.token, note="no metrics")
    """The bearer token with which Prometheus reads `/metrics`."""

    timezone: ZoneInfo = setting(values.timezone, "UTC")
    """The shop's time zone (IANA name): where its days begin. After a change the numbers move
    to the new days while it runs."""

    locale: str = setting(values.locale, "en-US")
    """The shop's language (BCP 47), where a page doesn't name its own."""

    trusted_proxies: int = setting(values.whole(0, 10), "0")
    """How many reverse proxies of yours stand before this app: so many hops of X-Forwarded-For are
    believed. Too many, and clients can forge their address; too few, and all share the proxy's."""

    client_rate: values.Rate = setting(values.rate, "20/minute")
    """New sessions that one client may start: a number, and `second`, `minute`, `hour` or `day`.
    Sessions that were there already it may find again ten times as often. A client is an IPv4
    address or an IPv6 /64; four times as many for a /56, sixteen times for a /48."""

    product_rate: values.Rate | None = setting(values.rate, note="no limit")
    """The same for one product, over all clients: a flood from many addresses stops there."""

    session_rate: values.Rate | None = setting(values.rate, note="no limit")
    """The same for all new sessions together: more than your busiest minute, and far less than a
    bill that hurts."""

    challenge_url: str | None = setting(values.resource, note="no challenge")
    """Where a challenge's answer is checked: the `siteverify` address of Turnstile, hCaptcha or
    another service that speaks as they do. Once a client's rate is passed, a person may pass the
    challenge and go on: five sessions more within ten minutes. The four settings of the challenge
    are set together."""

    challenge_script: str | None = setting(values.resource, note="no challenge")
    """The service's script, for our own page `/challenge`, whose policy lets in the script's host;
    of `js.hcaptcha.com` the whole domain, as hCaptcha needs it."""

    challenge_site_key: str | None = setting(values.site_key, note="no challenge")
    """The service's site key, which everybody may see."""

    challenge_secret: SecretStr | None = setting(values.token, note="no challenge")
    """The service's secret."""

    daily_sessions: int | None = setting(values.whole(0, 1_000_000_000), note="no limit")
    """The most sessions created in a day of the shop, exact over all workers. `0` creates none."""

    monthly_sessions: int | None = setting(values.whole(0, 1_000_000_000), note="no limit")
    """The same for a month."""

    monthly_spread: bool = setting(values.flag, "1")
    """Spreads the month: an hour may spend one day's share of it, or 20 sessions where that is
    more, so that a flood at night leaves something for the day. `0` lets one hour spend all."""

    upstream_deadline: float = setting(values.deadline, "8")
    """Seconds in which the vendor must have answered, all tries together; 10 at most, since the
    button waits 15 in all."""

    call_rate: values.Rate | None = setting(values.rate, note="no limit")
    """The most calls to the vendor, each try and each refused one counted. Beyond it the answer is
    503 `busy`."""

    plans: tuple[pricing.Plan, ...] = setting(pricing.parse, note="no plan is compared", absent=())
    """The vendor's pricing plans as JSON, to which volume is mapped: a list of objects with `name`,
    `price` (a month), `included_sessions` and `price_per_extra_session`, if you like also
    `currency` (`"EUR"`, the same in all) and, of your own plan, `"current": true`."""

    retention_days: int = setting(values.whole(1, 36_500), "400")
    """Raw events and receipts older than this are purged; totals stay."""

    merchant_name: str = setting(values.name, "")
    """The shop's name, as pages show it."""

    accent_color: str = setting(values.color, "#3b5bdb")
    """The colour of buttons and links on the pages that shoppers see."""

    logo_url: str | None = setting(values.resource, note="no logo")
    """The shop's logo on those pages."""

    workers: int = setting(values.whole(1, 256), note="one per core", absent=CORES)
    """Worker processes of `tryon serve`."""

    demo: bool = setting(values.flag, "0")
    """`1` serves a demo shop at `/`. `make run` sets it."""

    @property
    def public_origin(self) -> str:
        return origin_of(self.public_url)


DEFINITIONS: tuple[Definition, ...] = tuple(
    each.metadata["definition"](
        name=PREFIX + each.name.upper(),
        help=" ".join(Settings.__pydantic_fields__[each.name].description.split()),  # type: ignore[attr-defined]
        secret=SecretStr in (each.type, *get_args(each.type)),
    )
    for each in fields(Settings)
)

CHALLENGE = ("challenge_url", "challenge_script", "challenge_site_key", "challenge_secret")
URLS = ("api_url", "public_url", "allowed_origins", "catalog", "logo_url", *CHALLENGE[:2])

Layers = Mapping[str, Mapping[str, str | None]]  # what to call it, and its variables


def load(environ: Mapping[str, str] | None = None, *, to_serve: bool = True) -> Settings:
    """Read and check all settings, by default from the environment and `.env`.

    Unless it is `to_serve`, no secret is read, nor what has no default: a database needs neither.

    Raises SettingsError with every problem at once.
    """
    found: dict[str, Any] = {}
    problems = []
    layers = _layers(environ)
    for definition in DEFINITIONS:
        if not to_serve and (definition.secret or definition.missing):
            found[definition.attribute] = definition.absent
            continue
        try:
            text, _ = _given(definition.name, layers)
            found[definition.attribute] = _value(definition, text)
        except ValueError as error:
            problems.append(f"{definition.name} {error}")
    if not found.get("allow_http"):
        problems += _plain_urls(found)
    if to_serve:
        problems += _missing_of_challenge(found)
    # Raised outside of the handler: a chained traceback would show what was parsed.
    if problems:
        raise SettingsError(problems)
    found["allowed_origins"] = found["allowed_origins"] or {origin_of(found["public_url"])}
    return Settings(**found)


_kept: Settings | None = None
_kept_table: list[Row] = []


def keep(settings: Settings) -> None:
    """Let this process, and those that are forked from it, have these settings."""
    global _kept, _kept_table
    _kept, _kept_table = settings, table()


def current() -> Settings:
    """Return the settings that were kept, or load them: what becomes of `.env` and of files while
    the app runs hurts no worker that is started later."""
    return _kept or load()


def current_table() -> list[Row]:
    """Return the rows of the settings that were kept, or of those that would be loaded."""
    return _kept_table or table()


def table(environ: Mapping[str, str] | None = None) -> list[Row]:
    """Rows of doctor's table, one for each setting, right or wrong."""
    layers = _layers(environ)
    return [_row(definition, layers) for definition in DEFINITIONS]


def unknown(environ: Mapping[str, str] | None = None) -> list[str]:
    """Warnings for TRYON_ variables that are no settings, most of them typing errors."""
    known = {name for each in DEFINITIONS for name in (each.name, f"{each.name}_FILE")}
    names = {name for layer in _layers(environ).values() for name in layer}
    warnings = []
    for name in sorted(each for each in names - known if each.startswith(PREFIX)):
        near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
        hint = f" Did you mean {near[0]}?" if near else ""
        warnings.append(f"{name} is not a setting and has no effect.{hint}")
    return warnings


def origin_of(url: str) -> str:
    """The origin of a URL in normal form."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _layers(environ: Mapping[str, str] | None) -> Layers:
    if environ is not None:
        return {"environment": environ}
    try:
        # Not interpolated: a secret may well contain ${.
        dotenv = dotenv_values(".env", interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SettingsError([".env cannot be read. Mend or remove it."]) from None
    return {"environment": os.environ, ".env": dotenv}


def _given(name: str, layers: Layers) -> tuple[str | None, str]:
    """Text of a setting, or None, and its source: the first layer that has it in either form."""
    for source, layer in layers.items():
        text, path = (_bare(layer.get(key) or "") for key in (name, f"{name}_FILE"))
        if text.strip() and path.strip():
            raise ValueError(f"and {name}_FILE are both set. Keep one of them.")
        if text.strip():
            return text, source
        if path.strip():
            return _content(Path(path.strip())), f"file named in {source}"
    return None, "default"


def _bare(text: str) -> str:
    inner = text.strip()
    if len(inner) > 1 and inner[0] == inner[-1] and inner[0] in "\"'":
        raise ValueError("is in quotes, which Docker's --env-file keeps: remove them there.")
    return text


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1).decode().strip()
    except OSError as error:
        raise ValueError(f"cannot be read from its file: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text in its file.") from None
    if not text or len(text) > LARGEST_FILE:
        raise ValueError("is empty, or far too large, in its file.")
    return text


def _value(definition: Definition, text: str | None) -> Any:
    text = definition.default if text is None else text
    if text is None and definition.missing:
        raise ValueError(
            f"is not set. {definition.missing}, or its path in {definition.name}_FILE."
        )
    if text is None:
        return definition.absent
    # A secret is taken as it is: whitespace around it is a slip that its parser names.
    return definition.parse(text if definition.secret else text.strip())


def _plain_urls(found: Mapping[str, Any]) -> Iterator[str]:
    """Problems with URLs that are plain http to another machine."""
    for attribute in URLS:
        value = found.get(attribute) or ()
        one = isinstance(value, str | Path)
        if any(map(values.is_plain, [str(value)] if one else value)):
            name = PREFIX + attribute.upper()
            yield f"{name} must begin with https://. For a test, TRYON_ALLOW_HTTP=1 allows http."


def _missing_of_challenge(found: Mapping[str, Any]) -> Iterator[str]:
    """Problems with a challenge of which only a part is set."""
    if any(map(found.get, CHALLENGE)):
        for attribute in CHALLENGE:
            if found.get(attribute, "wrong") is None:
                name = PREFIX + attribute.upper()
                yield f"{name} is not set. A challenge needs its URL, SCRIPT, SITE_KEY and SECRET."


def _row(definition: Definition, layers: Layers) -> Row:
    text, source = None, ""
    try:
        text, source = _given(definition.name, layers)
        _value(definition, text)
        shown = text or definition.default or definition.note
        if definition.secret:
            shown = "set" if text else "not set"
        # What stands there may be a password, or as good as one.
        shown = re.sub(r"(?<=://)[^/@\s]*@", "…@", shown)
        shown = re.sub(r"^(https?://[^?]*\?).+", r"\1…", shown)
    except ValueError:
        shown = "wrong" if text or not source else "not set"
    return Row(definition.name, shown, source, definition.help)


def document() -> str:
    """docs/settings.md, its table made from the definitions, its prose kept."""
    page = PAGE.read_text(encoding="utf-8")
    lines = [page[: page.index(f"| `{PREFIX}")]]
    for each in DEFINITIONS:
        default = f"`{each.default}`" if each.default else each.note
        default = "**required**" if each.missing else default
        lines.append(f"| `{each.name}` | {default} | {each.help} |\n")
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8")
