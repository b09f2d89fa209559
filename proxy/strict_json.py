"""Read JSON as RFC 8259 has it, and nothing that two parsers would read differently."""

import json
from typing import Any

from pydantic_core import from_json

DEEPEST = 32  # containers inside one another


class Unreadable(ValueError):
    """A body that is not taken.

    `reason` is the code for log, metric and receipt: not_json, duplicate_key, too_deep, bad_value;
    of a callback also not_object, no_state, too_many.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_json(body: bytes) -> Any:
    """Return the value of a JSON text (RFC 8259). The caller bounds its size.

    UTF-8 without BOM; no NaN or infinity, no lone surrogate, no duplicate key, no NUL in a string,
    integers below 2^64, containers at most 32 deep.

    :raises Unreadable: it is anything else.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        deep = "recursion limit" in str(error)
        raise Unreadable("too_deep" if deep else "not_json") from None
    _check(value)
    if b":" in body:
        # from_json keeps the last of two equal keys without a word. The text is known to be valid
        # and shallow by now, so that the standard library's parser is safe to run over it.
        STANDARD.decode(body.decode())
    return value


def _check(value: Any, depth: int = 1) -> None:
    match value:
        case str():
            if "\0" in value:
                raise Unreadable("bad_value")
        case float():  # 1e999 is valid JSON and reads as infinity
            if value - value != 0:
                raise Unreadable("bad_value")
        case int():
            if abs(value) >= 2**64:
                raise Unreadable("bad_value")
        case list() | dict():
            if depth > DEEPEST:
                raise Unreadable("too_deep")
            for inner in value:
                _check(inner, depth + 1)
            if isinstance(value, dict):
                for inner in value.values():
                    _check(inner, depth + 1)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Unreadable("duplicate_key")


STANDARD = json.JSONDecoder(object_pairs_hook=_refuse_duplicates)
