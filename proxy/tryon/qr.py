"""QR codes of our own links. Black on white with the standard's four modules of quiet zone.

Drawing one with segno takes 0.8 ms, and 4 ms with the search for the prettiest mask: more than all
else that a click costs. But our links differ in their key alone, and a QR code is linear: its
error correction is over GF(2), placing the bits is a permutation, and the mask, once it is fixed,
is an exclusive or. So the code of a link is the exclusive or of one pattern for each character of
its key, made from segno's codes at start.
"""

import io
import re
from functools import reduce
from operator import xor
from string import ascii_letters, digits
from typing import NamedTuple

import segno

QUIET_ZONE = 4  # modules, ISO/IEC 18004
PIXELS = 8  # of an image, for each module
MASK = 0  # readers take any; the standard's choice among eight only looks more even
ALPHABET = ascii_letters + digits + "-_"
ASCII_BITS = 7
DARK = re.compile("1+")


class QR(NamedTuple):
    """A code to draw in a square of `size` units: `path` is SVG, to be filled with black."""

    size: int
    path: str


class LinkCodes:
    """The codes of all links `<start><key><end>`, whose keys have one length and ALPHABET."""

    def __init__(self, start: str, key_length: int, end: str) -> None:
        def modules(key: str) -> int:
            matrix = _code(start + key + end, mask=MASK, mode="byte").matrix
            self._side = len(matrix)
            # Each row is filled up to whole bytes, which are what `code` draws by.
            self._bytes_a_row = -(-self._side // 8)
            rows = ("".join(map(str, row)).ljust(8 * self._bytes_a_row, "0") for row in matrix)
            return int("".join(rows), 2)

        def with_bit(position: int, bit: int) -> str:
            return "\0" * position + chr(1 << bit) + "\0" * (key_length - position - 1)

        self._blank = modules("\0" * key_length)
        self._patterns: list[dict[str, int]] = []
        for position in range(key_length):
            bits = [modules(with_bit(position, bit)) ^ self._blank for bit in range(ASCII_BITS)]
            self._patterns.append(
                {
                    letter: reduce(xor, (bits[bit] for bit in _ones(ord(letter))))
                    for letter in ALPHABET
                }
            )
        right = [_path(byte, 8, 0) for byte in range(256)]
        down = [_path(byte, 8 - 8 * self._bytes_a_row, 1) for byte in range(256)]
        self._paths = [*[right] * (self._bytes_a_row - 1), down] * self._side

    def code(self, key: str) -> QR:
        """Compose the code of one link."""
        pairs = zip(self._patterns, key, strict=True)
        modules = reduce(xor, (pattern[letter] for pattern, letter in pairs), self._blank)
        drawn = zip(self._paths, modules.to_bytes(len(self._paths)), strict=True)
        path = "".join([paths[byte] for paths, byte in drawn])
        return QR(self._side + 2 * QUIET_ZONE, f"M{QUIET_ZONE} {QUIET_ZONE}{path}")


def _path(byte: int, right: int, down: int) -> str:
    """Draw a rectangle for each run of a byte's dark modules, the first where the pen is; then
    move on by so many modules."""
    path, x = "", 0
    for run in DARK.finditer(f"{byte:08b}"):
        width = run.end() - run.start()
        path += f"{_move(run.start() - x, 0)}h{width}v1h-{width}z"
        x = run.start()  # where `z` has brought the pen back to
    return path + _move(right - x, down)


def _move(right: int, down: int) -> str:
    return f"m{right} {down}" if right or down else ""


def _ones(number: int) -> list[int]:
    return [bit for bit in range(ASCII_BITS) if number >> bit & 1]


def _code(text: str, mask: int | None = None, mode: str | None = None) -> segno.QRCode:
    return segno.make_qr(text, error="m", boost_error=False, mask=mask, mode=mode)


def svg(text: str) -> bytes:
    """Draw an SVG document."""
    return _image(text, kind="svg", light="#fff")


def png(text: str) -> bytes:
    """Draw a PNG image."""
    return _image(text, kind="png")


def _image(text: str, **options: str) -> bytes:
    out = io.BytesIO()
    _code(text).save(out, border=QUIET_ZONE, scale=PIXELS, **options)
    return out.getvalue()
