"""`/qr/<id>.svg` and `.png`: the QR of a session's launch link, as a picture."""

from io import BytesIO
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image

from tests.servers import Shop, http, unique


def test_a_scanner_reads_the_launch_link_in_the_image(shop: Shop) -> None:
    session = shop.click(unique()).json()
    answer = http().get(f"{shop.url}/qr/{session['id']}.png")
    assert answer.headers["Content-Type"] == "image/png"
    with Image.open(BytesIO(answer.content)) as image:
        (found,) = zxingcpp.read_barcodes(image.convert("L"))
    assert found.text == f"{session['launch_url']}?q"


def test_the_drawing_is_an_svg_document(shop: Shop) -> None:
    session = shop.click(unique()).json()
    answer = http().get(f"{shop.url}/qr/{session['id']}.svg")
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_picture_is_for_its_shopper_and_launches_nothing(shop: Shop, kind: str) -> None:
    session = shop.click(unique()).json()
    answer = http().get(f"{shop.url}/qr/{session['id']}.{kind}")
    assert answer.headers["Cache-Control"] == "private, max-age=3600"
    assert shop.state(session) == "waiting"


@pytest.mark.parametrize("name", ["{id}.gif", "{id}", "{key}.png", "{unknown}.svg"])
def test_what_is_no_picture_is_not_found(shop: Shop, name: str) -> None:
    session = shop.click(unique()).json()
    key = session["launch_url"].rpartition("/")[2]
    path = name.format(id=session["id"], key=key, unknown="A" * 22)
    assert http().get(f"{shop.url}/qr/{path}").status_code == 404
