"""Each failure on demand, as it is seen on the wire."""

import json
import re
import socket
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from standardwebhooks import Webhook, WebhookVerificationError

from simulator.scenarios import AS_DOCUMENTED, SCENARIOS, scenario_of

HERE = "http://127.0.0.1:9/callback"


@pytest.mark.parametrize(
    ("product_id", "name"),
    [
        ("sim-429", "sim-429"),
        ("sim-429-shoe", "sim-429"),
        ("sim-429-once", "sim-429-once"),
        ("sim-429-once-shoe-7", "sim-429-once"),
        ("sim-late-callback-expired", "sim-late-callback-expired"),
    ],
)
def test_the_longest_name_wins(product_id, name):
    assert scenario_of(product_id) is SCENARIOS[name]


@pytest.mark.parametrize("product_id", ["sku-12345", "sim", "sim-4290", "", "SIM-429", "x-sim-429"])
def test_other_products_are_served_as_documented(product_id):
    assert scenario_of(product_id) is AS_DOCUMENTED


@pytest.mark.parametrize(
    ("product_id", "statuses", "retry_after"),
    [
        ("sim-400", [400, 400], None),
        ("sim-400-slow", [400], None),
        ("sim-401", [401, 401], None),
        ("sim-401-once", [401, 200], None),
        ("sim-404", [404, 404], None),
        ("sim-429", [429, 429], "2"),
        ("sim-429-long", [429, 429], "3600"),
        ("sim-429-bare", [429, 429], None),
        ("sim-429-garbled", [429, 429], "soon"),
        ("sim-429-once", [429, 200], "1"),
        ("sim-500", [500, 500], None),
        ("sim-500-once", [500, 200], None),
        ("sim-500-twice", [500, 500, 200], None),
        ("sim-503", [503, 503], None),
    ],
)
def test_it_answers_with_the_error(simulator, product_id, statuses, retry_after):
    replies = [simulator.create(product_id, HERE) for _ in statuses]
    assert [reply.status_code for reply in replies] == statuses
    assert set(replies[0].json()["error"]) == {"code", "message"}
    assert replies[0].headers.get("Retry-After") == retry_after
    created = statuses.count(200)
    assert simulator.get("/console/calls.json").json()["sessions"] == created


def test_it_can_say_retry_after_as_a_date(simulator):
    date = simulator.create("sim-429-date", HERE).headers["Retry-After"]
    assert date.endswith(" GMT")  # the one zone of HTTP (RFC 9110, 5.6.7)
    until = parsedate_to_datetime(date).timestamp()
    assert 25 < until - time.time() <= 30


def test_it_counts_first_calls_for_each_product_alone(simulator):
    for product_id in ("sim-500-once-a", "sim-500-once-b"):
        replies = [simulator.create(product_id, HERE).status_code for _ in range(2)]
        assert replies == [500, 200]


@pytest.mark.parametrize("product_id", ["sim-hang", "sim-drip-headers"])
def test_no_answer_comes(simulator, product_id):
    began = time.monotonic()
    with pytest.raises(requests.Timeout):  # and no reset, which comes a minute later
        simulator.create(product_id, HERE, timeout=0.15)
    assert time.monotonic() - began < 10
    assert simulator.create("sku", HERE).status_code == 200


def test_a_header_drips(simulator):
    parts = urlsplit(simulator.url)
    body = json.dumps(
        {
            "product_id": "sim-drip-headers",
            "category": "footwear",
            "experience": "browser",
            "callback_url": HERE,
            "locale": "en",
        }
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sim-token\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body.encode()
        )
        received = b""
        while len(received) < 61:
            received += connection.recv(100)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in received


def test_a_body_drips(simulator):
    with simulator.create("sim-drip", HERE, stream=True) as reply:
        arrivals = [time.monotonic() for _, _ in zip(range(3), reply.iter_content(1), strict=False)]
    assert arrivals[-1] - arrivals[0] >= 0.3


def test_the_connection_is_reset(simulator):
    with pytest.raises(requests.ConnectionError) as caught:
        simulator.create("sim-reset", HERE)
    assert "ConnectionResetError" in repr(caught.value)
    assert simulator.get("/console/calls.json").json()["by_product"]["sim-reset"]["calls"] == 1


def test_the_body_is_truncated(simulator):
    with pytest.raises(
        (requests.exceptions.ChunkedEncodingError, requests.ConnectionError), match="IncompleteRead"
    ):
        simulator.create("sim-truncated", HERE)


def test_the_body_is_not_json(simulator):
    reply = simulator.create("sim-bad-json", HERE)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(requests.JSONDecodeError):
        reply.json()


def test_the_type_is_wrong(simulator):
    reply = simulator.create("sim-wrong-type", HERE)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/html")
    assert reply.text.startswith("<!doctype html><title>tsn_")


def test_it_redirects(simulator):
    reply = simulator.create("sim-redirect", HERE)
    assert reply.status_code == 302
    assert reply.headers["Location"].startswith(f"{simulator.url}/s/")


@pytest.mark.parametrize("product_id", ["sim-huge", "sim-gzip-bomb"])
def test_the_body_is_huge(simulator, product_id):
    with simulator.create(product_id, HERE, stream=True) as reply:
        sent = int(reply.headers.get("Content-Length", 0))
        assert reply.headers["Content-Type"] == "application/json"
        size = sum(len(chunk) for chunk in reply.iter_content(1 << 20))
    assert size > 50 * 1024 * 1024
    assert sent < 100_000


@pytest.mark.parametrize(
    ("product_id", "start"),
    [
        ("sim-bad-launch-host", "https://launch.example.net/"),
        ("sim-http-launch", "http://launch.tryon-api.com/"),
        ("sim-script-launch", "javascript:"),
        ("sim-userinfo-launch", "https://launch.tryon-api.com@"),
    ],
)
def test_the_launch_url_is_not_to_be_followed(simulator, product_id, start):
    assert simulator.create(product_id, HERE).json()["launch_url"].startswith(start)


def test_a_field_is_missing(simulator):
    assert "launch_url" not in simulator.create("sim-missing-field", HERE).json()


def test_there_are_fields_besides(simulator):
    plain = set(simulator.create("sku", HERE).json())
    assert set(simulator.create("sim-extra-fields", HERE).json()) > plain


def test_a_session_expires_while_another_is_slow(simulator):
    session = simulator.create("sim-expires", HERE).json()
    assert simulator.get(f"/s/{session['id']}").status_code == 200
    began = time.monotonic()
    assert simulator.create("sim-slow", HERE).status_code == 200
    assert time.monotonic() - began >= 2
    while simulator.get(f"/s/{session['id']}").status_code != 410:
        assert time.monotonic() - began < 20
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("sim-expires", 2),
        ("sim-expires-soon", 30),
        ("sim-expired", -3600),
        ("sim-late-callback-expired", 2),
        ("sim-slow", 3600),
    ],
)
def test_a_session_lasts_as_long_as_its_scenario_says(name, seconds):
    assert SCENARIOS[name].lifetime == seconds


def test_a_session_is_expired_from_the_start(simulator):
    session = simulator.create("sim-expired", HERE).json()
    reply = simulator.get(f"/s/{session['id']}")
    assert reply.status_code == 410
    assert "This link has ended" in reply.text


def test_a_session_was_created_though_it_said_500(simulator, merchant):
    assert simulator.create("sim-created-then-500", merchant.url).status_code == 500
    assert merchant.received == []
    assert merchant.wait_for_states(1) == ["completed"]


def test_a_callback_is_answered_before_the_session(simulator, merchant):
    session = simulator.create("sim-early-callback", merchant.url).json()
    [(_, body)] = merchant.received
    assert json.loads(body)["session_id"] == session["id"]
    assert session["status"] == "ready"


@pytest.mark.parametrize(
    ("product_id", "state"),
    [
        ("sim-auto-complete", "completed"),
        ("sim-auto-abandon", "abandoned"),
        ("sim-auto-fail", "failed"),
    ],
)
def test_it_ends_by_itself_once_opened(simulator, merchant, product_id, state):
    session = simulator.create(product_id, merchant.url).json()
    simulator.http.head(f"{simulator.url}/s/{session['id']}", timeout=60)
    assert simulator.record(session)["state"] == "ready"
    for _ in range(3):
        simulator.get(f"/s/{session['id']}")
    assert merchant.wait_for_states(1) == [state]


def test_no_callback_comes(simulator, merchant):
    session = simulator.create("sim-no-callback", merchant.url).json()
    simulator.end(session)
    sibling = simulator.create("sku", merchant.url).json()
    simulator.end(sibling)
    [body] = merchant.wait_for(1)
    assert json.loads(body)["session_id"] == sibling["id"]
    assert simulator.record(session)["state"] == "completed"


def test_a_callback_is_late(simulator, merchant):
    session = simulator.create("sim-late-callback-expired", merchant.url).json()
    began = time.monotonic()
    simulator.end(session)
    assert merchant.wait_for_states(1) == ["completed"]
    assert time.monotonic() - began > 2.5


def test_a_callback_comes_five_times(simulator, merchant):
    simulator.end(simulator.create("sim-duplicate-callback", merchant.url).json())
    bodies = merchant.wait_for(5)
    assert len(set(bodies)) == 1
    assert len({headers["webhook-id"] for headers, _ in merchant.received}) == 1


def test_callbacks_come_out_of_order(simulator, merchant):
    simulator.end(simulator.create("sim-reordered-callbacks", merchant.url).json())
    assert merchant.wait_for_states(3) == ["completed", "abandoned", "started"]
    assert len({headers["webhook-id"] for headers, _ in merchant.received}) == 3


def test_a_callback_is_malformed(simulator, merchant):
    simulator.end(simulator.create("sim-malformed-callback", merchant.url).json())
    [body] = merchant.wait_for(1)
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_a_callback_has_an_unknown_state(simulator, merchant):
    simulator.end(simulator.create("sim-unknown-state", merchant.url).json())
    assert merchant.wait_for_states(1) == ["evaporated"]


def test_a_callback_names_another_session(simulator, merchant):
    session = simulator.create("sim-wrong-session", merchant.url).json()
    simulator.end(session)
    [body] = merchant.wait_for(1)
    other = json.loads(body)["session_id"]
    assert other != session["id"]
    assert len(other) == len(session["id"])


def test_a_callback_is_signed_wrongly(simulator, merchant):
    simulator.end(simulator.create("sim-bad-signature", merchant.url).json())
    merchant.wait_for(1)
    [(headers, body)] = merchant.received
    with pytest.raises(WebhookVerificationError):
        Webhook(simulator.callback_secret).verify(body, headers)


TIMES = {"started_at": "TIME", "completed_at": "TIME"}
TOLD = {"session_id": "ID", "state": "completed", **TIMES}


@pytest.mark.parametrize(
    ("product_id", "expected"),
    [
        (
            "sim-callback-camel-case",
            {"sessionId": "ID", "state": "completed", "startedAt": "TIME", "completedAt": "TIME"},
        ),
        (
            "sim-callback-pascal-case",
            {"SessionId": "ID", "State": "completed", "StartedAt": "TIME", "CompletedAt": "TIME"},
        ),
        (
            "sim-callback-webhook",
            {"type": "session.completed", "timestamp": "TIME", "data": {"id": "ID", **TIMES}},
        ),
        ("sim-callback-envelope", {"event": {"payload": {"session": TOLD}}}),
        ("sim-callback-api-answer", {"status": "ok", "data": TOLD}),
        ("sim-callback-list-of-one", [TOLD]),
        (
            "sim-callback-several",
            {"events": [TOLD | {"state": "started"}, TOLD | {"state": "ready"}, TOLD]},
        ),
        ("sim-callback-own-id", {"id": "evt_ID", "state": "completed", **TIMES}),
        ("sim-callback-no-session", {"state": "completed", **TIMES}),
        ("sim-callback-upper-case", TOLD | {"state": "SESSION_COMPLETED"}),
        (
            "sim-callback-state-object",
            TOLD | {"state": {"code": "completed", "text": "How it ended"}},
        ),
        ("sim-callback-flag", {"session_id": "ID", "completed": True, **TIMES}),
        ("sim-callback-unreadable", {"how_it_went": "completed"}),
    ],
)
def test_a_callback_has_another_shape(simulator, merchant, product_id, expected):
    session = simulator.create(product_id, merchant.url).json()
    simulator.end(session)
    merchant.wait_for(1)
    [(headers, body)] = merchant.received
    assert headers["Content-Type"] == "application/json"
    text = re.sub(r"tsn_\w{26}", "ID", body.decode())
    assert json.loads(re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME", text)) == expected
    Webhook(simulator.callback_secret).verify(body, headers)


def test_a_callback_begins_with_a_byte_order_mark(simulator, merchant):
    session = simulator.create("sim-callback-bom", merchant.url).json()
    simulator.end(session)
    [body] = merchant.wait_for(1)
    assert body.startswith(b"\xef\xbb\xbf{")
    assert json.loads(body.decode("utf-8-sig"))["session_id"] == session["id"]


def test_a_callback_is_a_form(simulator, merchant):
    session = simulator.create("sim-callback-form", merchant.url).json()
    simulator.end(session)
    merchant.wait_for(1)
    [(headers, body)] = merchant.received
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    fields = dict(parse_qsl(body.decode()))
    assert (fields["session_id"], fields["state"]) == (session["id"], "completed")


def test_every_scenario_is_proved_here():
    tests = Path(__file__).read_text()
    watched_by_people = {"sim-expires-soon", "sim-late-callback"}  # longer twins of tested ones
    assert {name for name in SCENARIOS if f'"{name}"' not in tests} <= watched_by_people
