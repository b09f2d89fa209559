"""Callbacks are read in every natural shape and spelling; what cannot be read says why."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.strict_json import Unreadable
from proxy.upstream.completion import Completion, callback_event, read_callbacks
from proxy.upstream.outcomes import OUTCOMES, Outcomes, outcome_of
from storage.store import StorageUnavailable
from tests.shapes import SHAPES

WIDE: dict[str, object] = {f"object {n}": {} for n in range(49)} | {"the next": {"state": "done"}}


def told(body: object) -> list[Completion]:
    return read_callbacks(json.dumps(body).encode())


def only(body: object) -> Completion:
    (read,) = told(body)
    return read


def callback(**members: object) -> Completion:
    return only({"session_id": "s", "state": "done"} | members)


def refusal(body: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        read_callbacks(body)
    return caught.value.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"nonsense", "not_json"),
        (b'{"session_id": "s", "state": "done", "state": "failed"}', "duplicate_key"),
        (b"[]", "not_object"),
        (b'"done"', "not_object"),
        (b"null", "not_object"),
        (b"[[]]", "not_object"),
        (b"[7, 7]", "not_object"),
        (b"{}", "no_state"),
        (b"[{}, {}]", "no_state"),
        (b'{"session_id": "s"}', "no_state"),
        (b'{"session_id": "s", "state": ""}', "no_state"),
        (b'{"session_id": 7, "state": "done"}', "bad_value"),
        (b'{"session_id": ["s"], "state": "done"}', "bad_value"),
        (b'{"session_id": "s", "state": true}', "no_state"),
        (b'{"session_id": "s", "state": 7}', "no_state"),
        (b'{"session_id": "s", "state": " "}', "no_state"),
        (b'{"session_id": "s", "state": {"a": 1}}', "no_state"),
        (b'{"session_id": "s", "state": "' + b"x" * 513 + b'"}', "no_state"),
        (b'{"session_id": "a\\nb", "state": "done"}', "bad_value"),
        (b'{"session_id": "' + b"x" * 513 + b'", "state": "done"}', "bad_value"),
        (b"session_id=s", "no_state"),
        (b"session_id=s&state=done&state=failed", "duplicate_key"),
        (b"session_id=s&state=%ff", "not_json"),
        (b"session_id=s&state=a b", "not_json"),
        (b"x=%00&state=done", "bad_value"),
        (b"[" + b",".join([b'{"state": "done"}'] * 51) + b"]", "too_many"),
        (b'{"a": {"b": {"c": {"d": {"state": "done"}}}}}', "no_state"),
        (
            json.dumps({f"a{n}": {} for n in range(49)} | {"z": {"state": "done"}}).encode(),
            "no_state",
        ),
    ],
)
def test_it_names_why_a_callback_is_unreadable(body: bytes, reason: str) -> None:
    assert refusal(body) == reason


@pytest.mark.parametrize("id_name", ["session_id", "sessionId", "SESSION-ID", "session", "Session"])
@pytest.mark.parametrize("state_name", ["state", "status", "completion_state", "CompletionStatus"])
def test_it_reads_the_natural_spellings(id_name: str, state_name: str) -> None:
    read = only({id_name: "tsn_1", state_name: "Completed"})
    assert (read.session_id, read.state, read.outcome) == ("tsn_1", "Completed", "completed")
    assert (read.ids, read.extra) == ((), {})


@pytest.mark.parametrize(
    ("body", "session_id", "ids"),
    [
        ({"id": "x", "state": "done"}, None, ("x",)),
        ({"id": "x", "session_id": "s", "state": "done"}, "s", ()),
        ({"id": "x", "data": {"id": "y", "state": "done"}}, None, ("x", "y")),
        ({"id": "x", "session": {"id": "s", "state": "done"}}, "s", ()),
        ({"id": "x", "data": {"session": {"id": "s"}}, "state": "done"}, "s", ()),
        ({"id": 7, "state": "done"}, None, ()),
        ({"state": "done"}, None, ()),
        ({"session": [{"id": "s"}], "state": "done"}, "s", ()),
        ({"session_id": None, "session": "", "state": "done"}, None, ()),
    ],
)
def test_a_bare_id_is_not_taken_for_a_sessions(
    body: object, session_id: str | None, ids: tuple[str, ...]
) -> None:
    read = only(body)
    assert (read.session_id, {*read.ids}) == (session_id, {*ids})


TOLD = {"session_id": "s", "state": "left", "completed_at": 1774375200}
BARE = {"id": "s", "status": "left"}
DONE = {"id": "x", "state": "done", "started_at": 1774375200, "reference": "r"}


@pytest.mark.parametrize(
    "body",
    [
        [TOLD],
        {"data": TOLD},
        {"event": {"payload": {"session": TOLD}}},
        [{"data": [TOLD]}],
        {"status": "ok", "data": TOLD},
        {"status": "success", "success": True, "data": BARE},
        {"status": "done", "result": TOLD | {"status": "done"}},
        {"type": "session.completed", "data": TOLD},
        {"data": TOLD, "device": {"id": "d", "state": "done", "status": "done"}},
        {"session": {"id": "s"}, "state": "left"},
        {"state": "left", "product": {"id": "sku", "state": "done", "started_at": 1774375200}},
        {"session_id": "s", "state": "left", "history": [DONE, DONE]},
        {"session_id": "s", "state": "left", "State": "done"},
        {"session_id": "s", "state": "left", "items": [{"state": "done"}, {"state": "done"}]},
        {"state": "left", "products": [{"state": "done"}, {"state": "done"}]},
        {"type": "session.left", "data": {"session_id": "s"}},
        {"event": "TRYON_SESSION_ABANDONED", "session": {"id": "s"}},
        {"data": {"type": "session", "id": "s", "attributes": {"state": "left"}}},
        {"data": {"type": "session", "id": "s"}, "type": "left"},
        {"session_id": "s", "state": {"code": "left", "text": "How it ended"}},
        {"session_id": "s", "completion": {"status": {"Name": "Left"}}},
        {"session_id": "s", "status": 200, "type": "session.left"},
        {"session_id": "s", "opened": True, "completed": False, "is_abandoned": True},
        {"success": True, "data": {"session_id": "s", "left": True}},
        {"status": "success", "data": {"state": "left"}},
        {"status": "Success", "session_id": "s", "payload": {"state": "left"}},
        {"status": "ok", "result": {"session": {"completion_state": "left"}}},
        {"status": "error", "response": [{"status": "left"}]},
        {"status": "success", "data": [{"state": "left"}, {"state": "closed"}]},
        {"status": "success", "data": {"type": "session.left"}},
        {"status": "success", "type": "session.left", "data": {"session_id": "s"}},
        {"status": "success", "body": {"left": True}},
        {"success": True, "data": {"left": True}},
    ],
    ids=json.dumps,
)
def test_it_finds_what_is_told_wherever_it_stands(body: object) -> None:
    assert {read.outcome for read in told(body)} == {"abandoned"}


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"status": "success", "data": {"session_id": "s", "type": "session"}}, "success"),
        ({"status": "fail", "data": {"state": None}}, "fail"),
        ({"status": "success", "data": None}, "success"),
        ({"status": "completed", "data": {"state": "left"}}, "completed"),
        ({"status": "success", "session": {"status": "ready"}}, "success"),
    ],
    ids=json.dumps,
)
def test_an_envelopes_word_is_taken_where_there_is_no_other(body: object, state: str) -> None:
    assert only(body).state == state


def test_an_envelopes_word_is_kept() -> None:
    read = only({"status": "success", "x": 1, "session_id": "s", "data": {"state": "left"}})
    assert read.extra == {"status": "success", "x": 1, "data": {"state": "left"}}


@pytest.mark.parametrize(
    "body",
    [
        b"session_id=s&state=completed",
        b"sessionId=s&State=SESSION_COMPLETED\r\n",
        b"data[session][id]=s&data[session][state]=completed",
        b"data%5Bstate%5D=completed&id=s",
        b"id=s&completed=true",
        b"session[id]=s&session[status]=completed&product[id]=sku&product[status]=failed",
        b"product[status]=failed&event[id]=e&session[id]=s&session[status]=completed",
        b'\xef\xbb\xbf{"session_id": "s", "state": "completed"}',
        b"\xef\xbb\xbfsession_id=s&state=completed",
    ],
)
def test_it_reads_forms_and_skips_a_byte_order_mark(body: bytes) -> None:
    (read,) = read_callbacks(body)
    assert read.outcome == "completed"
    assert "s" in (read.session_id, *read.ids)


@pytest.mark.parametrize(
    "body",
    [
        [{"session_id": "s", "state": "opened"}, {"session_id": "t", "state": "done"}],
        {"events": [{"session_id": "s", "state": "opened"}, {"session_id": "t", "state": "done"}]},
        {"status": "ok", "data": [{"id": "s", "status": "opened"}, {"id": "t", "status": "done"}]},
        {"type": "batch", "id": "b", "list": [{"type": "session.opened"}, {"type": "x.done"}]},
        [{"state": "opened"}, {"nothing": 1}, 7, {"state": "done"}],
    ],
    ids=json.dumps,
)
def test_a_list_of_several_is_several(body: object) -> None:
    assert [read.outcome for read in told(body)] == ["opened", "completed"]


def test_each_of_several_has_what_stands_around_them() -> None:
    read = told({"session_id": "s", "reference": "r", "events": [{"state": "a"}, {"state": "b"}]})
    assert [(each.session_id, each.state, each.references) for each in read] == [
        ("s", "a", ("r",)), ("s", "b", ("r",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ({"session_id": "s", "type": "session.evaporated"}, "session.evaporated"),
        ({"session_id": "s", "completed": False}, "completed: false"),
        ({"session_id": "s", "type": "tryon", "success": False}, "success: false"),
        ({"session_id": "s", "state": "evaporated", "type": "session.completed"}, "evaporated"),
    ],
)
def test_what_is_not_known_is_no_outcome_and_keeps_its_word(body: object, state: str) -> None:
    read = only(body)
    assert (read.state, read.outcome) == (state, "other")


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("session.completed", "completed"),
        ("com.vendor.tryon:session/completed", "completed"),
        ("SESSION_COMPLETED", "completed"),
        ("COMPLETION_STATE_TIMED_OUT", "expired"),
        ("sessionCompleted", "completed"),
        ("SessionTimedOut", "expired"),
        ("try-on-session-finished", "completed"),
        ("user left", "abandoned"),
        ("not_completed", "other"),
        ("NOT_COMPLETED", "other"),
        ("session.not_completed", "other"),
        ("SESSION_NOT_COMPLETED", "other"),
        ("CALIBRATION_COMPLETED", "other"),
        ("incomplete", "other"),
        ("completed.", "other"),
        ("", "other"),
    ],
)
def test_the_last_part_of_a_word_counts_but_not_of_any(word: str, outcome: str) -> None:
    assert outcome_of(word) == outcome


def test_a_mapping_of_the_whole_word_goes_before_its_last_part() -> None:
    mapping = {**OUTCOMES, "session.completed": "progress"}
    assert outcome_of("session.completed", mapping) == "progress"
    assert outcome_of("Session.Completed", mapping) == "progress"
    assert outcome_of("SESSION_COMPLETED", mapping) == "completed"


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


def test_a_mapping_that_cannot_be_read_refuses_no_callback() -> None:
    store = Mapped()
    outcomes = Outcomes(store)  # type: ignore[arg-type]
    assert outcomes.known() == OUTCOMES
    store.words = {"gone home": "abandoned"}
    outcomes.map("gone home", "abandoned")
    assert outcomes.known()["gone home"] == "abandoned"
    store.words = None
    outcomes.map("gone home", "abandoned")
    assert outcomes.known()["gone home"] == "abandoned"


class Mapped:
    """A store's mapping, which cannot be read while it is None."""

    words: dict[str, str] | None = None

    def mapping(self) -> dict[str, str]:
        if self.words is None:
            raise StorageUnavailable("locked")
        return self.words

    def readings(self) -> list[dict[str, object]]:
        return []

    def map_word(self, *_: object) -> None: ...


def test_a_merchant_can_add_words() -> None:
    body = b'{"id": "s", "state": "Bought It"}'
    mapping = {**OUTCOMES, "bought_it": "completed"}
    assert [read.outcome for read in read_callbacks(body)] == ["other"]
    assert [read.outcome for read in read_callbacks(body, mapping)] == ["completed"]


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
    ("off_ms", "believed"),
    [(0, True), (600_000, True), (-600_000, True), (600_001, False), (-600_001, False)],
)
def test_the_vendors_time_is_shown_where_it_can_be_right(off_ms: int, believed: bool) -> None:
    at = 1_774_375_202_500
    told = callback_event("a" * 32, at, callback(ended_at=at + off_ms))
    assert told.occurred_ms == at + off_ms * believed
    assert told.received_ms == at


def test_a_redelivery_has_the_same_key_whatever_its_times_and_another_word_has_not() -> None:
    def key(received_ms: int, **members: object) -> str:
        return callback_event("a" * 32, received_ms, callback(**members)).key

    first = key(1_774_375_202_500, ended_at=1_774_375_202)
    assert key(1_774_375_902_500, ended_at=1_774_375_902, attempt=2) == first
    assert len({first, key(0, state="failed"), key(0, session_id="t")}) == 3


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


@unhurried
@given(SHAPES)
def test_any_object_is_a_completion_or_unreadable(shape: object) -> None:
    settled(json.dumps(shape).encode())


@unhurried
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_completion_or_unreadable(body: bytes) -> None:
    settled(body)
    settled(b"state=" + body)
    settled(b'{"session_id": "s", "state": "done", "x": ' + body + b"}")


SPELLINGS = st.sampled_from([str, str.upper, str.title, lambda name: name.replace("_", "-")])
LETTERS = st.text(alphabet="pqrvwxyz", min_size=1)  # which make no name or word that is known
READABLE = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | LETTERS,
    lambda inner: st.lists(inner) | st.dictionaries(LETTERS, inner),
    max_leaves=5,
)
AROUND = st.sampled_from(["data", "payload", "event", "session", "body", "result", "object", "x"])


@settings(unhurried, max_examples=50)
@given(
    st.data(),
    st.sampled_from(["session_id", "session"]),
    st.sampled_from(["state", "status", "completion_state", "session_status"]),
    st.dictionaries(LETTERS, READABLE, max_size=3),
)
def test_what_stands_somewhere_sensible_is_found(
    data: st.DataObject, id_name: str, state_name: str, others: dict[str, object]
) -> None:
    spelt = data.draw(SPELLINGS)
    body: object = {**others, spelt(id_name): "tsn_1", spelt(state_name): "Completed"}
    for name in data.draw(st.lists(AROUND, max_size=3)):
        around = data.draw(st.dictionaries(st.just("z"), READABLE, max_size=1))
        body = data.draw(st.sampled_from([{**around, name: body}, {**around, name: [body]}]))
    read = only([body] if data.draw(st.booleans()) else body)
    assert (read.session_id, read.state, read.outcome) == ("tsn_1", "Completed", "completed")


def settled(body: bytes) -> None:
    try:
        callbacks = read_callbacks(body)
    except Unreadable as unreadable:
        assert unreadable.reason
        return
    for read in callbacks:
        words = [read.state, *read.ids, *read.references, read.session_id or "-"]
        assert all(word.isprintable() and 0 < len(word) <= 519 for word in words)
        json.dumps(read.extra, allow_nan=False, ensure_ascii=False).encode()
