"""The merchant's list of products: what it says, and what is said of a wrong one."""

import json
from pathlib import Path

import pytest

from proxy.catalog.products import CatalogError, Product, current, keep, load

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
        ("product_id,category\nsku-1,footwear\na\\x,footwear\n", "line 3, product_id"),
        ("product_id,category\nsku-1,\n", "line 2, category"),
        ("product_id\nsku-1\n", "line 2, category"),
        ("product_id,category\nsku-1,Footwear\n", "line 2, category"),
        ("sku-1,footwear\nsku-2,footwear\n", "line 2, product_id"),
        ("product_id,category\na,footwear\na,footwear\n", "line 3: a stands there twice"),
        ("product_id,category,image_url\na,footwear,javascript:1\n", "line 2, image_url"),
        ("product_id,category,asset_urls\na,footwear,ftp://x/y\n", "line 2, asset_urls.0"),
        ("product_id,category,title\na,footwear," + "t" * 201 + "\n", "line 2, title"),
        (b"product_id,category\n\xff,footwear\n", "utf-8"),
    ],
)
def test_a_wrong_line_of_a_csv_is_named_with_its_field(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = written(tmp_path, "products.csv", content)
    with pytest.raises(CatalogError) as caught:
        load(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"product_id": "a", "category": "footwear"}, {"product_id": 7}]', "entry 2, product_id"),
        ('[{"product_id": "a", "category": "footwear", "asset_urls": [1]}]', "entry 1, asset_urls"),
        ('["a"]', "entry 1"),
        ("[", "products.json"),
        ("7", "products.json"),
        ("null", "products.json"),
        ('{"products": []}', "entry 1"),
    ],
)
def test_a_wrong_entry_of_a_json_is_named_with_its_field(
    tmp_path: Path, content: str, said: str
) -> None:
    with pytest.raises(CatalogError) as caught:
        load(written(tmp_path, "products.json", content))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("products.csv", ""),
        ("products.csv", "\ufeff"),
        ("products.csv", "\n\n"),
        ("products.csv", "product_id,category,title\n"),
        ("products.json", "[]"),
        ("products.json", "{}"),
        ("products.json", '""'),
    ],
)
def test_without_a_product_it_is_no_catalogue(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(CatalogError, match=f"{name}: there is no product in it"):
        load(written(tmp_path, name, content))


def test_what_was_kept_outlives_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, "products.csv", CSV)
    keep(path)
    path.write_text("product_id,category\n")
    with pytest.raises(CatalogError):
        keep(path)
    assert current(path) == {"sku-1": TRAIL, "sku/2:b": BARE}
    assert current(written(tmp_path, "others.csv", CSV)).keys() == {"sku-1", "sku/2:b"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"none\.csv"):
        load(tmp_path / "none.csv")


def test_a_quote_that_nothing_closes_is_named(tmp_path: Path) -> None:
    file = tmp_path / "products.csv"
    rest = "".join(f"sku-{n},footwear,Shoe {n}\n" for n in range(9_000))
    file.write_text(f'product_id,category,title\nsku,footwear,Shoe\nsku-x,footwear,"Shoe\n{rest}')
    with pytest.raises(CatalogError, match="after line 2: field larger"):
        load(file)
