"""Slow proofs: killed under load, locked, dripped on, guessed at, and fed with noise.

In the environment, `CRASHES` says how often all processes are killed (3), `GUESSES` how many ids
are tried (20000), `SEED` where the noise begins.
"""

import json
import os
import random
import re
import secrets
import signal
import socket
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from select import POLLIN, poll

import pytest
import requests

from proxy.settings import load
from proxy.tryon.keys import CallbackKeys
from tests.servers import PHONE, Shop, Vendor, eventually, running_shop, unique
from tests.wire import (
    answered,
    asking,
    assert_whole,
    connected,
    counted,
    http,
    peak_memory,
    post,
    rows,
    spread,
)

pytestmark = pytest.mark.slow

CRASHES = int(os.environ.get("CRASHES", "3"))


# --- Killed under load ----------------------------------------------------------------------------


class Promises:
    """What was answered with a 2xx or a redirect, and so must be there for ever."""

    def __init__(self) -> None:
        self.clicks: dict[str, str] = {}  # click_id: session
        self.launched: set[str] = set()
        self.completed: set[str] = set()

    def live(self, shop: Shop, over: threading.Event) -> None:
        """One shopper after the other, until it is over; whatever fails is no promise."""
        while not over.is_set():
            try:
                self.walk(shop)
            except (requests.RequestException, sqlite3.Error, KeyError, ValueError):
                time.sleep(0.02)  # the shop is down

    def walk(self, shop: Shop) -> None:
        click_id = str(uuid.uuid4())
        body = {"product_id": "sku-load", "category": "footwear", "click_id": click_id}
        answer = post(shop, "/sessions", json.dumps(body))
        if answer.status_code not in (200, 201):
            return
        session = answer.json()
        self.clicks[click_id] = session["id"]
        if shop.launch(session["launch_url"]).status_code == 302:
            self.launched.add(session["id"])
        ((attempt_id, session_id),) = rows(
            shop, "SELECT id, session_id FROM attempts WHERE public_id = ?", session["id"]
        )
        told = json.dumps({"session_id": session_id, "state": "completed"})
        path = f"/callbacks/{shop_keys(shop).seal(attempt_id)}"
        if post(shop, path, told, Origin=None).status_code == 204:
            self.completed.add(session["id"])

    def assert_kept(self, shop: Shop) -> None:
        assert len(set(self.clicks.values())) == len(self.clicks)
        kept = dict(
            rows(
                shop,
                """SELECT substr(dedupe_key, 7), public_id FROM events
                   JOIN attempts ON attempts.id = attempt_id WHERE name = 'click'""",
            )
        )
        assert self.clicks.items() <= kept.items()
        stages = {
            name: [row[0] for row in rows(shop, sql)]
            for name, sql in {
                "launched": "SELECT public_id FROM attempts WHERE opened_ms NOT NULL",
                "completed": "SELECT public_id FROM attempts WHERE outcome = 'completed'",
            }.items()
        }
        assert self.launched <= set(stages["launched"])
        assert self.completed <= set(stages["completed"])
        sql = """SELECT attempt_id FROM events WHERE name IN ('callback', 'launch', 'click')
                 GROUP BY attempt_id, name HAVING count(*) > 1"""
        assert rows(shop, sql) == []
        ((completed,),) = rows(shop, "SELECT sum(completed) FROM totals_day")
        assert completed == len(stages["completed"]) >= len(self.completed)


def shop_keys(shop: Shop) -> CallbackKeys:
    return CallbackKeys(load(shop.environ).secret_key)


def under_load(shop: Shop, disturb: Callable[[], None]) -> Promises:
    promises = Promises()
    over = threading.Event()
    shoppers = [threading.Thread(target=promises.live, args=[shop, over]) for _ in range(8)]
    for shopper in shoppers:
        shopper.start()
    try:
        disturb()
    finally:
        over.set()
        for shopper in shoppers:
            shopper.join()
    return promises


def test_what_was_answered_is_there_after_every_kill(tmp_path: Path, vendor: Vendor) -> None:
    chance = random.Random()
    with running_shop(tmp_path, vendor) as shop:

        def disturb() -> None:
            for _ in range(CRASHES):
                time.sleep(chance.uniform(0.5, 1.5))
                shop.kill()
                shop.start()
            time.sleep(0.5)

        promises = under_load(shop, disturb)
        assert len(promises.completed) > CRASHES
        promises.assert_kept(shop)
        assert_whole(shop)
        # The same clicks, sent again, get the same sessions and cost nothing.
        for click_id, session in list(promises.clicks.items())[:20]:
            answer = shop.click("sku-load", click_id=click_id)
            assert (answer.status_code, answer.json()["id"]) == (200, session)


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor) as shop:

        def disturb() -> None:
            for _ in range(CRASHES):
                time.sleep(0.5)
                victim = shop.workers()[0]
                os.kill(victim, signal.SIGKILL)
                eventually(lambda victim=victim: victim not in shop.workers())
                eventually(lambda: len(shop.workers()) == 2)

        promises = under_load(shop, disturb)
        assert len(promises.completed) > CRASHES
        promises.assert_kept(shop)
        assert_whole(shop)


# --- Slow clients ---------------------------------------------------------------------------------


def test_a_thousand_connections_that_drip_leave_others_served(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor) as shop:
        session = shop.click(unique()).json()
        dripping: list[socket.socket] = []
        cut_off = poll()
        try:
            for number in range(1_000):
                dripping.append(connected(shop))
                head = (
                    f"POST /sessions HTTP/1.1\r\nHost: x\r\nOrigin: {shop.origin}\r\n"
                    "Content-Type: application/json\r\nContent-Length: 500\r\n"
                )
                dripping[-1].sendall((head + "\r\n{").encode() if number % 2 else head.encode())
                cut_off.register(dripping[-1], POLLIN)
            meanwhile = 0
            for _ in range(10):
                gone = dict(cut_off.poll(0))
                for number, connection in enumerate(dripping):
                    if connection.fileno() not in gone:
                        connection.sendall(b" " if number % 2 else b"X")
                assert http().get(session["status_url"], timeout=60).status_code == 200
                assert shop.click(unique()).status_code == 201
                meanwhile += dripping[-1].fileno() not in dict(cut_off.poll(0))
            assert meanwhile  # not only after the last one's 15 seconds
            # A body that drips is cut off, with a word, after 15 seconds, and so is its connection.
            dripping[1].settimeout(60)
            assert b" 408 " in answered(dripping[1])
        finally:
            for connection in dripping:
                connection.close()
        assert http().get(f"{shop.url}/readyz").status_code == 200


def test_a_stream_is_kept_alive_by_beats(shop: Shop) -> None:
    session = shop.click(unique()).json()
    with http().get(session["events_url"], stream=True, timeout=30) as stream:
        lines = stream.iter_lines(chunk_size=1, decode_unicode=True)
        assert "event: beat" in lines
        shop.http.post(session["status_url"] + "/cancel")
        assert any('"cancelled"' in line for line in lines)


# --- Guesses and noise ----------------------------------------------------------------------------


def test_guesses_learn_nothing(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor) as shop:
        session = shop.click(unique()).json()
        before = peak_memory(shop)

        def guesses(number: int) -> dict[tuple[int, str], int]:
            kinds = ("/sessions/", "/go/", "/handoff/")
            tokens = [
                secrets.token_urlsafe(16) if n % 2 else secrets.token_hex(n % 40)
                for n in range(250)
            ]
            asked = [
                ("GET", kinds[n % 3] + token, None, {"Accept": "application/json"})
                for n, token in enumerate(tokens)
            ]
            return counted(
                (status, str(json.loads(answer)["detail"]))
                for status, answer in asking(shop, asked)
            )

        many = int(os.environ.get("GUESSES", "20000"))
        found = spread(many // 250, guesses)
        # One answer to all of them, and one more to those that are too many.
        assert {status for each in found for status, _ in each} == {404, 429}
        assert len({answer for each in found for answer in each}) == 2
        assert shop.state(session) == "waiting"
        assert rows(shop, "SELECT count(*) FROM events WHERE name = 'launch'") == [(0,)]
        assert peak_memory(shop) - before < 20_000


def test_noise_on_the_wire_is_never_a_5xx(tmp_path: Path, vendor: Vendor) -> None:
    chance = random.Random(int(os.environ.get("SEED", "20261124")))
    with running_shop(tmp_path, vendor) as shop:
        session = shop.click(unique()).json()
        key = session["launch_url"][-22:]
        good = [
            f"GET /go/{key}?q HTTP/1.1\r\nHost: x\r\nUser-Agent: {PHONE}\r\n\r\n",
            f'GET /sessions/{session["id"]} HTTP/1.1\r\nHost: x\r\nIf-None-Match: "a"\r\n\r\n',
            f"GET /handoff/{session['id']}?lang=de HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\n"
            "Accept-Language: de;q=0.5, en\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
            f"POST /sessions HTTP/1.1\r\nHost: x\r\nOrigin: {shop.origin}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            '2d\r\n{"product_id": "sku-1","category": "footwear"}\r\n0\r\n\r\n',
            f"POST /callbacks/{shop_keys(shop).seal('0' * 32)} HTTP/1.1\r\nHost: x\r\n"
            'Content-Length: 39\r\n\r\n{"session_id": "a", "state": "started"}',
            f"POST /events HTTP/1.1\r\nHost: x\r\nOrigin: {shop.origin}\r\n"
            "Content-Type: text/plain\r\nContent-Length: 43\r\n\r\n"
            '{"name": "impression", "product_id": "sku"}',
        ]
        statuses = set()
        for _ in range(2_000):
            request = bytearray(chance.choice(good).encode())
            for _ in range(chance.randint(1, 5)):
                place = chance.randrange(len(request))
                match chance.randrange(4):
                    case 0:
                        request[place] = chance.randrange(256)
                    case 1:
                        del request[place : place + chance.randint(1, 20)]
                    case 2:
                        request[place:place] = chance.randbytes(chance.randint(1, 20))
                    case 3:
                        request[place:place] = request[: chance.randint(1, 60)]
            with connected(shop) as connection:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                try:
                    answer = answered(connection)
                except ConnectionResetError:
                    continue
            if answer:
                assert not answer.startswith(b"HTTP/1.1 500"), (bytes(request), answer)
                statuses.add(int(answer.split(b" ", 2)[1]))
        assert {200, 400, 404} <= statuses
        assert not {status for status in statuses if status >= 500} - {501, 505}
        assert http().get(f"{shop.url}/readyz").status_code == 200
        assert not re.search(r"^request \w+ failed", shop.logged(), re.M)
        assert_whole(shop)
