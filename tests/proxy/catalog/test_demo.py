"""The demo shop's products: each complete, drawn, and offered as a real catalogue."""

import json
import re
from pathlib import Path

import pytest

from proxy.catalog import demo
from simulator.vendor import CATEGORIES
from tests.proxy.catalog.test_kept import load
from tests.servers import ROOT

PICTURES = ROOT / "static/demo"


@pytest.mark.parametrize("product", demo.PRODUCTS, ids=lambda product: product.product_id)
def test_a_product_has_all_that_a_shelf_needs(product: demo.DemoProduct) -> None:
    assert product.category in CATEGORIES  # those that the vendor takes
    assert product.title and product.kind and len(product.words) > 40
    assert re.fullmatch(r"€\d+", product.price)
    assert product.product_id.startswith("sim-") == bool(product.shows)


@pytest.mark.parametrize("product", demo.PRODUCTS, ids=lambda product: product.product_id)
def test_a_picture_is_cut_out_and_loads_nothing(product: demo.DemoProduct) -> None:
    picture = (PICTURES / f"{product.product_id}.svg").read_text()
    assert picture.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300">')
    assert not re.search(r"<(script|image|style|text|foreignObject)|href=\"[^#]", picture)
    assert len(picture) < 3_000


def test_no_picture_is_without_its_product() -> None:
    assert {path.stem for path in PICTURES.glob("*.svg")} == {
        product.product_id for product in demo.PRODUCTS
    }


def test_they_are_of_several_categories_and_one_fails_on_purpose() -> None:
    assert set(demo.CATEGORIES) == {"footwear", "eyewear", "watches", "jewelry", "headwear"}
    assert [product.product_id for product in demo.PRODUCTS if product.shows] == ["sim-500-sandal"]


def test_they_are_a_catalogue_that_the_app_reads(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(demo.catalog("http://127.0.0.1:8000")))
    watch = load(path)["meridian-watch"]
    assert (watch.title, watch.category) == ("Meridian 38", "watches")
    assert watch.image_url == "http://127.0.0.1:8000/shop/meridian-watch.svg"
    assert watch.page_url == "http://127.0.0.1:8000/shop/meridian-watch"
