"""`/callbacks/…`: proven genuine before anything else, kept whole, counted once."""

import base64
import gzip
import itertools
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import example, given, settings
from standardwebhooks import Webhook

from tests.servers import ALONE, METRICS_TOKEN, Shop, Vendor, eventually, running_shop, unique
from tests.shapes import SHAPES
from tests.wire import at_once, http, peak_memory, post, raw, rows, spread

BOMB = gzip.compress(b" " * 50_000_000)


class Trial:
    """A session, with what the vendor knows of it."""

    def __init__(self, shop: Shop, vendor: Vendor, product_id: str = "") -> None:
        self.shop = shop
        self.product_id = product_id or unique()
        answer = shop.click(self.product_id)
        assert answer.status_code == 201, answer.text
        self.session = answer.json()
        known = vendor.sessions(self.product_id)[0]
        self.session_id = known["id"]
        self.path = urlsplit(known["callback_url"]).path

    def body(self, state: str = "completed", **more: Any) -> bytes:
        return json.dumps({"session_id": self.session_id, "state": state} | more).encode()

    def call(self, body: Any = None, **headers: Any) -> requests.Response:
        """Call back as the vendor does: from a server, which sends no Origin."""
        body = self.body() if body is None else body
        return post(self.shop, self.path, body, Origin=None, **headers)

    @property
    def state(self) -> str:
        return self.shop.state(self.session)

    def receipts(self) -> list[tuple[Any, ...]]:
        """(verdict, reason, body, headers) of each."""
        sql = """SELECT verdict, receipts.reason, body, headers FROM receipts
                 JOIN attempts ON attempts.id = attempt_id WHERE product_id = ?
                 ORDER BY receipts.rowid"""
        return rows(self.shop, sql, self.product_id)

    def verdicts(self) -> list[tuple[str, str]]:
        return [receipt[:2] for receipt in self.receipts()]

    def completions(self) -> int:
        sql = "SELECT sum(completed) FROM totals_day_product WHERE product_id = ?"
        return int(rows(self.shop, sql, self.product_id)[0][0])


@pytest.fixture
def trial(shop: Shop, vendor: Vendor) -> Trial:
    return Trial(shop, vendor)


# --- Forged, replayed, for another ----------------------------------------------------------------


def stored(shop: Shop) -> tuple[Any, ...]:
    sql = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM receipts)"
    return rows(shop, sql)[0]


@pytest.mark.parametrize(
    "forge",
    [
        lambda path: path[:-1],
        lambda path: path + "A",
        lambda path: path[:-1] + ("A" if path[-1] != "A" else "B"),
        lambda path: path[:-43] + "A" * 43,
        lambda path: path.partition(".")[0],
        lambda path: path.partition(".")[0] + ".",
        lambda path: path[:-1] + "%C3%A9",
        lambda path: path[:-1] + "%ff",
        lambda path: path + "%00",
        lambda path: path + "%0a",
        lambda path: path + "%20",
        lambda path: path + "=",
        lambda path: path.upper().replace("/CALLBACKS/", "/callbacks/"),
        lambda path: "/callbacks/" + "0" * 32 + "." + path.partition(".")[2],
        lambda path: path[:11] + "A" * 3000,
        lambda path: path[:11] + "x",
        lambda path: path + "/",
        lambda path: path + "/x",
    ],
)
def test_a_forged_url_is_not_found_and_leaves_no_trace(
    quiet_shop: Shop, vendor: Vendor, forge: Any
) -> None:
    trial = Trial(quiet_shop, vendor)
    before = stored(trial.shop)
    answer = post(trial.shop, forge(trial.path), trial.body(), Origin=None)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert stored(trial.shop) == before
    assert trial.state == "waiting"


def test_every_forged_url_gets_the_same_answer(trial: Trial) -> None:
    forged = [trial.path[:-1], "/callbacks/x", trial.path[:-43] + "B" * 43, trial.path + "%ff"]
    answers = [post(trial.shop, path, trial.body(), Origin=None) for path in forged]
    assert len({answer.text for answer in answers}) == 1


def test_a_forged_url_is_refused_before_its_body_is_read(trial: Trial) -> None:
    """The body is promised and never sent."""
    head = (
        f"POST {trial.path[:-1]} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 1000\r\n\r\n"
    )
    status, _ = raw(trial.shop, head.encode())
    assert status == 404


def test_a_vendor_may_look_whether_the_url_is_there(trial: Trial) -> None:
    for method in ("GET", "HEAD"):
        answer = http().request(method, trial.shop.url + trial.path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert http().request(method, trial.shop.url + trial.path + "A").status_code == 404
    assert trial.receipts() == []
    assert trial.state == "waiting"


def test_other_methods_are_refused(trial: Trial) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert http().request(method, trial.shop.url + trial.path).status_code == 405
    assert trial.receipts() == []


def test_a_hundred_copies_at_once_count_once(trial: Trial) -> None:
    answers = at_once(100, lambda _: trial.call())
    assert {answer.status_code for answer in answers} == {204}
    assert trial.completions() == 1
    sql = "SELECT count(*) FROM events WHERE name = 'callback' AND dedupe_key LIKE '%' || ? || '%'"
    assert rows(trial.shop, sql, trial.session_id) == [(1,)]
    verdicts = [verdict for verdict, _ in trial.verdicts()]
    assert verdicts.count("accepted") == 1
    assert set(verdicts[1:]) == {"duplicate"}
    assert len(verdicts) == 50  # the bound for one attempt: a leaked URL fills no disk


def test_a_callback_for_another_session_is_kept_and_not_counted(trial: Trial) -> None:
    answer = trial.call(b'{"session_id": "tsn_someone-elses", "state": "completed"}')
    assert answer.status_code == 204
    assert trial.state == "waiting"
    assert trial.completions() == 0
    assert trial.verdicts() == [("mismatch", "")]


def test_a_callback_cannot_end_the_session_that_it_names_by_anothers_url(
    shop: Shop, vendor: Vendor
) -> None:
    mine, theirs = Trial(shop, vendor), Trial(shop, vendor)
    assert mine.call(theirs.body()).status_code == 204
    assert (mine.state, theirs.state) == ("waiting", "waiting")


def test_a_bare_id_of_another_of_our_sessions_is_anothers_and_any_other_its_own(
    shop: Shop, vendor: Vendor
) -> None:
    mine, theirs = Trial(shop, vendor), Trial(shop, vendor)
    body = json.dumps({"id": "evt_1", "data": {"id": theirs.session_id, "status": "completed"}})
    assert mine.call(body).status_code == 204
    assert (mine.state, theirs.state, mine.verdicts()) == ("waiting", "waiting", [("mismatch", "")])
    assert mine.call(json.dumps({"id": "evt_2", "status": "left"})).status_code == 204
    assert mine.state == "abandoned"
    assert mine.call(json.dumps({"id": mine.session_id, "status": "done"})).status_code == 204
    assert mine.state == "completed"


def test_of_several_callbacks_in_a_body_each_counts_by_itself(trial: Trial) -> None:
    foreign = {"session_id": "tsn_someone-elses", "state": "completed"}
    several = [{"session_id": trial.session_id, "state": word} for word in ("started", "left")]
    assert trial.call(json.dumps({"events": [foreign, *several]})).status_code == 204
    assert (trial.state, trial.completions()) == ("abandoned", 0)
    assert trial.call(json.dumps([foreign, several[0]])).status_code == 204
    assert trial.call(json.dumps([several[1], {"what": "?"}])).status_code == 204
    assert trial.verdicts() == [("accepted", ""), ("mismatch", ""), ("duplicate", "")]
    sql = "SELECT opened_ms = ended_ms FROM attempts WHERE product_id = ?"
    assert rows(trial.shop, sql, trial.product_id) == [(1,)]


# --- Too large, encoded, unreadable ---------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_64_kib_is_refused_and_noted(trial: Trial, chunked: bool) -> None:
    body = trial.body(padding="x" * 65_536)
    pieces = (body[at : at + 4096] for at in range(0, len(body), 4096))
    assert trial.call(pieces if chunked else body).status_code == 413
    assert trial.verdicts() == [("unreadable", "payload_too_large")]
    assert trial.state == "waiting"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_64_kib_is_taken(trial: Trial, chunked: bool) -> None:
    body = trial.body(padding="")
    body = trial.body(padding="x" * (65_536 - len(body)))
    pieces = (body[at : at + 4096] for at in range(0, len(body), 4096))
    assert trial.call(pieces if chunked else body).status_code == 204
    assert trial.receipts()[0][2] == body


def test_a_body_whose_promised_length_is_a_lie_is_refused(trial: Trial) -> None:
    head = f"POST {trial.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
    assert raw(trial.shop, head.encode(), trial.body())[0] == 413
    head = head.replace("99999999999", "1000")
    assert raw(trial.shop, head.encode(), trial.body())[0] == 400
    assert trial.state == "waiting"


@pytest.mark.parametrize(
    "chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"5\r\n{}\r\n", b"-1\r\n", b"FFFFFFFFFFFFFFFFFF\r\n{}"]
)
def test_chunks_that_cannot_be_read_are_the_senders_mistake(trial: Trial, chunks: bytes) -> None:
    head = f"POST {trial.path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert raw(trial.shop, head.encode(), chunks)[0] == 400
    assert trial.state == "waiting"


@pytest.mark.parametrize(
    "trailer",
    [b"no colon\r\n", b"X\0: y\r\n", b"X: \0\r\n", b"X: " + b"y" * 70_000 + b"\r\n"],
    ids=["no colon", "name", "value", "length"],
)
def test_a_trailer_that_cannot_be_read_is_the_senders_mistake_and_noted(
    trial: Trial, trailer: bytes
) -> None:
    head = f"POST {trial.path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = trial.body()
    chunks = b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailer)
    assert raw(trial.shop, head.encode(), chunks)[0] == 400
    assert trial.verdicts() == [("unreadable", "bad_request")]
    assert trial.state == "waiting"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, gzip"])
def test_an_encoded_body_is_refused_and_not_inflated(trial: Trial, coding: str) -> None:
    assert len(BOMB) < 65_536
    before = peak_memory(trial.shop)
    assert trial.call(BOMB, Content_Encoding=coding).status_code == 415
    assert peak_memory(trial.shop) - before < 5_000
    assert trial.verdicts() == [("unreadable", "unsupported_media_type")]


@pytest.mark.parametrize("coding", ["", "identity", "Identity", "IDENTITY "])
def test_a_coding_that_is_none_is_taken(trial: Trial, coding: str) -> None:
    assert trial.call(Content_Encoding=coding).status_code == 204
    assert trial.state == "completed"


def test_a_bomb_that_hides_its_coding_is_unreadable(trial: Trial) -> None:
    assert trial.call(BOMB).status_code == 400
    assert trial.receipts()[0][2] == BOMB


UNREADABLE = {
    "empty": (b"", "not_json"),
    "space": (b"   ", "not_json"),
    "half": (b'{"session_id": "', "not_json"),
    "NULs": (b"\0" * 100, "not_json"),
    "UTF-16": ('{"session_id": "a", "state": "b"}'.encode("utf-16"), "not_json"),
    "bad UTF-8": (b'{"session_id": "\xff\xfe", "state": "b"}', "not_json"),
    "overlong": (b'{"session_id": "\xc0\xaf", "state": "b"}', "not_json"),
    "lone surrogate": (b'{"session_id": "\\ud800", "state": "b"}', "not_json"),
    "NUL in a string": (b'{"session_id": "a\\u0000b", "state": "b"}', "bad_value"),
    "NaN": (b'{"session_id": "a", "state": NaN}', "not_json"),
    "infinity": (b'{"session_id": "a", "state": "b", "x": 1e999}', "bad_value"),
    "huge integer": (b'{"session_id": "a", "state": "b", "x": ' + b"9" * 5000 + b"}", None),
    "2^64": (b'{"session_id": "a", "state": "b", "x": 18446744073709551616}', "bad_value"),
    "deep": (b"[" * 30_000 + b"]" * 30_000, "too_deep"),
    "deep objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
    "duplicate keys": (b'{"session_id": "a", "session_id": "b", "state": "c"}', "duplicate_key"),
    "an empty list": (b"[]", "not_object"),
    "51 callbacks": (b"[" + b",".join([b'{"state": "completed"}'] * 51) + b"]", "too_many"),
    "a number": (b"7", "not_object"),
    "null": (b"null", "not_object"),
    "no state": (b'{"session_id": "a"}', "no_state"),
    "a session that is a number": (b'{"session_id": 7, "state": "b"}', "bad_value"),
    "a state that is a list": (b'{"session_id": "a", "state": ["b"]}', "no_state"),
    "a session too long": (b'{"session_id": "' + b"a" * 513 + b'", "state": "b"}', "bad_value"),
    "line breaks": (b'{"session_id": "a\\r\\nb", "state": "c"}', "bad_value"),
    "two values": (b'{"session_id": "a", "state": "b"} {}', "not_json"),
    "comment": (b'{"session_id": "a", /* */ "state": "b"}', "not_json"),
    "a form twice": (b"session_id=a&state=completed&state=failed", "duplicate_key"),
    "a form without a state": (b"session_id=a&stat=completed", "no_state"),
    "markup": (b"<xml/>", "not_json"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_kept_to_the_byte(trial: Trial, name: str) -> None:
    body, reason = UNREADABLE[name]
    answer = trial.call(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    ((verdict, kept_reason, kept_body, _),) = trial.receipts()
    assert verdict == "unreadable"
    assert kept_reason == answer.json()["reason"]
    assert reason in (None, kept_reason)
    assert kept_body == body
    assert trial.state == "waiting"


def test_a_callback_of_any_shape_is_counted_or_kept_with_a_reason(trial: Trial) -> None:
    answers: list[int] = []

    @settings(max_examples=50)
    @given(SHAPES)
    @example({"session_id": "tsn_1", "state": "completed"})
    @example({"state": "completed"})
    def send(shape: object) -> None:
        body = json.dumps(shape).replace("tsn_1", trial.session_id).encode()
        answer = trial.call(body)
        answers.append(answer.status_code)
        assert answer.status_code in (204, 400, 429), answer.text
        assert (answer.status_code == 400) == ("reason" in (answer.text and answer.json()))

    send()
    kept = trial.receipts()
    assert {bool(reason) for verdict, reason, _, _ in kept if verdict == "unreadable"} == {True}
    assert {204, 400} <= {*answers}


@pytest.mark.parametrize(
    ("kind", "state"), [("application/json", "completed"), ("text/plain", "left"), (None, "done")]
)
def test_the_type_that_is_said_matters_less_than_the_body(
    trial: Trial, kind: str | None, state: str
) -> None:
    """A refused callback is lost for good: one that can be read is taken."""
    assert trial.call(trial.body(state), Content_Type=kind).status_code == 204
    assert trial.state in ("completed", "abandoned")


def test_a_receipt_keeps_neither_logins_nor_cookies(trial: Trial) -> None:
    trial.call(
        Authorization="Bearer someones-secret", Cookie="a=someones-secret",
        Proxy_Authorization="someones-secret", X_Api_Key="someones-secret", User_Agent="x" * 5000,
    )  # fmt: skip
    ((_, _, body, headers),) = trial.receipts()
    assert b"someones-secret" not in body
    assert "someones-secret" not in headers
    assert len(headers) < 2000
    assert "someones-secret" not in trial.shop.logged()


# --- In any order ---------------------------------------------------------------------------------


def test_every_order_of_callbacks_comes_to_the_same(shop: Shop, vendor: Vendor) -> None:
    words = ("started", "abandoned", "completed", "evaporated")

    def final(order: tuple[str, ...]) -> tuple[Any, ...]:
        trial = Trial(shop, vendor)
        for word in order:
            assert trial.call(trial.body(word)).status_code == 204
        sql = "SELECT outcome, reason FROM attempts WHERE product_id = ?"
        return (trial.state, trial.completions(), *rows(shop, sql, trial.product_id)[0])

    orders = list(itertools.permutations(words))
    found = set(spread(len(orders), lambda number: final(orders[number]), 8))
    assert found == {("completed", 1, "completed", "completed")}


def test_every_order_of_all_that_can_happen_comes_to_the_same(shop: Shop, vendor: Vendor) -> None:
    acts = ("launch", "cancel", "abandoned", "failed")

    def final(order: tuple[str, ...]) -> tuple[Any, ...]:
        trial = Trial(shop, vendor)
        for act in order:
            if act == "launch":
                shop.launch(trial.session["launch_url"])
            elif act == "cancel":
                http().post(trial.session["status_url"] + "/cancel")
            else:
                trial.call(trial.body(act))
        return trial.state, trial.completions()

    orders = list(itertools.permutations(acts))
    found = set(spread(len(orders), lambda number: final(orders[number]), 8))
    assert found == {("failed", 0)}


def test_a_late_completion_wins_over_an_expiry(shop: Shop, vendor: Vendor) -> None:
    trial = Trial(shop, vendor, unique("sim-expired"))
    sql = "SELECT outcome FROM attempts WHERE product_id = ?"
    eventually(lambda: rows(shop, sql, trial.product_id) == [("expired",)])
    assert trial.state == "expired"
    assert trial.call().status_code == 204
    assert trial.state == "completed"
    sql = "SELECT completed, expired_unlaunched FROM totals_day_product WHERE product_id = ?"
    assert rows(shop, sql, trial.product_id) == [(1, 0)]


def test_a_word_of_the_vendors_own_is_kept_as_it_came(trial: Trial) -> None:
    trial.call(trial.body("Evaporated!", reason="<script>alert(1)</script>"))
    sql = "SELECT outcome, reason FROM attempts WHERE product_id = ?"
    assert rows(trial.shop, sql, trial.product_id) == [("other", "Evaporated!")]


def verdicts_counted(shop: Shop, verdict: str) -> float:
    header = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    text = http().get(f"{shop.url}/metrics", headers=header).text
    found = re.search(rf'^tryon_callbacks_total{{verdict="{verdict}"}} (.*)$', text, re.M)
    return float(found[1]) if found else 0


def test_a_bound_drops_repetition_but_no_outcome(trial: Trial) -> None:
    for number in range(50):
        assert trial.call(trial.body(f"w{number}")).status_code == 204
    dropped = verdicts_counted(trial.shop, "too_many")
    answer = trial.call(trial.body("w50"))
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert verdicts_counted(trial.shop, "too_many") == dropped + 1
    assert trial.call(trial.body("w49")).status_code == 204  # stored before
    assert trial.call(trial.body("completed")).status_code == 204
    assert (trial.state, trial.completions()) == ("completed", 1)
    assert [body for verdict, _, body, _ in trial.receipts() if verdict == "accepted"][50:] == [
        trial.body("completed")
    ]
    assert trial.call(trial.body("Completed")).status_code == 204  # says nothing new
    assert trial.completions() == 1


# --- Signed ---------------------------------------------------------------------------------------


def secret(text: str) -> str:
    return "whsec_" + base64.b64encode(text.encode().ljust(24, b".")).decode()


NEW, OLD, WRONG = secret("new"), secret("old"), secret("wrong")


@pytest.fixture(scope="module")
def signing_shop(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("signing")
    with running_shop(folder, vendor, **ALONE, TRYON_CALLBACK_SECRET=f"{NEW},{OLD}") as shop:
        yield shop


def signature(body: bytes, key: str = NEW, age_s: float = 0) -> dict[str, str]:
    at = datetime.fromtimestamp(int(time.time() - age_s), UTC)
    return {
        "webhook_id": "msg_1",
        "webhook_timestamp": str(int(at.timestamp())),
        "webhook_signature": Webhook(key).sign("msg_1", at, body.decode()),
    }


@pytest.mark.parametrize("key", [NEW, OLD])
def test_a_signed_callback_is_taken_while_secrets_rotate(
    signing_shop: Shop, vendor: Vendor, key: str
) -> None:
    trial = Trial(signing_shop, vendor)
    assert trial.call(**signature(trial.body(), key)).status_code == 204
    assert trial.state == "completed"


BAD_SIGNATURES: dict[str, dict[str, Any]] = {
    "none": {"webhook_id": None, "webhook_timestamp": None, "webhook_signature": None},
    "no id": {"webhook_id": None},
    "no timestamp": {"webhook_timestamp": None},
    "no signature": {"webhook_signature": None},
    "empty": {"webhook_signature": ""},
    "another id": {"webhook_id": "msg_2"},
    "no base64": {"webhook_signature": "v1,!!!"},
    "bad padding": {"webhook_signature": "v1,AAA"},
    "not ASCII": {"webhook_signature": "v1,\xe9\xff".encode("latin-1")},
    "an id that is not ASCII": {"webhook_id": b"\xff\xfe"},
    "a timestamp in words": {"webhook_timestamp": "yesterday"},
    "a timestamp for ever": {"webhook_timestamp": "9" * 400},
    "a timestamp below zero": {"webhook_timestamp": "-99999999999999"},
    "commas": {"webhook_signature": "," * 1000},
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SIGNATURES)
def test_without_a_right_signature_nothing_counts(
    signing_shop: Shop, vendor: Vendor, name: str
) -> None:
    trial = Trial(signing_shop, vendor)
    answer = trial.call(**signature(trial.body()) | BAD_SIGNATURES[name])
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    assert trial.verdicts() == [("unsigned", "signature_invalid")]
    assert trial.state == "waiting"


@pytest.mark.parametrize(("key", "age_s"), [(WRONG, 0), (NEW, 700), (NEW, -700)])
def test_a_wrong_or_old_signature_is_refused(
    signing_shop: Shop, vendor: Vendor, key: str, age_s: int
) -> None:
    trial = Trial(signing_shop, vendor)
    assert trial.call(**signature(trial.body(), key, age_s)).status_code == 401
    assert trial.state == "waiting"


def test_a_signature_holds_for_its_own_body_alone(signing_shop: Shop, vendor: Vendor) -> None:
    trial = Trial(signing_shop, vendor)
    assert trial.call(trial.body("failed"), **signature(trial.body())).status_code == 401
    assert trial.call(trial.body() + b" ", **signature(trial.body())).status_code == 401


# --- With nowhere to put it -----------------------------------------------------------------------


@contextmanager
def locked(shop: Shop) -> Iterator[None]:
    """Another program holds the database."""
    with closing(sqlite3.connect(shop.database, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


def test_it_waits_for_a_database_that_is_locked_for_a_while(trial: Trial) -> None:
    answers: list[int] = []

    def send() -> None:
        answers.append(trial.call().status_code)

    with locked(trial.shop):
        sender = Thread(target=send)
        sender.start()
        sender.join(0.7)
        assert sender.is_alive(), "it was answered though nothing could be stored"
        # Meanwhile who only reads is served as ever.
        assert trial.state == "waiting"
    sender.join(30)
    assert answers == [204]
    assert trial.state == "completed"


@pytest.mark.slow
def test_it_says_so_when_a_database_stays_locked_and_recovers(trial: Trial) -> None:
    with locked(trial.shop):
        answer = trial.call()
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        ready = http().get(f"{trial.shop.url}/readyz", timeout=60)
        assert (ready.status_code, ready.json()["parts"]["upstream"]) == (503, "ok")
        assert ready.json()["parts"]["database"] != "ok"
    assert trial.call().status_code == 204
    assert trial.completions() == 1
    eventually(lambda: http().get(f"{trial.shop.url}/readyz").status_code == 200)
