"""Places in callbacks that the merchant points at."""

import json
from typing import Any

import pytest

from proxy.strict_json import Unreadable
from proxy.upstream.completion import callback_event, read_callbacks, read_receipt
from proxy.upstream.mending import told
from proxy.upstream.outcomes import OUTCOMES
from proxy.upstream.readings import Reading, is_place, places, word_at

ODD: dict[str, Any] = {"a/b": {"~": ["x", {"": "y"}]}, "0": [True, 7, 1.5, None]}


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_every_value_has_a_place_that_finds_it_again() -> None:
    found = dict(places(ODD))
    assert found == {
        "/a~1b/~0/0": "x", "/a~1b/~0/1/": "y", "/0/0": True, "/0/1": 7, "/0/2": 1.5,
    }  # fmt: skip
    assert [word_at(ODD, place) for place in found] == ["x", "y", "true", "7", None]
    assert dict(places("done")) == {"": "done"}


@pytest.mark.parametrize(
    "place",
    ["/a", "/0/4", "/0/-1", "/0/00", "/0/\u0661", "/0/0/0", "/a~1b", "/x", "//", "/0/99999999999"],
)
def test_a_place_where_nothing_stands_has_no_word(place: str) -> None:
    assert word_at(ODD, place) is None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("", True), ("/", True), ("/a~0", True), ("a", False), ("/~", False), ("/~2", False),
        ("/\n", False), ("/\u202e", False), ("/" + "x" * 199, True), ("/" + "x" * 200, False),
    ],
)  # fmt: skip
def test_what_can_be_a_place(text: str, is_one: bool) -> None:
    assert is_place(text) == is_one


def test_names_that_are_too_long_cannot_be_pointed_at() -> None:
    assert dict(places({"x" * 60_000: "done", "y": "done"})) == {"/y": "done"}


def test_what_we_can_read_is_read_by_no_reading() -> None:
    (read,) = read_callbacks(body({"state": "done", "x": "failed"}), OUTCOMES, [Reading("/x")])
    assert (read.state, read.outcome) == ("done", "completed")


@pytest.mark.parametrize(
    ("value", "reading", "state", "session"),
    [
        ({"x": "done"}, Reading("/x"), "done", None),
        ({"x": "done", "s": 7}, Reading("/x", "/s"), "done", "7"),
        ([["done"]], Reading("/0/0"), "done", None),
        ("done", Reading(""), "done", None),
        ({"x": True}, Reading("/x"), "true", None),
    ],
)
def test_a_body_is_read_as_the_merchant_says(
    value: Any, reading: Reading, state: str, session: str | None
) -> None:
    (read,) = read_callbacks(body(value), OUTCOMES, [Reading("/no"), reading])
    assert (read.state, read.session_id) == (state, session)


@pytest.mark.parametrize(
    "reading", [Reading("/y"), Reading("/x", "/s"), Reading("/x", undone=True), Reading("/o")]
)
def test_a_body_without_a_word_there_stays_unreadable(reading: Reading) -> None:
    with pytest.raises(Unreadable) as caught:
        read_callbacks(body({"x": "done", "o": {"x": " "}}), OUTCOMES, [reading])
    assert caught.value.reason == "no_state"


def test_what_an_undone_reading_said_is_taken_back() -> None:
    kept = body({"x": "done", "y": "failed"})
    (said,) = read_receipt("a", 1, kept, OUTCOMES, [Reading("/x")])
    (back,) = read_receipt("a", 1, kept, OUTCOMES, [Reading("/x", undone=True)])
    assert back.key == said.key
    assert (back.props["outcome"], back.props["taken_back"]) == ("progress", 1)
    now, then = read_receipt("a", 1, kept, OUTCOMES, [Reading("/y"), Reading("/x", undone=True)])
    assert (now.props["outcome"], then) == ("failed", back)
    again = read_receipt("a", 1, kept, OUTCOMES, [Reading("/x"), Reading("/x", "/no", undone=True)])
    assert again == [said]
    assert said == callback_event("a", 1, read_callbacks(kept, OUTCOMES, [Reading("/x")])[0])


@pytest.mark.parametrize(
    ("place", "value", "shown"),
    [
        ("/verdict", "done", "“done”"),
        ("/verdict", "session.completed", "“session.completed”"),
        ("/verdict", "", "an empty text"),
        ("/verdict", "ann@shop.example", "a text of 16 characters"),
        ("/verdict", "https://shop.example/go/abc", "a text of 27 characters"),
        ("/verdict", "tsn_8f3a61b2c9", "a text of 14 characters"),
        ("/verdict", "x" * 41, "a text of 41 characters"),
        ("/verdict", "<script>", "a text of 8 characters"),
        ("/email", "done", "a text of 4 characters"),
        ("/first_name", "Ann", "a text of 3 characters"),
        ("/firstName", "Ann", "a text of 3 characters"),
        ("/apiToken", "abc", "a text of 3 characters"),
        ("/customer/0/city", "Rome", "a text of 4 characters"),
        ("/Users/city", "Rome", "a text of 4 characters"),
        ("/run/shopper/city", "Rome", "a text of 4 characters"),
        ("/code", 7, "7"),
        ("/code", True, "true"),
        ("/at", 1_700_000_000_000, "a number"),
        ("/phone", 1234, "a number"),
    ],
)
def test_values_are_told_only_where_they_can_be_a_state(place: str, value: Any, shown: str) -> None:
    assert told(place, value) == shown
