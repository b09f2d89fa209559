"""The console, as a page and as the JSON by which tests drive the vendor."""

import re

import pytest

from simulator.scenarios import SCENARIOS

HERE = "http://127.0.0.1:9/callback"


def test_it_lists_the_newest_session_first(simulator):
    for product_id in ("sku-1", "sku-2"):
        simulator.create(product_id, HERE, body={"category": "eyewear", "locale": "de-DE"})
    first, second = simulator.get("/console/sessions.json").json()["sessions"]
    assert (first["product_id"], second["product_id"]) == ("sku-2", "sku-1")
    assert (first["category"], first["locale"], first["state"]) == ("eyewear", "de-DE", "ready")
    assert first["callback_url"] == HERE
    alone = simulator.get("/console/sessions.json?product_id=sku-1").json()["sessions"]
    assert alone == [second]
    page = simulator.get("/").text
    assert page.index("sku-2") < page.index("sku-1")


def test_it_lists_as_many_as_are_asked_for_and_shows_fifty(simulator):
    for number in range(51):
        simulator.create(f"sku-{number}", HERE)
    newest = simulator.get("/console/sessions.json?limit=2").json()["sessions"]
    assert [each["product_id"] for each in newest] == ["sku-50", "sku-49"]
    assert len(simulator.get("/console/sessions.json").json()["sessions"]) == 51
    assert simulator.get("/").text.count("<article>") == 50


def test_it_has_a_button_for_each_odd_manner(simulator):
    simulator.create("sku-1", HERE)
    manners = re.findall(r'name="manner" value="([^"]+)"', simulator.get("/").text)
    assert manners == [
        "duplicate", "reordered", "malformed", "unknown-state", "wrong-session", "bad-signature",
    ]  # fmt: skip


def test_its_select_sends_any_shape(simulator, merchant):
    session = simulator.create("sku-1", merchant.url).json()
    page = simulator.get("/").text
    shapes = re.search(r'<select name="manner">(.*?)</select>', page)[1]
    shapes = re.findall("<option>(.*?)</option>", shapes)
    assert {f"sim-callback-{shape}" for shape in shapes} == {
        name for name in SCENARIOS if name.startswith("sim-callback-")
    }
    path = f"/console/sessions/{session['id']}/callback"
    reply = simulator.post(path, data={"manner": "form", "state": "failed"})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")
    [body] = merchant.wait_for(1)
    assert body.startswith(f"session_id={session['id']}&state=failed&".encode())


def test_it_counts_calls_by_product_and_status(simulator):
    for product_id in ("sku-1", "sku-1", "sim-500"):
        simulator.create(product_id, HERE)
    simulator.post("/v1/sessions", json={"product_id": "sku-1"})
    assert simulator.get("/console/calls.json").json() == {
        "calls": 4,
        "by_status": {"200": 2, "401": 1, "500": 1},
        "by_product": {
            "sku-1": {"calls": 3, "200": 2, "401": 1},
            "sim-500": {"calls": 1, "500": 1},
        },
        "sessions": 2,
    }


@pytest.mark.parametrize("state", ["completed", "abandoned", "failed", "evaporated"])
def test_it_sends_any_state_and_shows_the_answer(simulator, merchant, state):
    session = simulator.create("sku-1", merchant.url).json()
    reply = simulator.post(f"/console/sessions/{session['id']}/callback", json={"state": state})
    [delivery] = reply.json()["deliveries"]
    assert (delivery["status"], delivery["error"]) == (204, None)
    assert delivery["duration_ms"] >= 0
    assert merchant.wait_for_states(1) == [state]
    record = simulator.record(session)
    assert (record["state"], record["deliveries"]) == (state, [delivery])


@pytest.mark.parametrize(
    ("manner", "count"),
    [("duplicate", 5), ("malformed", 1), ("wrong-session", 1), ("reordered", 3)],
)
def test_it_sends_in_any_manner(simulator, merchant, manner, count):
    session = simulator.create("sku-1", merchant.url).json()
    path = f"/console/sessions/{session['id']}/callback"
    reply = simulator.post(path, json={"state": "completed", "manner": manner})
    assert len(reply.json()["deliveries"]) == len(merchant.received) == count


def test_it_sends_any_body(simulator, merchant):
    session = simulator.create("sku-1", merchant.url).json()
    path = f"/console/sessions/{session['id']}/callback"
    simulator.post(path, json={"body": '{"session_id": NaN}'})
    assert merchant.wait_for(1) == [b'{"session_id": NaN}']


def test_it_shows_that_nobody_answered(simulator):
    session = simulator.create("sku-1", HERE).json()
    path = f"/console/sessions/{session['id']}/callback"
    [delivery] = simulator.post(path, json={}).json()["deliveries"]
    assert (delivery["status"], delivery["error"]) == (None, "ConnectionError")
    assert "ConnectionError" in simulator.get("/").text


def test_its_buttons_lead_back_to_it(simulator, merchant):
    session = simulator.create("sku-1", merchant.url).json()
    path = f"/console/sessions/{session['id']}/callback"
    reply = simulator.post(path, data={"state": "failed"})
    assert (reply.status_code, reply.headers["Location"]) == (303, "/")
    assert merchant.wait_for_states(1) == ["failed"]


@pytest.mark.parametrize(
    "wanted", [{"manner": "shouted"}, {"state": 7}, {"state": "\ud800"}, [], "x"]
)
def test_it_refuses_what_it_does_not_know(simulator, wanted):
    session = simulator.create("sku-1", HERE).json()
    path = f"/console/sessions/{session['id']}/callback"
    assert simulator.post(path, json=wanted).status_code == 400
    assert simulator.record(session)["deliveries"] == []


def test_an_outage_hits_every_product_until_it_ends(simulator):
    assert simulator.post("/console/outage", json={"scenario": "sim-503"}).status_code == 200
    assert [simulator.create(name, HERE).status_code for name in ("sku-1", "sim-429")] == [503, 503]
    simulator.post("/console/outage", json={"scenario": ""})
    assert simulator.create("sku-1", HERE).status_code == 200
    assert simulator.post("/console/outage", json={"scenario": "sim-x"}).status_code == 400


def test_it_forgets_everything_at_once(simulator):
    simulator.create("sku-1", HERE)
    simulator.post("/console/outage", json={"scenario": "sim-503"})
    simulator.post("/console/reset", json={})
    assert simulator.get("/console/sessions.json").json() == {"sessions": []}
    assert simulator.get("/console/calls.json").json()["calls"] == 0
    assert simulator.create("sku-1", HERE).status_code == 200


def test_it_names_every_scenario(simulator):
    page = simulator.get("/").text
    assert all(f"<code>{name}</code>" in page for name in SCENARIOS)
