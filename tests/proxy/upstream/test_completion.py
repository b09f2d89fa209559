"""Callbacks are read in every natural spelling; what cannot be read says why."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.strict_json import Unreadable
from proxy.upstream.completion import Completion, read_callback
from proxy.upstream.outcomes import OUTCOMES


def callback(**members: object) -> Completion:
    return read_callback(json.dumps({"session_id": "s", "state": "done"} | members).encode())


def refusal(body: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        read_callback(body)
    return caught.value.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"nonsense", "not_json"),
        (b'{"session_id": "s", "state": "done", "state": "failed"}', "duplicate_key"),
        (b"[]", "not_object"),
        (b'"done"', "not_object"),
        (b"null", "not_object"),
        (b"{}", "no_session_id"),
        (b'{"session_id": null, "state": "done"}', "no_session_id"),
        (b'{"session_id": "", "id": "", "state": "done"}', "no_session_id"),
        (b'{"session_id": "s"}', "no_state"),
        (b'{"session_id": "s", "state": ""}', "no_state"),
        (b'{"session_id": 7, "state": "done"}', "bad_value"),
        (b'{"session_id": ["s"], "state": "done"}', "bad_value"),
        (b'{"session_id": "s", "state": true}', "bad_value"),
        (b'{"session_id": "s", "state": {"a": 1}}', "bad_value"),
        (b'{"session_id": "a\\nb", "state": "done"}', "bad_value"),
        (b'{"session_id": "' + b"x" * 513 + b'", "state": "done"}', "bad_value"),
    ],
)
def test_it_names_why_a_callback_is_unreadable(body: bytes, reason: str) -> None:
    assert refusal(body) == reason


@pytest.mark.parametrize("id_name", ["session_id", "id"])
@pytest.mark.parametrize("state_name", ["state", "status", "completion_state"])
def test_it_reads_the_natural_spellings(id_name: str, state_name: str) -> None:
    read = read_callback(json.dumps({id_name: "tsn_1", state_name: "Completed"}).encode())
    assert (read.session_id, read.state, read.outcome) == ("tsn_1", "Completed", "completed")
    assert read.extra == {}


def test_the_more_exact_spelling_wins_and_the_other_is_kept() -> None:
    read = callback(id="evt_1", status="ok", completion_state="abandoned")
    assert (read.session_id, read.state) == ("s", "abandoned")
    assert read.extra == {"id": "evt_1", "status": "ok", "state": "done"}


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        *OUTCOMES.items(),
        ("COMPLETED", "completed"),
        ("Timed-Out", "expired"),
        (" in progress ", "opened"),
        ("shopper_won_the_lottery", "other"),
    ],
)
def test_a_word_becomes_an_outcome(word: str, outcome: str) -> None:
    read = callback(state=word)
    assert (read.state, read.outcome) == (word, outcome)


def test_a_merchant_can_add_words() -> None:
    body = b'{"id": "s", "state": "Bought It"}'
    assert read_callback(body).outcome == "other"
    assert read_callback(body, {**OUTCOMES, "bought_it": "completed"}).outcome == "completed"


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-24T18:00:00Z",
        "2026-03-24T18:00:00",
        "2026-03-24 19:00:00+01:00",
        "2026-03-24T18:00:00.000Z",
        1774375200,
        1774375200.0,
        1774375200000,
        "1774375200",
        "1774375200000",
    ],
)
@pytest.mark.parametrize("name", ["completed_at", "ended_at", "finished_at"])
def test_it_reads_a_time(name: str, value: object) -> None:
    read = callback(**{name: value})
    assert read.ended_at == 1_774_375_200_000
    assert read.extra == {}


def test_each_time_has_its_place() -> None:
    read = callback(started_at=1774375200, launched_at=1774375201, finished_at=1774375202.5)
    assert (read.started_at, read.launched_at) == (1_774_375_200_000, 1_774_375_201_000)
    assert read.ended_at == 1_774_375_202_500


@pytest.mark.parametrize(
    "value",
    ["soon", "", "nan", "-inf", 0, -1, True, None, [], 10**18, 1e308, "9" * 400, "0001-01-01"],
)
def test_an_absurd_time_is_kept_but_not_believed(value: object) -> None:
    read = callback(ended_at=value)
    assert read.ended_at is None
    assert read.extra == {"ended_at": value}


@pytest.mark.parametrize(
    ("members", "references"),
    [
        ({"merchant_reference": "cart-77"}, ("cart-77",)),
        ({"merchant_reference_id": 77}, ("77",)),
        ({"merchant_reference_ids": ["a", "b", "a"]}, ("a", "b")),
        ({"reference_ids": {"cart": "a", "order": "b"}}, ("a", "b")),
        ({"reference": "b", "merchant_reference": "a"}, ("a", "b")),
        ({"reference_id": "a", "reference": "a"}, ("a",)),
    ],
)
def test_it_reads_references(members: dict[str, object], references: tuple[str, ...]) -> None:
    read = callback(**members)
    assert read.references == references
    assert read.extra == {}


@pytest.mark.parametrize(
    "value", [None, "", [], {}, True, 1.5, [["a"]], ["a", None], "x" * 513, ["x"] * 33, "a\nb"]
)
def test_an_odd_reference_stays_as_it_came(value: object) -> None:
    read = callback(reference=value)
    assert read.references == ()
    assert read.extra == {"reference": value}


def test_everything_else_is_kept() -> None:
    assert callback(shoe={"size": [41.5, "EU"]}).extra == {"shoe": {"size": [41.5, "EU"]}}


unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["session_id", "id", "state", "status", "completed_at", "started_at", "reference", "x"]
)


@unhurried
@given(st.dictionaries(NAMES, JSON | st.sampled_from(["done", "tsn_1"])))
def test_any_object_is_a_completion_or_unreadable(members: dict[str, object]) -> None:
    settled(json.dumps(members).encode())


@unhurried
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_completion_or_unreadable(body: bytes) -> None:
    settled(body)
    settled(b'{"session_id": "s", "state": "done", "x": ' + body + b"}")


def settled(body: bytes) -> None:
    try:
        read = read_callback(body)
    except Unreadable:
        return
    words = [read.session_id, read.state, *read.references]
    assert all(word.isprintable() and 0 < len(word) <= 512 for word in words)
    json.dumps(read.extra, allow_nan=False, ensure_ascii=False).encode()
