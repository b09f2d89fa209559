"""Where a callback's state and session stand, where only the merchant can say it.

A place is a JSON Pointer (RFC 6901), such as `/data/result/0/verdict`; of a form's field, its name.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

LONGEST_PLACE = 200  # characters
MOST_PLACES = 60  # of a body that are offered
MISSING = object()
INDEX = re.compile(r"0|[1-9][0-9]{0,5}")


class Reading(NamedTuple):
    """Where the merchant says that state and session are; once undone, what it read is taken
    back."""

    state: str
    session: str | None = None  # None: the callback's URL says whose it is
    undone: bool = False


def is_place(text: str) -> bool:
    """Tell whether a text can be a place: the whole body's is empty."""
    is_pointer = text == "" or (text.startswith("/") and not re.search("~(?![01])", text))
    return is_pointer and len(text) <= LONGEST_PLACE and text.isprintable()


def at(value: Any, place: str) -> Any:
    """Return what stands at a place of a body; MISSING where nothing does."""
    for escaped in place.split("/")[1:]:
        name = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return MISSING
    return value


def places(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (place, value) of each text, number and flag of a body that has such a place."""
    if isinstance(value, dict):
        inner = ((f"{place}/{_escaped(name)}", each) for name, each in value.items())
    elif isinstance(value, list):
        inner = ((f"{place}/{index}", each) for index, each in enumerate(value))
    else:
        if value is not None and is_place(place):
            yield place, value
        return
    for each, deeper in inner:
        yield from places(deeper, each)


def word_at(value: Any, place: str) -> str | None:
    """Return the text, number or flag at a place as a word."""
    found = at(value, place)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int):
        return str(found)
    return found if isinstance(found, str) else None


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
