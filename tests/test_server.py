"""The server's processes: how many files they may open, reloads under load, and a quick stop."""

import json
import os
import re
import resource
import signal
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from proxy import settings
from proxy.server import usable_settings
from proxy.tryon import state
from tests.servers import (
    ALONE,
    ROOT,
    Shop,
    Vendor,
    eventually,
    running_shop,
    unique,
)
from tests.wire import assert_whole, clicking, connected, counted, http, responds, rows


def test_a_worker_may_open_as_many_files_as_the_system_lets_it(
    tmp_path: Path, vendor: Vendor
) -> None:
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ours[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most // 2, most))  # which the shop inherits
    try:
        with running_shop(tmp_path, vendor, **ALONE) as shop:
            limits = {resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in shop.workers()}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, ours)
    assert limits == {(most, most)}


def test_workers_find_the_qr_codes_that_the_master_has_prepared(
    tmp_path: Path, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "_kept", None)
    for name, text in Shop(tmp_path, vendor.url, 1).environ.items():
        monkeypatch.setenv(name, text)
    state.codes.cache_clear()
    kept = usable_settings()
    state.Links(kept.public_url)
    assert state.codes.cache_info()[:2] == (1, 1)  # found once, made once


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

        catalog.write_text("<!doctype html><title>Log in</title>")
        reload_and_hear("products.csv: it is an HTML page")
        catalog.write_text("product_id,category\n")
        reload_and_hear("products.csv: there is no product in it")
        catalog.unlink()
        reload_and_hear("TRYON_CATALOG")
        catalog.write_text(good + f"{new},footwear\n")
        locale.write_text("German")
        reload_and_hear("TRYON_LOCALE")
        assert shop.workers() == workers
        for pid in workers:  # their successors are not to read what is wrong
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: len(set(shop.workers()) - {*workers}) == 2)
        shop.http.close()
        eventually(lambda: responds(f"{shop.url}/healthz"))
        assert shop.click(old).status_code == 201
        assert shop.click(new).status_code == 400
        locale.write_text("de-DE")
        shop.process.send_signal(signal.SIGHUP)

        def click_afresh() -> int:
            shop.http.close()  # a kept connection may be closed at the moment of its next use
            return shop.click(new).status_code

        eventually(lambda: click_afresh() == 201)


def test_a_worker_that_is_told_to_stop_while_it_boots_takes_nobody_with_it(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor) as shop:
        before = set(shop.workers())
        os.kill(min(before), signal.SIGKILL)  # the master boots another in its place
        (booting,) = eventually(lambda: set(shop.workers()) - before)
        with suppress(ProcessLookupError):  # once it has gone
            while True:
                os.kill(booting, signal.SIGTERM)
                time.sleep(0.01)
        eventually(lambda: len(set(shop.workers()) - {booting}) == 2)
        assert shop.process.poll() is None, shop.logged()
        assert "Exception in worker process" not in shop.logged()
        assert shop.click(unique()).status_code == 201


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
        assert time.monotonic() - began < 13  # two for the vendor; it would be 20
        clicker.join()
        assert answers[0].status_code == 201
        for stream in streams:
            assert b'"waiting"' in stream.content  # it came to its end
        for connection in idle:
            connection.close()
        created = rows(shop, "SELECT count(*) FROM attempts WHERE created_ms NOT NULL")
        assert created == [(2,)]


@pytest.mark.slow
def test_a_stop_waits_for_a_vendor_that_takes_as_long_as_it_may(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor, TRYON_UPSTREAM_DEADLINE="10") as shop:
        hanging = unique("sim-hang")
        answers: list[requests.Response] = []
        clicker = threading.Thread(target=lambda: answers.append(shop.click(hanging)))
        clicker.start()
        eventually(lambda: vendor.calls(hanging))
        shop.process.terminate()
        assert shop.process.wait(30) == 0
        clicker.join()
        assert (answers[0].status_code, answers[0].json()["code"]) == (504, "upstream_timeout")
        kept = rows(shop, "SELECT reason FROM attempts WHERE product_id = ?", hanging)
        assert kept == [("upstream_timeout",)]
        assert "SIGKILL" not in shop.logged()


def test_who_stops_the_server_waits_longer_than_it_does_itself() -> None:
    conf = (ROOT / "gunicorn.conf.py").read_text()
    unit = (ROOT / "deploy/tryon.service").read_text()
    told = (ROOT / "deploy/README.md").read_text()
    compose = (ROOT / "deploy/compose.yaml").read_text()
    pod = (ROOT / "deploy/kubernetes/statefulset.yaml").read_text()
    grace, *waits = (
        int(found[1])
        for found in (
            re.search(r"^graceful_timeout = (\d+)$", conf, re.M),
            re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M),
            re.search(r"docker stop -t (\d+)", told),
            re.search(r"stop_grace_period: (\d+)s$", compose, re.M),
            re.search(r"terminationGracePeriodSeconds: (\d+)$", pod, re.M),
        )
        if found
    )
    assert len(waits) == 4
    assert min(waits) >= grace + 5
    assert waits[-1] >= grace + 5 + 5  # its preStop comes off it


HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n"


def test_a_connection_is_closed_after_a_thousand_requests(shop: Shop) -> None:
    address = urlsplit(shop.url)
    with socket.create_connection((address.hostname, address.port), 30) as connection:
        connection.sendall(HEALTHZ * 999)
        answers = b""
        while answers.count(b'{"status":"ok"}') < 999:
            answers += connection.recv(65_536)
        assert b"Connection: close" not in answers
        connection.sendall(HEALTHZ * 2)
        last = b""
        while more := connection.recv(65_536):
            last += more
    assert last.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in last


def children(shop: Shop) -> tuple[set[int], set[int]]:
    """The server's workers, and the processes in which it has a catalogue read."""
    pids, readers = {*shop.workers()}, set()
    for pid in pids:
        with suppress(FileNotFoundError):
            if b"proxy.catalog.refreshing" in Path(f"/proc/{pid}/cmdline").read_bytes():
                readers.add(pid)
    return pids - readers, readers


@pytest.mark.slow
def test_a_reload_that_reads_a_catalogue_holds_up_no_worker(tmp_path: Path, vendor: Vendor) -> None:
    old, new = unique(), unique()
    catalog = tmp_path / "products.csv"
    catalog.write_text(f"product_id,category\n{old},footwear\n")
    with running_shop(tmp_path, vendor, **ALONE, TRYON_CATALOG=str(catalog)) as shop:
        (worker,) = shop.workers()
        # So many that nobody has read them before their reader is stopped.
        many = "".join(f"p{number},footwear\n" for number in range(400_000))
        catalog.write_text(f"product_id,category\n{many}")
        shop.process.send_signal(signal.SIGHUP)
        (reader,) = eventually(lambda: children(shop)[1])
        os.kill(reader, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        (another,) = eventually(lambda: children(shop)[0] - {worker})
        shop.http.close()
        eventually(lambda: responds(f"{shop.url}/healthz"))
        assert shop.click(old).status_code == 201
        os.kill(reader, signal.SIGKILL)
        eventually(lambda: "products.csv: it could not be read" in shop.logged())
        assert children(shop) == ({another}, set())
        catalog.write_text(f"product_id,category\n{new},footwear\n")
        shop.process.send_signal(signal.SIGHUP)
        eventually(lambda: another not in shop.workers())
        shop.http.close()
        eventually(lambda: responds(f"{shop.url}/healthz"))
        assert shop.click(new).status_code == 201
