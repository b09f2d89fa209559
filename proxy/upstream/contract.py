"""The vendor's session call: what is sent and what may come back. Source: the vendor's API page."""

import ipaddress
import json
import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import to_json

from proxy.strict_json import Unreadable, read_json

LONGEST_URL = 2_048


MODELS = frozenset({"glb", "gltf", "usdz", "obj", "fbx", "stl", "ply"})  # suffixes; else media


def session_request(
    product_id: str, category: str, callback_url: str, locale: str, asset_urls: Iterable[str] = ()
) -> bytes:
    """Write the body of `POST /v1/sessions`: the documented fields, `assets` if there are any."""
    members: dict[str, Any] = {
        "product_id": product_id,
        "category": category,
        "experience": "browser",
        "callback_url": callback_url,
        "locale": locale,
    }
    if assets := [{"url": url, "kind": _asset_kind(url)} for url in asset_urls]:
        members["assets"] = assets
    return to_json(members)


def _asset_kind(url: str) -> str:
    suffix = url.partition("?")[0].rpartition(".")[2].lower()
    return "model" if suffix in MODELS else "media"


def _text_only(value: object) -> object:
    """Refuse a number, which pydantic takes for a time too: the vendor documents ISO 8601."""
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d[Tt ]", value):
        raise ValueError("must be an ISO 8601 time")
    return value


def _web_url(value: object) -> str | None:
    """Keep a URL, to show and never to fetch; anything else is dropped, not refused."""
    web = r"https?://[!-~]+"
    ok = isinstance(value, str) and len(value) <= LONGEST_URL and re.fullmatch(web, value, re.I)
    return str(value) if ok else None


class Session(BaseModel):
    """The vendor's session object; fields that the page does not name are in `metadata`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    id: str = Field(pattern=r"^[!-~]+$", max_length=200)
    status: str = Field(min_length=1, max_length=64)
    launch_url: str = Field(max_length=LONGEST_URL)
    expires_at: Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text_only)]
    qr_code_url: Annotated[str | None, BeforeValidator(_web_url)] = None

    @property
    def metadata(self) -> dict[str, Any]:
        """The category-specific members, as they came."""
        return dict(self.model_extra or {})


LAUNCH_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?#][a-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?",
    re.IGNORECASE | re.ASCII,
)


def is_launch_url(url: str, hosts: frozenset[str], *, allow_http: bool) -> bool:
    """Tell whether a shopper may be sent to a URL: https, and a host that is listed exactly.

    `hosts` holds `host` (port 443) or `host:port`, in lower case. Plain http needs `allow_http` or
    a loopback host. A pattern of what is allowed, rather than a URL parser and a list of tricks:
    parsers and browsers disagree on backslashes, user names, control characters and dots.
    """
    match = LAUNCH_URL.fullmatch(url)
    if not match or len(url) > LONGEST_URL:
        return False
    host, secure = match["host"].lower(), match["scheme"].lower() == "https"
    port = int(match["port"] or (443 if secure else 80))
    if not secure and not allow_http and not _is_loopback(host):
        return False
    return (host if port == 443 else f"{host}:{port}") in hosts


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def vendor_reason(body: bytes) -> str:
    """Find the sentence inside an error reply, whose shape the page leaves open."""
    try:
        value = read_json(body)
    except Unreadable:
        return body.decode(errors="replace")
    for _ in range(3):  # {"error": {"message": "..."}} and flatter
        if not isinstance(value, dict):
            break
        names = ("error", "errors", "message", "detail", "reason", "title", "code")
        value = next((value[name] for name in names if value.get(name)), json.dumps(value))
    return value if isinstance(value, str) else json.dumps(value)
