"""A vendor that fails: the deadline holds, nothing is amplified, nothing leaks, all else works."""

import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from proxy.settings import load
from proxy.tryon.keys import CallbackKeys
from tests.servers import (
    ALONE,
    METRICS_TOKEN,
    PASSWORD,
    TOKEN,
    Shop,
    Vendor,
    eventually,
    free_port,
    running_shop,
    unique,
)
from tests.wire import assert_whole, at_once, counted, http, peak_memory, post, rows, spread

DEADLINE_S = 1.0
SIGNING = "whsec_Y2FuYXJ5LXNpZ25pbmctc2VjcmV0LTEyMw=="


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop that waits a second for the vendor."""
    folder = tmp_path_factory.mktemp("hasty")
    settings = {"TRYON_UPSTREAM_DEADLINE": f"{DEADLINE_S}"}
    with running_shop(folder, vendor, **settings) as shop:
        yield shop


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop that waits as long as is usual: for answers that come, on a busy machine late."""
    with running_shop(tmp_path_factory.mktemp("patient"), vendor, **ALONE) as shop:
        yield shop


@pytest.fixture(autouse=True)
def fresh(request: pytest.FixtureRequest) -> None:
    """What one test has taught the gate is forgotten before the next."""
    for name in {"hasty", "patient"}.intersection(request.fixturenames):
        forget(request.getfixturevalue(name))


def forget(shop: Shop) -> None:
    with closing(sqlite3.connect(f"{shop.database}-counters", isolation_level=None)) as db:
        db.execute("DELETE FROM counters WHERE key LIKE 'vendor:%'")


@contextmanager
def outage(vendor: Vendor, scenario: str) -> Iterator[None]:
    vendor.outage(scenario)
    try:
        yield
    finally:
        vendor.outage("")


def ready(shop: Shop) -> tuple[int, dict[str, str]]:
    answer = http().get(f"{shop.url}/readyz")
    return answer.status_code, answer.json()["parts"]


# --- One answer, one code, within the deadline ----------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("sim-hang", 504, "upstream_timeout"),
        ("sim-slow", 504, "upstream_timeout"),
        ("sim-reset", 504, "upstream_timeout"),
        ("sim-drip", 504, "upstream_timeout"),
        ("sim-drip-headers", 504, "upstream_timeout"),
    ],
)
def test_a_vendor_that_gives_no_answer_is_given_up_at_the_deadline(
    hasty: Shop, scenario: str, status: int, code: str
) -> None:
    began = time.monotonic()
    answer = hasty.click(unique(scenario))
    assert time.monotonic() - began < DEADLINE_S + 5
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("sim-truncated", 502, "bad_upstream_reply"),
        ("sim-huge", 502, "bad_upstream_reply"),
        ("sim-gzip-bomb", 502, "bad_upstream_reply"),
        ("sim-404", 502, "bad_upstream_reply"),
        ("sim-503", 502, "upstream_error"),
        ("sim-401", 503, "unavailable"),
        ("sim-429", 503, "busy"),
        ("sim-429-bare", 503, "busy"),
        ("sim-429-garbled", 503, "busy"),
        ("sim-429-date", 503, "busy"),
    ],
)
def test_each_failure_has_its_code(patient: Shop, scenario: str, status: int, code: str) -> None:
    answer = patient.click(unique(scenario))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_vendor_that_is_gone_is_an_upstream_error(tmp_path: Path, vendor: Vendor) -> None:
    gone = f"http://127.0.0.1:{free_port()}/v1"
    with running_shop(tmp_path, vendor, **ALONE, TRYON_API_URL=gone) as shop:
        answer = shop.click(unique())
        assert (answer.status_code, answer.json()["code"]) == (502, "upstream_error")
        assert "127.0.0.1" not in answer.json()["detail"]


def test_large_replies_take_no_memory(patient: Shop, vendor: Vendor) -> None:
    patient.click(unique("sim-huge"))
    before = peak_memory(patient)
    for scenario in ("sim-huge", "sim-gzip-bomb") * 3:
        assert patient.click(unique(scenario)).status_code == 502
    assert peak_memory(patient) - before < 10_000


# --- Nothing else suffers -------------------------------------------------------------------------


def test_while_the_vendor_is_silent_all_else_is_served(hasty: Shop, vendor: Vendor) -> None:
    product_id = unique()
    session = hasty.click(product_id).json()
    slowest = 0.0

    def act(number: int) -> int:
        nonlocal slowest
        if number < 60:
            return hasty.click(unique("sim-hang")).status_code
        time.sleep(0.2)
        began = time.monotonic()
        with http() as client:
            status = client.get(session["status_url"] if number % 2 else f"{hasty.url}/healthz")
        slowest = max(slowest, time.monotonic() - began)
        return status.status_code

    found = counted(at_once(80, act))
    assert found.pop(200) == 20
    assert set(found) <= {503, 504}
    assert slowest < 8  # one after the other, two workers would hang for half a minute
    assert vendor.call_back(product_id)[0]["status"] == 204
    assert hasty.state(session) == "completed"
    assert hasty.launch(session["launch_url"]).status_code == 410


# --- Nothing is amplified -------------------------------------------------------------------------


def test_an_hour_of_429_is_one_call(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor) as shop, outage(vendor, "sim-429-long"):
        product_id = unique()
        first = shop.click(product_id)
        assert (first.status_code, first.headers["Retry-After"]) == (503, "3600")
        found = at_once(40, lambda _: shop_click(shop, product_id))
        assert counted(found) == {(503, "busy"): 40}  # of both workers
        assert vendor.calls(product_id) == 1
        assert ready(shop)[0] == 200  # nothing is wrong here that a restart would mend


def shop_click(shop: Shop, product_id: str, **more: str) -> tuple[int, str]:
    body = json.dumps({"product_id": product_id, "category": "footwear"} | more)
    answer = post(shop, "/sessions", body)
    return answer.status_code, answer.json().get("code", "")


def test_an_hour_of_500_is_fewer_calls_than_clicks_and_recovers_in_seconds(
    patient: Shop, vendor: Vendor
) -> None:
    product_id = unique()
    with outage(vendor, "sim-500"):
        eventually(lambda: shop_click(patient, product_id) == (503, "unavailable"))
        to_open = vendor.calls(product_id)
        assert to_open <= 15
        began = time.monotonic()
        found = spread(200, lambda _: shop_click(patient, product_id), 8)
        probes = vendor.calls(product_id) - to_open
        assert set(found) <= {(503, "unavailable"), (502, "upstream_error")}
        assert probes <= time.monotonic() - began + 2
        status, parts = ready(patient)
        assert status == 200  # callbacks are kept all the same
        assert "held back" in parts["upstream"]
        assert (parts["database"], parts["token"]) == ("ok", "ok")
    eventually(lambda: shop_click(patient, product_id)[0] == 201)
    assert ready(patient)[1]["upstream"] == "ok"
    assert counted(at_once(20, lambda _: shop_click(patient, product_id))) == {(201, ""): 20}


def test_a_refused_token_is_one_call_and_is_said(patient: Shop, vendor: Vendor) -> None:
    product_id = unique("sim-401")
    assert shop_click(patient, product_id) == (503, "unavailable")
    assert set(at_once(20, lambda _: shop_click(patient, product_id))) == {(503, "unavailable")}
    assert vendor.calls(product_id) == 1
    status, parts = ready(patient)
    assert (status, parts["token"]) == (200, "the vendor refuses the token")
    sql = "SELECT status, tries FROM upstream_calls WHERE detail LIKE '%token is refused%'"
    assert (401, 1) in rows(patient, sql)


# --- The outcome that is not known ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "problem"),
    [
        ("sim-hang", (504, "upstream_timeout")),
        ("sim-reset", (504, "upstream_timeout")),
        ("sim-truncated", (502, "bad_upstream_reply")),
    ],
)
def test_what_may_have_arrived_is_not_sent_again_and_its_callback_resolves_it(
    hasty: Shop, vendor: Vendor, scenario: str, problem: tuple[int, str]
) -> None:
    product_id, click_id = unique(scenario), str(uuid.uuid4())
    for _ in range(3):
        assert shop_click(hasty, product_id, click_id=click_id) == problem
    assert vendor.calls(product_id) == 1
    sql = "SELECT id, outcome, reason FROM attempts WHERE product_id = ?"
    ((attempt_id, *told),) = rows(hasty, sql, product_id)
    assert told == ["create_failed", problem[1]]
    keys = CallbackKeys(load(hasty.environ).secret_key)
    body = b'{"session_id": "tsn_unseen", "state": "completed"}'
    answer = post(hasty, f"/callbacks/{keys.seal(attempt_id)}", body, Origin=None)
    assert answer.status_code == 204
    assert rows(hasty, sql, product_id) == [(attempt_id, "completed", "completed")]
    sql = """SELECT clicks, created, completed, create_failed
             FROM totals_day_product WHERE product_id = ?"""
    assert rows(hasty, sql, product_id) == [(1, 1, 1, 0)]
    assert shop_click(hasty, product_id, click_id=click_id) == (410, "gone")
    assert vendor.calls(product_id) == 1


def test_a_new_press_after_it_is_a_new_click_and_both_are_counted(
    hasty: Shop, vendor: Vendor
) -> None:
    product_id, first = unique(), str(uuid.uuid4())
    with outage(vendor, "sim-hang"):
        assert shop_click(hasty, product_id, click_id=first) == (504, "upstream_timeout")
    answer = hasty.click(product_id, click_id=f"{first}-")
    assert answer.status_code == 201
    again = hasty.click(product_id, click_id=f"{first}-")
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])
    assert vendor.calls(product_id) == 2
    sql = "SELECT clicks, created, create_failed FROM totals_day_product WHERE product_id = ?"
    assert rows(hasty, sql, product_id) == [(2, 1, 1)]


def test_a_new_press_buys_no_second_session_where_a_callback_told_of_the_first(
    hasty: Shop, vendor: Vendor
) -> None:
    product_id, first = unique("sim-hang"), str(uuid.uuid4())
    assert shop_click(hasty, product_id, click_id=first) == (504, "upstream_timeout")
    ((attempt_id,),) = rows(hasty, "SELECT id FROM attempts WHERE product_id = ?", product_id)
    seal = CallbackKeys(load(hasty.environ).secret_key).seal(attempt_id)
    body = b'{"session_id": "tsn_unseen_too", "state": "completed"}'
    assert post(hasty, f"/callbacks/{seal}", body, Origin=None).status_code == 204
    assert shop_click(hasty, product_id, click_id=f"{first}-") == (410, "gone")
    assert vendor.calls(product_id) == 1


# --- A time that no calendar shows ----------------------------------------------------------------


@contextmanager
def vendor_of(expires_at: str) -> Iterator[Vendor]:
    """A vendor all of whose sessions have the same end."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            session = {
                "id": unique("tsn"),
                "status": "ready",
                "launch_url": f"http://127.0.0.1:{self.server.server_address[1]}/launch",
                "expires_at": expires_at,
            }
            body = json.dumps(session).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield Vendor(f"http://127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("expires_at", "shown"),
    [
        ("9999-12-31T23:59:59-12:00", "2100-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "2000-01-01T00:00:00Z"),
    ],
)
def test_an_end_at_the_edge_of_the_calendar_is_moved_to_where_pages_can_show_it(
    tmp_path: Path, expires_at: str, shown: str
) -> None:
    with vendor_of(expires_at) as edge, running_shop(tmp_path, edge, **ALONE) as shop:
        answer = shop.click(unique())
        assert (answer.status_code, answer.json()["expires_at"]) == (201, shown)
        session = answer.json()
        pages = [session["status_url"], session["handoff_url"], session["launch_url"]]
        pages += [f"{shop.url}/qr/{session['id']}.svg", f"{shop.url}/dashboard/live.json"]
        ((attempt_id,),) = rows(shop, "SELECT id FROM attempts")
        pages += [f"{shop.url}/dashboard/attempts", f"{shop.url}/dashboard/attempts/{attempt_id}"]
        pages += [f"{shop.url}/dashboard/export/attempts.csv"]
        merchant = http()
        merchant.post(f"{shop.url}/dashboard/login", data={"password": PASSWORD})
        for page in pages:
            found = merchant.get(page, auth=("any", PASSWORD), allow_redirects=False)
            assert found.status_code in (200, 302, 410), page
        assert_whole(shop)


# --- Secrets --------------------------------------------------------------------------------------

SCENARIOS = [
    "sim-400", "sim-401", "sim-404", "sim-429", "sim-429-long", "sim-429-date", "sim-429-bare",
    "sim-429-garbled", "sim-500", "sim-503", "sim-created-then-500", "sim-hang", "sim-drip",
    "sim-drip-headers", "sim-reset", "sim-truncated", "sim-bad-json", "sim-wrong-type",
    "sim-redirect", "sim-huge", "sim-gzip-bomb", "sim-bad-launch-host", "sim-missing-field",
    "sim-extra-fields", "sim-malformed-callback", "sim-bad-signature", "sku",
]  # fmt: skip


def test_no_secret_is_in_anything_that_comes_out(tmp_path: Path, vendor: Vendor) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login canary-netrc password canary-netrc\n")
    netrc.chmod(0o600)
    key = "canary-secret-key-5d1c95e2f0a1b2c3d4e5"
    secrets = [TOKEN, key, PASSWORD, METRICS_TOKEN, SIGNING, SIGNING.removeprefix("whsec_")]
    settings = ALONE | {
        "TRYON_SECRET_KEY": key,
        "TRYON_CALLBACK_SECRET": SIGNING,
        "TRYON_UPSTREAM_DEADLINE": "0.5",
        "HTTP_PROXY": "http://canary-proxy:1",
    }
    came: list[str] = []

    def keep(answer: requests.Response) -> requests.Response:
        came.append(f"{answer.url}\n{answer.headers}\n{answer.text}")
        return answer

    with running_shop(tmp_path, vendor, **settings) as shop:

        def follow(session: dict[str, Any]) -> None:
            for url in (session["status_url"], session["handoff_url"], session["launch_url"]):
                keep(http().get(url, allow_redirects=False))
            keep(http().get(f"{shop.url}/qr/{session['id']}.svg"))

        for scenario in SCENARIOS:
            forget(shop)
            product_id = unique(scenario)
            answer = keep(shop.click(product_id))
            if answer.status_code == 201:
                follow(answer.json())
                vendor.call_back(product_id)
        wrong = {"Authorization": f"Bearer {METRICS_TOKEN}x", "Cookie": f"a={PASSWORD}"}
        for path in (
            "/metrics",
            "/readyz",
            "/healthz",
            "/embed",
            "/t/sku",
            "/none",
            "/openapi.json",
        ):
            keep(http().get(shop.url + path))
            keep(http().get(shop.url + path, headers=wrong))
        good = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        assert keep(http().get(f"{shop.url}/metrics", headers=good)).status_code == 200
        keep(post(shop, "/sessions", b"{"))
        for command in (["doctor"], ["doctor", "--help"], ["--help"]):
            done = shop.command(*command)
            came += [done.stdout, done.stderr]
        came.append(str(rows(shop, "SELECT * FROM upstream_calls")))
        came.append(str(rows(shop, "SELECT * FROM events")))
        came.append(str(rows(shop, "SELECT * FROM receipts")))
        shop.stop()
        came.append(shop.logged())  # with what stopping says
    assert vendor.calls(product_id) == 1  # it was the vendor's own token that was sent
    for text in came:
        for secret in [*secrets, "canary-netrc", "canary-proxy"]:
            assert secret not in text
