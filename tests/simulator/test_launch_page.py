"""The launch page, and the callback that follows from what is pressed on it."""

import json
import re

import pytest
from standardwebhooks import Webhook

from simulator.app import create_app

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.mark.parametrize(
    ("state", "words"),
    [("completed", "Thank you"), ("abandoned", "See you soon"), ("failed", "Sorry about that")],
)
def test_it_calls_back_with_what_was_pressed(simulator, merchant, state, words):
    body = {"merchant_reference": "cart-77"}
    session = simulator.create("sku-1", merchant.url, body=body).json()
    page = simulator.get(f"/s/{session['id']}?camera")
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


def test_it_asks_for_the_camera_first_and_can_be_left(simulator):
    session = simulator.create("sku-1", "http://127.0.0.1:9/").json()
    page = simulator.get(f"/s/{session['id']}").text
    assert '<a class="button primary" href="?camera">Allow the camera</a>' in page
    assert {*re.findall(r'name="state" value="(\w+)"', page)} == {"abandoned", "failed"}


@pytest.mark.parametrize(
    "category", ["footwear", "eyewear", "headwear", "watches", "jewelry", "apparel"]
)
def test_an_unknown_product_is_worn_as_a_drawing_of_its_category(simulator, category):
    body = {"category": category}
    session = simulator.create("sku", "http://127.0.0.1:9/", body=body).json()
    page = simulator.get(f"/s/{session['id']}?camera").text
    assert f'<image href="/static/neutral/{category}.svg"' in page
    assert simulator.get(f"/static/neutral/{category}.svg").status_code == 200
    assert "Back to the shop" not in page  # nobody said where it is


def test_a_product_of_the_demo_is_worn_itself_and_leads_back(tmp_path, monkeypatch):
    known = {
        "product_id": "tide-sunglasses",
        "title": "Tide Sunglasses",
        "image_url": "https://shop.example/tide.svg",
        "page_url": "https://shop.example/tide",
    }
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps([known, {"product_id": "sku-1"}]))
    monkeypatch.setenv("SIMULATOR_CATALOG", str(path))
    shopper = create_app().test_client()
    wish = {
        "product_id": "tide-sunglasses",
        "category": "eyewear",
        "experience": "browser",
        "callback_url": "http://127.0.0.1:9/",
        "locale": "en-US",
    }
    bearer = {"Authorization": "Bearer sim-token"}
    link = shopper.post("/v1/sessions", json=wish, headers=bearer).json["launch_url"]
    back = 'href="https://shop.example/tide">Back to the shop</a>'
    page = shopper.get(f"{link}?camera")
    assert '<image href="https://shop.example/tide.svg"' in page.text
    assert "Tide Sunglasses" in page.text
    assert back in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "img-src 'self' https://shop.example;" in policy
    shopper.post(link, data={"state": "abandoned"})
    assert "See you soon" in shopper.get(link).text
    assert back in shopper.get(link).text


def test_a_hostile_product_stays_text(simulator):
    hostile = '"><script>alert(1)</script>{{7*7}}'
    session = simulator.create(hostile, "http://127.0.0.1:9/").json()
    for path in (f"/s/{session['id']}", f"/s/{session['id']}?camera", "/"):
        reply = simulator.get(path)
        assert "<script>alert" not in reply.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in reply.text
        assert "script-src 'self'" in reply.headers["Content-Security-Policy"]
