"""`/dashboard/login`: who is let in, how, and for how long."""

import re
import time
from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from itsdangerous import TimestampSigner

from app import create_app
from proxy.settings import load
from proxy.web import login
from proxy.web.login import login_link
from storage.events import now_ms
from storage.store import StorageUnavailable
from tests.routes.dashboard.merchant import BASIC, log_in, token
from tests.servers import DESKTOP, PASSWORD, PHONE, Shop, Vendor, http, running_shop
from tests.wire import at_once, counted, get, refused


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop behind https and a prefix, where nobody else uses up the tries."""
    folder = tmp_path_factory.mktemp("lonely")
    with running_shop(folder, vendor, TRYON_TRUSTED_PROXIES="1") as shop:
        yield shop


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Flask:
    """Not served: what it knows its routes by."""
    database = tmp_path_factory.mktemp("routes") / "tryon.db"
    return create_app(load(shop.environ | {"TRYON_DATABASE": f"sqlite:///{database}"}))


def test_nothing_of_the_dashboard_is_shown_without_a_login(app: Flask, shop: Shop) -> None:
    values = {"by": "device", "name": "daily", "attempt_id": "0" * 32}
    seen = 0
    with app.test_request_context():
        adapter = app.url_map.bind("127.0.0.1")
        for rule in app.url_map.iter_rules():
            if not rule.rule.startswith("/dashboard") or rule.endpoint == "dashboard.login":
                continue
            path = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
            for method in (rule.methods or set()) - {"OPTIONS"}:
                answer = http().request(method, f"{shop.url}{path}", allow_redirects=False)
                if rule.endpoint.startswith("stats."):
                    assert answer.status_code == 401
                    asks = answer.headers.get("WWW-Authenticate", "")
                    assert asks.startswith("Basic ") != (path == "/dashboard/live.json")
                else:
                    assert answer.status_code == 303
                    where = answer.headers["Location"]
                    assert where.startswith(f"{shop.url}/dashboard/login")
                assert "Set-Cookie" not in answer.headers
                assert answer.headers["Cache-Control"] == "no-store"
                seen += 1
    assert seen > 20


def test_the_login_leads_on_to_the_page_that_was_asked_for(shop: Shop) -> None:
    browser = http()
    page = browser.get(f"{shop.url}/dashboard/by/device?range=7d")
    asked = re.search(r'name="next" value="([^"]*)"', page.text)
    assert asked
    fields = {"password": PASSWORD, "next": asked[1]}
    answer = browser.post(f"{shop.url}/dashboard/login", data=fields)
    assert answer.url == f"{shop.url}/dashboard/by/device?range=7d"


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/go/x", "\\\\evil"])
def test_the_login_leads_nowhere_else(lonely: Shop, where: str) -> None:
    answer = http().post(
        f"{lonely.url}/dashboard/login",
        data={"password": PASSWORD, "next": where},
        allow_redirects=False,
    )
    assert answer.headers["Location"] == f"{lonely.url}/dashboard/"


def test_a_cookie_is_strict_and_a_logout_ends_it(shop: Shop) -> None:
    browser = http()
    answer = browser.post(
        f"{shop.url}/dashboard/login", data={"password": PASSWORD}, allow_redirects=False
    )
    cookie = answer.headers["Set-Cookie"]
    assert re.search(r"^tryon_dashboard=.*HttpOnly; Path=/dashboard; SameSite=Strict$", cookie)
    page = browser.get(f"{shop.url}/dashboard/words").text
    browser.post(f"{shop.url}/dashboard/logout", data={"token": token(page)})
    after = browser.get(f"{shop.url}/dashboard/words", allow_redirects=False)
    assert after.status_code == 303


def test_a_cookie_that_was_copied_before_a_logout_opens_nothing_after_it(shop: Shop) -> None:
    browser, thief, other = log_in(shop), http(), log_in(shop)
    thief.cookies.update(browser.cookies)
    page = thief.get(f"{shop.url}/dashboard/words")
    assert page.url == f"{shop.url}/dashboard/words"
    browser.post(f"{shop.url}/dashboard/logout", data={"token": token(page.text)})
    words = [each.get(f"{shop.url}/dashboard/words").url for each in (thief, other)]
    assert words == [f"{shop.url}/dashboard/login?next=%2Fdashboard%2Fwords", page.url]
    assert thief.get(f"{shop.url}/dashboard/stats.json").status_code == 401


def test_behind_https_the_cookie_is_secure_and_keeps_to_its_path(
    tmp_path_factory: pytest.TempPathFactory, shop: Shop
) -> None:
    folder = tmp_path_factory.mktemp("https")
    app = create_app(
        load(
            shop.environ
            | {
                "TRYON_PUBLIC_URL": "https://shop.example/try",
                "TRYON_DATABASE": f"sqlite:///{folder}/tryon.db",
            }
        )
    )
    answer = app.test_client().post("/dashboard/login", data={"password": PASSWORD})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "https://shop.example/try/dashboard/"
    assert "Secure; HttpOnly; Path=/try/dashboard;" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("site", ["none", "cross-site", None])
def test_a_signed_link_logs_in(lonely: Shop, site: str | None) -> None:
    browser = http()
    headers = {"User-Agent": DESKTOP} | ({"Sec-Fetch-Site": site} if site else {})
    answer = browser.get(login_link(load(lonely.environ)), headers=headers, allow_redirects=False)
    if site == "cross-site":  # the page goes on by itself: a redirect would not carry the cookie
        assert answer.status_code == 200
        assert f'content="0; url={lonely.url}/dashboard/"' in answer.text
    else:
        assert answer.status_code == 303
        assert answer.headers["Location"] == f"{lonely.url}/dashboard/"
    assert browser.get(f"{lonely.url}/dashboard/words", allow_redirects=False).ok


@pytest.mark.parametrize("link", ["x", "", "a.b.c", "é"])
def test_another_link_does_not(lonely: Shop, link: str) -> None:
    browser = http()
    browser.headers["User-Agent"] = DESKTOP
    browser.get(f"{lonely.url}/dashboard/login", params={"link": link})
    assert browser.get(f"{lonely.url}/dashboard/", allow_redirects=False).status_code == 303


def test_of_browsers_that_follow_a_link_at_once_one_gets_in(lonely: Shop) -> None:
    link = login_link(load(lonely.environ))
    answers = at_once(20, lambda _: get(link, **{"User-Agent": DESKTOP}))
    assert counted(answer.status_code for answer in answers) == {303: 1, 403: 19}
    assert sum("Set-Cookie" in answer.headers for answer in answers) == 1


def test_the_browser_that_used_a_link_may_follow_it_again(lonely: Shop) -> None:
    browser, link = http(), login_link(load(lonely.environ))
    browser.headers["User-Agent"] = DESKTOP
    assert [browser.get(link).url for _ in range(2)] == [f"{lonely.url}/dashboard/"] * 2


def test_whoever_is_logged_in_leaves_a_link_for_another(lonely: Shop) -> None:
    merchant, link = log_in(lonely), login_link(load(lonely.environ))
    assert merchant.get(link, headers={"User-Agent": DESKTOP}).url == f"{lonely.url}/dashboard/"
    assert get(link, **{"User-Agent": PHONE}).status_code == 303


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("HEAD", {"User-Agent": DESKTOP}, 200),
        ("GET", {"User-Agent": DESKTOP, "Sec-Purpose": "prefetch;prerender"}, 403),
        ("GET", {"User-Agent": "facebookexternalhit/1.1"}, 200),
        ("GET", {"User-Agent": "curl/8.14.1"}, 200),
        ("GET", {"User-Agent": ""}, 200),
    ],
)
def test_looking_at_a_link_uses_it_up_for_nobody(
    lonely: Shop, method: str, headers: dict[str, str], status: int
) -> None:
    link = login_link(load(lonely.environ))
    looked = http().request(method, link, headers=headers, allow_redirects=False)
    assert (looked.status_code, "Set-Cookie" in looked.headers) == (status, False)
    assert get(link, **{"User-Agent": DESKTOP}).status_code == 303


def test_a_link_ends_after_an_hour(lonely: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(seconds_ago: int) -> str:
        with monkeypatch.context() as patched:
            then = int(time.time()) - seconds_ago
            patched.setattr(TimestampSigner, "get_timestamp", lambda _: then)
            return login_link(load(lonely.environ))

    assert get(made(3_500), **{"User-Agent": DESKTOP}).status_code == 303
    assert get(made(3_602), **{"User-Agent": DESKTOP}).status_code == 403


@pytest.mark.parametrize("way", ["form", "basic"])
def test_guessing_is_throttled_for_each_client(lonely: Shop, way: str) -> None:
    def guess(client: str, password: str) -> int:
        headers = {"X-Forwarded-For": client}
        if way == "form":
            return (
                http()
                .post(
                    f"{lonely.url}/dashboard/login",
                    data={"password": password},
                    headers=headers,
                    allow_redirects=False,
                )
                .status_code
            )
        address = f"{lonely.url}/dashboard/stats.json"
        return http().get(address, auth=("x", password), headers=headers).status_code

    client, other = f"203.0.113.{len(way)}", f"203.0.113.1{len(way)}"
    wrong = [guess(client, f"guess-{number}") for number in range(13)]
    assert wrong == [403 if way == "form" else 401] * 10 + [429] * 3
    assert guess(client, PASSWORD) == 429  # the right one, too: else it would be told apart
    assert guess(other, PASSWORD) == (303 if way == "form" else 200)


def test_a_spreadsheet_may_ask_as_often_as_it_likes(lonely: Shop) -> None:
    headers = {"X-Forwarded-For": "203.0.113.77"}
    address = f"{lonely.url}/dashboard/stats.json"
    statuses = [http().get(address, auth=BASIC, headers=headers).status_code for _ in range(40)]
    assert {*statuses} == {200}


def basic(shop: Shop, client: str, password: str) -> requests.Response:
    headers = {"X-Forwarded-For": client}
    return http().get(f"{shop.url}/dashboard/stats.json", auth=("x", password), headers=headers)


def test_right_passwords_spare_a_client_no_wrong_ones(lonely: Shop) -> None:
    client = "203.0.113.90"
    answers = [
        basic(lonely, client, f"guess-{number}" if number % 2 else PASSWORD) for number in range(20)
    ]
    assert counted(answer.status_code for answer in answers) == {200: 10, 401: 10}
    wrong, right = basic(lonely, client, "guess"), basic(lonely, client, PASSWORD)
    assert refused(right, 429, "rate_limited").keys() == refused(wrong, 429, "rate_limited").keys()
    assert 0 < right.json()["retry_after"] <= 60


def test_guesses_that_come_at_once_are_ten_too(lonely: Shop) -> None:
    client = "203.0.113.91"
    answers = at_once(40, lambda number: basic(lonely, client, f"guess-{number}").status_code)
    assert counted(answers) == {401: 10, 429: 30}


def test_whoever_is_logged_in_is_not_locked_out_by_a_neighbour(lonely: Shop) -> None:
    merchant = http()
    merchant.headers["X-Forwarded-For"] = "203.0.113.92"
    merchant.post(f"{lonely.url}/dashboard/login", data={"password": PASSWORD})
    for number in range(11):
        basic(lonely, "203.0.113.92", f"guess-{number}")
    assert basic(lonely, "203.0.113.92", PASSWORD).status_code == 429
    assert merchant.get(f"{lonely.url}/dashboard/stats.json").status_code == 200


def notice(answer: requests.Response) -> str:
    found = re.search(r'<p class="notice" role="alert">(.+?)</p>', answer.text, re.S)
    return found[1] if found else ""


def try_password(shop: Shop, password: str, client: str = "203.0.113.99") -> requests.Response:
    browser, address = http(), f"{shop.url}/dashboard/login"
    browser.headers["X-Forwarded-For"] = client
    browser.get(address)
    return browser.post(address, data={"password": password, "cookie": "1"})


def test_why_nobody_is_let_in_is_said_in_words(
    lonely: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = try_password(lonely, "guess")
    assert (wrong.status_code, notice(wrong)) == (
        403, "That is not the password. Capital letters count.",
    )  # fmt: skip
    assert try_password(lonely, PASSWORD).url == f"{lonely.url}/dashboard/"
    for _ in range(9):
        try_password(lonely, "guess")
    for password in ("guess", PASSWORD):
        many = try_password(lonely, password)
        assert many.status_code == 429
        assert 0 < int(many.headers["Retry-After"]) <= 60
        assert re.fullmatch(
            r"Too many wrong passwords came from your network\. "
            r"Try again at \d\d:\d\d:\d\d, in \d+ seconds?\.",
            notice(many),
        )
    link, browser = login_link(load(lonely.environ)), {"User-Agent": DESKTOP}
    assert get(link, **browser).status_code == 303
    assert notice(get(link, **browser)).startswith("This link was used already")
    assert notice(get(link[:-3], **browser)).startswith("This link is not whole")
    with monkeypatch.context() as patched:
        then = int(time.time()) - 3_602
        patched.setattr(TimestampSigner, "get_timestamp", lambda _: then)
        old = login_link(load(lonely.environ))
    assert notice(get(old, **browser)).startswith("This link is too old")


def test_a_browser_that_keeps_no_cookie_is_told(lonely: Shop) -> None:
    address = f"{lonely.url}/dashboard/login"
    for password in ("guess", PASSWORD):
        fields = {"password": password, "cookie": "1"}
        answer = http().post(address, data=fields, allow_redirects=False)
        assert answer.status_code == 403
        assert notice(answer).startswith("Your browser kept no cookie of this page")
        assert f"{lonely.url}/dashboard/" in notice(answer)


def test_another_sites_form_logs_nobody_in(lonely: Shop) -> None:
    answer = http().post(
        f"{lonely.url}/dashboard/login",
        data={"password": PASSWORD},
        headers={"Origin": "https://evil.example"},
        allow_redirects=False,
    )
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_without_a_password_there_is_no_dashboard(
    tmp_path_factory: pytest.TempPathFactory, shop: Shop
) -> None:
    folder = tmp_path_factory.mktemp("closed")
    environ = shop.environ | {"TRYON_DATABASE": f"sqlite:///{folder}/tryon.db"}
    client = create_app(load(environ | {"TRYON_DASHBOARD_PASSWORD": ""})).test_client()
    for path in ("/dashboard/", "/dashboard/login", "/dashboard/stats.json"):
        assert client.get(path).status_code == 404


def test_another_password_ends_the_logins_and_links_of_the_old_one(
    tmp_path_factory: pytest.TempPathFactory, shop: Shop
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    environ = shop.environ | {"TRYON_DATABASE": f"sqlite:///{folder}/tryon.db"}
    old = create_app(load(environ)).test_client()
    cookie = old.post("/dashboard/login", data={"password": PASSWORD}).headers["Set-Cookie"]
    value = cookie.partition("=")[2].partition(";")[0]
    rotated = f"{'fedcba9876543210' * 3},{environ['TRYON_SECRET_KEY']}"
    for changed, status in (
        ({"TRYON_SECRET_KEY": rotated}, 200),
        ({"TRYON_DASHBOARD_PASSWORD": "another-password"}, 303),
        ({"TRYON_SECRET_KEY": "fedcba9876543210" * 3}, 303),
    ):
        client = create_app(load(environ | changed)).test_client()
        client.set_cookie("tryon_dashboard", value, path="/dashboard")
        assert client.get("/dashboard/words").status_code == status
        link = login_link(load(environ)).removeprefix(environ["TRYON_PUBLIC_URL"])
        entered = (
            create_app(load(environ | changed))
            .test_client()
            .get(link, headers={"User-Agent": DESKTOP})
        )
        assert entered.status_code == (303 if status == 200 else 403)


def test_while_logins_cannot_be_looked_up_the_dashboard_says_so(
    tmp_path_factory: pytest.TempPathFactory, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("unreadable")
    app = create_app(load(shop.environ | {"TRYON_DATABASE": f"sqlite:///{folder}/tryon.db"}))
    browser = app.test_client()
    browser.post("/dashboard/login", data={"password": PASSWORD})
    monkeypatch.setattr(app.extensions["tryon"].login._counters, "under", unreadable)
    page = browser.get("/dashboard/words", headers={"Accept": "text/html"})
    assert (page.status_code, "Log out" in page.text) == (503, False)


def unreadable(*_: object) -> None:
    raise StorageUnavailable("counters: disk I/O error")


def test_the_oldest_login_makes_room_for_the_newest(
    tmp_path_factory: pytest.TempPathFactory, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "MOST_LOGINS", 3)
    folder = tmp_path_factory.mktemp("full")
    app = create_app(load(shop.environ | {"TRYON_DATABASE": f"sqlite:///{folder}/tryon.db"}))
    browsers = [app.test_client() for _ in range(5)]
    for number, browser in enumerate(browsers):
        monkeypatch.setattr(login, "now_ms", lambda number=number: now_ms() + number)
        browser.post("/dashboard/login", data={"password": PASSWORD})
    statuses = [browser.get("/dashboard/words").status_code for browser in browsers]
    assert statuses == [303, 303, 200, 200, 200]
