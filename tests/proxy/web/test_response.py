"""Every answer, over real HTTP: its headers keep it safe, and say who may keep it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from proxy.web.response import policy_with_service
from tests.servers import (
    ALONE,
    DESKTOP,
    ROOT,
    Shop,
    Vendor,
    running_shop,
    unique,
)
from tests.wire import http

PUBLIC_ORIGIN = "https://tryon.shop.example"
PRINT_RULES = """
import json
from app import create_app
rules = [[rule.rule, sorted(rule.methods)] for rule in create_app().url_map.iter_rules()]
print(json.dumps(rules), flush=True)
import os; os._exit(0)
"""


@pytest.fixture(scope="module")
def rules(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, list[str]]]:
    """Each rule of the app with its methods, as Flask has them."""
    database = tmp_path_factory.mktemp("rules") / "tryon.db"
    printed = subprocess.run(
        [sys.executable, "-c", PRINT_RULES],
        cwd=ROOT,
        env=shop.environ | {"TRYON_DATABASE": f"sqlite:///{database}"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(printed.stdout.splitlines()[-1])
    assert len(found) > 15
    return [(rule, methods) for rule, methods in found]


def guarded(answer: requests.Response) -> None:
    """An answer of ours: nothing in it may be sniffed, framed, sent on or run inline."""
    headers = answer.headers
    what = f"{answer.request.method} {answer.url} {answer.status_code}"
    policy = dict(
        part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";")
    )
    assert headers["X-Content-Type-Options"] == "nosniff", what
    assert headers["X-Frame-Options"] == "DENY", what
    assert headers["Referrer-Policy"] in ("same-origin", "no-referrer"), what
    assert "camera=()" in headers["Permissions-Policy"], what
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin", what
    assert policy["default-src"] == "'none'", what
    assert policy["frame-ancestors"] == "'none'", what
    assert policy["base-uri"] == "'none'", what
    assert "unsafe" not in headers["Content-Security-Policy"], what
    assert "*" not in headers["Content-Security-Policy"], what
    assert re.fullmatch(r"[0-9a-f]{16}", headers["X-Request-ID"]), what
    assert headers["Cache-Control"], what
    assert answer.status_code < 500, what


def test_every_answer_of_every_route_is_guarded(
    shop: Shop, rules: list[tuple[str, list[str]]]
) -> None:
    session = shop.click(unique()).json()
    key = session["launch_url"].rpartition("/")[2]
    real = {"public_id": session["id"], "launch_key": key, "kind": "svg", "product_id": "sku-1"}
    for rule, methods in rules:
        for known in ({}, real):
            path = re.sub(r"<(?:[^<>]*:)?(\w+)>", lambda m, k=known: k.get(m[1], "x"), rule)  # type: ignore[misc]
            for method in {*methods, "GET", "DELETE"}:
                for accept in ("text/html", "application/json"):
                    with http().request(
                        method, shop.url + path, headers={"Accept": accept, "User-Agent": DESKTOP},
                        stream=True, allow_redirects=False, timeout=10,
                    ) as answer:  # fmt: skip
                        guarded(answer)


def test_an_answer_that_is_not_for_all_is_not_kept(shop: Shop) -> None:
    session = shop.click(unique()).json()
    for url in (session["handoff_url"], session["launch_url"], session["events_url"]):
        with http().get(url, stream=True, allow_redirects=False) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
    assert http().get(session["status_url"]).headers["Cache-Control"] == "private, no-cache"
    assert shop.click(unique()).headers["Cache-Control"] == "no-store"


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop behind TLS and under a path, whose figures nobody may read."""
    folder = tmp_path_factory.mktemp("prefixed")
    settings = ALONE | {"TRYON_PUBLIC_URL": f"{PUBLIC_ORIGIN}/prefix", "TRYON_METRICS_TOKEN": ""}
    with running_shop(folder, vendor, **settings) as shop:
        shop.origin = PUBLIC_ORIGIN
        yield shop


def test_behind_tls_browsers_are_told_to_stay_there(prefixed: Shop, vendor: Vendor) -> None:
    shop, public = prefixed, f"{PUBLIC_ORIGIN}/prefix"
    product_id = unique()
    answer = shop.click(product_id)
    guarded(answer)
    assert answer.status_code == 201
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    for name in ("launch_url", "handoff_url", "status_url", "events_url"):
        assert answer.json()[name].startswith(f"{public}/")
    assert vendor.sessions(product_id)[0]["callback_url"].startswith(f"{public}/callbacks/")
    # With the prefix, as a proxy may pass it on, and without, as another may.
    path = answer.json()["status_url"].removeprefix(PUBLIC_ORIGIN)
    assert http().get(shop.url + path).status_code == 200
    assert http().get(shop.url + path.removeprefix("/prefix")).status_code == 200
    page = http().get(shop.url + path.replace("/sessions/", "/handoff/"))
    assert set(re.findall(r'(?:src|href|action)="(?!https://tryon\.shop\.example/prefix/|#)([^"]*)"',
                          page.text)) == set()  # fmt: skip


@pytest.mark.parametrize(
    ("script", "hosts"),
    [
        ("https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit",
         "https://challenges.cloudflare.com"),
        ("https://js.hcaptcha.com/1/api.js", "https://hcaptcha.com https://*.hcaptcha.com"),
        ("https://captcha.shop.example:8443/api.js", "https://captcha.shop.example:8443"),
    ],
)  # fmt: skip
def test_a_challenges_page_lets_in_what_the_service_says_it_needs(script: str, hosts: str) -> None:
    policy = policy_with_service(script).split("; ")
    assert f"frame-src {hosts}" in policy
    for directive in ("script-src", "style-src", "connect-src"):
        assert f"{directive} 'self' {hosts}" in policy
    assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"} < set(policy)
