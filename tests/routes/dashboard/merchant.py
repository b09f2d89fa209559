"""A merchant's browser, logged in, and their numbers as data."""

import re
from typing import Any

import requests

from tests.servers import PASSWORD, Shop, Vendor, http

BASIC = ("anybody", PASSWORD)


def log_in(shop: Shop) -> requests.Session:
    """A browser that is logged in."""
    browser = http()
    answer = browser.post(f"{shop.url}/dashboard/login", data={"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return browser


BROWSERS: dict[str, requests.Session] = {}


def log_in_once(shop: Shop) -> requests.Session:
    """Logins are throttled."""
    if shop.url not in BROWSERS:
        BROWSERS[shop.url] = log_in(shop)
    return BROWSERS[shop.url]


def stats(shop: Shop, **parameters: str) -> dict[str, Any]:
    answer = shop.http.get(f"{shop.url}/dashboard/stats.json", params=parameters, auth=BASIC)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def token(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return found[1]


def call_back(shop: Shop, vendor: Vendor, product_id: str, state: str) -> None:
    """A callback as the vendor would send it, with any word."""
    session = vendor.sessions(product_id)[0]
    answer = shop.http.post(
        session["callback_url"], json={"session_id": session["id"], "state": state}
    )
    assert answer.status_code == 204, answer.text
