"""The vendor's contract: what is sent, which replies and callbacks are read, and how."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from proxy.contract import (
    OUTCOMES,
    Asset,
    Completion,
    Session,
    SessionRequest,
    Unreadable,
    is_launch_url,
    read_callback,
    read_json,
    vendor_reason,
)

REQUEST = {
    "product_id": "sku-12345",
    "category": "footwear",
    "experience": "browser",
    "callback_url": "https://merchant.example/callbacks/tryon",
    "locale": "en-US",
}
SESSION = {
    "id": "tsn_01HZZXYZ123",
    "status": "ready",
    "launch_url": "https://launch.tryon-api.com/s/tsn_01HZZXYZ123",
    "expires_at": "2026-03-24T18:00:00Z",
    "qr_code_url": "https://launch.tryon-api.com/qr/tsn_01HZZXYZ123.png",
}
HOSTS = frozenset({"launch.tryon-api.com", "launch.tryon-api.com:8443", "127.0.0.1:8001"})


def request(**more: object) -> SessionRequest:
    given = {name: value for name, value in REQUEST.items() if name != "experience"}
    return SessionRequest.model_validate(given | more)


def callback(**members: object) -> Completion:
    return read_callback(json.dumps({"session_id": "s", "state": "done"} | members).encode())


def refusal(body: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        read_callback(body)
    return caught.value.reason


def test_a_request_holds_exactly_the_documented_fields() -> None:
    assert json.loads(request().body()) == REQUEST
    assert json.loads(request(assets=()).body()) == REQUEST


def test_a_request_names_its_assets_where_there_are_any() -> None:
    assets = (Asset.of("https://cdn.example/a.GLB?v=1"), Asset.of("https://cdn.example/a.jpg"))
    assert json.loads(request(assets=assets).body())["assets"] == [
        {"url": "https://cdn.example/a.GLB?v=1", "kind": "model"},
        {"url": "https://cdn.example/a.jpg", "kind": "media"},
    ]


def test_it_reads_the_documented_session() -> None:
    session = Session.model_validate(SESSION | {"foot": {"scan": True}})
    assert session.expires_at.isoformat() == "2026-03-24T18:00:00+00:00"
    assert session.metadata == {"foot": {"scan": True}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", 7),
        ("id", "a b"),
        ("id", "a\n"),
        ("id", "ü"),
        ("id", "x" * 201),
        ("status", ""),
        ("status", None),
        ("launch_url", None),
        ("launch_url", "https://launch.tryon-api.com/" + "a" * 2048),
        ("expires_at", "2026-03-24T18:00:00"),
        ("expires_at", "2026-03-24"),
        ("expires_at", "1774375200"),
        ("expires_at", 1774375200),
        ("expires_at", "soon"),
    ],
)
def test_it_refuses_a_session_with(name: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Session.model_validate(SESSION | {name: value})


@pytest.mark.parametrize("name", ["id", "status", "launch_url", "expires_at"])
def test_it_refuses_a_session_without(name: str) -> None:
    with pytest.raises(ValidationError):
        Session.model_validate({key: value for key, value in SESSION.items() if key != name})


@pytest.mark.parametrize("value", ["javascript:alert(1)", "//x/y", 7, None, "https://a b", ""])
def test_it_drops_a_qr_address_that_is_no_web_address(value: object) -> None:
    assert Session.model_validate(SESSION | {"qr_code_url": value}).qr_code_url is None


@pytest.mark.parametrize(
    "url",
    [
        "https://launch.tryon-api.com/s/tsn_1",
        "https://launch.tryon-api.com",
        "https://LAUNCH.tryon-api.com:443/s?x=1&y=%20#f",
        "https://launch.tryon-api.com:8443/s/@me",
        "http://127.0.0.1:8001/s/1",
    ],
)
def test_it_accepts_the_launch_url(url: str) -> None:
    assert is_launch_url(url, HOSTS, allow_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://launch.tryon-api.com/s/1",
        "http://launch.tryon-api.com:443/s/1",
        "//launch.tryon-api.com/s/1",
        "/s/1",
        "javascript:alert(1)",
        "JaVaScRiPt://launch.tryon-api.com/%0aalert(1)",
        "data:text/html,x",
        "ftp://launch.tryon-api.com/",
        "https:launch.tryon-api.com/s/1",
        "https:/launch.tryon-api.com/s/1",
        "https:///launch.tryon-api.com/s/1",
        "https://evil.example/s/1",
        "https://evil.example/launch.tryon-api.com",
        "https://evil.example?launch.tryon-api.com",
        "https://evil.example#launch.tryon-api.com",
        "https://launch.tryon-api.com.evil.example/",
        "https://evil-launch.tryon-api.com/",
        "https://launch.tryon-api.com@evil.example/",
        "https://launch.tryon-api.com:443@evil.example/",
        "https://user@launch.tryon-api.com/",
        "https://user:pass@launch.tryon-api.com/",
        "https://@launch.tryon-api.com/",
        "https://evil.example\\@launch.tryon-api.com/",
        "https://evil.example\\.launch.tryon-api.com/",
        "https:\\\\evil.example\\launch.tryon-api.com",
        "https://launch.tryon-api.com\\@evil.example/",
        "https://launch.tryon-api.com/\\evil",
        "https://evil.example%2f@launch.tryon-api.com/",
        "https://evil.example%00launch.tryon-api.com/",
        "https://launch.tryon-api.com%2eevil.example/",
        "https://launch.tryon-api.com:8444/",
        "https://launch.tryon-api.com:/",
        "https://launch.tryon-api.com:999999/",
        "https://launch.tryon-api.com:\uff14\uff14\uff13/",
        "https://launch.tryon-api.com./",
        "https://launch\u3002tryon-api.com/",
        "https://\u24dbaunch.tryon-api.com/",
        "https://launch.tryon-api.com\t/",
        "https://launch.tryon-api.com/ x",
        " https://launch.tryon-api.com/",
        "https://launch.tryon-api.com/\n",
        "https://launch.tryon-api.com/\r\nSet-Cookie: a=b",
        "https://launch.tryon-api.com/\x00",
        "ht\ntps://launch.tryon-api.com/",
        "https://launch.tryon-api.com/é",
        'https://launch.tryon-api.com/"><script>',
        "https://127.0.0.1:8002/",
        "http://127.0.0.1/",
        "http://0x7f000001:8001/",
        "https://[::1]/",
        "https://launch.tryon-api.com/" + "a" * 2048,
    ],
)
def test_it_refuses_to_send_a_shopper_to(url: str) -> None:
    assert not is_launch_url(url, HOSTS, allow_http=False)


def test_plain_http_can_be_allowed_for_a_listed_host_and_port() -> None:
    hosts = frozenset({"192.168.1.7:8001", "launch.tryon-api.com"})
    assert is_launch_url("http://192.168.1.7:8001/s/1", hosts, allow_http=True)
    assert not is_launch_url("http://192.168.1.7:8001/s/1", hosts, allow_http=False)
    assert not is_launch_url("http://launch.tryon-api.com/s/1", hosts, allow_http=True)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": "unsupported category"}', "unsupported category"),
        (b'{"error": {"message": "unsupported category"}}', "unsupported category"),
        (b'{"code": 7, "detail": "unsupported category"}', "unsupported category"),
        (b'{"errors": ["a", "b"]}', '["a", "b"]'),
        (b'{"odd": 1}', '{"odd": 1}'),
        (b"plain \xff words", "plain � words"),
        (b"", ""),
    ],
)
def test_it_finds_the_vendors_reason(body: bytes, reason: str) -> None:
    assert vendor_reason(body) == reason


HOSTILE = {
    b"": "not_json",
    b"nonsense": "not_json",
    b'{"session_id": "s", "state": "done"} x': "not_json",
    b'\xef\xbb\xbf{"session_id": "s", "state": "done"}': "not_json",
    '{"session_id": "s", "state": "done"}'.encode("utf-16"): "not_json",
    b'{"session_id": "s", "state": "done", "x": NaN}': "not_json",
    b'{"session_id": "s", "state": "done", "x": -Infinity}': "not_json",
    b'{"session_id": "s", "state": "done", "x": "\xff"}': "not_json",
    b'{"session_id": "s", "state": "done", "x": "\xed\xa0\x80"}': "not_json",
    b'{"session_id": "s", "state": "done", "x": "\\ud800"}': "not_json",
    b'{"session_id": "s", "state": "done", "x": ' + b"9" * 5000 + b"}": "not_json",
    b'{"session_id": "s", "state": "done", "x": 18446744073709551616}': "bad_value",
    b'{"session_id": "s", "state": "done", "x": 1e999}': "bad_value",
    b'{"session_id": "s", "state": "done", "x": ["\\u0000"]}': "bad_value",
    b'{"session_id": "s", "state": "done", "\\u0000": 1}': "bad_value",
    b'{"session_id": "s", "state": "done", "state": "failed"}': "duplicate_key",
    b'{"session_id": "s", "state": "done", "x": [{"a": 1, "\\u0061": 2}]}': "duplicate_key",
    b"[" * 60_000: "too_deep",
    b'{"a":' * 10_000 + b"1" + b"}" * 10_000: "too_deep",
    b'{"session_id": "s", "state": "done", "x": ' + b"[" * 33 + b"]" * 33 + b"}": "too_deep",
}


@pytest.mark.parametrize(("body", "reason"), HOSTILE.items(), ids=lambda value: str(value)[:50])
def test_it_refuses_hostile_json(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_json(body)
    assert caught.value.reason == reason
    assert refusal(body) == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
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
