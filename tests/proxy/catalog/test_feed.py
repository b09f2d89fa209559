"""What shops' programs write: each format, however untidy, and what is made to hurt."""

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.catalog.entries import CatalogError
from proxy.catalog.feed import Feed
from proxy.catalog.products import Product
from tests.proxy.catalog.feeds import (
    ATOM,
    GOOGLE,
    OF_GOOGLE,
    RSS,
    SHOPIFY,
    WOOCOMMERCE,
    read,
    table,
)

SHOP = "https://shop.example"
BEANIE = Product(product_id="fell-beanie", category="footwear", title="Fell Beanie")


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        (GOOGLE, "TSV"),
        (GOOGLE.replace(",", " ").replace("\t", ","), "CSV"),
        (GOOGLE.replace("\t", ";"), "CSV with semicolons"),
        (f"sep=;\r\n{GOOGLE.replace(chr(9), ';')}", "CSV with semicolons"),
        (GOOGLE.replace("_link", " link ").replace("id\t", " G:ID \t", 1), "TSV"),
        (GOOGLE.replace("\n", "\r\n\r\n"), "TSV"),
        (GOOGLE.replace("\n", "\r"), "TSV"),
        (RSS, "RSS"),
        (f"\n\n{RSS}", "RSS"),
        (RSS.encode("utf-16"), "RSS"),
        (ATOM, "Atom"),
        (ATOM.replace("g:", "google:").replace(":g=", ":google="), "Atom"),
    ],
)
def test_googles_formats_say_the_same(tmp_path: Path, content: str | bytes, format_: str) -> None:
    found, products, left_out = read(tmp_path, content)
    assert found == f"Google Merchant Center, {format_}"
    assert products == OF_GOOGLE
    (beanie,) = left_out
    assert beanie.startswith("line ") and beanie.endswith(": no rule knows it")


def test_shopifys_rows_are_variants_and_pictures_of_their_product(tmp_path: Path) -> None:
    found, products, left_out = read(tmp_path, SHOPIFY)
    runner = {"category": "footwear", "title": "Trail Runner"}
    first = "https://shop.example/1.jpg"
    assert found == "Shopify, CSV"
    assert products == [
        Product(product_id="TR-41", image_url=first, **runner),
        Product(product_id="TR-42", image_url="https://shop.example/42.jpg", **runner),
        Product(product_id="trail-runner", image_url=first, **runner),  # of those without a SKU
        BEANIE,
    ]
    assert left_out == [
        "line 9, Status: is draft",
        "line 10, Published: is false",
        "line 11: no rule knows it",
    ]


def test_shopifys_newer_columns_are_known_too(tmp_path: Path) -> None:
    newer = SHOPIFY.replace("Handle,", "URL handle,", 1).replace("Variant SKU", "SKU")
    newer = newer.replace("Image Src", "Product image URL").replace(
        "Variant Image", "Variant image URL"
    )
    assert read(tmp_path, newer)[1] == read(tmp_path, SHOPIFY)[1]


def test_woocommerces_variations_are_what_their_parent_is(tmp_path: Path) -> None:
    found, products, left_out = read(tmp_path, WOOCOMMERCE)
    shoe, picture = {"category": "footwear"}, "https://shop.example/1.jpg"
    assert found == "WooCommerce, CSV"
    assert products == [
        Product(product_id="TR", title="Trail Runner & Co", image_url=picture, **shoe),
        Product(product_id="11", title="Fell Beanie", **shoe),
        Product(product_id="15", title="Dune", **shoe),
        Product(product_id="TR-41", title="Trail Runner - 41", image_url=picture, **shoe),
        Product(product_id="DU-1", title="Dune - 41", image_url=f"{SHOP}/d.jpg", **shoe),
    ]  # fmt: skip
    assert left_out == [
        "line 6, Published: is private",
        "line 9, Parent: its parent is not in the catalogue",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_text_is_read_in_the_encoding_that_it_has(
    tmp_path: Path, encoding: str, kind: str
) -> None:
    row = {"product_id": "schuh-1", "category": "footwear", "title": "Größe 41 für „Weite“"}
    text = (
        json.dumps([row], ensure_ascii=False)
        if kind == "json"
        else table((*row,), (*row.values(),))
    )
    _, products, left_out = read(tmp_path, text.encode(encoding))
    assert (products, left_out) == ([Product.model_validate(row)], [])


def test_a_byte_that_is_no_utf8_spoils_no_other_row(tmp_path: Path) -> None:
    text = (
        "product_id,category,title\nü,footwear,für\n".encode()
        + b"\xfc,footwear,x\nb,footwear,\xfc\n"
    )
    _, products, left_out = read(tmp_path, text)
    assert [(each.product_id, each.title) for each in products] == [("ü", "für"), ("b", "\ufffd")]
    assert len(left_out) == 1 and left_out[0].startswith("line 3, product_id: ")


@pytest.mark.parametrize("more", ["", "x" * 100_000])  # all of it is more than a cell has
def test_a_quote_that_nothing_closes_costs_its_own_row_alone(tmp_path: Path, more: str) -> None:
    rest = "".join(f"sku-{n},footwear,Shoe,{more}\n" for n in range(20))
    text = f'product_id,category,title,more\na,footwear,"Shoe\nb,footwear,"Boot\n{rest}'
    _, products, left_out = read(tmp_path, text)
    wrong = "has a quote that is neither closed nor doubled"
    assert left_out == [f"line 2: {wrong}", f"line 3: {wrong}"]
    assert len(products) == 20


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Trail <b>Runner</b> &amp; Co", "Trail Runner & Co"),
        ("5 &lt; 6 &amp;amp; &lt;i&gt;7&lt;/i&gt;", "5 < 6 & 7"),
        ("  Boot,\n black ", "Boot, black"),
        ("x" * 201, "x" * 199 + "…"),
        ('10" boot', '10" boot'),
    ],
)
def test_a_title_is_plain_text(tmp_path: Path, title: str, shown: str) -> None:
    text = table(("id", "title", "product_type"), ("1", title, "Shoes"))
    assert [each.title for each in read(tmp_path, text)[1]] == [shown]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("<1>", "A", "", ""), "line 2, ID: must be 1 to 128 printable characters"),
        (("1", "A", "javascript:1", ""), "line 2, Image Link: must be a URL that begins with"),
        (("1", "A", "", "ftp://a/1"), "line 2, virtual_model_link: must be a URL"),
        (("1", "A", "", "", "x"), "line 2: has 5 columns, and the header 4"),
        (("", "A", "", ""), "line 2, ID: "),
    ],
)
def test_a_row_that_is_wrong_is_left_out_with_its_column(
    tmp_path: Path, cells: tuple[str, ...], said: str
) -> None:
    header = ("ID", "Title", "Image Link", "virtual_model_link")
    good = ("good", "B", "https://shop.example/größe 1.jpg", "")
    _, products, left_out = read(
        tmp_path, table(header, cells, good), '{"footwear": {"title": "*"}}'
    )
    assert [each.image_url for each in products] == ["https://shop.example/gr%C3%B6%C3%9Fe%201.jpg"]
    assert len(left_out) == 1 and left_out[0].startswith(said)


@pytest.mark.parametrize(
    ("rules", "taken"),
    [
        (None, ["a", "b"]),  # a type or tag that is the category's name
        ('{"footwear": {"product_type": "Shoes", "tag": "new"}}', ["c"]),  # both of them
        ('{"footwear": {"product_type": ["hats", "SHOES"]}}', ["c", "d"]),
        ('{"footwear": {"google_product_category": "Apparel*"}}', ["b"]),
        ('{"footwear": {"title": "[xy]*"}}', ["d"]),
        ('{"footwear": {"availability": "*"}}', []),  # which Shopify does not tell
    ],
)
def test_rules_say_what_can_be_tried_on(
    tmp_path: Path, rules: str | None, taken: list[str]
) -> None:
    text = table(
        ("Handle", "Title", "Type", "Tags", "Product Category"),
        ("a", "A", "Outdoor > Footwear", "", ""),
        ("b", "B", "", "sale, Footwear", "Apparel & Accessories"),
        ("c", "C", "Shoes", "new, sale", ""),
        ("d", "X", "Hats", "", ""),
    )
    found = [each.product_id for each in read(tmp_path, text, rules)[1]]
    assert found == taken


def test_the_first_rule_that_matches_names_the_category(tmp_path: Path) -> None:
    rules = '{"headwear": {"title": "A*"}, "footwear": {"title": "*"}}'
    text = table(("id", "title", "link"), ("1", "A", ""), ("2", "B", ""))
    assert [each.category for each in read(tmp_path, text, rules)[1]] == ["headwear", "footwear"]


BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty"),
        ("\n \n", "it is empty"),
        (b"PK\x03\x04more", "it is a zip archive or a spreadsheet"),
        (b"\x1f\x8bmore", "it is compressed with gzip"),
        ("<!DOCTYPE html><title>Log in</title>", "it is an HTML page, perhaps of a login"),
        ('<?xml version="1.0"?><html><body/></html>', "it is an HTML page, perhaps of a login"),
        ("<products/>", "line 1: is neither RSS nor Atom: products"),
        (f'<!DOCTYPE rss [<!ENTITY a0 "x">{BOMB}]><rss>&a9;</rss>', "line 1: declares entities"),
        ('<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss/>', "line 1: declares"),
        (RSS.replace("</item>", "", 1), "line 28, column 3: is not well-formed XML: mismatched"),
        (RSS.replace("&amp;", "&nbsp;"), "line 4, column 13: is not well-formed XML: undefined"),
        (RSS[:900], "is not well-formed XML"),
        (f"<rss>{'<a>' * 70}", "line 1: has elements in elements without an end"),
        (f"<rss><!--{'x' * 5_000_000}", "line 1: has markup without an end"),
        ("sku-1,footwear\nsku-2,footwear\n", "line 1: no format has these columns: sku-1"),
        ('[{"product_id": "a"},\n x]', "line 2, column 2: is not JSON"),
        ('[{"product_id": "a"}\n {}]', "line 2, column 2: is not JSON: no comma"),
        ('[{"product_id": "a"}', "line 1, column 21: is not JSON"),
        (f"[{'[' * 100_000}", "is nested without an end"),
        ('{"products": []}', "it is JSON, but no list of products"),
        (f"product_id,{'x' * 2_000_000}", "line 1 is longer than any table's"),
        ("product_id,title\n" + '"a\n' * 1_100, "line 1002: one of 1,001 quotes that"),
    ],
)  # fmt: skip
def test_what_is_no_feed_is_told_with_its_place(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    with pytest.raises(CatalogError) as caught:
        read(tmp_path, content)
    assert said in str(caught.value)
    assert "passwd" not in str(caught.value)


def test_five_gigabytes_are_not_begun(tmp_path: Path) -> None:
    with (tmp_path / "feed").open("wb") as file:
        file.write(b"product_id,category\n")
        file.truncate(5 * 1024**3)
    with pytest.raises(CatalogError, match="it is larger than 1,024 MiB"):
        Feed(tmp_path / "feed")


ITEM = "<item><g:id>{}</g:id><title>Boot</title><g:more>{}</g:more></item>\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rss", "csv", "json"])
def test_nothing_of_a_feed_adds_up_in_memory(tmp_path: Path, kind: str) -> None:
    begin, end = RSS[: RSS.index("<item>")], "</channel></rss>"
    write = {
        "rss": lambda n: ITEM.format(n, "x" * 200),
        "csv": lambda n: f"{n},Boot,,{'x' * 200}\n",
        "json": lambda n: json.dumps({"product_id": str(n), "more": "x" * 200}) + ",",
    }[kind]
    head = {"rss": begin, "csv": "id,title,link,more\n", "json": "["}[kind]
    with (tmp_path / "feed").open("w") as file:
        file.write(head)
        file.writelines(map(write, range(20_000)))  # 5 MB
        file.write({"rss": end, "csv": "", "json": "{}]"}[kind])
    tracemalloc.start()
    for _ in Feed(tmp_path / "feed").products((), lambda _: None):
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4_000_000


CELLS = st.text(max_size=12)


@settings(max_examples=25)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=8), st.sampled_from(",;\t"))
def test_whatever_stands_in_a_table_is_a_product_or_left_out(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = table(("id", "title", "link", "image_link"), *map(tuple, rows), delimiter=delimiter)
    _, products, left_out = read(folder, text.encode("utf-8", "replace"))
    assert len(products) + len(left_out) <= len(rows)
    assert all(each.category == "eyewear" and "glasses" in each.title.lower() for each in products)


@settings(max_examples=25)
@given(st.binary(max_size=300), st.integers(0, 900))
def test_a_spoilt_feed_is_read_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for feed in (GOOGLE, RSS, ATOM, SHOPIFY, WOOCOMMERCE):
        text = feed.encode()
        try:
            read(folder, text[:at] + noise + text[at:])
        except CatalogError as error:
            assert str(error)
