"""The merchant's catalogue: our own formats, what is kept, and what is said of a wrong one."""

import json
from pathlib import Path

import pytest

from proxy import settings
from proxy.catalog import kept
from proxy.catalog.entries import CatalogError
from proxy.catalog.kept import Catalog
from proxy.catalog.products import Product
from tests.proxy.catalog.feeds import read

TRAIL = Product(
    product_id="sku-1",
    category="footwear",
    title="Trail Runner, “wide”",
    image_url="https://shop.example/1.jpg",
    asset_urls=("https://shop.example/1.glb", "https://shop.example/1.png"),
)
BARE = Product(product_id="sku/2:b", category="eyewear")
CSV = (
    "product_id,category,title,image_url,asset_urls\r\n"
    'sku-1,footwear,"Trail Runner, “wide”",https://shop.example/1.jpg,'
    "https://shop.example/1.glb https://shop.example/1.png\r\n"
    "sku/2:b,eyewear,,,\r\n"
)


LEAST = {
    "TRYON_API_TOKEN": "a-token",
    "TRYON_PUBLIC_URL": "https://shop.example/try-on",
    "TRYON_SECRET_KEY": "0123456789abcdef" * 2,
}


def of(path: Path) -> settings.Settings:
    return settings.load(LEAST | {"TRYON_CATALOG": str(path)})


def load(path: Path) -> Catalog:
    return kept.load(path, of(path))


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("products.csv", CSV),
        ("products.csv", "\ufeff" + CSV),  # as spreadsheets save it
        ("products.csv", CSV.replace("\r\n", "\n")),
        ("products.JSON", json.dumps([TRAIL.model_dump(), BARE.model_dump()])),
        (
            "products.json",
            json.dumps(
                [
                    TRAIL.model_dump() | {"stock": 3},
                    {"product_id": "sku/2:b", "category": "eyewear"},
                ]
            ),
        ),
    ],
)
def test_it_reads_csv_and_json_alike(tmp_path: Path, name: str, content: str) -> None:
    assert load(written(tmp_path, name, content)) == {"sku-1": TRAIL, "sku/2:b": BARE}


@pytest.mark.parametrize("id_", ["R&D 1", "'a'/../b", "鞋", "a\u0301", "-x", ".a"])
def test_an_id_is_kept_to_the_letter(tmp_path: Path, id_: str) -> None:
    rows = [{"product_id": id_, "category": "footwear"}]
    assert [*load(written(tmp_path, "products.json", json.dumps(rows)))] == [id_]
    assert [*load(written(tmp_path, "x.csv", f"product_id,category\n{id_},footwear\n"))] == [id_]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("product_id,category\nsku-1,footwear\na\\x,footwear\n", "line 3, product_id: must be 1"),
        ("product_id,category\nsku-1,\n", "line 2, category: Field required"),
        ("product_id\nsku-1\n", "line 2, category: Field required"),
        ("product_id,category\nsku-1,Footwear\n", "line 2, category: String should"),
        ("product_id,category,image_url\na,footwear,javascript:1\n", "line 2, image_url: must be"),
        ("product_id,category,asset_urls\na,footwear,ftp://x/y\n", "line 2, asset_urls: must be"),
        ("product_id,category,title\na,footwear," + "t" * 201 + "\n", "line 2, title: String"),
        ('[{"product_id": "a", "category": "b"},\n {"product_id": 7}]', "line 2, product_id: "),
        ('[{"product_id": "a", "category": "b", "asset_urls": [1]}]', "line 1, asset_urls: "),
        ('["a"]', "line 1: is no object"),
    ],
)  # fmt: skip
def test_a_wrong_row_of_ours_is_named_with_its_field(
    tmp_path: Path, content: str, said: str
) -> None:
    (left_out,) = read(tmp_path, content, None)[2]
    assert left_out.startswith(said)


def test_of_an_id_that_stands_there_twice_the_first_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, "x.csv", "product_id,category\na,footwear\nb,bags\na,eyewear\n")
    assert {name: each.category for name, each in load(path).items()} == {
        "a": "footwear",
        "b": "bags",
    }
    assert caplog.messages == [
        f"{path}: 1 rows left out, first line 4, product_id: a stands there twice; "
        "`tryon catalog check` lists them"
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("\ufeff", "it is empty"),
        ("\n\n", "it is empty"),
        ("product_id,category,title\n", "there is no product in it; to allow any, unset"),
        ("product_id,category\nx<y,footwear\n", "there is no product in it (line 2, product_id: "),
        ("[]", "there is no product in it"),
        ("{}", "no list of products"),
        ('""', "no format has these columns"),
    ],
)
def test_without_a_product_it_is_no_catalogue(tmp_path: Path, content: str, said: str) -> None:
    path = written(tmp_path, "products", content)
    with pytest.raises(CatalogError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_what_was_kept_outlives_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, "products.csv", CSV)
    set_up = of(path)
    kept.keep(set_up)
    path.write_text("product_id,category\n")
    with pytest.raises(CatalogError):
        kept.keep(set_up)
    assert kept.current(set_up) == {"sku-1": TRAIL, "sku/2:b": BARE}
    others = of(written(tmp_path, "others.csv", CSV))
    assert kept.current(others).keys() == {"sku-1", "sku/2:b"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    there = written(tmp_path, "none.csv", CSV)
    set_up = of(there)
    there.unlink()
    with pytest.raises(CatalogError, match=r"none\.csv: cannot be read: No such file"):
        kept.load(there, set_up)
