"""The launch page, and the callback that follows from what is pressed on it."""

import json
import re

import pytest
from standardwebhooks import Webhook

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.mark.parametrize(
    ("state", "words"),
    [("completed", "Thank you"), ("abandoned", "See you soon"), ("failed", "Sorry about that")],
)
def test_it_calls_back_with_what_was_pressed(simulator, merchant, state, words):
    body = {"merchant_reference": "cart-77"}
    session = simulator.create("sku-1", merchant.url, body=body).json()
    page = simulator.get(f"/s/{session['id']}")
    assert page.status_code == 200
    assert f'value="{state}"' in page.text

    reply = simulator.end(session, state)
    assert reply.status_code == 303
    assert words in simulator.get(f"/s/{session['id']}").text

    [body] = merchant.wait_for(1)
    payload = json.loads(body)
    assert list(payload) == [
        "session_id", "state", "started_at", "completed_at", "merchant_reference",
    ]  # fmt: skip
    assert (payload["session_id"], payload["state"]) == (session["id"], state)
    assert payload["merchant_reference"] == "cart-77"
    assert TIME.fullmatch(payload["started_at"])
    assert TIME.fullmatch(payload["completed_at"])


def test_it_calls_back_once_however_often_it_is_pressed(simulator, merchant):
    session = simulator.create("sku-1", merchant.url).json()
    for state in ("completed", "failed", "completed"):
        simulator.end(session, state)
    other = simulator.create("sku-2", merchant.url).json()
    simulator.end(other, "abandoned")
    assert sorted(merchant.wait_for_states(2)) == ["abandoned", "completed"]


def test_its_callbacks_are_signed(simulator, merchant):
    simulator.end(simulator.create("sku-1", merchant.url).json())
    merchant.wait_for(1)
    [(headers, body)] = merchant.received
    assert headers["Content-Type"] == "application/json"
    Webhook(simulator.callback_secret).verify(body, headers)


def test_it_refuses_another_word(simulator, merchant):
    session = simulator.create("sku-1", merchant.url).json()
    assert simulator.end(session, "evaporated").status_code == 400
    assert simulator.record(session)["state"] == "ready"


@pytest.mark.parametrize("path", ["/s/tsn_0", "/qr/tsn_0.png"])
def test_it_knows_no_other_session(simulator, path):
    reply = simulator.get(path)
    assert reply.status_code == 404
    assert "This link leads nowhere" in reply.text


@pytest.mark.parametrize("category", ["footwear", "eyewear", "headwear", "watches", "apparel"])
def test_it_draws_each_category(simulator, category):
    body = {"category": category}
    session = simulator.create("sku", "http://127.0.0.1:9/", body=body).json()
    page = simulator.get(f"/s/{session['id']}").text
    assert 'class="ware"' in page or 'class="glass"' in page


def test_a_hostile_product_stays_text(simulator):
    hostile = '"><script>alert(1)</script>{{7*7}}'
    session = simulator.create(hostile, "http://127.0.0.1:9/").json()
    for path in (f"/s/{session['id']}", "/"):
        reply = simulator.get(path)
        assert "<script>alert" not in reply.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in reply.text
        assert "script-src 'self'" in reply.headers["Content-Security-Policy"]
