"""The merchant's catalogue: our own formats, what is kept, and what is said of a wrong one."""

import json
from pathlib import Path
from unittest.mock import Mock

import pytest

from proxy import settings
from proxy.catalog import apart, kept, refreshing
from proxy.catalog.entries import CatalogError
from proxy.catalog.products import Product
from proxy.catalog.source import source_of
from storage.store import StorageUnavailable
from tests.proxy.catalog.feeds import read, read_all

pytestmark = pytest.mark.usefixtures("here")

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


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the source read in this process: that of its own, which imports for longer than it reads,
    has its proofs in test_demo.py and tests/threats/test_catalog.py."""
    monkeypatch.setattr(refreshing.os, "nice", lambda _: 0)
    monkeypatch.setattr(apart, "refresh", lambda source, _turn: refreshing.refresh(source))


def of(path: Path, **more: str) -> settings.Settings:
    database = f"sqlite:///{path.parent / 'shop.db'}"
    return settings.load(LEAST | {"TRYON_CATALOG": str(path), "TRYON_DATABASE": database} | more)


def load(path: Path) -> dict[str, Product]:
    """The products of a file, by their ids, as a worker finds them."""
    products = {each.product_id: each for each in read_all(path)}
    catalog = kept.catalog(of(path))
    assert len(catalog) == len(products)
    assert {name: catalog.get(name) for name in products} == products
    return products


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
    catalog = kept.catalog(of(path))
    assert [getattr(catalog.get(name), "category", None) for name in "abc"] == [
        "footwear",
        "bags",
        None,
    ]
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
        kept.catalog(of(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_a_copy_outlives_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, "products.csv", CSV)
    set_up = of(path)
    apart.prepare(set_up)
    path.write_text("product_id,category\n")
    with pytest.raises(CatalogError):
        apart.prepare(set_up)
    assert kept.catalog(set_up).get("sku-1") == TRAIL
    path.unlink()
    with pytest.raises(CatalogError, match=r"products\.csv: cannot be read: No such file"):
        apart.prepare(set_up)
    assert kept.catalog(set_up).get("sku-1") == TRAIL


def test_a_newer_copy_is_taken_while_the_older_is_open(tmp_path: Path) -> None:
    path = written(tmp_path, "products.csv", CSV)
    set_up = of(path)
    older = kept.catalog(set_up)
    path.write_text("product_id,category\nnew,footwear\n")
    apart.prepare(set_up)
    assert older.get("sku-1") == TRAIL
    older.tend()
    assert (older.get("sku-1"), len(older), older.first()) == (None, 1, "new")
    assert len([*tmp_path.glob("shop.db-catalog-*.db")]) == 1


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, "products.csv", CSV)
    apart.prepare(of(path))
    (copy,) = tmp_path.glob("shop.db-catalog-*.db")
    apart.prepare(of(path))
    assert [*tmp_path.glob("shop.db-catalog-*.db")] == [copy]


def test_other_rules_are_another_catalogue(tmp_path: Path) -> None:
    path = written(tmp_path, "feed", "id,title,link\n1,Boot,\n2,Hat,\n")
    boots = of(path, TRYON_CATALOG_RULES='{"footwear": {"title": "B*"}}')
    hats = of(path, TRYON_CATALOG_RULES='{"footwear": {"title": "H*"}}')
    first = kept.catalog(boots)
    assert (first.get("1") is None, first.get("2") is None) == (False, True)
    apart.prepare(hats)
    second = kept.catalog(hats)
    assert (second.get("1") is None, second.get("2") is None) == (True, False)
    first.tend()  # by a worker that the reload has not ended yet
    assert first.get("1") is not None
    assert len([*tmp_path.glob("shop.db-catalog-*.db")]) == 1


def test_without_a_copy_nothing_is_known_until_one_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "products.csv", CSV)
    catalog = kept.Catalog(source_of(of(path)))
    assert catalog.get("sku-1") is None
    with pytest.raises(kept.CatalogUnavailable):
        catalog.demand()
    catalog.tend()
    catalog.demand()
    assert catalog.get("sku-1") == TRAIL


def test_one_process_reads_for_all_workers(tmp_path: Path) -> None:
    source = source_of(of(written(tmp_path, "products.csv", CSV)))
    assert source is not None
    with source.turn(wait=True):
        another = kept.Catalog(source)
        another.tend()
        assert not another.is_open
        with source.turn(wait=False) as turn:
            assert turn is None


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    source = source_of(of(written(tmp_path, "products.csv", CSV)))
    assert source is not None
    half = source.beside("-0123.db")
    half.write_bytes(b"half a copy")
    source.state_file.write_bytes(b"{half a state")
    assert kept.catalog(of(tmp_path / "products.csv")).get("sku-1") == TRAIL
    assert not half.exists()


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "products.csv", CSV)
    source = source_of(of(path))
    assert source is not None
    apart.prepare(of(path))
    path.write_text("product_id,category\nnew,footwear\n")
    full = StorageUnavailable("database or disk is full")
    monkeypatch.setattr(refreshing.Products, "add", Mock(side_effect=full))
    refreshing.refresh(source)
    assert source.state().failure == "database or disk is full"
    assert kept.catalog(of(path)).get("sku-1") == TRAIL
    assert len([*tmp_path.glob("shop.db-catalog-*.db")]) == 1
