"""QR codes of our own links. Black on white with the standard's four modules of quiet zone."""

import io
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import segno

QUIET_ZONE = 4  # modules, ISO/IEC 18004
PIXELS = 8  # of an image, for each module


class QR(NamedTuple):
    """A code to draw in a square of `size` units: `path` is SVG, to be filled with black."""

    size: int
    path: str


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m", boost_error=False)


@lru_cache(maxsize=1024)
def qr(text: str) -> QR:
    """One rectangle for each horizontal run of dark modules; the quiet zone is in the size."""
    path: list[str] = []
    code = _code(text)
    for y, row in enumerate(code.matrix, QUIET_ZONE):
        x = QUIET_ZONE
        for dark, run in groupby(row):
            width = len(list(run))
            if dark:
                path.append(f"M{x} {y}h{width}v1h-{width}z")
            x += width
    return QR(len(code.matrix) + 2 * QUIET_ZONE, "".join(path))


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
