"""The vendor's memory by itself: ids, what happens once, and what is forgotten."""

import time
from types import SimpleNamespace

import pytest

from simulator.scenarios import AS_DOCUMENTED
from simulator.vendor import Delivery, Session, Vendor, new_id, timestamp


@pytest.fixture
def vendor():
    return Vendor(token="t", base_url="", callback_secret=None)


@pytest.fixture
def session():
    return Session(
        product_id="sku-1",
        category="footwear",
        locale="de-DE",
        callback_url="https://shop.example/callback",
        merchant_reference="cart-7",
        base_url="https://vendor.example",
        scenario=AS_DOCUMENTED,
    )


def test_an_id_begins_with_its_millisecond_and_is_random_after_it():
    before = int(time.time() * 1000)
    first, second = new_id(), new_id()
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    moment = 0
    for letter in first.removeprefix("tsn_")[:10]:
        moment = moment * 32 + letters.index(letter)
    assert before <= moment <= time.time() * 1000
    assert first[14:] != second[14:]


def test_a_record_is_the_session_and_what_it_was_asked_for(session):
    session.created_at = 1_795_000_000.7
    record = session.record()
    assert record == session.document() | {
        "product_id": "sku-1",
        "category": "footwear",
        "locale": "de-DE",
        "state": "ready",
        "callback_url": "https://shop.example/callback",
        "merchant_reference": "cart-7",
        "scenario": "a session, as documented",
        "created_at": "2026-11-18T11:06:40Z",
        "deliveries": [],
    }
    assert record["expires_at"] == "2026-11-18T12:06:41Z"  # a part of a second is a second
    assert record["metadata"] == {"category": "footwear", "tracking": "feet", "both_sides": True}


def test_a_time_is_whole_seconds_of_utc():
    assert timestamp(0.9) == "1970-01-01T00:00:00Z"


def test_a_session_starts_and_ends_once(vendor, session):
    assert vendor.start(session)
    started = session.started_at
    assert not vendor.start(session)
    assert (session.started_at, session.state, session.over) == (started, "started", False)
    assert vendor.end(session, "completed")
    ended = session.completed_at
    assert not vendor.end(session, "failed")
    assert (session.completed_at, session.state, session.over) == (ended, "completed", True)


def test_the_newest_hundred_deliveries_are_kept(vendor, session):
    for number in range(101):
        vendor.note(session, Delivery(body=str(number), at=""))
    assert [each.body for each in session.deliveries] == [str(n) for n in range(1, 101)]


def test_the_oldest_of_a_hundred_thousand_sessions_is_forgotten(vendor):
    for number in range(100_000):
        vendor.keep(SimpleNamespace(id=number))
    assert vendor.find(0)
    vendor.keep(SimpleNamespace(id=100_000))
    assert vendor.find(0) is None
    assert vendor.find(1)
    assert [each.id for each in vendor.newest(2)] == [100_000, 99_999]
    assert vendor.counts()["sessions"] == 100_000


def test_the_oldest_of_a_hundred_thousand_products_is_forgotten(vendor):
    for number in range(100_000):
        assert vendor.count(str(number), "calls") == 1
    assert vendor.count("0", "calls") == 2
    assert vendor.count("100000", "calls") == 1
    assert vendor.count("1", "calls") == 2
    assert vendor.count("0", "calls") == 1


def test_a_reset_forgets_everything(vendor, session):
    vendor.keep(session)
    vendor.count("sku-1", "calls")
    vendor.outage = "sim-503"
    vendor.reset()
    assert vendor.outage is None
    assert vendor.newest(1) == []
    assert vendor.counts() == {"calls": 0, "by_status": {}, "by_product": {}, "sessions": 0}
