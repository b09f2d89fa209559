"""`/challenge`: a person goes on where the rate of their client is passed, and nobody else does."""

import hmac
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.servers import Shop, Vendor, running_shop, unique
from tests.siteverify import SECRET, SITE_KEY, Service
from tests.wire import at_once, counted, http, post, refused, rows

CLICK_SECRET = "the-shops-secret-of-32-characters"
LAST = count(1)


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, vendor: Vendor, service: Service
) -> Iterator[Shop]:
    """One session an hour for each client, then a challenge; clicks are signed."""
    settings = service.settings | {
        "TRYON_CLIENT_RATE": "1/hour",
        "TRYON_TRUSTED_PROXIES": "1",
        "TRYON_CLICK_SECRET": CLICK_SECRET,
    }
    with running_shop(tmp_path_factory.mktemp("guarded"), vendor, **settings) as shop:
        yield shop
        for secret in (SECRET, "ok-", "wrong-", "closed-"):
            assert secret not in shop.logged()


@pytest.fixture
def client() -> str:
    """An address that no other test has."""
    return f"198.51.100.{next(LAST)}"


def new_answer(word: str = "ok") -> str:
    return unique(word)


def signed(product_id: str) -> dict[str, str]:
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    mac = hmac.new(CLICK_SECRET.encode(), f"{product_id}\n{day}".encode(), "sha256").hexdigest()
    return {"product_id": product_id, "category": "footwear", "signature": mac}


def click(shop: Shop, client: str, product_id: str = "sku-1", **body: str) -> requests.Response:
    """As the button sends it."""
    return post(shop, "/sessions", json.dumps(signed(product_id) | body), X_Forwarded_For=client)


def submit(shop: Shop, client: str, fields: dict[str, str]) -> requests.Response:
    """As one of our pages sends it."""
    headers = {"Origin": shop.origin, "X-Forwarded-For": client, "Accept": "text/html"}
    return http().post(f"{shop.url}/sessions", fields, headers=headers, allow_redirects=False)


def over_rate(shop: Shop, client: str) -> None:
    assert click(shop, client).status_code == 201


def form(page: str) -> dict[str, str]:
    return {
        name: unescape(value) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)
    }


def words(address: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query).items()}


# --- The way --------------------------------------------------------------------------------------


def test_a_click_over_the_rate_is_told_where_a_person_goes_on(guarded: Shop, client: str) -> None:
    product_id, click_id = f"鞋 & b+/{unique()}", unique()
    more = {"click_id": click_id, "reference": "cart 77 & more", "locale": "de-AT"}
    over_rate(guarded, client)
    problem = refused(click(guarded, client, product_id, **more, title="Boot"), 429, "rate_limited")
    assert problem["challenge_url"].startswith(f"{guarded.url}/challenge?")
    assert words(problem["challenge_url"]) == signed(product_id) | more


def test_the_click_goes_on_from_the_page(
    guarded: Shop, vendor: Vendor, service: Service, client: str
) -> None:
    product_id = f"鞋 & b+/{unique()}"
    more = {"click_id": unique(), "reference": "cart-77", "locale": "de-AT"}
    over_rate(guarded, client)
    page = http().get(click(guarded, client, product_id, **more).json()["challenge_url"])
    assert page.status_code == 200
    assert '<html lang="de"' in page.text
    fields = form(page.text)
    assert fields == signed(product_id) | more
    answer = new_answer()
    done = submit(guarded, client, fields | {"cf-turnstile-response": answer})
    assert done.status_code == 303
    assert done.headers["Location"].startswith(f"{guarded.url}/handoff/")
    assert service.about(answer) == 1
    sql = "SELECT reference, locale FROM attempts WHERE product_id = ?"
    assert rows(guarded, sql, product_id) == [("cart-77", "de-AT")]
    # Back on the shop's page, the button finds it again.
    again = click(guarded, client, product_id, **more)
    assert (again.status_code, again.json()["reused"]) == (200, True)
    assert vendor.calls(product_id) == 1


def test_the_link_without_scripts_leads_there_too(guarded: Shop, client: str) -> None:
    over_rate(guarded, client)
    product_id = unique()
    link = f"{guarded.url}/t/{product_id}?signature={signed(product_id)['signature']}"
    led = submit(guarded, client, form(http().get(link).text))
    assert led.status_code == 303
    address = led.headers["Location"]
    assert address.startswith(f"{guarded.url}/challenge?")
    fields = form(http().get(address).text) | {"h-captcha-response": new_answer()}
    assert "/handoff/" in submit(guarded, client, fields).headers["Location"]


def test_a_client_of_the_interface_may_bring_an_answer_itself(guarded: Shop, client: str) -> None:
    over_rate(guarded, client)
    assert click(guarded, client, challenge=new_answer()).status_code == 201


def test_pressed_twice_it_is_one_session(guarded: Shop, vendor: Vendor, client: str) -> None:
    over_rate(guarded, client)
    product_id = unique()
    page = http().get(click(guarded, client, product_id).json()["challenge_url"]).text
    fields = form(page) | {"cf-turnstile-response": new_answer()}
    found = at_once(4, lambda _: submit(guarded, client, fields).headers["Location"])
    found.append(submit(guarded, client, fields).headers["Location"])
    assert len(set(found)) == 1
    assert "/handoff/" in found[0]
    assert vendor.calls(product_id) == 1


def test_an_answer_that_is_not_needed_is_not_used(
    guarded: Shop, service: Service, client: str
) -> None:
    answer = new_answer()
    assert click(guarded, client, challenge=answer).status_code == 201
    assert service.about(answer) == 0
    assert click(guarded, client, challenge=answer).status_code == 201
    assert service.about(answer) == 1


# --- The page -------------------------------------------------------------------------------------


def test_its_policy_lets_in_the_service_and_nobody_else(guarded: Shop, service: Service) -> None:
    page = http().get(f"{guarded.url}/challenge?product_id=sku-1")
    assert page.headers["Content-Security-Policy"] == (
        f"default-src 'none'; script-src 'self' {service.url}; style-src 'self' {service.url}; "
        f"img-src 'self' https: data:; connect-src 'self' {service.url}; form-action 'self'; "
        f"frame-ancestors 'none'; base-uri 'none'; frame-src {service.url}"
    )
    assert page.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert re.findall("<script.*?>", page.text) == [f'<script src="{service.url}/api.js" defer>']
    assert f'data-sitekey="{SITE_KEY}"' in page.text
    assert '<noscript><p class="quiet">A lot of people are trying things on.' in page.text


HOSTILE = [
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "//evil.example",
    "https://evil.example/x",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_an_address_from_elsewhere_leads_nowhere(guarded: Shop, value: str) -> None:
    names = ("return", "next", "url", "title", "page_url", "again", "challenge", "resume", "locale")
    for name in names:
        query = {"product_id": "sku-1", "reference": value, name: value}
        page = http().get(f"{guarded.url}/challenge", params=query)
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert form(page.text).keys() == {"product_id", "reference", "click_id"}
        links = set(re.findall(r'(?:href|action|src)="(\w+://[^/"]*)', page.text))
        assert links == {guarded.url, page.headers["Content-Security-Policy"].split()[-1]}
    for name in ("product_id", "category", "click_id", "signature"):
        query = {"product_id": "sku-1"} | {name: f"<{value}>"}
        page = http().get(f"{guarded.url}/challenge", params=query)
        assert (page.status_code, "<script" in page.text) == (400, False)
        assert page.headers["Content-Security-Policy"].endswith("base-uri 'none'")


def test_the_form_is_taken_from_our_own_page_alone(guarded: Shop, client: str) -> None:
    over_rate(guarded, client)
    fields = signed(unique()) | {"cf-turnstile-response": new_answer()}
    for origin in ("https://evil.example", "null", None):
        headers = {"Origin": origin, "X-Forwarded-For": client, "Accept": "application/json"}
        answer = http().post(f"{guarded.url}/sessions", fields, headers=headers)
        refused(answer, 403, "origin_not_allowed")


def test_without_a_challenge_there_is_no_page(shop: Shop) -> None:
    assert http().get(f"{shop.url}/challenge?product_id=sku-1").status_code == 404


# --- What an answer is worth ----------------------------------------------------------------------


def test_an_answer_is_worth_five_sessions_and_nobody_else_s(guarded: Shop, client: str) -> None:
    neighbour = f"203.0.113.{client.rpartition('.')[2]}"
    for each in (client, neighbour):
        over_rate(guarded, each)
    found = [click(guarded, client, challenge=new_answer()).status_code]
    found += at_once(10, lambda _: click(guarded, client).status_code)
    assert counted(found) == {201: 5, 429: 6}
    assert "challenge_url" in refused(click(guarded, client), 429, "rate_limited")
    assert "challenge_url" in refused(click(guarded, neighbour), 429, "rate_limited")
    assert click(guarded, client, challenge=new_answer()).status_code == 201


def test_an_answer_is_good_for_once_over_all_workers(
    guarded: Shop, vendor: Vendor, service: Service
) -> None:
    product_id, answer = unique(), new_answer()
    clients = [f"192.0.2.{number}" for number in range(12)]
    for each in clients:
        over_rate(guarded, each)
    found = at_once(12, lambda n: click(guarded, clients[n], product_id, challenge=answer))
    assert counted((one.status_code, one.json().get("code")) for one in found) == {
        (201, None): 1,
        (403, "challenge_failed"): 11,
    }
    assert service.about(answer) == 1
    assert vendor.calls(product_id) == 1


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        ("wrong", 403, "challenge_failed"),
        ("closed", 503, "challenge_unavailable"),
        pytest.param("drip", 503, "challenge_unavailable", marks=pytest.mark.slow),
    ],
)
def test_who_has_not_passed_is_shown_the_page_again(
    guarded: Shop, vendor: Vendor, client: str, word: str, status: int, code: str
) -> None:
    over_rate(guarded, client)
    product_id = unique()
    problem = refused(click(guarded, client, product_id, challenge=new_answer(word)), status, code)
    assert words(problem["challenge_url"]) == signed(product_id) | {"again": "1"}
    led = submit(guarded, client, signed(product_id) | {"cf-turnstile-response": new_answer(word)})
    assert led.status_code == 303
    page = http().get(led.headers["Location"])
    assert "Please try again in a moment." in page.text
    assert f'data-sitekey="{SITE_KEY}"' in page.text
    assert f'"code": "{code}"' in guarded.logged()
    assert vendor.calls(product_id) == 0


def test_who_answers_wrong_too_often_has_to_wait(
    guarded: Shop, service: Service, client: str
) -> None:
    over_rate(guarded, client)
    answers = [new_answer("wrong") for _ in range(11)]
    found = [click(guarded, client, challenge=answer).json()["code"] for answer in answers]
    assert found == ["challenge_failed"] * 10 + ["rate_limited"]
    assert [service.about(answer) for answer in answers] == [1] * 10 + [0]
    refused(click(guarded, client, challenge=new_answer()), 429, "rate_limited")


@pytest.mark.parametrize("answer", ["", "a b", "ü", "x" * 8_193])
def test_what_no_service_gives_is_no_answer(
    guarded: Shop, service: Service, client: str, answer: str
) -> None:
    over_rate(guarded, client)
    asked = len(service.asked)
    body: dict[str, Any] = {"challenge": answer}
    refused(click(guarded, client, **body), 400, "bad_request")
    assert len(service.asked) == asked
