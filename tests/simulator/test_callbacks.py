"""Callbacks by themselves: their content, and how they are sent."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from simulator.callbacks import MANNERS, Sending, payload, send
from simulator.scenarios import AS_DOCUMENTED
from simulator.vendor import Session, Vendor


@pytest.fixture
def vendor():
    return Vendor(token="t", base_url="", callback_secret=None)


def session(callback_url="http://127.0.0.1:9/", merchant_reference=None):
    return Session(
        product_id="sku-1",
        category="footwear",
        locale="de-DE",
        callback_url=callback_url,
        merchant_reference=merchant_reference,
        base_url="https://vendor.example",
        scenario=AS_DOCUMENTED,
    )


def test_a_callback_has_the_times_of_what_has_happened(vendor):
    tryon = session(merchant_reference="cart-7")
    tryon.started_at = 0
    assert json.loads(payload(tryon, "started")) == {
        "session_id": tryon.id,
        "state": "started",
        "started_at": "1970-01-01T00:00:00Z",
        "merchant_reference": "cart-7",
    }
    tryon.completed_at = 61
    assert json.loads(payload(tryon, "failed")) == {
        "session_id": tryon.id,
        "state": "failed",
        "started_at": "1970-01-01T00:00:00Z",
        "completed_at": "1970-01-01T00:01:01Z",
        "merchant_reference": "cart-7",
    }


def test_a_callback_of_what_never_began_tells_the_end_alone():
    assert set(json.loads(payload(session(), "abandoned"))) == {
        "session_id",
        "state",
        "completed_at",
    }


def test_without_a_secret_nothing_is_signed(vendor, merchant):
    [delivery] = send(vendor, session(merchant.url), [Sending(b"{}")])
    assert (delivery.status, delivery.error, delivery.body) == (204, None, "{}")
    assert 0 <= delivery.duration_ms < 10_000
    [(headers, body)] = merchant.received
    assert body == b"{}"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"] == "tryon-simulator"
    assert not [name for name in headers if name.startswith("webhook")]


def test_a_redirect_is_an_answer_and_not_followed(vendor):
    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/")
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        tryon = session(f"http://127.0.0.1:{server.server_port}/")
        [delivery] = send(vendor, tryon, [Sending(b"{}")])
        server.shutdown()
    assert (delivery.status, delivery.error) == (302, None)


def test_five_callbacks_are_on_their_way_at_once(vendor):
    together = threading.Barrier(5)

    class Patient(BaseHTTPRequestHandler):
        def do_POST(self):
            together.wait(8)  # breaks where the five do not come at once
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Patient) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        tryon = session(f"http://127.0.0.1:{server.server_port}/")
        deliveries = send(vendor, tryon, MANNERS["duplicate"](tryon, "completed"))
        server.shutdown()
    assert [each.status for each in deliveries] == [204] * 5
    assert len(tryon.deliveries) == 5


def test_no_callback_is_no_delivery(vendor):
    assert send(vendor, session(), MANNERS["none"](session(), "completed")) == []
