"""QR codes that scanners read: as a path for a page, as an SVG, as an image."""

import re
import struct
import zlib
from base64 import urlsafe_b64encode
from random import Random
from xml.etree import ElementTree

import pytest
import zxingcpp

from proxy.tryon.qr import LinkCodes, png, svg

STARTS = [
    "https://tryon.shop.example/go/",
    "http://192.168.1.20:8000/some/longer/prefix/go/",
    "https://x.example/" + "a" * 200 + "/go/",
]
CHANCE = Random(7)
PIXELS = 8  # of an image, for each module
KEYS = [urlsafe_b64encode(CHANCE.randbytes(16)).decode()[:22] for _ in range(20)]


@pytest.fixture(scope="module", params=STARTS)
def start(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def codes(start: str) -> LinkCodes:
    return LinkCodes(start, 22, "?q")


def drawn(size: int, path: str) -> list[list[bool]]:
    """The modules that a path fills."""
    dark = [[False] * size for _ in range(size)]
    steps = re.findall(r"([Mm])(\d+|-\d+) (\d+)|h(\d+)v1h-(\d+)z", path)
    x = y = 0
    again = ""
    for move, right, down, width, back in steps:
        if move:
            x, y = (0, 0) if move == "M" else (x, y)
            x, y = x + int(right), y + int(down)
            again += f"{move}{right} {down}"
            continue
        assert width == back
        again += f"h{width}v1h-{back}z"
        for column in range(x, x + int(width)):
            assert not dark[y][column]  # nothing is drawn twice
            dark[y][column] = True
    assert again == path
    return dark


def text_in(dark: list[list[bool]]) -> str:
    """What a scanner reads, of modules shown at a fair size."""
    rows = [
        bytes(0 if module else 255 for module in row for _ in range(PIXELS))
        for row in dark
        for _ in range(PIXELS)
    ]
    shape = (len(rows), len(rows[0]))
    (found,) = zxingcpp.read_barcodes(memoryview(b"".join(rows)).cast("B", shape))
    return str(found.text)


def modules_of(image: bytes) -> list[list[bool]]:
    """The modules in a PNG of one bit for each pixel, black being 0 (ISO/IEC 15948)."""
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, color = struct.unpack(">IIBB", image[16:26])
    assert (depth, color) == (1, 0)
    data, position = b"", 8
    while position < len(image):
        (length,) = struct.unpack(">I", image[position : position + 4])
        if image[position + 4 : position + 8] == b"IDAT":
            data += image[position + 8 : position + 8 + length]
        position += length + 12
    rows, stride = zlib.decompress(data), (width + 7) // 8 + 1
    lines = [rows[y * stride : (y + 1) * stride] for y in range(0, height, PIXELS)]
    assert all(line[0] == 0 for line in lines)  # no filter
    return [
        [not line[1 + x // 8] >> (7 - x % 8) & 1 for x in range(0, width, PIXELS)] for line in lines
    ]


@pytest.mark.parametrize("key", [*KEYS, "A" * 22, "_" * 22, "-" * 22, "z9" * 11])
def test_a_scanner_reads_the_path_that_a_page_draws(start: str, codes: LinkCodes, key: str) -> None:
    assert text_in(drawn(*codes.code(key))) == f"{start}{key}?q"


def test_a_scanner_reads_the_image(start: str) -> None:
    link = f"{start}{KEYS[0]}?q"
    assert text_in(modules_of(png(link))) == link


def test_there_is_a_quiet_zone_on_every_side(codes: LinkCodes) -> None:
    size, path = codes.code(KEYS[0])
    for y, row in enumerate(drawn(size, path)):
        for x, module in enumerate(row):
            if min(x, y, size - 1 - x, size - 1 - y) < 4:
                assert not module


def test_it_corrects_a_hidden_part(start: str, codes: LinkCodes) -> None:
    """Level M mends 15 % of a code's words; a spot of a dozen modules is well below that."""
    dark = drawn(*codes.code(KEYS[0]))
    middle = len(dark) // 2
    for y in range(middle, middle + 3):
        for x in range(middle, middle + 4):
            dark[y][x] = not dark[y][x]
    assert text_in(dark) == f"{start}{KEYS[0]}?q"


@pytest.mark.parametrize("key", ["", "A" * 21, "A" * 23, "é" * 22, "/" * 22])
def test_a_key_that_is_none_is_an_error_and_not_another_code(codes: LinkCodes, key: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        codes.code(key)


def test_the_svg_is_a_document_without_scripts() -> None:
    root = ElementTree.fromstring(svg(STARTS[0] + KEYS[0]))  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "g", "path"}
