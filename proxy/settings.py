"""The settings: one definition each, from which reading, checks, doctor's table and docs come.

A setting is an environment variable, or its name with `_FILE`: a path whose content is the value.
"""

# ruff: noqa: RUF009 -- `setting` makes a dataclass field, as `field` does
import difflib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dotenv import dotenv_values
from pydantic import SecretStr

from proxy import plans, values
from proxy.plans import Plan
from proxy.values import Rate

PREFIX = "TRYON_"
LARGEST_FILE = 1_048_576  # bytes; a path that was meant for something else stops here


class SettingsError(Exception):
    """All that is wrong with the settings: sentences that name the variable, never its value."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What there is to know of a setting. A default is written as a person would write it."""

    name: str
    parse: Callable[[str], Any]
    help: str
    default: str | None = None
    default_note: str = ""  # where the default isn't a constant, or its absence means something
    missing: str = ""  # what to do when it isn't set; empty where it needn't be
    absent: object = None  # the value where neither it nor a default is set
    secret: bool = False

    @property
    def attribute(self) -> str:
        return self.name.removeprefix(PREFIX).lower()


class Row(NamedTuple):
    """A line of doctor's table. `shown` never holds a secret, nor a value that is wrong."""

    name: str
    shown: str
    source: str
    help: str


def setting(parse: Callable[[str], Any], about: str, **more: Any) -> Any:
    """A field of Settings with its definition; the name comes from the field."""
    return field(metadata={"parse": parse, "help": about, **more})


def _plans(text: str) -> tuple[Plan, ...]:
    try:
        return plans.parse(text)
    except ValueError as error:
        raise ValueError(f"cannot be used. {error}") from None


def _cores() -> int:
    # The cores that this process may use, which under taskset or a container's cpuset are fewer.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, read and checked. Made by `load`."""

    api_token: SecretStr = setting(
        values.token,
        "The vendor's bearer token. No browser ever sees it.",
        missing="Put the vendor's bearer token there",
        secret=True,
    )
    api_url: str = setting(
        values.url,
        "Where the vendor's API is.",
        default="https://api.tryon-api.com/v1",
    )
    allow_http: bool = setting(
        values.flag,
        "`1` lets URLs be plain http elsewhere than on this machine, for trying a phone on the "
        "local network. Not for production: tokens and links then travel readable.",
        default="0",
    )
    public_url: str = setting(
        values.url,
        "Where shoppers and the vendor reach this app, with its path prefix if it has one. "
        "Every link is built from it.",
        missing="Put the address there at which shoppers and the vendor reach this app",
    )
    secret_key: tuple[SecretStr, ...] = setting(
        values.each(values.secret_key),
        "Signs URLs and logins; 32 characters or more, from `python -c 'import secrets; "
        "print(secrets.token_urlsafe(48))'`. A comma-separated list rotates: the first signs, "
        "all verify.",
        missing="Put 32 random characters or more there",
        secret=True,
    )
    database: Path = setting(
        values.database,
        "`sqlite:///` and a path: relative to the working directory, or absolute with a fourth "
        "slash. On a local disk: SQLite's locks do not hold on network file systems.",
        default="sqlite:///tryon.db",
    )
    allowed_origins: frozenset[str] = setting(
        values.members(values.origin),
        "The shop's origins, exactly as the browser sends them, comma-separated: "
        "`https://shop.example`. Only their pages may start a try-on.",
        default_note="the public URL's own",
        absent=frozenset(),
    )
    categories: tuple[str, ...] = setting(
        values.each(values.category),
        "What can be tried on, comma-separated. Start with one. Another is refused without a "
        "call to the vendor.",
        default="footwear",
    )
    catalog: Path | None = setting(
        values.file,
        "A CSV or JSON file of products (product_id, category, title, image_url, page_url, "
        "asset_urls). When set, only these can be tried on, and what is known of them comes from "
        "it, not from the browser.",
        default_note="any product",
    )
    launch_hosts: frozenset[str] = setting(
        values.members(values.host),
        "The hosts to which a shopper may be sent, comma-separated; with the port where it "
        "isn't 443.",
        default="launch.tryon-api.com",
    )
    callback_secret: tuple[SecretStr, ...] = setting(
        values.each(values.signing_secret),
        "The vendor's signing secret (`whsec_…`), comma-separated to rotate. When set, a "
        "callback without a valid Standard Webhooks signature is refused. It needs the vendor to "
        "sign; the documented API does not.",
        default_note="unsigned callbacks are taken, on their secret URLs",
        absent=(),
        secret=True,
    )
    dashboard_password: SecretStr | None = setting(
        values.password,
        "Opens the dashboard.",
        default_note="no dashboard",
        secret=True,
    )
    metrics_token: SecretStr | None = setting(
        values.token,
        "The bearer token with which Prometheus reads `/metrics`.",
        default_note="no metrics",
        secret=True,
    )
    timezone: ZoneInfo = setting(
        values.timezone,
        "The shop's time zone (IANA name): where its days begin. After a change, `tryon rebuild`.",
        default="UTC",
    )
    locale: str = setting(
        values.locale,
        "The shop's language (BCP 47), where a page doesn't name its own.",
        default="en-US",
    )
    trusted_proxies: int = setting(
        values.whole(0, 10),
        "How many reverse proxies of yours stand before this app: so many hops of "
        "X-Forwarded-For are believed. Too many, and clients can forge their address; too few, "
        "and all share the proxy's.",
        default="0",
    )
    client_rate: Rate = setting(
        values.rate,
        "New sessions that one client may start: a number, and `second`, `minute`, `hour` or "
        "`day`. Sessions that were there already it may find again ten times as often.",
        default="20/minute",
    )
    product_rate: Rate | None = setting(
        values.rate,
        "The same for one product, over all clients: a flood from many addresses stops there.",
        default_note="no limit",
    )
    daily_sessions: int | None = setting(
        values.whole(0, 1_000_000_000),
        "The most sessions created in a day of the shop, exact over all workers. `0` creates none.",
        default_note="no limit",
    )
    monthly_sessions: int | None = setting(
        values.whole(0, 1_000_000_000),
        "The same for a month.",
        default_note="no limit",
    )
    upstream_deadline: float = setting(
        values.seconds(0.1, 120),
        "Seconds in which the vendor must have answered, all tries together.",
        default="8",
    )
    plans: tuple[Plan, ...] = setting(
        _plans,
        "The vendor's pricing plans as JSON, to which volume is mapped: a list of objects with "
        "`name`, `price` (a month), `included_sessions` and `price_per_extra_session`.",
        default_note="no plan is compared",
        absent=(),
    )
    retention_days: int = setting(
        values.whole(1, 36_500),
        "Raw events and receipts older than this are purged; totals stay.",
        default="400",
    )
    merchant_name: str = setting(
        values.name,
        "The shop's name, as pages show it.",
        default="",
    )
    accent_color: str = setting(
        values.color,
        "The colour of buttons and links on the pages that shoppers see.",
        default="#3b5bdb",
    )
    logo_url: str | None = setting(
        values.picture,
        "The shop's logo on those pages.",
        default_note="no logo",
    )
    workers: int = setting(
        values.whole(1, 256),
        "Worker processes of `tryon serve`.",
        default_note="one per core",
    )
    demo: bool = setting(
        values.flag,
        "`1` serves a demo shop at `/`. `make run` sets it.",
        default="0",
    )

    @property
    def public_origin(self) -> str:
        return origin_of(self.public_url)


DEFINITIONS: tuple[Definition, ...] = tuple(
    Definition(name=PREFIX + each.name.upper(), **each.metadata) for each in fields(Settings)
)

Layers = tuple[tuple[str, Mapping[str, str | None]], ...]  # (what to call it, its variables)


class Given(NamedTuple):
    """A setting's text and where it was set; the text is None where it wasn't."""

    text: str | None
    source: str


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """All settings, read and checked; without an argument from the environment and `.env`.

    Raises SettingsError with every problem at once.
    """
    found: dict[str, Any] = {}
    problems = []
    layers = _layers(environ)
    for definition in DEFINITIONS:
        try:
            found[definition.attribute] = _value(definition, _given(definition.name, layers))
        except ValueError as error:
            problems.append(f"{definition.name} {error}")
    if not found.get("allow_http"):
        problems += _plain_urls(found)
    # Raised outside of the handler: a chained traceback would show what was parsed.
    if problems:
        raise SettingsError(problems)
    found["allowed_origins"] = found["allowed_origins"] or frozenset(
        {origin_of(found["public_url"])}
    )
    return Settings(**found | {"workers": found["workers"] or _cores()})


def table(environ: Mapping[str, str] | None = None) -> list[Row]:
    """One row for each setting, whether or not they are right: what doctor shows."""
    layers = _layers(environ)
    return [_row(definition, layers) for definition in DEFINITIONS]


def unknown(environ: Mapping[str, str] | None = None) -> list[str]:
    """A warning for each TRYON_ variable that is no setting: most are slips of the hand."""
    known = {name for each in DEFINITIONS for name in (each.name, f"{each.name}_FILE")}
    names = {name for _, layer in _layers(environ) for name in layer if name.startswith(PREFIX)}
    warnings = []
    for name in sorted(names - known):
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
        return (("environment", environ),)
    try:
        # Not interpolated: a secret may well contain ${.
        dotenv = dotenv_values(".env", interpolate=False, encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise SettingsError([".env cannot be read. Mend or remove it."]) from None
    return (("environment", os.environ), (".env", dotenv))


def _given(name: str, layers: Layers) -> Given:
    """The text of a setting: the first layer that has it in either form has it alone."""
    for label, layer in layers:
        text, path = layer.get(name) or "", layer.get(f"{name}_FILE") or ""
        if text.strip() and path.strip():
            raise ValueError(f"and {name}_FILE are both set. Keep one of them.")
        if text.strip():
            return Given(text, label)
        if path.strip():
            return Given(_content(Path(path.strip())), f"file named in {label}")
    return Given(None, "default")


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


def _value(definition: Definition, given: Given) -> Any:
    text = definition.default if given.text is None else given.text
    if text is None and definition.missing:
        path = f"{definition.name}_FILE"
        raise ValueError(f"is not set. {definition.missing}, or its path in {path}.")
    if text is None:
        return definition.absent
    # A secret is taken as it is: whitespace around it is a slip that its parser names.
    return definition.parse(text if definition.secret else text.strip())


def _plain_urls(found: Mapping[str, Any]) -> Iterator[str]:
    """What is plain http where it could be read on the way."""
    for attribute in ("api_url", "public_url", "allowed_origins", "logo_url"):
        value = found.get(attribute) or ()
        if any(map(values.is_plain, [value] if isinstance(value, str) else value)):
            name = PREFIX + attribute.upper()
            yield f"{name} must begin with https://. For a test, TRYON_ALLOW_HTTP=1 allows http."


def _row(definition: Definition, layers: Layers) -> Row:
    given = Given(None, "")
    try:
        given = _given(definition.name, layers)
        _value(definition, given)
        shown = given.text or definition.default or definition.default_note
        if definition.secret:
            shown = "set" if given.text else "not set"
    except ValueError:
        shown = "wrong" if given.text or not given.source else "not set"
    return Row(definition.name, shown, given.source, definition.help)


def document() -> str:
    """docs/settings.md."""
    lines = [INTRODUCTION]
    for each in DEFINITIONS:
        default = f"`{each.default}`" if each.default else each.default_note
        default = "**required**" if each.missing else default
        lines.append(f"| `{each.name}` | {default} | {each.help} |\n")
    return "".join(lines)


INTRODUCTION = """\
# Settings

Environment variables. Each can also be given as its name with `_FILE`: the path of a file whose
content, without whitespace around it, is the value. That suits the secrets of systemd, Docker and
Kubernetes. Setting both is an error. An empty variable counts as not set.

A file `.env` in the working directory is read too; the environment goes before it.

A missing or wrong setting stops the start, and all that is wrong is said at once. `tryon doctor`
shows what is set, without the secrets, and names variables that begin with `TRYON_` and are no
setting.

URLs begin with `https://`. Plain http is for this machine alone (`localhost`, `127.0.0.0/8`,
`[::1]`), unless `TRYON_ALLOW_HTTP` is `1`.

This page is made from the definitions in `proxy/settings.py` by `python -m proxy.settings`.

| name | default | meaning |
|---|---|---|
"""

if __name__ == "__main__":
    sys.stdout.write(document())
