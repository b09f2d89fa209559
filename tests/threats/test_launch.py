"""Links: what previews, crawls or prefetches launches nothing, and nobody is led elsewhere."""

from typing import Any

import pytest
import requests
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from tests.servers import PHONE, Shop, Vendor, unique
from tests.wire import get, launches, rows, spread

# What previews links in messengers, as they call themselves.
PREVIEWERS = [
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "WhatsApp/2.23.20.0 A",
    "TelegramBot (like TwitterBot)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Twitterbot/1.0",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "SkypeUriPreview Preview/0.5",
    "Pinterest/0.2 (+https://www.pinterest.com/bot.html)",
    "Mozilla/5.0 (Macintosh) AppleWebKit/600.2.5 (KHTML, like Gecko) Version/8.0.2 Safari/600.2.5 "
    "(Applebot/0.1; +http://www.apple.com/go/applebot)",
    "",
]
# Two of the public list are telephones.
PHONES_ON_IT = ("AP3A\\.240617\\.008", "MetaIAB Facebook")
CRAWLERS = [
    entry["instances"][0]
    for entry in CRAWLER_USER_AGENTS_DATA
    if entry["instances"] and entry["pattern"] not in PHONES_ON_IT
]
PREFETCHES = [
    {"Sec-Purpose": "prefetch"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Purpose": "prefetch"},
    {"X-Moz": "prefetch"},
    {"X-Purpose": "preview"},
]


@pytest.fixture
def session(shop: Shop) -> dict[str, Any]:
    return dict(shop.click(unique(), title="Trail Runner").json())


@pytest.mark.parametrize("headers", PREFETCHES)
def test_a_prefetch_launches_nothing(
    shop: Shop, session: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = get(session["launch_url"], **headers | {"User-Agent": PHONE})
    assert (answer.status_code, "Location" in answer.headers) == (403, False)
    assert shop.state(session) == "waiting"
    assert launches(shop, session) == [("", 0)]


def test_no_crawler_and_no_tool_that_is_known_launches(shop: Shop, session: dict[str, Any]) -> None:
    agents = [*PREVIEWERS, *CRAWLERS]
    assert len(agents) > 400

    def visit(number: int) -> tuple[int, bool]:
        # A header cannot hold every character that lists hold.
        agent = agents[number].strip().encode("ascii", "replace").decode()
        answer = get(session["launch_url"], **{"User-Agent": agent})
        return answer.status_code, "Location" in answer.headers

    assert set(spread(len(agents), visit)) == {(200, False)}
    assert shop.state(session) == "waiting"
    assert launches(shop, session) == [("", 0)]
    sql = "SELECT sum(opened) FROM totals_day_product WHERE product_id = ?"
    assert rows(shop, sql, session["product_id"]) == [(0,)]


def test_a_preview_tells_nothing_of_where_the_link_leads(
    shop: Shop, vendor: Vendor, session: dict[str, Any]
) -> None:
    page = get(session["launch_url"], **{"User-Agent": PREVIEWERS[0]})
    assert "Trail Runner" in page.text
    assert vendor.sessions(session["product_id"])[0]["id"] not in page.text


# Known tricks to have a redirect lead elsewhere, as path, query and header.
ELSEWHERE = [
    "https://evil.example", "//evil.example", "///evil.example", "/\\evil.example",
    "\\\\evil.example", "https:evil.example", "http:/evil.example", "//evil.example/%2f..",
    "/%09/evil.example", "/%5cevil.example", "//evil%E3%80%82example", "javascript:alert(1)",
    "data:text/html,x", "https://launch.tryon-api.com@evil.example", "//google.com%00.evil.example",
    "https://evil.example#launch.tryon-api.com", "?url=https://evil.example", "%0d%0aLocation:x",
]  # fmt: skip
NAMES = ("url", "next", "to", "redirect", "launch_url", "return", "continue", "q", "lang", "back")


@pytest.mark.parametrize("target", ELSEWHERE)
def test_a_link_leads_to_the_vendor_and_nowhere_else(
    shop: Shop, vendor: Vendor, session: dict[str, Any], target: str
) -> None:
    stored = vendor.sessions(session["product_id"])[0]["launch_url"]
    query = "&".join(f"{name}={requests.utils.quote(target, safe='%')}" for name in NAMES)
    answer = get(
        f"{session['launch_url']}?{query}",
        **{"User-Agent": PHONE, "Host": "evil.example", "X-Forwarded-Host": "evil.example",
           "Referer": "https://evil.example/", "X-Original-URL": "/\\evil.example"},
    )  # fmt: skip
    assert answer.headers["Location"] == stored
    for path in (f"{session['launch_url']}/{target}", f"{shop.url}/go/{target}"):
        answer = get(path, **{"User-Agent": PHONE})
        assert answer.status_code in (302, 400, 404)
        assert answer.headers.get("Location", stored) == stored
    for path in ("/t/sku", "/embed", f"/handoff/{session['id']}", "/sessions"):
        assert "Location" not in get(f"{shop.url}{path}?{query}").headers


@pytest.mark.parametrize(
    "scenario",
    ["sim-bad-launch-host", "sim-http-launch", "sim-script-launch", "sim-userinfo-launch"],
)
def test_a_launch_url_of_another_kind_is_never_stored(shop: Shop, scenario: str) -> None:
    product_id = unique(scenario)
    answer = shop.click(product_id)
    assert (answer.status_code, answer.json()["code"]) == (502, "bad_upstream_reply")
    sql = "SELECT launch_url FROM attempts WHERE product_id = ?"
    assert rows(shop, sql, product_id) == [(None,)]
    assert "example.net" not in answer.text
