"""QR codes of our own links. Black on white with the standard's four modules of quiet zone.

Drawing one with segno takes 0.8 ms, and 4 ms with the search for the prettiest mask: more than all
else that a click costs. But our links differ in their key alone, and a QR code is linear: its
error correction is over GF(2), placing the bits is a permutation, and the mask, once it is fixed,
is an exclusive or. So the code of a link is the exclusive or of one pattern for each character of
its key (6 µs), made from segno's codes at start.
"""

import io
import re
from functools import cache, reduce
from operator import xor
from string import ascii_letters, digits
from typing import NamedTuple

import segno

QUIET_ZONE = 4  # modules, ISO/IEC 18004
PIXELS = 8  # of an image, for each module
MASK = 0  # readers take any; the standard's choice among eight only looks more even
ALPHABET = ascii_letters + digits + "-_"
ASCII_BITS = 7
STRETCH = 8  # modules in a row whose path is remembered: 256 texts for each place
DARK = re.compile("1+")


class QR(NamedTuple):
    """A code to draw in a square of `size` units: `path` is SVG, to be filled with black."""

    size: int
    path: str


class LinkCodes:
    """The codes of all links `<start><key><end>`, where keys have one length and ALPHABET."""

    def __init__(self, start: str, key_length: int, end: str) -> None:
        def modules(key: str) -> int:
            matrix = _code(start + key + end, mask=MASK, mode="byte").matrix
            self._side = len(matrix)
            return int("".join(str(module) for row in matrix for module in row), 2)

        def with_bit(position: int, bit: int) -> str:
            return "\0" * position + chr(1 << bit) + "\0" * (key_length - position - 1)

        self._side = 0
        self._blank = modules("\0" * key_length)
        starts = range(0, self._side, STRETCH)
        self._stretches = [(x, min(x + STRETCH, self._side)) for x in starts]
        self._patterns: list[dict[str, int]] = []
        for position in range(key_length):
            bits = [modules(with_bit(position, bit)) ^ self._blank for bit in range(ASCII_BITS)]
            self._patterns.append(
                {
                    letter: reduce(xor, (bits[bit] for bit in _ones(ord(letter))))
                    for letter in ALPHABET
                }
            )

    def code(self, key: str) -> QR:
        """The code of one link: a rectangle for each stretch of dark modules in a row."""
        pairs = zip(self._patterns, key, strict=True)
        modules = reduce(xor, (pattern[letter] for pattern, letter in pairs), self._blank)
        side = self._side
        bits = format(modules, f"0{side * side}b")
        path = [
            _stretch(x + QUIET_ZONE, y + QUIET_ZONE, bits[y * side + x : y * side + end])
            for y in range(side)
            for x, end in self._stretches
        ]
        return QR(side + 2 * QUIET_ZONE, "".join(path))


@cache
def _stretch(x: int, y: int, modules: str) -> str:
    """The path of a few modules of a row, the first of which is at (x, y)."""
    return "".join(
        f"M{x + run.start()} {y}h{(width := run.end() - run.start())}v1h-{width}z"
        for run in DARK.finditer(modules)
    )


def _ones(number: int) -> list[int]:
    return [bit for bit in range(ASCII_BITS) if number >> bit & 1]


def _code(text: str, mask: int | None = None, mode: str | None = None) -> segno.QRCode:
    return segno.make_qr(text, error="m", boost_error=False, mask=mask, mode=mode)


def svg(text: str) -> bytes:
    """An SVG document."""
    return _image(text, kind="svg", light="#fff")


def png(text: str) -> bytes:
    """A PNG image."""
    return _image(text, kind="png")


def _image(text: str, **options: str) -> bytes:
    out = io.BytesIO()
    _code(text).save(out, border=QUIET_ZONE, scale=PIXELS, **options)
    return out.getvalue()
