"""`tryon catalog check`: what a feed gives, told before it is used."""

import csv
import io
import json
import shutil

import pytest

from tests.cli.terminal import told
from tests.feedserver import running_feed, status
from tests.proxy.catalog.feeds import RULES, SAMPLES
from tests.servers import Shop

LEFT_OUT = {"line": 4, "column": "", "reason": "no rule knows it"}


def test_it_shows_what_a_feed_gives(shop: Shop) -> None:
    shop.environ["TRYON_CATALOG_RULES"] = RULES
    shutil.copy(SAMPLES / "google.tsv", shop.folder / "feed")
    assert told(shop, "catalog", "check", "feed").splitlines() == [
        "feed: Google Merchant Center, TSV, utf-8-sig",
        "3 rows, 2 products",
        "  footwear                         1",
        "  eyewear                          1",
        "1 left out",
        "       4                        no rule knows it",
    ]
    found = json.loads(told(shop, "catalog", "check", "feed", "--json"))
    assert found == {
        "source": "feed",
        "format": "Google Merchant Center, TSV",
        "encoding": "utf-8-sig",
        "rows": 3,
        "products": 2,
        "categories": {"footwear": 1, "eyewear": 1},
        "left_out": [LEFT_OUT],
    }
    shop.environ["TRYON_CATALOG"] = "feed"
    (row,) = csv.DictReader(io.StringIO(told(shop, "catalog", "check", "--csv")))
    assert row == {name: str(value) for name, value in LEFT_OUT.items()}
    by_semicolon = told(shop, "catalog", "check", "--csv", "--separator", ";")
    assert by_semicolon.splitlines()[0] == "line;column;reason"


def test_it_shows_what_a_url_gives(shop: Shop) -> None:
    shop.environ["TRYON_CATALOG_RULES"] = RULES
    with running_feed() as server:
        url = f"{server.url}/feed?key=canary"
        server.answer = status(200, (SAMPLES / "google.rss").read_bytes())
        shown = told(shop, "catalog", "check", url)
        server.answer = status(401)
        refused = told(shop, "catalog", "check", url, status=1)
        server.answer = status(302, Location="http://localhost:1/")
        elsewhere = told(shop, "catalog", "check", url, status=1)
        unfinished = b'<rss version="2.0"><channel>\n  <item><title>a</wrong>'
        server.answer = status(200, unfinished)
        broken = told(shop, "catalog", "check", url, status=1)
    assert shown.startswith(f"{server.url}/feed: Google Merchant Center, RSS, utf-8")
    assert "2 products" in shown
    assert f"{server.url}/feed: its server answered 401" in refused
    assert "it redirects to another host, http://localhost:1: if that is right" in elsewhere
    assert "line 2, column 19: is not well-formed XML" in broken
    assert "canary" not in shown + refused + elsewhere + broken


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://shop.example/feed", "the URL must begin with https://"),
        ("ftp://shop.example/feed", "the URL must be"),
        ("https://", "the URL "),
    ],
)
def test_a_url_that_cannot_be_fetched_is_named(shop: Shop, url: str, said: str) -> None:
    shop.environ.pop("TRYON_ALLOW_HTTP", None)
    assert said in told(shop, "catalog", "check", url, status=2)


def test_it_says_which_rule_finds_nothing(shop: Shop) -> None:
    (shop.folder / "feed").write_text("id,title,link\n1,Boot,\n")
    shop.environ["TRYON_CATALOG_RULES"] = '{"footwear": {"title": "B*"}, "hats": {"title": "H*"}}'
    shown = told(shop, "catalog", "check", "feed")
    assert "  hats                             0  (not in TRYON_CATEGORIES)" in shown


def test_without_a_product_it_fails(shop: Shop) -> None:
    (shop.folder / "feed").write_text("id,title,link\n1,Boot,\n")
    assert "no rule knows it" in told(shop, "catalog", "check", "feed", status=1)
    (shop.folder / "feed").write_text("<html>Log in</html>")
    assert "feed: it is an HTML page" in told(shop, "catalog", "check", "feed", status=1)
    assert "name a FILE or a URL, or set TRYON_CATALOG" in told(shop, "catalog", "check", status=2)
