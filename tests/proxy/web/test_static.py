"""Files are stamped at start, compressed once, and cached for as long as their address allows."""

import base64
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from werkzeug.http import parse_accept_header

from proxy.web.archive import Archive
from proxy.web.static import StaticFiles, coding

SOURCE = b"export const answer=42;" * 40


@pytest.fixture
def asked() -> list[str]:
    """The codings that something was compressed in."""
    return []


@pytest.fixture
def files(tmp_path: Path, asked: list[str]) -> StaticFiles:
    def offload(compress: Callable[[str], bytes], coding: str) -> bytes:
        asked.append(coding)
        return compress(coding)

    (tmp_path / "a.js").write_bytes(SOURCE)
    (tmp_path / "a.secret").write_text("not for browsers")
    (tmp_path / "types.d.ts").write_text("export {};\n")
    kept = Archive(tmp_path / "kept")
    files = StaticFiles("https://x.example/p", kept, folder=tmp_path, offload=offload)
    files.add("theme.css", ":root{}")
    return files


@pytest.fixture
def client(files: StaticFiles) -> FlaskClient:
    app = Flask(__name__, static_folder=None)

    @app.get("/static/<path:name>")
    def immutable(name: str) -> Response | tuple[str, int]:
        return files.immutable(name, request) or ("", 404)

    @app.get("/a.js")
    def floating() -> Response:
        return files.floating("a.js", request)

    return app.test_client()


def test_the_address_carries_the_hash_and_the_prefix(files: StaticFiles) -> None:
    digest = hashlib.sha256(SOURCE).hexdigest()[:12]
    assert files.url("a.js") == f"https://x.example/p/static/a.{digest}.js"
    assert files.url("types.d.ts").endswith(".d.ts")


def test_the_integrity_value_is_that_of_the_content(files: StaticFiles) -> None:
    expected = base64.b64encode(hashlib.sha384(SOURCE).digest()).decode()
    assert files.integrity("a.js") == f"sha384-{expected}"


def test_only_known_kinds_of_file_are_served(files: StaticFiles) -> None:
    with pytest.raises(KeyError):
        files.url("a.secret")


def test_hashed_files_never_change_and_floating_ones_do(
    files: StaticFiles, client: FlaskClient
) -> None:
    hashed = client.get("/static/" + files["a.js"].hashed_name)
    assert "immutable" in hashed.headers["Cache-Control"]
    assert "max-age=300" in client.get("/a.js").headers["Cache-Control"]
    another_release = client.get("/static/a.000000000000.js")
    assert "max-age=300" in another_release.headers["Cache-Control"]
    assert client.get("/static/b.000000000000.js").status_code == 404


def test_scripts_lose_comments_and_spaces_but_no_name(tmp_path: Path) -> None:
    (tmp_path / "b.js").write_text("// why\nconst kept = 'a  b'; // also why\n\n  kept();\n")
    body = StaticFiles("", Archive(tmp_path), folder=tmp_path)["b.js"].bodies["identity"]
    assert body == b"const kept='a  b';kept();"


def test_other_shops_may_load_it_as_a_module(client: FlaskClient) -> None:
    answer = client.get("/a.js")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.content_type == "text/javascript; charset=utf-8"


def test_a_file_is_compressed_when_it_is_first_asked_for_and_once(
    client: FlaskClient, asked: list[str]
) -> None:
    client.get("/a.js")
    assert asked == []
    for accepted in ("br", "gzip", "br", "gzip"):
        client.get("/a.js", headers={"Accept-Encoding": accepted})
    assert asked == ["br", "gzip"]


def test_it_sends_the_best_coding(client: FlaskClient) -> None:
    answer = client.get("/a.js", headers={"Accept-Encoding": "gzip, deflate"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == SOURCE
    assert client.get("/a.js").data == SOURCE
    assert "Accept-Encoding" in answer.headers["Vary"]


@pytest.mark.parametrize("accept", ["", "gzip", "br"])
def test_an_etag_saves_the_second_transfer(client: FlaskClient, accept: str) -> None:
    headers = {"Accept-Encoding": accept}
    etag = client.get("/a.js", headers=headers).headers["ETag"]
    again = client.get("/a.js", headers=headers | {"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    other = client.get("/a.js", headers={"If-None-Match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0", "gzip"),
        ("br;q=0.000, gzip", "gzip"),
        ("gzip;q=0", "identity"),
        ("", "identity"),
        ("zstd, GZIP", "gzip"),
        ("br;q=0.5", "br"),
        ("*", "br"),
        ("gzip, *;q=0", "gzip"),
    ],
)
def test_it_honours_what_the_client_accepts(header: str, chosen: str) -> None:
    assert coding(parse_accept_header(header)) == chosen
