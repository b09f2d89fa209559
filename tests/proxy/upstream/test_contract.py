"""The session call: what is sent, and which replies are read, and how."""

import json

import pytest
from pydantic import ValidationError

from proxy.upstream.contract import Session, is_launch_url, session_request, vendor_reason

REQUEST = {
    "product_id": "sku-12345",
    "category": "footwear",
    "experience": "browser",
    "callback_url": "https://merchant.example/callbacks/tryon",
    "locale": "en-US",
}
SESSION = {
    "id": "tsn_01HZZXYZ123",
    "status": "ready",
    "launch_url": "https://launch.tryon-api.com/s/tsn_01HZZXYZ123",
    "expires_at": "2026-03-24T18:00:00Z",
    "qr_code_url": "https://launch.tryon-api.com/qr/tsn_01HZZXYZ123.png",
}
HOSTS = frozenset({"launch.tryon-api.com", "launch.tryon-api.com:8443", "127.0.0.1:8001"})


def request(*asset_urls: str) -> dict[str, object]:
    given = {name: value for name, value in REQUEST.items() if name != "experience"}
    read: dict[str, object] = json.loads(session_request(**given, asset_urls=asset_urls))
    return read


def test_a_request_holds_exactly_the_documented_fields() -> None:
    assert request() == REQUEST


def test_a_request_names_its_assets_where_there_are_any() -> None:
    assert request("https://cdn.example/a.GLB?v=1", "https://cdn.example/a.jpg")["assets"] == [
        {"url": "https://cdn.example/a.GLB?v=1", "kind": "model"},
        {"url": "https://cdn.example/a.jpg", "kind": "media"},
    ]


def test_it_reads_the_documented_session() -> None:
    session = Session.model_validate(SESSION | {"foot": {"scan": True}})
    assert session.expires_at.isoformat() == "2026-03-24T18:00:00+00:00"
    assert session.metadata == {"foot": {"scan": True}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", 7),
        ("id", "a b"),
        ("id", "a\n"),
        ("id", "ü"),
        ("id", "x" * 201),
        ("status", ""),
        ("status", None),
        ("launch_url", None),
        ("launch_url", "https://launch.tryon-api.com/" + "a" * 2048),
        ("expires_at", "2026-03-24T18:00:00"),
        ("expires_at", "2026-03-24"),
        ("expires_at", "1774375200"),
        ("expires_at", 1774375200),
        ("expires_at", "soon"),
    ],
)
def test_it_refuses_a_session_with(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Session.model_validate(SESSION | {name: value})


@pytest.mark.parametrize("name", ["id", "status", "launch_url", "expires_at"])
def test_it_refuses_a_session_without(name: str) -> None:
    with pytest.raises(ValidationError):
        Session.model_validate({key: value for key, value in SESSION.items() if key != name})


@pytest.mark.parametrize("value", ["javascript:alert(1)", "//x/y", 7, None, "https://a b", ""])
def test_it_drops_a_qr_address_that_is_no_web_address(value: object) -> None:
    assert Session.model_validate(SESSION | {"qr_code_url": value}).qr_code_url is None


@pytest.mark.parametrize(
    "url",
    [
        "https://launch.tryon-api.com/s/tsn_1",
        "https://launch.tryon-api.com",
        "https://LAUNCH.tryon-api.com:443/s?x=1&y=%20#f",
        "https://launch.tryon-api.com:8443/s/@me",
        "http://127.0.0.1:8001/s/1",
    ],
)
def test_it_accepts_the_launch_url(url: str) -> None:
    assert is_launch_url(url, HOSTS, allow_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://launch.tryon-api.com/s/1",
        "http://launch.tryon-api.com:443/s/1",
        "//launch.tryon-api.com/s/1",
        "/s/1",
        "javascript:alert(1)",
        "JaVaScRiPt://launch.tryon-api.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://launch.tryon-api.com/",
        "https:launch.tryon-api.com/s/1",
        "https:/launch.tryon-api.com/s/1",
        "https:///launch.tryon-api.com/s/1",
        "https://evil.example/s/1",
        "https://evil.example/launch.tryon-api.com",
        "https://evil.example?launch.tryon-api.com",
        "https://evil.example#launch.tryon-api.com",
        "https://launch.tryon-api.com.evil.example/",
        "https://evil-launch.tryon-api.com/",
        "https://launch.tryon-api.com@evil.example/",
        "https://launch.tryon-api.com:443@evil.example/",
        "https://user@launch.tryon-api.com/",
        "https://user:pass@launch.tryon-api.com/",
        "https://@launch.tryon-api.com/",
        "https://evil.example\\@launch.tryon-api.com/",
        "https://evil.example\\.launch.tryon-api.com/",
        "https:\\\\evil.example\\launch.tryon-api.com",
        "https://launch.tryon-api.com\\@evil.example/",
        "https://launch.tryon-api.com/\\evil",
        "https://evil.example%2f@launch.tryon-api.com/",
        "https://evil.example%00launch.tryon-api.com/",
        "https://launch.tryon-api.com%2eevil.example/",
        "https://launch.tryon-api.com:8444/",
        "https://launch.tryon-api.com:/",
        "https://launch.tryon-api.com:999999/",
        "https://launch.tryon-api.com:\uff14\uff14\uff13/",
        "https://launch.tryon-api.com./",
        "https://launch\u3002tryon-api.com/",
        "https://\u24dbaunch.tryon-api.com/",
        "https://launch.tryon-api.com\t/",
        "https://launch.tryon-api.com/ x",
        " https://launch.tryon-api.com/",
        "https://launch.tryon-api.com/\n",
        "https://launch.tryon-api.com/\r\nSet-Cookie: a=b",
        "https://launch.tryon-api.com/\x00",
        "ht\ntps://launch.tryon-api.com/",
        "https://launch.tryon-api.com/é",
        'https://launch.tryon-api.com/"><script>',
        "https://127.0.0.1:8002/",
        "http://127.0.0.1/",
        "http://0x7f000001:8001/",
        "https://[::1]/",
        "https://launch.tryon-api.com/" + "a" * 2048,
    ],
)
def test_it_refuses_to_send_a_shopper_to(url: str) -> None:
    assert not is_launch_url(url, HOSTS, allow_http=False)


def test_the_port_of_plain_http_is_eighty() -> None:
    hosts = frozenset({"launch.example:80"})
    assert is_launch_url("http://launch.example/s", hosts, allow_http=True)
    assert not is_launch_url("http://launch.example:81/s", hosts, allow_http=True)


def test_a_launch_url_has_2048_characters_at_most() -> None:
    url = "https://launch.tryon-api.com/".ljust(2_048, "s")
    assert is_launch_url(url, HOSTS, allow_http=False)
    assert not is_launch_url(url + "s", HOSTS, allow_http=False)


def test_plain_http_can_be_allowed_for_a_listed_host_and_port() -> None:
    hosts = frozenset({"192.168.1.7:8001", "launch.tryon-api.com"})
    assert is_launch_url("http://192.168.1.7:8001/s/1", hosts, allow_http=True)
    assert not is_launch_url("http://192.168.1.7:8001/s/1", hosts, allow_http=False)
    assert not is_launch_url("http://launch.tryon-api.com/s/1", hosts, allow_http=True)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": "unsupported category"}', "unsupported category"),
        (b'{"error": {"message": "unsupported category"}}', "unsupported category"),
        (b'{"code": 7, "detail": "unsupported category"}', "unsupported category"),
        (b'{"errors": ["a", "b"]}', '["a", "b"]'),
        (b'{"odd": 1}', '{"odd": 1}'),
        (b"plain \xff words", "plain � words"),
        (b"", ""),
    ],
)
def test_it_finds_the_vendors_reason(body: bytes, reason: str) -> None:
    assert vendor_reason(body) == reason
