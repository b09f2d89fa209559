"""What only its holder can know: callback URLs, ids, and the vendor's signature."""

import base64
import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook
from werkzeug.datastructures import Headers

from proxy.tryon.keys import CallbackKeys, ClickKeys, new_token, signature_is_valid

REF = "0123456789ab" + "c" * 20
OLD, NEW = SecretStr("old" * 12), SecretStr("new" * 12)
BODY = b'{"session_id": "tsn_1", "state": "completed"}'


def secret(text: str) -> SecretStr:
    return SecretStr("whsec_" + base64.b64encode(text.encode() * 3).decode())


FIRST, SECOND = secret("first-key"), secret("second-key")


def signed(
    body: bytes = BODY, key: SecretStr = FIRST, age_s: float = 0, message_id: str = "msg_1"
) -> Headers:
    at = datetime.fromtimestamp(int(time.time() - age_s), UTC)
    return Headers(
        {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Webhook(key.get_secret_value()).sign(
                message_id, at, body.decode()
            ),
        }
    )


def test_a_capability_opens_to_what_was_sealed() -> None:
    keys = CallbackKeys([NEW])
    assert keys.open(keys.seal(REF)) == REF


def test_a_rotated_key_verifies_and_the_first_one_signs() -> None:
    before, during, after = CallbackKeys([OLD]), CallbackKeys([NEW, OLD]), CallbackKeys([NEW])
    assert during.open(before.seal(REF)) == REF
    assert after.open(during.seal(REF)) == REF
    assert after.open(before.seal(REF)) is None


def test_each_single_changed_character_closes_it() -> None:
    keys = CallbackKeys([NEW])
    sealed = keys.seal(REF)
    for place, character in enumerate(sealed):
        other = "A" if character != "A" else "B"
        assert keys.open(sealed[:place] + other + sealed[place + 1 :]) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[:0],
        lambda sealed: sealed[32:33],
        lambda sealed: sealed[:32],
        lambda sealed: sealed[:33],
        lambda sealed: sealed[:-1],
        lambda sealed: f"{sealed}A",
        lambda sealed: f"{sealed}=",
        lambda sealed: f"{sealed}\n",
        lambda sealed: f"{sealed}.{sealed}",
        lambda sealed: f" {sealed}",
        lambda sealed: sealed.upper(),
        lambda sealed: sealed[:-1] + "é",
        lambda sealed: sealed[:-1] + "\udcff",
        lambda sealed: sealed.replace(REF, "../" + REF[3:]),
        lambda sealed: sealed.replace(REF, "\u0660" + REF[1:]),
    ],
)
def test_what_is_not_ours_to_the_last_bit_stays_closed(change) -> None:
    keys = CallbackKeys([NEW])
    assert keys.open(change(keys.seal(REF))) is None


def test_tokens_have_128_bits_and_their_form() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in tokens)
    assert {len(base64.urlsafe_b64decode(f"{token}==")) for token in tokens} == {16}


def test_it_takes_a_right_signature() -> None:
    assert signature_is_valid([FIRST], BODY, signed())


def test_it_takes_either_secret_while_they_rotate() -> None:
    both = [SECOND, FIRST]
    assert signature_is_valid(both, BODY, signed(key=FIRST))
    assert signature_is_valid(both, BODY, signed(key=SECOND))
    assert not signature_is_valid([SECOND], BODY, signed(key=FIRST))


def test_it_takes_one_right_signature_among_others() -> None:
    headers = signed()
    headers["webhook-signature"] = f"v1,AAAA v2,é {headers['webhook-signature']} v1a,x"
    assert signature_is_valid([FIRST], BODY, headers)


def test_it_signs_once_for_each_secret_however_many_signatures_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    headers = signed()
    headers["webhook-signature"] = "v1,AAAA " * 1_000 + headers["webhook-signature"]
    signing, sign = [], Webhook.sign
    monkeypatch.setattr(Webhook, "sign", lambda *what: signing.append(1) or sign(*what))
    assert signature_is_valid([SECOND, FIRST], BODY, headers)
    assert len(signing) == 2


@pytest.mark.parametrize(
    ("age_s", "valid"), [(590, True), (-590, True), (620, False), (-620, False)]
)
def test_it_bears_a_clock_that_is_ten_minutes_off(age_s: int, valid: bool) -> None:
    assert signature_is_valid([FIRST], BODY, signed(age_s=age_s)) is valid


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_it_refuses_what_lacks_a_header(name: str) -> None:
    headers = signed()
    del headers[name]
    assert not signature_is_valid([FIRST], BODY, headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-id", ""),
        ("webhook-id", "msg_2"),
        ("webhook-id", "\xff\xfe"),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "now"),
        ("webhook-timestamp", "1e9"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "9" * 30),
        ("webhook-timestamp", "9" * 5000),
        ("webhook-timestamp", "nan"),
        ("webhook-timestamp", "\xb2"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", ",,,"),
        ("webhook-signature", "v1,not-base64!"),
        ("webhook-signature", "v1,AAA"),
        ("webhook-signature", "v1,é\xff"),
        ("webhook-signature", "v1," + "A" * 100_000),
        ("webhook-signature", " " * 1000),
    ],
)
def test_it_refuses_malformed_headers_and_raises_nothing(name: str, value: str) -> None:
    headers = signed()
    headers[name] = value
    assert signature_is_valid([FIRST], BODY, headers) is False


@pytest.mark.parametrize("body", [b"", BODY + b" ", b"\xff\xfe", b"\xef\xbb\xbf" + BODY])
def test_it_refuses_another_body(body: bytes) -> None:
    assert signature_is_valid([FIRST], body, signed()) is False


def test_it_refuses_another_version_of_the_same_bytes() -> None:
    headers = signed()
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v2,")
    assert not signature_is_valid([FIRST], BODY, headers)


@pytest.mark.parametrize(
    ("hours", "good"), [(-49, False), (-48, True), (0, True), (71, True), (72, False)]
)
def test_a_click_may_be_made_for_two_days_either_way(hours: int, good: bool) -> None:
    keys = ClickKeys([SecretStr("k" * 32)])
    # printf 'sku-1\n2026-03-24' | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
    signature = "cd3588825e9b007d0a6523d51f9967626a3fbb61cefc354b7f0cfe4b28ad1341"
    at = datetime(2026, 3, 24, tzinfo=UTC)
    assert keys.sign("sku-1", at) == signature
    assert keys.verify("sku-1", signature, at + timedelta(hours=hours)) is good
    assert not keys.verify("sku-2", signature, at)
    assert ClickKeys([]).sign("sku-1", at) is None
    assert ClickKeys([]).verify("sku-1", None, at)
