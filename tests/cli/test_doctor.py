"""`tryon doctor`: what is well, what is wrong, and how to mend it."""

import re
from pathlib import Path

import pytest

from tests.servers import ALONE, TOKEN, Shop, Vendor, free_port, running_shop


def test_doctor_finds_a_running_shop_well(quiet_shop: Shop) -> None:
    found = quiet_shop.command("doctor")
    assert found.returncode == 0, found.stdout
    (well,) = re.findall("✓ well: (.*)", " ".join(found.stdout.split()))
    assert {"database", "public URL", "vendor: token", "clock"} <= {*well.split(", ")}
    assert found.stdout.startswith("Ready: nothing has to be mended.")
    assert TOKEN not in found.stdout + found.stderr


@pytest.mark.parametrize("command", ["doctor", "stats"])
def test_a_terminal_that_lacks_a_mark_is_told_all_the_same(
    quiet_shop: Shop, tmp_path: Path, command: str
) -> None:
    environ = quiet_shop.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    found = Shop(tmp_path, "", 1, **environ).command(command)
    assert (found.returncode, found.stderr) == (0, "")
    assert "Clicks" in found.stdout if command == "stats" else "\\u2713 well:" in found.stdout


@pytest.mark.parametrize(
    ("setting", "value", "part", "mend"),
    [
        ("TRYON_API_TOKEN", "a-wrong-token", "vendor: token", "TRYON_API_TOKEN"),
        ("TRYON_API_URL", "http://127.0.0.1:9/v1", "vendor: tcp", "TRYON_API_URL"),
        ("TRYON_DATABASE", "sqlite:////nowhere/at/all.db", "database", "The folder must exist"),
    ],
)
def test_doctor_names_what_is_wrong_and_its_mend(
    shop: Shop, tmp_path: Path, setting: str, value: str, part: str, mend: str
) -> None:
    sick = Shop(tmp_path, shop.environ["TRYON_API_URL"].removesuffix("/v1"), free_port())
    sick.environ[setting] = value
    found = sick.command("doctor")
    assert found.returncode == 1
    assert f"✗ {part}" in found.stdout
    assert mend in found.stdout.partition(f"✗ {part}")[2]
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("origins", "found"),
    [
        ("", "! shop's pages: only this app's own may have the button"),
        (
            "https://shop.example",
            "! shop's pages: the catalogue's, on https://www.shop.example, may",
        ),
        ("https://www.shop.example,https://shop.example", "shop's pages"),
    ],
)
def test_doctor_says_whether_the_shops_pages_may_have_the_button(
    tmp_path: Path, vendor: Vendor, origins: str, found: str
) -> None:
    feed = tmp_path / "feed.csv"
    feed.write_text("product_id,category,page_url\na,footwear,https://www.shop.example/a\n")
    settings = {"TRYON_ALLOWED_ORIGINS": origins, "TRYON_CATALOG": str(feed)} | ALONE
    with running_shop(tmp_path, vendor, **settings) as shop:
        said = " ".join(shop.command("doctor").stdout.split())
    assert found in said
    assert ("! shop's pages" in said) is found.startswith("!")
