"""Running it: every answer's headers, health, figures, restarts under load, a disk that is full."""

import json
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.wire import assert_whole, at_once, connected, counted, http, post, rows
from tests.servers import (
    DESKTOP,
    METRICS_TOKEN,
    ROOT,
    Shop,
    Vendor,
    eventually,
    running_shop,
    unique,
)

PUBLIC_ORIGIN = "https://tryon.shop.example"

# --- Headers of every answer ----------------------------------------------------------------------

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
    settings = {"TRYON_PUBLIC_URL": f"{PUBLIC_ORIGIN}/prefix", "TRYON_METRICS_TOKEN": ""}
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
    assert set(re.findall(r'(?:src|href|action)="(?!https://tryon\.shop\.example/prefix/)([^"]*)"',
                          page.text)) == set()  # fmt: skip


# --- Health and figures ---------------------------------------------------------------------------


def test_it_is_alive_and_ready(shop: Shop) -> None:
    assert http().get(f"{shop.url}/healthz").json() == {"status": "ok"}
    answer = http().get(f"{shop.url}/readyz")
    assert answer.status_code == 200
    assert set(answer.json()["parts"]) >= {"database", "disk", "upstream", "token"}
    assert set(answer.json()["parts"].values()) == {"ok"}


def figures(shop: Shop) -> dict[str, float]:
    answer = http().get(f"{shop.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


@pytest.mark.parametrize(
    "authorization",
    [None, "", METRICS_TOKEN, "Bearer", "Bearer ", f"Bearer {METRICS_TOKEN}x", "Bearer \xff\xfe",
     f"bearer{METRICS_TOKEN}", f"Basic {METRICS_TOKEN}", f"Bearer {METRICS_TOKEN[:-1]}"],
)  # fmt: skip
def test_figures_are_for_the_bearer_of_the_token(shop: Shop, authorization: str | None) -> None:
    header = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    answer = http().get(f"{shop.url}/metrics", headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert "tryon_" not in answer.text


def test_without_a_token_there_are_no_figures(prefixed: Shop) -> None:
    for authorization in ("Bearer ", f"Bearer {METRICS_TOKEN}", "Bearer None"):
        answer = http().get(f"{prefixed.url}/metrics", headers={"Authorization": authorization})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_figures_are_the_sum_over_all_workers(quiet_shop: Shop, vendor: Vendor) -> None:
    shop = quiet_shop
    before = figures(shop)
    product_id = unique()
    answers = at_once(24, lambda _: post(shop, "/sessions", click_of(product_id)))
    assert {answer.status_code for answer in answers} == {201}
    at_once(10, lambda _: http().get(f"{shop.url}/sessions/{'A' * 22}"))
    vendor.call_back(product_id, manner="duplicate")
    after = figures(shop)

    def grown(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    created = 'tryon_requests_total{method="POST",route="/sessions",status="201"}'
    assert grown(created) == 24
    assert grown('tryon_problems_total{code="not_found"}') == 10
    assert grown('tryon_callbacks_total{verdict="accepted"}') == 1
    assert grown('tryon_callbacks_total{verdict="duplicate"}') == 4
    assert after["tryon_breaker_open"] == 0


def click_of(product_id: str) -> str:
    return json.dumps({"product_id": product_id, "category": "footwear"})


def test_methods_that_clients_make_up_do_not_grow_the_figures(quiet_shop: Shop) -> None:
    shop = quiet_shop
    http().request("BREW", f"{shop.url}/healthz")
    figures(shop)  # asking for them adds its own, the first time
    before = len(figures(shop))
    for number in range(20):
        http().request(f"BREW{number}", f"{shop.url}/healthz")
    assert len(figures(shop)) == before


def test_open_streams_are_counted_while_they_are_open(quiet_shop: Shop) -> None:
    shop = quiet_shop  # in the other, streams whose clients have gone end at their next heartbeat
    session = shop.click(unique()).json()
    before = figures(shop)["tryon_open_streams"]
    streams = [http().get(session["events_url"], stream=True) for _ in range(6)]
    eventually(lambda: figures(shop)["tryon_open_streams"] > before)
    for stream in streams:
        stream.close()
    shop.http.post(session["status_url"] + "/cancel")  # what is sent meets a closed connection
    eventually(lambda: figures(shop)["tryon_open_streams"] <= before)


def test_a_worker_may_open_as_many_files_as_the_system_lets_it(
    tmp_path: Path, vendor: Vendor
) -> None:
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ours[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most // 2, most))  # which the shop inherits
    try:
        with running_shop(tmp_path, vendor) as shop:
            limits = {resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in shop.workers()}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, ours)
    assert limits == {(most, most)}


# --- Stopping and restarting ----------------------------------------------------------------------


@contextmanager
def clicking(shop: Shop, product_id: str, clients: int = 4) -> Iterator[list[Any]]:
    """Clicks without a pause, each over a connection of its own; their answers, or failures."""
    found: list[Any] = []
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            try:
                answer = post(shop, "/sessions", click_of(product_id))
                found.append((answer.status_code, answer.json().get("id")))
            except requests.RequestException as error:
                found.append(error)

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        over.set()
        for thread in threads:
            thread.join()


def follow(shop: Shop, session: dict[str, Any], told: list[str], stop: threading.Event) -> None:
    """Follow a session as a browser does: whenever the stream ends, connect again."""
    while not stop.is_set():
        try:
            with http().get(session["events_url"], stream=True, timeout=10) as stream:
                for line in stream.iter_lines(chunk_size=1):
                    if line.startswith(b"data: "):
                        told.append(json.loads(line[6:])["state"])
                        if told[-1] == "completed":
                            return
        except requests.RequestException:
            pass
        time.sleep(0.05)


def test_a_reload_under_load_drops_nothing_and_streams_go_on(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor) as shop:
        watched = unique()
        session = shop.click(watched).json()
        told: list[str] = []
        stop = threading.Event()
        watcher = threading.Thread(target=follow, args=[shop, session, told, stop])
        watcher.start()
        product_id = unique()
        old = set(shop.workers())
        with clicking(shop, product_id) as found:
            eventually(lambda: len(found) > 20)
            shop.process.send_signal(signal.SIGHUP)
            eventually(lambda: not old & set(shop.workers()), 30)
            count = len(found)
            eventually(lambda: len(found) > count + 20)
        assert counted(
            answer[0] if isinstance(answer, tuple) else repr(answer) for answer in found
        ) == {201: len(found)}
        ids = {answer[1] for answer in found}
        kept = {row[0] for row in rows(shop, "SELECT public_id FROM attempts")}
        assert ids <= kept
        vendor.call_back(watched)
        watcher.join(30)
        stop.set()
        assert told[0] == "waiting"
        assert told[-1] == "completed"
        assert_whole(shop)


def test_a_reload_with_what_is_wrong_is_refused_and_the_workers_go_on(
    tmp_path: Path, vendor: Vendor
) -> None:
    old, new = unique(), unique()
    catalog, locale = tmp_path / "products.csv", tmp_path / "locale"
    good = f"product_id,category\n{old},footwear\n"
    catalog.write_text(good)
    locale.write_text("de-DE")
    settings = {"TRYON_CATALOG": str(catalog), "TRYON_LOCALE_FILE": str(locale)}
    with running_shop(tmp_path, vendor, **settings) as shop:
        workers = shop.workers()

        def reload_and_hear(word: str) -> None:
            before = len(shop.logged())
            shop.process.send_signal(signal.SIGHUP)
            eventually(lambda: word in shop.logged()[before:] or shop.process.poll() is not None)
            assert shop.process.poll() is None, shop.logged()

        catalog.write_text(good + "sku 2,footwear\n")
        reload_and_hear("products.csv: line 3")
        catalog.unlink()
        reload_and_hear("TRYON_CATALOG")
        catalog.write_text(good + f"{new},footwear\n")
        locale.write_text("German")
        reload_and_hear("TRYON_LOCALE")
        assert shop.workers() == workers
        assert shop.click(old).status_code == 201
        assert shop.click(new).status_code == 400
        locale.write_text("de-DE")
        shop.process.send_signal(signal.SIGHUP)
        eventually(lambda: shop.click(new).status_code == 201)


def test_a_stop_is_quick_and_ends_what_is_under_way(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor) as shop:
        session = shop.click(unique()).json()
        streams = [http().get(session["events_url"], stream=True, timeout=10) for _ in range(20)]
        idle = [connected(shop) for _ in range(20)]  # and some that never said a word
        slow = unique("sim-slow")
        answers: list[requests.Response] = []
        clicker = threading.Thread(target=lambda: answers.append(shop.click(slow)))
        clicker.start()
        eventually(lambda: vendor.calls(slow))
        began = time.monotonic()
        shop.process.terminate()
        shop.process.wait(30)
        assert time.monotonic() - began < 13  # two for the vendor; it would be 15
        clicker.join()
        assert answers[0].status_code == 201
        for stream in streams:
            assert b'"waiting"' in stream.content  # it came to its end
        for connection in idle:
            connection.close()
        created = rows(shop, "SELECT count(*) FROM attempts WHERE created_ms NOT NULL")
        assert created == [(2,)]


# --- A disk that is full --------------------------------------------------------------------------


@contextmanager
def full_disk(shop: Shop) -> Iterator[None]:
    """No process of the shop may write another byte to any file, its log included."""
    pids = [shop.process.pid, *shop.workers()]
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid, before in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_said_and_nothing_false_is(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor) as shop:
        product_id, other = unique(), unique()
        session = shop.click(product_id).json()
        with full_disk(shop):
            for _ in range(4):  # both workers
                delivery = vendor.call_back(product_id, state="completed")[0]
                assert delivery["status"] == 503
            answer = shop.click(other)
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["message"] == answer.json()["strings"]["oops"]
            assert vendor.calls(other) == 0  # a session that cannot be recorded is not bought
            ready = http().get(f"{shop.url}/readyz")
            assert (ready.status_code, ready.json()["parts"]["database"]) == (
                503,
                "nothing can be written",
            )
            assert shop.state(session) == "waiting"  # who only reads is served
            page = http().get(session["handoff_url"], headers={"User-Agent": DESKTOP})
            assert page.status_code == 200
        assert vendor.call_back(product_id, state="completed")[0]["status"] == 204
        assert shop.state(session) == "completed"
        assert shop.click(other).status_code == 201
        assert http().get(f"{shop.url}/readyz").status_code == 200
        assert_whole(shop)


def test_counters_that_another_program_holds_are_said_soon_and_hold_up_nothing_else(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor) as shop:
        product_id = unique()
        session = shop.click(product_id).json()
        path = f"{shop.database}-counters"
        with (
            closing(sqlite3.connect(path, isolation_level=None)) as holder,
            closing(sqlite3.connect(path, timeout=4, check_same_thread=False)) as patient,
        ):
            holder.execute("BEGIN IMMEDIATE")
            # Whoever waits for four seconds is still waiting when the click has its answer.
            waiting = threading.Thread(target=wait_in_vain, args=[patient])
            waiting.start()
            answer = shop.click(unique())
            assert waiting.is_alive(), "the click waited longer"
            waiting.join()
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert shop.launch(session["launch_url"]).status_code == 302
            assert vendor.call_back(product_id)[0]["status"] == 204
            assert shop.state(session) == "completed"
            holder.execute("ROLLBACK")
        assert shop.click(unique()).status_code == 201


def wait_in_vain(connection: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        connection.execute("BEGIN IMMEDIATE")


@pytest.mark.slow
def test_a_disk_that_fills_up_now_and_then_never_makes_a_false_answer(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor) as shop:
        product_id = unique()
        with clicking(shop, product_id) as found:
            for _ in range(5):
                count = len(found)
                eventually(lambda count=count: len(found) > count + 5)
                with full_disk(shop):
                    count = len(found)
                    eventually(lambda count=count: len(found) > count + 5)
        statuses = counted(answer[0] for answer in found)
        assert set(statuses) == {201, 503}
        promised = {answer[1] for answer in found if answer[0] == 201}
        kept = {row[0] for row in rows(shop, "SELECT public_id FROM attempts")}
        assert promised <= kept
        assert_whole(shop)
