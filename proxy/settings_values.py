"""Parsers of the settings: text in, a value out, or a ValueError that says how to mend it.

The message continues a sentence that begins with the setting's name, and never quotes the text:
it may be a secret that was put into the wrong place.
"""

import base64
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from pydantic import SecretStr

T = TypeVar("T")

PERIODS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
PORTS = {"http": 80, "https": 443}
WORDS = {"1": True, "true": True, "yes": True, "on": True}
WORDS |= {"0": False, "false": False, "no": False, "off": False}

LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"  # the underscore occurs in internal names
HOST = re.compile(rf"(?=.{{1,253}}\Z){LABEL}(\.{LABEL})*")
LOCALE = re.compile(
    r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|[0-9]{3}))?"
    r"((?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*)"
)


class Rate(NamedTuple):
    """A limit on how often, and the seconds in which it counts."""

    limit: int
    seconds: int


def flag(text: str) -> bool:
    if text.lower() not in WORDS:
        raise ValueError("must be 1 or 0.")
    return WORDS[text.lower()]


def whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}.")
        return int(text)

    return parse


def deadline(text: str) -> float:
    """Seconds that leave the rest of a click its time, before the button or a stop give up."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not 0.1 <= float(text) <= 10:
        raise ValueError("must be a number of seconds from 0.1 to 10: the button waits 15 in all.")
    return float(text)


def rate(text: str) -> Rate:
    match = re.fullmatch(r"([1-9][0-9]{0,6})/(second|minute|hour|day)", text)
    if not match:
        raise ValueError("must be like 20/minute; the period is second, minute, hour or day.")
    return Rate(int(match[1]), PERIODS[match[2]])


def each(parse: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Parse a comma-separated list without repetitions; an error names the entry, from 1."""

    def parse_all(text: str) -> tuple[T, ...]:
        values: dict[T, None] = {}
        for number, part in enumerate(text.split(","), 1):
            try:
                if not part.strip():
                    raise ValueError("is empty: there is a comma too many.")
                values[parse(part.strip())] = None
            except ValueError as error:
                where = f"(entry {number}) " if "," in text else ""
                raise ValueError(f"{where}{error}") from None
        return tuple(values)

    return parse_all


def token(text: str) -> SecretStr:
    """A bearer token: visible ASCII, which a header can carry (RFC 9110, section 5.5)."""
    if text.lower().startswith("bearer "):
        raise ValueError('must be the token alone, without the word "Bearer" before it.')
    if text != text.strip():
        raise ValueError("has whitespace or a line break around it; remove that.")
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError(
            "has whitespace or a character inside that no token has; copy it once more."
        )
    return SecretStr(text)


def site_key(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,200}", text):
        raise ValueError("has whitespace or a character inside that no site key has.")
    return text


def secret_key(text: str) -> SecretStr:
    if len(text) < 32:
        raise ValueError(
            "is too short: 32 characters or more. A good one comes from:"
            " python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return SecretStr(text)


def signing_secret(text: str) -> SecretStr:
    """A signing secret of Standard Webhooks: `whsec_` and the base64 of 24 bytes or more."""
    if not text.startswith("whsec_"):
        raise ValueError("must begin with whsec_; copy it whole from the vendor.")
    try:
        key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise ValueError("is not base64 after whsec_; copy it whole from the vendor.") from None
    if len(key) < 24:
        raise ValueError("is too short: whsec_ and the base64 of 24 bytes or more.")
    return SecretStr(text)


def password(text: str) -> SecretStr:
    if not text.isprintable() or text != text.strip():
        raise ValueError("has whitespace around it or a control character inside; remove that.")
    return SecretStr(text)


def _split(text: str) -> SplitResult:
    """The parts of an http(s) URL in normal form: lower-case host, no port that is the default."""
    if not re.fullmatch(r"[!-~]+", text) or "\\" in text:
        raise ValueError("must be a URL of visible ASCII characters (punycode, percent-encoding).")
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
        if ":" in host:
            host = f"[{ipaddress.IPv6Address(host).compressed}]"
    except ValueError:
        raise ValueError("is not a URL that can be read; check its host and port.") from None
    if url.scheme not in PORTS or not host:
        raise ValueError("must be a whole URL that begins with https:// (or http://).")
    if "@" in url.netloc:
        raise ValueError("must not carry a user name or a password.")
    if not host.startswith("[") and not HOST.fullmatch(host):
        raise ValueError("has a host name that cannot be read.")
    if port not in (None, PORTS[url.scheme]):
        host = f"{host}:{port}"
    return url._replace(netloc=host)


def url(text: str) -> str:
    """A URL to which paths are appended: no query, no fragment, no slash at its end."""
    parts = _split(text)
    if "?" in text or "#" in text:
        raise ValueError("must not carry a query or a fragment.")
    prefix = parts.path.rstrip("/")
    if not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", prefix):
        raise ValueError("has a path of other characters than letters, digits and . _ ~ -")
    return f"{parts.scheme}://{parts.netloc}{prefix}"


def resource(text: str) -> str:
    """A URL that is asked for as it is: it may have a query, as a CDN's often has."""
    parts = _split(text)
    if "#" in text:
        raise ValueError("must not carry a fragment.")
    return parts.geturl()


def origin(text: str) -> str:
    """An origin as a browser sends it (RFC 6454, section 6.1)."""
    if text in ("*", "null"):
        raise ValueError("must name the shop's origins; * and null would let every site in.")
    parts = _split(text)
    if text.rstrip("/").count("/") != 2 or "?" in text or "#" in text:
        raise ValueError("must be an origin, such as https://shop.example: no path after it.")
    return f"{parts.scheme}://{parts.netloc}"


def is_plain(text: str) -> bool:
    """True for a URL that is plain http to another machine."""
    url = urlsplit(text)
    try:
        local = ipaddress.ip_address(url.hostname or "").is_loopback
    except ValueError:
        local = url.hostname == "localhost"
    return url.scheme == "http" and not local


def host(text: str) -> str:
    """`host` (port 443) or `host:port`."""
    try:
        if not set(text) & set("/@?#"):
            return _split(f"https://{text}").netloc
    except ValueError:
        pass
    raise ValueError("must be a host, such as launch.example or launch.example:8443, no URL.")


def database(text: str) -> Path:
    """The file of a `sqlite:///` address."""
    if text.startswith(("postgresql://", "postgres://")):
        raise ValueError(
            "names PostgreSQL, whose storage is not built yet. Use sqlite:///tryon.db."
        )
    path = text.removeprefix("sqlite:///")
    if path == text or not path.strip("/") or not path.isprintable():
        raise ValueError("must be like sqlite:///tryon.db, or sqlite:////var/lib/tryon/tryon.db.")
    if path.startswith(":memory:") or "?" in path or "#" in path:
        raise ValueError("must name a file: memory is not shared by workers, and there is no ?.")
    file = Path(path)
    # SQLite keeps its log beside the file itself, and so must we with what else lies there.
    return file.resolve() if file.is_symlink() else file


def category(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]+([_-][a-z0-9]+)*", text) or len(text) > 64:
        raise ValueError("must be lower-case words joined by - or _, such as footwear.")
    return text


def file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError("must be the path of a file; there is none at that place.")
    return path


def file_or_url(text: str) -> Path | str:
    return resource(text) if re.match("https?://", text, re.IGNORECASE) else file(text)


def period(text: str) -> int:
    """Seconds of `90s`, `30m`, `1h` or `1d`."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([smhd])", text)
    if not match:
        raise ValueError("must be like 30m, 1h or 1d.")
    return int(match[1]) * {"s": 1, "m": 60, "h": 3_600, "d": 86_400}[match[2]]


def timezone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise ValueError("must be a time zone's IANA name, such as Europe/Berlin.") from None


def locale(text: str) -> str:
    """A BCP 47 tag of language, script, region and variants, in its usual capitals."""
    match = LOCALE.fullmatch(text)
    if not match or len(text) > 35:
        raise ValueError("must be a language tag (BCP 47) with hyphens, such as en-US or de.")
    language, script, region, variants = match.groups(default="")
    subtags = (language.lower(), script.capitalize(), region.upper())
    return "-".join(filter(None, subtags)) + variants.lower()


def color(text: str) -> str:
    if not re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", text.lower()):
        raise ValueError("must be a colour like #0a7 or #00aa77; quote it in a shell.")
    return text.lower()


def name(text: str) -> str:
    if not text.isprintable() or len(text) > 80:
        raise ValueError("must be one line of 80 characters or fewer.")
    return text
