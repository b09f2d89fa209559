"""`/sessions`: what a click gets, what it is refused, and how its state is followed."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from app import create_app
from proxy.settings import load
from proxy.upstream.client import UpstreamFailure
from proxy.upstream.contract import Session
from storage.events import Entry, UpstreamCall, now_ms
from tests.servers import DESKTOP, PHONE, Shop, Vendor, http, unique
from tests.storage import histories
from tests.wire import at_once, post, raw, refused, rows

GOOD = {"product_id": "sku-1", "category": "footwear"}
ID = re.compile(r"[A-Za-z0-9_-]{22}")


# --- What a click gets ----------------------------------------------------------------------------


def test_a_click_gets_all_that_the_button_needs(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    answer = shop.click(product_id, locale="de-DE", reference="cart-77", title="Trail Runner")
    assert answer.status_code == 201
    session = answer.json()
    for name, path in {
        "launch_url": "/go/{}",
        "handoff_url": "/handoff/{}",
        "status_url": "/sessions/{}",
        "events_url": "/sessions/{}/events",
    }.items():
        pattern = re.escape(shop.url) + path.format(ID.pattern)
        assert re.fullmatch(pattern, session[name]), (name, session[name])
    assert ID.fullmatch(session["id"])
    assert session["launch_url"].rpartition("/")[2] != session["id"]
    assert session["state"] == "waiting"
    assert session["reused"] is False
    assert session["title"] == "Trail Runner"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", session["expires_at"])
    asked = vendor.sessions(product_id)[0]
    assert (asked["category"], asked["locale"]) == ("footwear", "de-DE")
    assert session["expires_at"] == asked["expires_at"]
    assert asked["launch_url"] not in answer.text  # the shopper goes by our link alone


def test_the_callback_url_is_made_of_the_public_url_whatever_host_is_said(
    shop: Shop, vendor: Vendor
) -> None:
    product_id = unique()
    body = json.dumps(GOOD | {"product_id": product_id})
    answer = post(
        shop, "/sessions", body, Host="evil.example", X_Forwarded_Host="evil.example",
        X_Forwarded_Proto="https", X_Forwarded_Prefix="/evil", Forwarded="host=evil.example",
    )  # fmt: skip
    assert answer.status_code == 201
    assert "evil" not in answer.text
    assert vendor.sessions(product_id)[0]["callback_url"].startswith(f"{shop.url}/callbacks/")


@pytest.mark.parametrize("path", ["//healthz", "/t//sku", "//sessions//x", "/handoff//", "/go/x/"])
def test_no_redirect_is_built_from_the_host(shop: Shop, path: str) -> None:
    status, answer = raw(
        shop, f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode()
    )
    assert status not in range(300, 400)
    assert b"evil" not in answer


def test_the_same_click_gets_the_same_session(shop: Shop, vendor: Vendor) -> None:
    product_id, click_id = unique(), str(uuid.uuid4())
    first = shop.click(product_id, click_id=click_id)
    again = shop.click(product_id, click_id=click_id)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"reused": True}
    assert vendor.calls(product_id) == 1


def test_a_hundred_copies_of_a_click_cost_one_session(shop: Shop, vendor: Vendor) -> None:
    product_id, click_id = unique("sim-slow"), str(uuid.uuid4())
    body = json.dumps(GOOD | {"product_id": product_id, "click_id": click_id})
    answers = at_once(100, lambda _: post(shop, "/sessions", body))
    assert {answer.status_code for answer in answers} == {200, 201}
    assert [answer.status_code for answer in answers].count(201) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert vendor.calls(product_id) == 1
    (counts,) = rows(shop, "SELECT count(*) FROM attempts WHERE product_id = ?", product_id)
    assert counts == (1,)


def test_a_click_that_another_worker_has_just_answered_is_not_bought_again(
    tmp_path: Path, shop: Shop, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(load(shop.environ | {"TRYON_DATABASE": f"sqlite:///{tmp_path}/tryon.db"}))
    product_id, click_id, at = unique(), str(uuid.uuid4()), now_ms()
    first = histories.click(histories.attempt_id(at), product_id=product_id)
    first = first._replace(key=f"click:{click_id}")
    created = histories.created(first.attempt_id, at)
    created.props.update(public_id="p" * 22, launch_key="l" * 22)
    built = app.extensions["tryon"]
    claim = built.store.claim

    def claim_when_it_is_answered(key: str) -> AbstractContextManager[bool]:
        if key.startswith("click:"):
            built.writer.submit(Entry((first, created)))
        return claim(key)

    monkeypatch.setattr(built.store, "claim", claim_when_it_is_answered)
    click = GOOD | {"product_id": product_id, "click_id": click_id}
    answer = app.test_client().post("/sessions", json=click, headers={"Origin": shop.origin})
    assert (answer.status_code, vendor.calls(product_id)) == (200, 0)


@pytest.fixture
def app(tmp_path: Path, shop: Shop) -> Flask:
    """A shop in this process, which may spend three sessions a day."""
    settings = {"TRYON_DATABASE": f"sqlite:///{tmp_path}/tryon.db", "TRYON_DAILY_SESSIONS": "3"}
    return create_app(load(shop.environ | settings))


@pytest.mark.parametrize(
    ("code", "spent"),
    [
        ("upstream_timeout", 1),
        ("bad_upstream_reply", 1),
        ("upstream_error", 0),
        ("not_available", 0),
        ("unavailable", 0),
    ],
)
def test_a_session_that_the_vendor_may_have_made_is_spent(
    app: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch, code: str, spent: int
) -> None:
    def fail(*_: object) -> None:
        raise UpstreamFailure(UpstreamCall(now_ms(), "create_session", None, code, 9, 1))

    built = app.extensions["tryon"]
    monkeypatch.setattr(built.sessions.upstream, "create_session", fail)
    answer = app.test_client().post("/sessions", json=GOOD, headers={"Origin": shop.origin})
    assert answer.json["code"] == code
    assert [budget.sessions for budget in built.limits.spent()] == [spent]


def test_a_session_is_shown_to_no_two_shoppers(
    app: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, end = "https://launch.tryon-api.com/x", "2030-01-01T00:00:00Z"
    told = {"id": "tsn_1", "status": "created", "launch_url": url, "expires_at": end}
    session = Session.model_validate(told)
    made = session, UpstreamCall(now_ms(), "create_session", 200, None, 9, 1)
    built = app.extensions["tryon"]
    monkeypatch.setattr(built.sessions.upstream, "create_session", lambda *_: made)
    client = app.test_client()
    first, second = (
        client.post("/sessions", json=GOOD, headers={"Origin": shop.origin}) for _ in range(2)
    )
    assert first.status_code == 201
    assert (second.status_code, second.json["code"]) == (502, "bad_upstream_reply")
    sql = "SELECT session_id, outcome, reason FROM attempts ORDER BY id"
    assert built.store.read(sql) == [
        ("tsn_1", "open", None),
        (None, "create_failed", "bad_upstream_reply"),
    ]


def test_copies_of_a_click_share_its_failure(shop: Shop, vendor: Vendor) -> None:
    product_id, click_id = unique("sim-400-slow"), str(uuid.uuid4())
    body = json.dumps(GOOD | {"product_id": product_id, "click_id": click_id})
    answers = at_once(30, lambda _: post(shop, "/sessions", body))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (422, "not_available")
    }
    assert vendor.calls(product_id) == 1


def test_a_failed_click_may_be_tried_again(shop: Shop, vendor: Vendor) -> None:
    product_id, click_id = unique("sim-500"), str(uuid.uuid4())
    refused(shop.click(product_id, click_id=click_id), 502, "upstream_error")
    calls = vendor.calls(product_id)
    refused(shop.click(product_id, click_id=click_id), 502, "upstream_error")
    assert vendor.calls(product_id) > calls
    assert shop.click(unique()).status_code == 201
    clicks = rows(
        shop, "SELECT count(*), sum(clicks) FROM attempts WHERE product_id = ?", product_id
    )
    assert clicks == [(1, 1)]


def test_a_session_that_nobody_saw_is_gone_and_not_links_to_nothing(
    shop: Shop, vendor: Vendor
) -> None:
    """The vendor failed after it had made the session, and its callback came all the same."""
    product_id, click_id = unique("sim-created-then-500"), str(uuid.uuid4())
    refused(shop.click(product_id, click_id=click_id), 502, "upstream_error")
    vendor.call_back(product_id, state="completed")
    calls = vendor.calls(product_id)
    refused(shop.click(product_id, click_id=click_id), 410, "gone")
    assert vendor.calls(product_id) == calls
    assert shop.click(unique()).status_code == 201


def test_an_earlier_session_is_used_again_while_it_lasts(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    first = shop.click(product_id).json()
    again = shop.click(product_id, resume=first["id"])
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert again.json()["reused"] is True
    shop.launch(first["launch_url"])
    opened = shop.click(product_id, resume=first["id"]).json()
    assert (opened["id"], opened["state"]) == (first["id"], "opened")
    assert vendor.calls(product_id) == 1
    assert rows(shop, "SELECT clicks FROM attempts WHERE public_id = ?", first["id"]) == [(3,)]


@pytest.mark.parametrize("ending", ["completed", "cancelled", "expired"])
def test_an_ended_session_is_not_used_again(shop: Shop, vendor: Vendor, ending: str) -> None:
    product_id = unique("sim-expired" if ending == "expired" else "sku")
    first = shop.click(product_id).json()
    if ending == "completed":
        vendor.call_back(product_id)
    elif ending == "cancelled":
        shop.http.post(first["status_url"] + "/cancel")
    again = shop.click(product_id, resume=first["id"])
    assert again.status_code == 201
    assert again.json()["id"] != first["id"]


def test_a_session_of_another_product_is_not_used_again(shop: Shop) -> None:
    first = shop.click(unique()).json()
    assert shop.click(unique(), resume=first["id"]).status_code == 201


@pytest.mark.parametrize("resume", ["", "x", "A" * 22, "../../etc/passwd", "é" * 64])
def test_an_unknown_session_is_not_resumed_and_not_an_error(shop: Shop, resume: str) -> None:
    assert shop.click(unique(), resume=resume).status_code == 201


# --- What is refused ------------------------------------------------------------------------------


WRONG: list[tuple[str, Any]] = [
    *(
        ("product_id", value)
        for value in (None, 7, True, [], {}, "", "a\n", "\ta", "a" * 129, "👟" * 129, "<script>",
                      'a"b', ".", "..", "." * 128, "a\u2028b", "a\u200db", "a\u202eb", "a\xa0b",
                      "a\xadb", "a\ue000", "a\\b")
    ),
    *(("category", value) for value in (7, [], "", "Foot", "foot wear", "f" * 65, "footwear\n")),
    *(("locale", value) for value in (7, [], True)),
    *(("reference", value) for value in (7, {}, "r" * 129, "a\r\nb", "a\x1bb", "a\x7f")),
    *(("click_id", value) for value in (7, "", "short", "a" * 65, "a b c d e f", "../../../x")),
    *(("resume", value) for value in (7, [], "r" * 65)),
    *(("title", value) for value in (7, ["x"], "t" * 201, "a\nb", "a\x08")),
    *(("direct", value) for value in (7, [], "", "true")),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_it_refuses_a_wrong_field_and_names_it(
    shop: Shop, vendor: Vendor, field: str, value: Any
) -> None:
    product_id = unique()
    body = GOOD | {"product_id": product_id} | {field: value}
    problem = refused(post(shop, "/sessions", json.dumps(body)), 400, "bad_request")
    assert [each["field"] for each in problem["errors"]] == [field]
    assert problem["detail"].startswith(f"{field}: ")
    assert vendor.calls(product_id) == 0


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        *((tag, "de-DE") for tag in ("de_DE", "DE-de", " de-DE\n", "de_DE.UTF-8", "de_DE@euro")),
        *((f"de-DE-{more}", "de-DE") for more in ("u-co-phonebk", "x-foo", "123456789", "x" * 900)),
        *((tag, "de") for tag in ("de", "De-", "de_", "de--DE")),
        *(("zh_Hant_TW", "zh-Hant-TW"), ("zh-yue-HK", "zh"), ("ES_419", "es-419")),
        *((tag, "en-US") for tag in ("", " ", "x-default", "C", "C.UTF-8", "POSIX", "d", "'", "?")),
        *((tag, "en-US") for tag in ("English, please", "{{ lang }}", "../../x", "日本語")),
    ],
)  # fmt: skip
def test_a_language_however_it_is_written_is_understood_or_is_the_shops(
    shop: Shop, vendor: Vendor, given: str, sent: str
) -> None:
    product_id = unique()
    assert shop.click(product_id, locale=given).status_code == 201
    assert vendor.sessions(product_id)[0]["locale"] == sent


@pytest.mark.parametrize(
    ("agent", "said", "recorded"),
    [
        (DESKTOP, {}, "qr"),
        (PHONE, {}, "direct"),
        (DESKTOP, {"direct": True}, "direct"),  # an iPad that poses as a Mac
        (PHONE, {"direct": False}, "qr"),
    ],
)
def test_what_the_shopper_is_offered_is_recorded_with_the_click(
    shop: Shop, agent: str, said: dict[str, bool], recorded: str
) -> None:
    body = GOOD | {"product_id": unique()} | said
    session = post(shop, "/sessions", json.dumps(body), User_Agent=agent).json()
    sql = "SELECT offered FROM attempts WHERE public_id = ?"
    assert rows(shop, sql, session["id"]) == [(recorded,)]


def test_it_names_every_wrong_field_at_once(shop: Shop) -> None:
    problem = refused(
        post(shop, "/sessions", json.dumps({"category": 1, "locale": 7})), 400, "bad_request"
    )
    assert {each["field"] for each in problem["errors"]} == {"product_id", "category", "locale"}


def test_it_needs_a_category_where_there_is_no_catalogue(shop: Shop) -> None:
    problem = refused(post(shop, "/sessions", '{"product_id": "sku-1"}'), 400, "bad_request")
    assert [each["field"] for each in problem["errors"]] == ["category"]


def test_it_refuses_another_category_without_a_call(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    problem = refused(shop.click(product_id, category="watches"), 400, "unsupported_category")
    assert problem["detail"] == "“watches” is not among TRYON_CATEGORIES: footwear, eyewear."
    assert vendor.calls(product_id) == 0


def test_what_is_wrong_with_an_id_is_a_line_that_a_person_understands(shop: Shop) -> None:
    def said(body: dict[str, Any]) -> str:
        return str(refused(post(shop, "/sessions", json.dumps(body)), 400, "bad_request")["detail"])

    wrong = 'product_id: must be 1 to 128 printable characters without < > " \\, and not dots alone'
    assert said(GOOD | {"product_id": "a\nb"}) == wrong
    assert said({"category": "footwear"}) == "product_id: Field required"


@pytest.mark.parametrize("body", ["[]", "null", "7", '"x"', "[{}]"])
def test_it_refuses_json_that_is_no_object(shop: Shop, body: str) -> None:
    refused(post(shop, "/sessions", body), 400, "bad_request")


ORIGINS = [
    None, "", "null", "https://evil.example", "http://127.0.0.1", "{origin}.evil.example",
    "https://{host}", "{origin}/", "{origin} https://evil.example", "{upper}", "*", "{origin}é",
]  # fmt: skip


def origin(shop: Shop, template: str | None) -> str | None:
    return template and template.format(
        origin=shop.origin, host=shop.origin.partition("//")[2], upper=shop.origin.upper()
    )


@pytest.mark.parametrize("template", ORIGINS)
@pytest.mark.parametrize("path", ["/sessions", "/events"])
def test_it_refuses_another_origin_before_anything_else(
    shop: Shop, vendor: Vendor, path: str, template: str | None
) -> None:
    """The body is far too large, encoded, and no JSON: none of that is even looked at."""
    said = origin(shop, template)
    answer = post(
        shop, path, b"x" * 20_000, Origin=said and said.encode("latin-1"), Content_Encoding="br"
    )
    refused(answer, 403, "origin_not_allowed")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"  # this alone may anybody read
    assert "Access-Control-Expose-Headers" not in answer.headers
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("https://evil.example", "https://evil.example may not start a try-on here: "
         "add it to TRYON_ALLOWED_ORIGINS."),
        ("null", "A page from a file or in a sandbox has no origin: serve it from the shop."),
        ("https://evil.example/<b>", "This site may not start a try-on here."),
        (f"https://{'a' * 300}.example", "This site may not start a try-on here."),
        (None, "This site may not start a try-on here."),
    ],
)  # fmt: skip
def test_a_refused_page_is_told_what_would_let_it_in(
    shop: Shop, said: str | None, advice: str
) -> None:
    problem = refused(post(shop, "/sessions", Origin=said), 403, "origin_not_allowed")
    assert problem["detail"] == advice


def test_a_refused_origin_costs_no_call(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    body = json.dumps(GOOD | {"product_id": product_id})
    refused(post(shop, "/sessions", body, Origin=None), 403, "origin_not_allowed")
    form = f"product_id={product_id}&category=footwear"
    kind = "application/x-www-form-urlencoded"
    for foreign in (None, "null", "https://evil.example"):
        answer = post(shop, "/sessions", form, Origin=foreign, Content_Type=kind)
        refused(answer, 403, "origin_not_allowed")
    assert vendor.calls(product_id) == 0


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "text/json", "application/xml", "multipart/form-data; boundary=x",
     "application/json2", "text/plain; application/json", "application/jsonx; charset=utf-8"],
)  # fmt: skip
def test_it_refuses_another_type(shop: Shop, kind: str | None) -> None:
    refused(post(shop, "/sessions", b"{}", Content_Type=kind), 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "x-anything", "gzip, gzip"])
def test_it_refuses_an_encoded_body(shop: Shop, kind: str, coding: str) -> None:
    answer = post(shop, "/sessions", b"{}", Content_Encoding=coding, Content_Type=kind)
    refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("coding", ["", "Identity"])
def test_it_takes_a_coding_that_is_none(shop: Shop, coding: str) -> None:
    body = json.dumps(GOOD | {"product_id": unique()})
    assert post(shop, "/sessions", body, Content_Encoding=coding).status_code == 201


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded"], ids=["json", "form"]
)
def test_it_refuses_a_body_over_16_kib(shop: Shop, chunked: bool, kind: str) -> None:
    body = b'{"product_id": "sku-1", "category": "footwear", "x": "' + b"x" * 16_384 + b'"}'
    pieces = (body[at : at + 1000] for at in range(0, len(body), 1000))
    answer = post(shop, "/sessions", pieces if chunked else body, Content_Type=kind)
    refused(answer, 413, "payload_too_large")


@pytest.mark.parametrize("chunked", [False, True])
def test_it_takes_a_body_of_16_kib(shop: Shop, chunked: bool) -> None:
    start = json.dumps(GOOD | {"product_id": unique(), "x": ""})[:-2].encode()
    body = start + b"x" * (16_384 - len(start) - 2) + b'"}'
    assert len(body) == 16_384
    pieces = (body[at : at + 1000] for at in range(0, len(body), 1000))
    assert post(shop, "/sessions", pieces if chunked else body).status_code == 201


def test_only_a_listed_origin_may_read_the_answer(shop: Shop) -> None:
    session = shop.click(unique()).json()
    for path in (session["status_url"], f"{shop.url}/sessions/{'A' * 22}"):
        for template in ORIGINS[3:-1]:
            answer = http().get(path, headers={"Origin": origin(shop, template)})
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert "Origin" in answer.headers["Vary"]
        answer = http().get(path, headers={"Origin": shop.origin})
        assert answer.headers["Access-Control-Allow-Origin"] == shop.origin
        assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/sessions", "/sessions/x", "/sessions/x/cancel", "/events"])
def test_a_browser_may_ask_before_it_posts(shop: Shop, path: str) -> None:
    asking = {"Access-Control-Request-Method": "POST", "Origin": shop.origin}
    answer = http().options(shop.url + path, headers=asking)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == shop.origin
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]
    foreign = http().options(shop.url + path, headers=asking | {"Origin": "https://evil.example"})
    assert foreign.status_code == 204  # or its page could not read why the POST is refused
    assert foreign.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in foreign.headers
    reads = {"Access-Control-Request-Method": "GET", "Origin": "https://evil.example"}
    for headers in (reads, {"Access-Control-Request-Method": "POST"}, {}):
        assert http().options(shop.url + path, headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/sessions", "/sessions/x", "/sessions/x/cancel", "/events"])
def test_it_lets_an_allowed_site_ask_before_it_posts_json(shop: Shop, path: str) -> None:
    asked = {
        "Origin": shop.origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = shop.http.options(shop.url + path, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == shop.origin
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"].lower()


# --- Its state ------------------------------------------------------------------------------------


def test_the_state_is_sent_again_only_when_it_changed(shop: Shop) -> None:
    session = shop.click(unique()).json()
    first = shop.http.get(session["status_url"])
    tag = {"If-None-Match": first.headers["ETag"]}
    same = shop.http.get(session["status_url"], headers=tag)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]
    shop.launch(session["launch_url"])
    changed = shop.http.get(session["status_url"], headers=tag)
    assert (changed.status_code, changed.json()["state"]) == (200, "opened")
    assert changed.headers["ETag"] != first.headers["ETag"]


UNKNOWN = [
    "A" * 22, "x", "A" * 21, "A" * 23, "A" * 3000, "null", "1", "-1", "%00", "%ff%fe", "%0d%0aX:y",
    "..", "%2e%2e%2f", "'%20OR%201=1--", "%F0%9F%98%80", "A" * 21 + "%0a", "{}", "%5C",
]  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["/sessions/{}", "/sessions/{}/events", "/handoff/{}", "/go/{}", "/qr/{}.svg", "/qr/{}.png"],
)
def test_unknown_and_malformed_ids_get_the_same_answer(shop: Shop, path: str) -> None:
    def answer(token: str) -> tuple[int, str, list[tuple[str, str]]]:
        found = http().get(shop.url + path.format(token), headers={"Accept": "application/json"})
        differing = ("X-Request-ID", "Date")
        headers = [pair for pair in found.headers.items() if pair[0] not in differing]
        return found.status_code, found.text, headers

    expected = answer("B" * 22)
    assert expected[0] == 404
    for token in UNKNOWN:
        if "%2f" not in token and token != "..":  # those are other paths
            assert answer(token) == expected, token


def test_an_id_is_good_for_its_own_purpose_alone(shop: Shop) -> None:
    session = shop.click(unique()).json()
    key = session["launch_url"].rpartition("/")[2]
    assert http().get(f"{shop.url}/sessions/{key}").status_code == 404
    assert http().post(f"{shop.url}/sessions/{key}/cancel").status_code == 404
    assert http().get(f"{shop.url}/go/{session['id']}").status_code == 404


@pytest.mark.parametrize("foreign", ["null", "https://evil.example"])
def test_another_site_cannot_cancel(shop: Shop, foreign: str) -> None:
    session = shop.click(unique()).json()
    answer = shop.http.post(session["status_url"] + "/cancel", headers={"Origin": foreign})
    assert answer.status_code == 403
    assert shop.state(session) == "waiting"


def test_cancelling_twice_is_one_event(shop: Shop) -> None:
    session = shop.click(unique()).json()
    answers = at_once(10, lambda _: http().post(session["status_url"] + "/cancel"))
    assert {(each.status_code, each.json()["state"]) for each in answers} == {(200, "cancelled")}
    sql = """SELECT count(*) FROM events JOIN attempts ON attempts.id = attempt_id
             WHERE name = 'cancel' AND public_id = ?"""
    assert rows(shop, sql, session["id"]) == [(1,)]


# --- Its stream -----------------------------------------------------------------------------------


def messages(answer: requests.Response) -> Iterator[dict[str, str]]:
    """The fields of each event, as the standard has them."""
    message: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line:
            name, _, value = line.partition(": ")
            message[name] = value
        elif message:
            yield message
            message = {}


def test_a_stream_tells_the_state_at_once_and_ends_with_the_session(
    shop: Shop, vendor: Vendor
) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    with http().get(session["events_url"], stream=True, timeout=10) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["Cache-Control"] == "no-store"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert stream.headers["Connection"] == "close"  # no request can follow on it
        told = messages(stream)
        assert int(next(told)["retry"]) > 0
        first = next(told)
        assert first["event"] == "state"
        assert json.loads(first["data"]) == shop.http.get(session["status_url"]).json()
        vendor.call_back(product_id)
        last = next(told)
        assert json.loads(last["data"])["state"] == "completed"
        assert last["id"] != first["id"]
        assert not list(told)
    ended = http().get(session["events_url"], timeout=60)  # whoever reconnects learns it, and ends
    assert '"state":"completed"' in ended.text


def test_a_change_reaches_every_stream_of_both_workers_soon(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    streams = [http().get(session["events_url"], stream=True, timeout=10) for _ in range(12)]
    told = [messages(stream) for stream in streams]
    for each in told:
        next(each)
        next(each)
    began = time.monotonic()
    shop.launch(session["launch_url"])
    assert {json.loads(next(each)["data"])["state"] for each in told} == {"opened"}
    assert time.monotonic() - began < 8  # no heartbeat, and no reading time-out, brought it
    for stream in streams:
        stream.close()


def test_a_head_of_a_stream_ends(shop: Shop) -> None:
    session = shop.click(unique()).json()
    assert http().head(session["events_url"], timeout=60).status_code == 200
