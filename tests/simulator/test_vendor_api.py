"""The documented API, over HTTP."""

import ast
import re
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zxingcpp

import simulator as package
from simulator.app import create_app

HERE = "http://127.0.0.1:9/callback"


def test_it_answers_in_the_documented_shape(simulator):
    reply = simulator.create("sku-12345", HERE)
    session = reply.json()
    assert reply.status_code == 200
    assert list(session) == [
        "id", "status", "launch_url", "expires_at", "qr_code_url", "metadata",
    ]  # fmt: skip
    assert re.fullmatch(r"tsn_[0-9A-HJKMNP-TV-Z]{26}", session["id"])
    assert session["status"] == "ready"
    assert session["launch_url"] == f"{simulator.url}/s/{session['id']}"
    assert session["qr_code_url"] == f"{simulator.url}/qr/{session['id']}.png"
    expires = datetime.strptime(session["expires_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 3590 < (expires - datetime.now(UTC)).total_seconds() <= 3601


def test_it_tells_categories_apart_in_the_metadata(simulator):
    replies = [
        simulator.create("sku", HERE, body={"category": category}).json()["metadata"]
        for category in ("footwear", "eyewear")
    ]
    assert replies[0]["tracking"] == "feet"
    assert replies[1]["tracking"] == "face"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "sim-token", "Bearer", "Bearer wrong", "Bearer sim-token2", "Bearer \xe9"],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_it_refuses_a_missing_or_wrong_token(simulator, authorization, method):
    headers = {} if authorization is None else {"Authorization": authorization}
    path = "/v1/sessions" if method == "post" else "/v1/sessions/tsn_0"
    reply = getattr(simulator, method)(path, headers=headers)
    assert reply.status_code == 401
    assert reply.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"product_id": ""}, "product_id"),
        ({"product_id": 7}, "product_id"),
        ({"product_id": ["sku"]}, "product_id"),
        ({"product_id": "x" * 2049}, "product_id"),
        ({"product_id": "\ud800"}, "product_id"),
        ({"category": None}, "category"),
        ({"category": "furniture"}, "not supported"),
        ({"experience": "app"}, "experience"),
        ({"callback_url": "ftp://merchant.example/"}, "callback_url"),
        ({"callback_url": "http://["}, "callback_url"),
        ({"callback_url": "/callbacks"}, "callback_url"),
        ({"locale": "English, please"}, "locale"),
        ({"assets": [{"kind": "image"}]}, "assets"),
        ({"merchant_reference": ["cart-77"]}, "merchant_reference"),
    ],
)
def test_it_refuses_an_invalid_field_and_names_it(simulator, change, word):
    reply = simulator.create("sku", HERE, body=change)
    assert reply.status_code == 400
    assert word in reply.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"text"', b"\xff"])
def test_it_refuses_what_is_not_a_json_object(simulator, body):
    headers = {"Authorization": f"Bearer {simulator.token}", "Content-Type": "application/json"}
    reply = simulator.post("/v1/sessions", data=body, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_request")


def test_it_takes_a_long_product_id(simulator):
    assert simulator.create("x" * 2048, HERE).status_code == 200


def test_it_lets_unknown_fields_pass(simulator):
    body = {"colour": "red", "assets": [{"url": "https://cdn.example/shoe.glb", "kind": "model"}]}
    assert simulator.create("sku", HERE, body=body).status_code == 200


def test_it_reads_a_session_back_and_knows_no_other(simulator):
    session = simulator.create("sku", HERE).json()
    headers = {"Authorization": f"Bearer {simulator.token}"}
    assert simulator.get(f"/v1/sessions/{session['id']}", headers=headers).json() == session
    missing = simulator.get("/v1/sessions/tsn_01HZZXYZ123", headers=headers)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")


def test_its_qr_code_is_the_launch_url(simulator):
    session = simulator.create("sku", HERE).json()
    reply = simulator.get(f"/qr/{session['id']}.png")
    assert reply.headers["Content-Type"] == "image/png"
    assert zxingcpp.read_barcode(pixels(reply.content)).text == session["launch_url"]


def pixels(png: bytes) -> memoryview:
    """The grey values of a PNG of one bit a pixel, each row as it is or (filter 2) on the last."""
    width, height = struct.unpack(">II", png[16:24])
    start = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[start - 4 : start])
    data = zlib.decompress(png[start + 4 : start + 4 + length])
    stride = (width + 7) // 8
    row, values = bytes(stride), bytearray()
    for at in range(0, len(data), stride + 1):
        above = row if data[at] == 2 else bytes(stride)
        row = bytes((a + b) % 256 for a, b in zip(data[at + 1 :], above, strict=False))
        values += bytes(255 * (row[x // 8] >> 7 - x % 8 & 1) for x in range(width))
    return memoryview(bytes(values)).cast("B", (height, width))


@pytest.mark.parametrize("path", ["/", "/s/tsn_0", "/v1/sessions/tsn_0"])
def test_nothing_inline_may_run_and_nobody_learns_the_address(simulator, path):
    headers = simulator.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(("size", "status"), [(1_048_576, 400), (1_048_577, 413)])
def test_a_body_of_more_than_a_megabyte_is_refused(size, status):
    client = create_app(token="t").test_client()
    reply = client.post("/console/outage", data=b"x" * size, content_type="application/json")
    assert reply.status_code == status


def test_its_links_start_with_its_own_public_address():
    client = create_app(token="t", base_url="https://vendor.example/").test_client()
    body = {
        "product_id": "sku",
        "category": "watches",
        "experience": "browser",
        "callback_url": HERE,
        "locale": "de",
    }
    reply = client.post("/v1/sessions", json=body, headers={"Authorization": "Bearer t"})
    assert reply.json["launch_url"].startswith("https://vendor.example/s/tsn_")


def test_it_imports_nothing_of_the_proxy():
    for module in Path(package.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"app", "proxy", "storage"}
