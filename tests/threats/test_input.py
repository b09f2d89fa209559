"""Hostile input: it gets a clear refusal, is never a 5xx, and leaves nothing behind."""

import json
import random
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest

from tests.servers import DESKTOP, PHONE, Shop, Vendor, unique
from tests.wire import get, http, post, raw, rows

GOOD = '"product_id": "sku-1", "category": "footwear"'
HOSTILE_JSON: dict[str, bytes] = {
    "nothing": b"",
    "space": b" \n\t ",
    "NUL": b"\0",
    "NULs behind": f"{{{GOOD}}}".encode() + b"\0",
    "half": f"{{{GOOD}".encode(),
    "BOM": b"\xef\xbb\xbf" + f"{{{GOOD}}}".encode(),
    "UTF-16": f"{{{GOOD}}}".encode("utf-16"),
    "UTF-32": f"{{{GOOD}}}".encode("utf-32-be"),
    "bad UTF-8": b'{"product_id": "\xff\xfe"}',
    "overlong": b'{"product_id": "\xc0\x80"}',
    "surrogate in UTF-8": b'{"product_id": "\xed\xa0\x80"}',
    "lone surrogate": f'{{{GOOD}, "title": "\\ud800"}}'.encode(),
    "reversed surrogates": f'{{{GOOD}, "title": "\\udc00\\ud800"}}'.encode(),
    "a surrogate as a key": f'{{{GOOD}, "\\udfff": 1}}'.encode(),
    "NUL in a string": f'{{{GOOD}, "title": "a\\u0000b"}}'.encode(),
    "a control character": f'{{{GOOD}, "title": "a\tb"}}'.encode(),
    "NaN": f'{{{GOOD}, "x": NaN}}'.encode(),
    "-Infinity": f'{{{GOOD}, "x": -Infinity}}'.encode(),
    "1e999": f'{{{GOOD}, "x": 1e999}}'.encode(),
    "many digits": f'{{{GOOD}, "x": {"9" * 15_000}}}'.encode(),
    "many decimals": f'{{{GOOD}, "title": 0.{"1" * 15_000}}}'.encode(),
    "2^64": f'{{{GOOD}, "x": 18446744073709551616}}'.encode(),
    "leading zero": f'{{{GOOD}, "x": 01}}'.encode(),
    "a plus": f'{{{GOOD}, "x": +1}}'.encode(),
    "hexadecimal": f'{{{GOOD}, "x": 0x1F}}'.encode(),
    "deep lists": b"[" * 16_000,
    "deep and closed": b"[" * 8_000 + b"]" * 8_000,
    "deep objects": b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    "deep inside": f'{{{GOOD}, "x": {"[" * 100}{"]" * 100}}}'.encode(),
    "duplicate keys": b'{"product_id": "a", "product_id": "b", "category": "footwear"}',
    "duplicate escaped": b'{"product_id": "a", "product\\u005fid": "b", "category": "footwear"}',
    "duplicate inside": f'{{{GOOD}, "x": {{"y": 1, "y": 2}}}}'.encode(),
    "two values": f"{{{GOOD}}}{{{GOOD}}}".encode(),
    "a comma too many": f"{{{GOOD},}}".encode(),
    "single quotes": b"{'product_id': 'a'}",
    "a comment": f"{{{GOOD} /* x */}}".encode(),
    "a bad escape": f'{{{GOOD}, "title": "\\x41"}}'.encode(),
    "a list": f"[{{{GOOD}}}]".encode(),
    "a string": b'"sku-1"',
    "a boolean": b"true",
    "a form": b"product_id=sku-1&category=footwear",
    "markup": b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
    "a pickle": b"\x80\x04\x95\x0c\x00\x00\x00\x00\x00\x00\x00\x8c\x05hello\x94.",
    "a prototype": b'{"__proto__": {"product_id": "sku-1"}, "constructor": {}}',
}


@pytest.mark.parametrize("name", HOSTILE_JSON)
@pytest.mark.parametrize("path", ["/sessions", "/events"])
def test_hostile_json_is_the_senders_mistake(quiet_shop: Shop, path: str, name: str) -> None:
    before = rows(quiet_shop, "SELECT count(*) FROM events")
    answer = post(quiet_shop, path, HOSTILE_JSON[name])
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request"), answer.text
    assert rows(quiet_shop, "SELECT count(*) FROM events") == before


def test_random_damage_to_a_good_body_is_never_our_mistake(shop: Shop, vendor: Vendor) -> None:
    chance = random.Random(20261124)
    good = json.dumps(
        {"product_id": "sku-1", "category": "footwear", "locale": "de-DE", "click_id": "c" * 12}
    ).encode()
    seen = set()
    for _ in range(300):
        body = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(body))
            match chance.randrange(3):
                case 0:
                    body[place] = chance.randrange(256)
                case 1:
                    del body[place : place + chance.randint(1, 8)]
                case 2:
                    body[place:place] = chance.randbytes(chance.randint(1, 8))
        seen.add(post(shop, "/sessions", bytes(body)).status_code)
    assert seen <= {200, 201, 400}
    assert 400 in seen


@pytest.mark.parametrize(
    "fields",
    [
        "", "product_id", "product_id=%ff%fe&category=footwear", "=&=&=", "product_id=a%00b",
        "product_id=%ud800", "product_id[]=a&category=footwear", "&" * 10_000, "a=" * 5_000,
        "product_id=<script>&category=footwear", "category=footwear",
        "product_id=a&category=%0d%0a", "product_id=sku-1&category=footwear&click_id=../../x",
    ],
)  # fmt: skip
def test_a_hostile_form_is_the_senders_mistake(shop: Shop, fields: str) -> None:
    kind = "application/x-www-form-urlencoded"
    answer = post(shop, "/sessions", fields, Content_Type=kind)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


# --- Requests that no client should send ----------------------------------------------------------

HOSTILE_REQUESTS = {
    "both lengths": b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\nab",
    "a signed length": b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    "a negative length": b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\na",
    "a length in words": b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: one\r\n\r\na",
    "a list of lengths": b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\na",
    "an unknown coding": b"POST /sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n"
    b"\r\n0\r\n\r\n",
    "chunked twice": b"POST /sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n"
    b"\r\na",
    "a folded header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: x\n\n",
    "a NUL in a header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "another version": b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
    "a long path": b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 12_000 + b"\r\n\r\n",
    "a long head": b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    + (b"X-A: " + b"a" * 7_373 + b"\r\n") * 5,
    "many headers": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 1_000 + b"\r\n",
    "a bad chunk": b"POST /sessions HTTP/1.1\r\nHost: x\r\nOrigin: {origin}\r\n"
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "a host of two words": b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
    "a host with a path": b"GET /healthz HTTP/1.1\r\nHost: shop/healthz\r\n\r\n",
    "a host with a name": b"GET /healthz HTTP/1.1\r\nHost: me@shop\r\n\r\n",
    "a port in words": b"GET /healthz HTTP/1.1\r\nHost: shop:http\r\n\r\n",
    "a list of hosts": b"GET /healthz HTTP/1.1\r\nHost: a, b\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a10303") + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", HOSTILE_REQUESTS)
def test_a_request_that_can_be_read_in_two_ways_is_refused(shop: Shop, name: str) -> None:
    request = HOSTILE_REQUESTS[name].replace(b"{origin}", shop.origin.encode())
    before = len(shop.logged())
    status, answer = raw(shop, request)
    # gunicorn's own parser, where C was not compiled, drops some without a word, and says 501 of an
    # unknown coding (RFC 9112, 6.1).
    assert status in (0, *range(400, 500), 501, 505), answer[:200]
    assert "Traceback" not in shop.logged()[before:]
    # What lies behind it on the same connection is not served as another request.
    status, answer = raw(shop, request + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" not in answer


@pytest.mark.parametrize(
    "head",
    ["1.1\r\nHost:", "1.1\r\nHost: my_shop.example:8000", "1.1\r\nHost: [::1]:80", "1.0"],
)
def test_a_proper_host_is_taken_and_http_1_0_needs_none(shop: Shop, head: str) -> None:
    assert raw(shop, f"GET /healthz HTTP/{head}\r\n\r\n".encode())[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        "SCRIPT_NAME: /metrics", "PATH_INFO: /metrics", "REMOTE_ADDR: 1.2.3.4", "WSGI.INPUT: x",
        "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off", "X-Forwarded-For: \xff,,,,",
        "X-Forwarded-For: " + "1.1.1.1, " * 500, "Forwarded: for=\"[::1]\";host=evil.example",
        "Accept: " + "text/html;q=x," * 500, "Accept-Language: " + "xx-yy;q=9," * 500,
        "Accept-Language: \xff\xfe;q=\0"[:-1], "If-None-Match: \"" + "a" * 5_000, "Range: bytes=-1",
        "If-Modified-Since: never", "Cookie: " + "a=b;" * 1_500, "Origin: \xff\xfe",
        "Authorization: Basic \xff", "Authorization: Bearer \xff\xfe", "User-Agent: " + "(" * 7_000,
        "Content-Type: application/json; charset=\xff", "TE: trailers",
        "Upgrade: websocket\r\nConnection: upgrade", "Sec-Purpose: \xff", "Sec-CH-UA-Mobile: ?\xff",
    ],
)  # fmt: skip
def test_no_header_is_our_mistake(shop: Shop, headers: str) -> None:
    for path in (
        "/healthz",
        "/handoff/x",
        "/t/sku-1",
        "/embed",
        "/go/x",
        "/metrics",
        "/sessions/x",
        "/dashboard/stats.json",
    ):
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\nConnection: close\r\n\r\n"
        status, answer = raw(shop, request.encode("latin-1"))
        assert status in (200, 400, 401, 404, 405), answer[:300]
        assert (status == 200) == (path in ("/healthz", "/t/sku-1", "/embed")) or status == 400


@pytest.mark.parametrize("path", ["/try-on-button.js", "/openapi.json"])
def test_a_date_that_is_in_no_calendar_is_not_our_mistake(shop: Shop, path: str) -> None:
    for date in (f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT", f"Mon, 01 Jan 2020 00:00:00 +{'9' * 20}"):
        assert get(shop.url + path, **{"If-Modified-Since": date}).status_code == 200


PATHS = [
    "/%00", "/%ff", "/%2e%2e/%2e%2e/etc/passwd", "/static/../app.py", "/static/%2e%2e/app.py",
    "/static/..%2fapp.py", "/static//etc/passwd", "/static/%00", "/static/theme.css%00.js",
    "/t/%00", "/t/%ff%fe", "/t/..%2f..%2f", "/t/" + "a" * 3_000, "/t/%0d%0aX-A:%20b",
    "/qr/x.svg.png", "/qr/.svg", "/qr/x.gif", "/handoff/%22%3E", "/embed?product=%ff%00%22",
    "/embed?lang=%ff", "/embed?lang=" + "x" * 3_000, "/t/sku?category=%00%ff", "/t/sku?lang[]=x",
    "/.env", "/.git/config", "/app.py", "/tryon.db", "/console", "/admin", "/;/healthz",
    "/sessions/x/events/", "/SESSIONS", "/callbacks/", "/callbacks/..%2f..%2f", "/%F0%9F%98%80",
]  # fmt: skip


@pytest.mark.parametrize("query", [b"\xa2ang=de", b"lang=\xff", b"q=\xc3", b"\xed\xa0\x80=1"])
def test_a_query_may_hold_any_byte(shop: Shop, query: bytes) -> None:
    key = shop.click(unique()).json()["launch_url"][-22:].encode()
    for path, expected in {b"/go/" + key: 302, b"/handoff/x": 404, b"/t/sku": 200}.items():
        request = b"GET " + path + b"?" + query + b" HTTP/1.1\r\nHost: x\r\nUser-Agent: "
        agent = PHONE.encode() + b"\r\nConnection: close\r\n\r\n"
        assert raw(shop, request + agent)[0] == expected


@pytest.mark.parametrize("path", PATHS)
def test_no_path_is_our_mistake(shop: Shop, path: str) -> None:
    status, answer = raw(
        shop, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert status in (200, 400, 404, 405), answer[:300]
    assert status != 200 or path.startswith(("/t/", "/embed")), answer[:300]
    assert b"\nX-A:" not in answer
    for secret in (b"root:", b"create_app", b"SQLite format"):
        assert secret not in answer


# --- Markup ---------------------------------------------------------------------------------------


class Read(HTMLParser):
    """A page as a browser reads it; fails on whatever is inline, and could run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self._inside: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("style", "iframe", "object", "embed", "base")
        self._inside = tag
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("style", "srcdoc", "formaction", "xlink:href")
            if name in ("href", "src", "action"):
                assert re.match(r"https?://|/|#", value or "/"), value
            self.text += f"{value}\n"

    def handle_data(self, data: str) -> None:
        assert self._inside != "script" or not data.strip()
        self.text += data

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = None


MARKUP = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'-alert(1)-'",
    "</title><svg onload=alert(1)>", "javascript:alert(1)", "{{7*7}}${7*7}<%= 7*7 %>",
    "\" autofocus onfocus=alert(1) x=\"", "<!--", "]]>", "\u2028alert(1)\u2029", "&lt;b&gt;",
    "</script><script>alert(1)//",
]  # fmt: skip


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_in_a_title_or_reference_stays_text(shop: Shop, markup: str) -> None:
    answer = shop.click(unique(), title=markup, reference=markup)
    assert answer.status_code == 201
    assert answer.json()["title"] == markup
    assert answer.headers["Content-Type"] == "application/json"
    session = answer.json()
    pages = [
        http().get(session["handoff_url"], headers={"User-Agent": DESKTOP}),
        http().get(session["handoff_url"], headers={"User-Agent": PHONE}),
        http().get(session["launch_url"], headers={"User-Agent": "WhatsApp/2.23.20.0 A"}),
    ]
    http().post(session["status_url"] + "/cancel")
    pages.append(http().get(session["handoff_url"], headers={"User-Agent": DESKTOP}))
    pages.append(http().get(session["launch_url"], headers={"User-Agent": PHONE}))
    for page in pages:
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        assert markup in Read(page.text).text  # as it is, and as nothing but text


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_in_an_address_stays_text(shop: Shop, markup: str) -> None:
    quoted = quote(markup, safe="")
    for path in (
        f"/t/{quoted}", f"/t/sku-1?category={quoted}&lang={quoted}", f"/embed?product={quoted}",
        f"/handoff/{quoted}", f"/go/{quoted}", f"/{quoted}",
    ):  # fmt: skip
        page = http().get(shop.url + path, headers={"Accept": "text/html", "User-Agent": PHONE})
        assert page.status_code in (200, 400, 404)
        Read(page.text)


def test_markup_of_the_vendors_is_not_shown(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    vendor.call_back(product_id, state=MARKUP[0])
    page = http().get(session["handoff_url"], headers={"User-Agent": DESKTOP})
    assert MARKUP[0] not in page.text
    state = http().get(session["status_url"])
    assert (state.headers["Content-Type"], state.json()["reason"]) == (
        "application/json",
        MARKUP[0],
    )
    assert state.headers["X-Content-Type-Options"] == "nosniff"


# --- Logs -----------------------------------------------------------------------------------------


def test_a_request_is_one_line_whatever_it_says(shop: Shop) -> None:
    forged = '%0d%0a{"at":"x","event":"forged"}%0a\u2028%1b[31m'
    before = len(shop.logged().splitlines())
    for path in ("/sessions/{}", "/go/{}", "/t/{}", "/{}", "/callbacks/{}"):
        http().get(shop.url + path.format(forged), headers={"User-Agent": PHONE})
    post(shop, "/sessions", json.dumps({"product_id": "a\r\nb"}))
    lines = shop.logged().splitlines()[before:]
    assert len(lines) >= 6
    for line in lines:
        entry: dict[str, Any] = json.loads(line)
        assert entry["event"] == "request"
        assert {"at", "request_id", "method", "path", "route", "status", "ms"} <= entry.keys()


def test_no_capability_is_in_the_log(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    for url in (session["status_url"], session["handoff_url"], session["events_url"]):
        with http().get(url, stream=True):
            pass
    shop.launch(session["launch_url"] + "?q")
    vendor.call_back(product_id)
    http().get(f"{shop.url}/qr/{session['id']}.svg")
    http().get(f"{shop.url}/go/{session['launch_url'][-22:]}/x")
    http().post(session["status_url"] + "/cancel")
    callback = vendor.sessions(product_id)[0]["callback_url"].rpartition("/")[2]
    logged = shop.logged()
    for secret in (session["id"], session["launch_url"][-22:], *callback.split(".")):
        assert secret[5:] not in logged
