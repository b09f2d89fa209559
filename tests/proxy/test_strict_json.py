"""Strict JSON: what one parser would read otherwise than another is not read."""

import pytest

from proxy.strict_json import Unreadable, read_json

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


@pytest.mark.parametrize(
    ("opens", "closes"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["list", "dict"]
)
def test_containers_may_be_thirty_two_deep_and_no_deeper(opens: bytes, closes: bytes) -> None:
    assert read_json(opens * 32 + b"1" + closes * 32)
    with pytest.raises(Unreadable, match="too_deep"):
        read_json(opens * 33 + b"1" + closes * 33)
