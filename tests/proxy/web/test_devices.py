import time
from itertools import chain
from pathlib import Path

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from werkzeug.datastructures import Headers

from proxy.web.devices import (
    ESCAPED,
    SHARED_NAMES,
    TOOLS,
    device,
    is_bot,
    is_browser,
    is_prefetch,
)

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IOS = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {IOS}"
IPAD = f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {IOS}"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
WEBVIEW = f"{BLINK} Version/4.0 Chrome/138.0.7204.63 Mobile Safari/537.36"
PIXEL = f"Mozilla/5.0 (Linux; Android 15; Pixel 8 Build/AP3A.240617.008; wv) {WEBVIEW}"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"

# Two of the public list are telephones.
PHONES_ON_IT = ("AP3A\\.240617\\.008", "MetaIAB Facebook")

PHONES = [
    f"{IPHONE} Version/18.5 Mobile/15E148 Safari/604.1",
    f"{IPHONE} CriOS/138.0.7204.53 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/138.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
    f"Mozilla/5.0 (Linux; Android 15; SAMSUNG SM-S921B) {BLINK} SamsungBrowser/28.0 "
    "Chrome/130.0.0.0 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 8.1.0; CUBOT_X18_Plus) {BLINK} Chrome/138.0.0.0 Mobile "
    "Safari/537.36",
    "Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; en) Presto/2.8.119 Version/11.10",
    "Mozilla/5.0 (Mobile; Nokia 6300 4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5.4",
]
APPS = [  # browsers inside of apps, all of them on phones
    f"{IPHONE} Mobile/15E148 Instagram 389.0.0.25.89 (iPhone16,1; iOS 18_5; en_US; en; scale=3.00; "
    "1179x2556; IABMV/1; 762391432)",
    f"{PIXEL} Instagram 389.0.0.44.87 Android (35/15; 420dpi; 1080x2400; Google; Pixel 8; shiba; "
    "en_US; 764012831; IABMV/1)",
    f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/519.0.0.41.99;FBBV/756813219;FBDV/iPhone16,1;FBMD/"
    "iPhone;FBSN/iOS;FBSV/18.5;FBSS/3;FBCR/;FBID/phone;FBLC/en_US;FBOP/80]",
    f"{PIXEL} [FB_IAB/FB4A;FBAV/519.0.0.52.109;IABMV/1;]",
    f"{PIXEL} MetaIAB Facebook",
    f"{IPHONE} Mobile/15E148 musical_ly_40.3.0 BytedanceWebview/d8a21c6",
    f"{PIXEL} trill_400304 BytedanceWebview/d8a21c6",
    f"{IPHONE} Mobile/15E148 WhatsApp/2.25.18.78",
    f"{PIXEL} WhatsApp/2.25.18.80",
    f"{PIXEL} Viber/25.4.1.0",
    f"{IPHONE} Mobile/15E148 Snapchat/13.45.0.41 (like Safari/8621.2.5.10.10, panda)",
    f"{IPHONE} Mobile/15E148 [Pinterest/iOS]",
    f"{IPHONE} Mobile/15E148 [LinkedInApp]/9.31.2411",
    f"{IPHONE} Mobile/15E148 Twitter for iPhone/11.5",
    f"{PIXEL} Line/15.8.2/IAB",
    f"{PIXEL} MicroMessenger/8.0.58.2841(0x28003A35) WeChat/arm64 Language/en",
    f"{IPHONE} GSA/375.0.772868041 Mobile/15E148 Safari/604.1",
    f"{IPHONE} Version/18.5 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15",
    f"{PIXEL} SogouMSE,SogouMobileBrowser/6.7.9",
]
TABLETS = [
    f"{IPAD} Version/18.5 Mobile/15E148 Safari/604.1",
    f"{MAC} Version/18.5 Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Linux; Android 13; SM-X900) {BLINK} Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Android 14; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0",
    f"Mozilla/5.0 (Linux; Android 11; KFTRWI) {BLINK} Silk/138.2.6 like Chrome/138.0.0.0 "
    "Safari/537.36",
    f"Mozilla/5.0 (X11; Linux x86_64) {BLINK} Silk/138.2.6 like Chrome/138.0.0.0 Safari/537.36",
]
DESKTOPS = [
    f"{MAC} Version/18.5 Safari/605.1.15",
    f"{WINDOWS} {BLINK} Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; Tablet PC 2.0; rv:11.0) like Gecko",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Chrome/138.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2) {BLINK} Chrome/138.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Web0S; Linux/SmartTV) {BLINK} Chrome/108.0.5359.211 Safari/537.36 WebAppManager",
]
TESTERS = [
    f"Mozilla/5.0 (X11; Linux x86_64) {BLINK} HeadlessChrome/138.0.7204.23 Safari/537.36",
    "curl/8.14.1",
    "Wget/1.25.0",
    "python-requests/2.32.4",
    "python-httpx/0.28.1",
    "Python-urllib/3.13",
    "aiohttp/3.12.13",
    "Go-http-client/2.0",
    "HTTPie/3.2.4",
    "PostmanRuntime/7.44.1",
    "node",
    "okhttp/4.12.0",
]
BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {BLINK} Chrome/138.0.7204.49 "
    "Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "AdsBot-Google (+http://www.google.com/adsbot.html)",
    f"{WINDOWS} {BLINK} (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) "
    "Chrome/116.0.1938.76 Safari/537.36",
    f"{WINDOWS} {BLINK} Chrome/103.0.5060.134 Safari/537.36 BingPreview/1.0b",
    f"{MAC} Version/17.4 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
    # iMessage
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) "
    "Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "facebookexternalhit/1.1;line-poker/1.0",
    "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
    "WhatsApp/2.25.18.78 i",
    "WhatsApp/2",  # Signal, too
    "Viber",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Slackbot 1.0 (+https://api.slack.com/robots)",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Twitterbot/1.0",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)",
    f"{WINDOWS} SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
    "Mozilla/5.0 (compatible; Snap URL Preview Service; bot; snapchat; "
    "https://developers.snap.com/robots)",
    "Pinterest/0.2 (+https://www.pinterest.com/bot.html)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)",
    f"{BLINK}; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "Scrapy/2.13.2 (+https://scrapy.org)",
    "SomethingNew-Crawler/0.1 (+https://new.example/crawler)",
    "",
    "   ",
]


@pytest.mark.parametrize(
    ("agent", "expected"),
    [(agent, "phone") for agent in PHONES + APPS]
    + [(agent, "tablet") for agent in TABLETS]
    + [(agent, "desktop") for agent in [*DESKTOPS, *TESTERS, ""]],
)
def test_it_tells_the_device_from_its_user_agent(agent: str, expected: str) -> None:
    assert device({"User-Agent": agent}) == expected


@pytest.mark.parametrize(
    ("mobile", "platform", "expected"),
    [
        ("?1", '"Android"', "phone"),
        ("?0", '"Android"', "tablet"),
        ("?0", '"Windows"', "desktop"),
        ("nonsense", "", "desktop"),
    ],
)
def test_client_hints_go_before_the_user_agent(mobile: str, platform: str, expected: str) -> None:
    headers = {"Sec-CH-UA-Mobile": mobile, "Sec-CH-UA-Platform": platform}
    assert device(headers | {"User-Agent": DESKTOPS[1]}) == expected


def test_it_reads_a_requests_headers_whatever_their_case() -> None:
    assert device(Headers({"user-agent": PHONES[0]})) == "phone"
    assert device(Headers()) == "desktop"
    assert is_prefetch(Headers({"sec-purpose": "prefetch"}))


@pytest.mark.parametrize("agent", PHONES + APPS + TABLETS + DESKTOPS)
def test_people_are_not_bots(agent: str) -> None:
    assert not is_bot(agent)


@pytest.mark.parametrize("agent", PHONES + APPS + TABLETS + DESKTOPS[:3])
def test_people_have_browsers(agent: str) -> None:
    assert is_browser(agent)


@pytest.mark.parametrize("agent", TESTERS)
def test_a_person_who_tests_with_a_tool_is_not_a_bot_and_has_no_browser(agent: str) -> None:
    assert not is_bot(agent)
    assert not is_browser(agent)


@pytest.mark.parametrize("agent", BOTS)
def test_crawlers_link_previews_and_the_nameless_are_bots(agent: str) -> None:
    assert is_bot(agent)
    assert not is_browser(agent)


def written_down(name: str) -> list[list[str]]:
    """The lines of a list beside this file, in its parts; each list says where it is from."""
    parts = (Path(__file__).parent / "agents" / name).read_text().split("\n# ")
    found = [[line for line in part.splitlines()[1:] if line and line[0] != "#"] for part in parts]
    return [part for part in found if part]


def test_of_machines_that_no_list_of_ours_names_two_in_a_hundred_pass_for_browsers() -> None:
    machines = [*chain(*written_down("machines.txt"))]
    assert len(machines) > 190
    passed = [agent for agent in machines if is_browser(agent)]
    assert len(passed) <= 0.02 * len(machines), passed


def test_of_current_phones_and_apps_ninety_nine_in_a_hundred_do() -> None:
    iphones, on_iphones, androids, on_androids = written_down("apps.txt")
    apps = [f"{view} {app}" for view in iphones for app in on_iphones]
    apps += [f"{view} {app}" for view in androids for app in on_androids]
    people = [*apps, *chain(*written_down("browsers.txt"))]
    assert len(people) > 700
    refused = [agent for agent in people if not is_browser(agent)]
    assert len(refused) <= 0.01 * len(people), refused


@pytest.mark.parametrize(
    "more",
    ["New/1.0 (+https://new.example/)", "New/1.0 (www.new.example)", "New/1.0 (us@new.example)",
     "(compatible; New/1.0)", "HeadlessNew/1.0", "New-Lighthouse", "NewSynthetics", "NewMonitor",
     "new-scan", "NewBot/1.0", "NewCrawler"],
)  # fmt: skip
def test_a_phone_that_says_what_no_browser_says_is_none(more: str) -> None:
    assert is_browser(f"{PHONES[0]} New/1.0")
    assert not is_browser(f"{PHONES[0]} {more}")


def test_a_phones_user_agent_may_be_cut_short() -> None:
    assert is_browser("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)")
    assert is_browser("Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36")


def test_it_knows_every_crawler_of_the_public_list() -> None:
    crawlers = [
        agent
        for entry in CRAWLER_USER_AGENTS_DATA
        if entry["pattern"] not in PHONES_ON_IT and not TOOLS.intersection(entry["tags"])
        for agent in entry["instances"]
    ]
    assert len(crawlers) > 1_500
    assert [agent for agent in crawlers if not is_bot(agent)] == []


def test_nothing_of_the_public_list_passes_for_a_browser() -> None:
    listed = [
        agent
        for entry in CRAWLER_USER_AGENTS_DATA
        if entry["pattern"] not in PHONES_ON_IT
        for agent in entry["instances"]
    ]
    assert len(listed) > 2_000
    assert [agent for agent in listed if is_browser(agent)] == []


def test_what_is_left_out_is_still_in_the_public_list() -> None:
    listed = {ESCAPED.sub(r"\1", entry["pattern"]) for entry in CRAWLER_USER_AGENTS_DATA}
    tags = {tag for entry in CRAWLER_USER_AGENTS_DATA for tag in entry["tags"]}
    assert listed >= {*SHARED_NAMES}
    assert tags >= TOOLS


@pytest.mark.parametrize(
    "part",
    [
        "Macintosh",
        "Silk",
        "Android",
        "cu",
        "Spider",
        "Current",
        "\n",
        " Chrome",
        "a/1 ",
        "like ",
        ") ",
    ],
)
@pytest.mark.parametrize("before", ["", f"{WINDOWS} {BLINK} ", f"{PIXEL[:40]} {BLINK} "])
def test_a_hostile_user_agent_costs_no_time(before: str, part: str) -> None:
    agent = before + part * 100_000
    started = time.thread_time()
    is_bot(agent)
    device({"User-Agent": agent})
    assert time.thread_time() - started < 0.25  # it takes some milliseconds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Sec-Purpose", "prefetch;anonymous-client-ip"),
        ("Purpose", "prefetch"),
        ("Purpose", "preview"),
        ("X-Purpose", "preview"),
        ("X-Moz", "prefetch"),
        ("X-Moz", "Prefetch"),
    ],
)
def test_it_knows_a_prefetch(name: str, value: str) -> None:
    assert is_prefetch({name: value})


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Purpose": ""}, {"Purpose": "visit"}, {"X-Other": "prefetch"}]
)
def test_an_ordinary_request_is_no_prefetch(headers: dict[str, str]) -> None:
    assert not is_prefetch(headers)
