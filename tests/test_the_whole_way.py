"""The walk of one shopper, over real HTTP: click, session, handoff, launch, callback, state."""

import csv
import html
import io
import json
import re
from collections.abc import Iterator

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.servers import DESKTOP, PASSWORD, PHONE, Shop, Vendor, eventually, http, unique
from tests.wire import post


def states(answer: requests.Response) -> Iterator[str]:
    """The states that a stream tells."""
    for line in answer.iter_lines():
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))["state"]


def press(vendor: Vendor, product_id: str, state: str) -> None:
    """End the try-on on the vendor's page, as a shopper does."""
    session = vendor.sessions(product_id)[0]
    vendor.http.post(session["launch_url"], data={"state": state}, allow_redirects=False)


@pytest.mark.parametrize("ending", ["completed", "abandoned", "failed"])
def test_a_desktop_follows_what_happens_on_the_phone(
    shop: Shop, vendor: Vendor, ending: str
) -> None:
    product_id = unique()
    session = shop.click(product_id, title="Trail Runner").json()
    page = shop.http.get(session["handoff_url"], headers={"User-Agent": DESKTOP})
    assert "Trail Runner" in page.text
    with http().get(session["events_url"], stream=True, timeout=10) as stream:
        following = states(stream)
        assert next(following) == "waiting"
        launched = shop.launch(session["launch_url"] + "?q")
        assert launched.status_code == 302
        assert launched.headers["Location"] == vendor.sessions(product_id)[0]["launch_url"]
        assert next(following) == "opened"
        press(vendor, product_id, ending)
        assert [*following] == [ending]  # and the stream ends
    assert shop.state(session) == ending


def test_a_phone_is_sent_straight_to_the_vendors_page(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    page = shop.http.get(session["handoff_url"], headers={"User-Agent": PHONE})
    assert session["launch_url"] in page.text
    assert shop.launch(session["launch_url"]).is_redirect
    assert shop.state(session) == "opened"


def test_without_scripts_a_failure_offers_to_try_again(shop: Shop, vendor: Vendor) -> None:
    product_id = unique("sim-500")
    wish = {"product_id": product_id, "category": "footwear", "title": "A Boot & More"}
    headers = {"Origin": shop.origin, "Accept": "text/html"}
    page = shop.http.post(f"{shop.url}/sessions", data=wish, headers=headers)
    assert page.status_code == 502
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    fields["title"] = html.unescape(fields["title"])
    assert wish.items() <= fields.items()
    calls = vendor.calls(product_id)
    shop.http.post(f"{shop.url}/sessions", data=fields, headers=headers)
    assert vendor.calls(product_id) > calls


def test_giving_up_is_final_unless_it_was_completed_after_all(shop: Shop, vendor: Vendor) -> None:
    product_id = unique()
    session = shop.click(product_id).json()
    cancelled = shop.http.post(session["status_url"] + "/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert shop.launch(session["launch_url"]).status_code == 410
    vendor.call_back(product_id, state="completed")
    assert shop.state(session) == "completed"
    assert shop.http.post(session["status_url"] + "/cancel").json()["state"] == "completed"


def test_a_session_that_runs_out_expires_live_and_offers_a_new_one(
    shop: Shop, vendor: Vendor
) -> None:
    for _ in range(5):  # a machine that stands still may miss the two seconds
        product_id = unique("sim-expires")
        session = shop.click(product_id).json()
        with http().get(session["events_url"], stream=True, timeout=15) as stream:
            told = [*states(stream)]
        if told[0] == "waiting":
            break
    assert told == ["waiting", "expired"]
    ended = shop.launch(session["launch_url"])
    assert ended.status_code == 410
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', ended.text))
    assert fields["product_id"] == product_id


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ("sim-early-callback", "completed"),
        ("sim-duplicate-callback", "completed"),
        ("sim-reordered-callbacks", "completed"),
        ("sim-unknown-state", "ended"),
        ("sim-wrong-session", "opened"),
        ("sim-malformed-callback", "opened"),
        ("sim-no-callback", "opened"),
    ],
)
def test_every_manner_of_calling_back_has_its_outcome(
    shop: Shop, vendor: Vendor, scenario: str, expected: str
) -> None:
    product_id = unique(scenario)
    session = shop.click(product_id).json()
    shop.launch(session["launch_url"])
    press(vendor, product_id, "completed")
    if scenario != "sim-no-callback":
        eventually(lambda: vendor.sessions(product_id)[0]["deliveries"])
    eventually(lambda: shop.state(session) == expected)


@pytest.mark.parametrize(
    "shape",
    [
        "camel-case", "pascal-case", "webhook", "envelope", "api-answer", "list-of-one", "several",
        "own-id", "no-session", "upper-case", "state-object", "flag", "bom", "form",
    ],
)  # fmt: skip
def test_every_shape_of_a_callback_counts(shop: Shop, vendor: Vendor, shape: str) -> None:
    product_id = unique(f"sim-callback-{shape}")
    session = shop.click(product_id).json()
    press(vendor, product_id, "completed")
    eventually(lambda: shop.state(session) == "completed")
    (delivery,) = eventually(lambda: vendor.sessions(product_id)[0]["deliveries"])
    assert delivery["status"] == 204


def test_what_cannot_be_read_is_refused_and_ends_nothing(shop: Shop, vendor: Vendor) -> None:
    product_id = unique("sim-callback-unreadable")
    session = shop.click(product_id).json()
    press(vendor, product_id, "completed")
    eventually(lambda: vendor.sessions(product_id)[0]["deliveries"])
    assert vendor.sessions(product_id)[0]["deliveries"][0]["status"] == 400
    assert shop.state(session) == "waiting"


@pytest.mark.parametrize(
    ("scenario", "status", "code"),
    [
        ("sim-400", 422, "not_available"),
        ("sim-500", 502, "upstream_error"),
        ("sim-bad-json", 502, "bad_upstream_reply"),
        ("sim-redirect", 502, "bad_upstream_reply"),
        ("sim-wrong-type", 502, "bad_upstream_reply"),
        ("sim-huge", 502, "bad_upstream_reply"),
        ("sim-bad-launch-host", 502, "bad_upstream_reply"),
        ("sim-missing-field", 502, "bad_upstream_reply"),
    ],
)
def test_each_failure_of_the_vendor_has_its_answer(
    shop: Shop, scenario: str, status: int, code: str
) -> None:
    answer = shop.click(unique(scenario))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Access-Control-Allow-Origin"] == shop.origin


def test_a_failure_that_passes_is_tried_again(shop: Shop, vendor: Vendor) -> None:
    product_id = unique("sim-500-once")
    assert shop.click(product_id).status_code == 201
    assert vendor.calls(product_id) == 2


def is_an_id(text: str) -> bool:
    return text.isprintable() and not set('<>"\\') & set(text) and text.strip(".") != ""


@example("a")
@example("R&D #7 (blue/é) +50 %?=;,:@!$'*~^`|{}[]")
@example("../..//a/")
@example("%2e%2e%2F%00")
@example(" ")
@example("(none)")
@example("=1+2;@SUM(A1)")
@example("https://shop.example/a?b=c#d")
@example("ǅ̂á a\u0301")  # composed and not: two ids
@example("מוצר-12")
@example("👟" * 128)
@example("é" * 64 + "\u0301" * 64)
@given(
    st.text(
        st.characters(exclude_characters='<>"\\', exclude_categories=("C", "Z")) | st.just(" "),
        min_size=1,
        max_size=128,
    ).filter(is_an_id)
)
@settings(max_examples=20)
def test_every_id_goes_the_whole_way_and_comes_back_as_it_was(
    shop: Shop, vendor: Vendor, product_id: str
) -> None:
    page = shop.http.get(f"{shop.url}/t/", params={"product_id": product_id})
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
    assert html.unescape(fields["product_id"]) == product_id
    session = shop.click(product_id, reference=(reference := unique("ref"))).json()
    assert session["product_id"] == product_id
    again = shop.click(product_id, resume=session["id"]).json()
    assert (again["id"], again["product_id"]) == (session["id"], product_id)
    assert shop.launch(session["launch_url"]).status_code == 302
    assert vendor.sessions(product_id)[0]["product_id"] == product_id
    (delivery,) = vendor.call_back(product_id, state="completed")
    assert delivery["status"] == 204
    told = shop.http.get(session["status_url"]).json()
    assert (told["state"], told["product_id"]) == ("completed", product_id)

    beacon = json.dumps({"name": "impression", "product_id": product_id}).encode()
    assert post(shop, "/events", beacon, Content_Type="text/plain").status_code == 204
    written = "\\(none)" if product_id == "(none)" else product_id
    asked = {"product_id": written, "by": "product_id"}
    numbers = shop.http.get(f"{shop.url}/dashboard/stats.json", params=asked, auth=("", PASSWORD))
    (row,) = numbers.json()["by"]
    assert row["key"] == product_id
    assert row["impressions"] >= 1
    assert row["completed"] >= 1
    export = shop.http.get(
        f"{shop.url}/dashboard/export/attempts.csv", params=asked, auth=("", PASSWORD)
    )
    (attempt,) = (
        each
        for each in csv.DictReader(io.StringIO(export.content.decode(), newline=""))
        if each["reference"] == reference
    )
    assert attempt["product_id"].replace("'", "") == product_id.replace("'", "")
    ended = shop.launch(session["launch_url"]).text  # a page with a form for a new one
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', ended))
    assert html.unescape(fields["product_id"]) == product_id
