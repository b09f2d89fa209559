"""A feed by its URL: fetched whole and within bounds, and what goes wrong leaves the last copy."""

import gzip
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from proxy.catalog import kept, refreshing
from proxy.catalog.entries import CatalogError
from proxy.catalog.fetch import fetch
from proxy.catalog.source import Source, Version, source_of
from proxy.settings import load
from tests.feedserver import FeedServer, running_feed, status
from tests.proxy.catalog.feeds import OF_GOOGLE, RULES, SAMPLES
from tests.proxy.catalog.test_kept import LEAST
from tests.servers import make_certificate

FEED = (SAMPLES / "google.tsv").read_bytes()


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with running_feed() as server:
        yield server


@pytest.fixture
def source(server: FeedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setattr(refreshing.os, "nice", lambda _: 0)
    settings = load(
        LEAST
        | {
            "TRYON_CATALOG": f"{server.url}/feed?key=canary",
            "TRYON_CATALOG_RULES": RULES,
            "TRYON_DATABASE": f"sqlite:///{tmp_path}/shop.db",
        }
    )
    source = source_of(settings)
    assert source is not None
    return source


def endless(handler: Any) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"id,title,link\n" * 1_000)


def dripping(handler: Any) -> None:
    handler.send_response(200)
    handler.flush_headers()
    while True:
        handler.wfile.write(b"X-More: x\r\n")
        time.sleep(0.05)


def test_an_unchanged_feed_is_not_sent_again(source: Source, server: FeedServer) -> None:
    server.answer = status(200, FEED, ETag='"1"', Last_Modified="Sat, 28 Nov 2026 12:00:00 GMT")
    refreshing.refresh(source)
    first = source.state()
    assert first.copy and kept.Catalog(source).get("TR-9") == OF_GOOGLE[0]
    server.answer = status(304)
    refreshing.refresh(source)
    asked = server.asked[-1].headers
    assert asked["If-None-Match"] == '"1"'
    assert asked["If-Modified-Since"] == "Sat, 28 Nov 2026 12:00:00 GMT"
    assert (source.state().copy, source.state().failure) == (first.copy, "")
    source.file_of(first.copy).unlink()  # then it is asked for without a condition
    server.answer = status(200, FEED)
    refreshing.refresh(source)
    assert server.asked[-1].headers["If-None-Match"] is None
    assert kept.Catalog(source).get("TR-9") == OF_GOOGLE[0]


def test_a_feed_may_come_compressed_and_in_another_format(
    source: Source, server: FeedServer
) -> None:
    server.answer = status(200, FEED)
    refreshing.refresh(source)
    rss = gzip.compress((SAMPLES / "google.rss").read_bytes())
    server.answer = status(200, rss, Content_Encoding="gzip")
    refreshing.refresh(source)
    copy = source.state().copy
    assert copy and copy.format == "Google Merchant Center, RSS"
    assert kept.Catalog(source).get("TR-9") == OF_GOOGLE[0]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(200), "it is empty"),
        (status(200, b"<html>Log in</html>"), "it is an HTML page, perhaps of a login"),
        (status(200, b"id,title,link\n"), "there is no product in it"),
        (status(200, b"PK\x03\x04"), "it is a zip archive"),
        (status(200, FEED[:-20] + b"\0", Content_Length="9999"), "cannot be fetched: "),
        (status(200, b"not compressed", Content_Encoding="gzip"), "cannot be fetched: "),
        (status(200, Content_Length=str(5 * 1024**3)), "it is larger than 1,024 MiB"),
        (status(401), "its server answered 401"),
        (status(302, Location="http://localhost:1/"), "another host, http://localhost:1: if"),
        (status(302, Location="http://[/"), "it redirects to what is no URL"),
        (status(302, Location="/again"), "it redirects more than 3 times"),
        (status(302), "its server answered 302"),
    ],
)
def test_whatever_goes_wrong_the_last_copy_stays(
    source: Source, server: FeedServer, answer: Any, said: str
) -> None:
    server.answer = status(200, FEED)
    refreshing.refresh(source)
    server.answer = answer
    refreshing.refresh(source)
    state = source.state()
    assert said in state.failure
    assert "canary" not in state.failure
    catalog = kept.Catalog(source)
    assert catalog.get("TR-9") == OF_GOOGLE[0]
    assert (catalog.trouble() or "").endswith(f"({state.failure}); the products are 0 min old")
    since = state.failing_since_ms
    refreshing.refresh(source)
    assert source.state().failing_since_ms == since
    server.answer = status(200, FEED)
    refreshing.refresh(source)
    assert kept.Catalog(source).trouble() is None
    assert len([*source.place.parent.glob("shop.db-catalog-*")]) == 2  # the state, and its copy


def test_a_feed_that_never_ends_is_left_at_its_bounds(server: FeedServer, tmp_path: Path) -> None:
    server.answer = endless
    with pytest.raises(CatalogError, match="it is larger than 2 MiB"):
        fetch(server.url, tmp_path / "feed", Version(), most=2 * 1_048_576)
    server.answer = dripping
    with pytest.raises(CatalogError, match=r"it did not come within 0\.5 seconds"):
        fetch(server.url, tmp_path / "feed", Version(), within_s=0.5)


def test_redirects_on_the_same_host_are_followed(server: FeedServer, tmp_path: Path) -> None:
    def answer(handler: Any) -> None:
        left = int(handler.path[1:])
        status(302, Location=f"/{left - 1}")(handler) if left else status(200, FEED)(handler)

    server.answer = answer
    fetch(f"{server.url}/3", tmp_path / "feed", Version())
    assert (tmp_path / "feed").read_bytes() == FEED
    with pytest.raises(CatalogError, match="more than 3 times"):
        fetch(f"{server.url}/4", tmp_path / "feed", Version())


def test_a_wrong_certificate_is_told(server: FeedServer, tmp_path: Path) -> None:
    make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http://127.0.0.1", "https://localhost")
    with pytest.raises(CatalogError, match=r"its certificate is not trusted: .*self-signed"):
        fetch(url, tmp_path / "feed", Version())


def test_a_url_is_asked_again_when_its_time_has_come(
    source: Source, server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = status(200, FEED)
    refresh = Mock(side_effect=lambda source, _: refreshing.refresh(source))
    monkeypatch.setattr(kept.apart, "refresh", refresh)
    catalog = kept.Catalog(source)
    catalog.tend()
    catalog.tend()
    assert (refresh.call_count, catalog.is_open) == (1, True)
    for later, calls in ((3_599, 1), (3_601, 2)):
        at_ms = source.state().looked_ms + later * 1_000
        monkeypatch.setattr(kept, "_now_ms", lambda at_ms=at_ms: at_ms)
        monkeypatch.setattr(catalog, "_again", 0.0)
        catalog.tend()
        assert refresh.call_count == calls
