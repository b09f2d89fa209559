"""What `make integrations` makes: the same bytes each time, translated, of the app's version."""

import gettext
import io
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.browser.stage import lacking
from tests.integrations.packages import SHOPIFY, WOOCOMMERCE, made
from tests.servers import ROOT

PLUGIN = ROOT / "integrations/woocommerce/try-on-button"
EXTENSION = ROOT / "integrations/shopify/try-on-button"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
WORD = re.compile(r"\b(?:__|esc_html__)\(\s*'((?:[^'\\]|\\.)*)',\s*'try-on-button'")


def words() -> set[str]:
    return {word for path in PLUGIN.rglob("*.php") for word in WORD.findall(path.read_text())}


@pytest.mark.parametrize(
    ("package", "holds"),
    [
        (WOOCOMMERCE, ("LICENSE", "try-on-button.php", "languages/try-on-button-de_DE.mo")),
        (SHOPIFY, ("shopify.extension.toml", "blocks/try-on-button.liquid", "locales/ja.json")),
    ],
)
def test_a_zip_is_the_same_each_time_and_is_unpacked_into_one_folder(
    tmp_path: Path, package: str, holds: tuple[str, ...]
) -> None:
    first = (made(tmp_path) / package).read_bytes()
    (PLUGIN / "try-on-button.php").touch()
    assert (made(tmp_path) / package).read_bytes() == first
    with ZipFile(tmp_path / package) as archive:
        names = archive.namelist()
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}
    assert {name.partition("/")[0] for name in names} == {"try-on-button"}
    assert len(names) == len(set(names))
    assert {f"try-on-button/{name}" for name in holds} <= {*names}


@pytest.mark.parametrize("locale", ["de_DE", "fr_FR"])
def test_every_word_of_the_plugin_is_translated(tmp_path: Path, locale: str) -> None:
    with ZipFile(made(tmp_path) / WOOCOMMERCE) as archive:
        file = archive.read(f"try-on-button/languages/try-on-button-{locale}.mo")
    translation = gettext.GNUTranslations(io.BytesIO(file))
    assert {word for word in words() if translation.gettext(word) == word} == set()
    template = (PLUGIN / "languages/try-on-button.pot").read_text()
    assert set(re.findall(r'^msgid "(.+)"$', template, re.M)) == words()


def test_the_button_is_labelled_in_every_language_of_the_dialog(tmp_path: Path) -> None:
    with ZipFile(made(tmp_path) / WOOCOMMERCE) as archive:
        files = [name for name in archive.namelist() if name.endswith(".mo")]
        read = {
            re.findall(r"button-(\w+)\.mo", name)[0]: gettext.GNUTranslations(
                io.BytesIO(archive.read(name))
            )
            for name in files
        }
    assert len(read) == len([*(ROOT / "proxy/web/locales").glob("*.json")])
    assert read["pt_BR"].gettext("Try it on") == "Experimentar"
    assert read["ja"].gettext("Try it on") == "試着する"
    assert all(each.gettext("Try it on") for each in read.values())


def test_each_package_is_of_the_apps_version() -> None:
    header = (PLUGIN / "try-on-button.php").read_text()
    assert f" * Version: {VERSION}\n" in header
    assert f"Stable tag: {VERSION}\n" in (PLUGIN / "readme.txt").read_text()
    assert f"'{VERSION}'" in (PLUGIN / "src/Button.php").read_text()


def test_the_plugin_uses_nothing_that_wordpress_6_0_lacks() -> None:
    code = "".join(path.read_text() for path in PLUGIN.rglob("*.php"))
    assert "wp_enqueue_script_module" not in code  # fatal before 6.5


@pytest.mark.slow
def test_the_plugin_is_written_in_psr_12() -> None:
    if shutil.which("phpcs") is None:
        lacking("no phpcs (Debian: php-codesniffer)")
    command = ["phpcs", "--standard=PSR12", "--extensions=php", str(PLUGIN)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_every_file_of_the_plugin_refuses_to_be_called_by_itself() -> None:
    """A file that only declares does nothing; the others stop where WordPress is not."""
    for path in PLUGIN.rglob("*.php"):
        if path.parent.name != "src":
            assert re.search(r"^defined\('\w+'\) \|\| exit;$", path.read_text(), re.M), path


def test_the_block_has_every_setting_and_word_that_it_uses() -> None:
    """Shopify's linter leaves the contents of a schema unchecked."""
    block = (EXTENSION / "blocks/try-on-button.liquid").read_text()
    liquid, _, schema = block.partition("{% schema %}")
    read = json.loads(schema.partition("{% endschema %}")[0])
    used = set(re.findall(r"block\.settings\.(\w+)", liquid))
    assert used == {setting["id"] for setting in read["settings"]}
    assert (EXTENSION / "assets" / read["javascript"]).exists()
    words = set(re.findall(r'"t:block\.(\w+)"', schema))
    for locale in ("en.default", "de", "fr"):
        text = (EXTENSION / f"locales/{locale}.schema.json").read_text()
        assert json.loads(text)["block"].keys() == words
    assert re.findall(r"'([\w.]+)' \| t\b", liquid) == ["button.label"]


def test_the_block_speaks_every_language_of_the_dialog(tmp_path: Path) -> None:
    with ZipFile(made(tmp_path) / SHOPIFY) as archive:
        files = [name for name in archive.namelist() if re.search(r"locales/[\w.-]+\.json$", name)]
        storefront = [name for name in files if not name.endswith(".schema.json")]
        german = json.loads(archive.read("try-on-button/locales/de.json"))
    assert len(storefront) == len([*(ROOT / "proxy/web/locales").glob("*.json")])
    assert {"pt-PT", "pt-BR", "zh-CN", "zh-TW", "en.default"} <= {
        name.rpartition("/")[2].removesuffix(".json") for name in storefront
    }
    assert german == {"button": {"label": "Anprobieren"}}


def test_the_snippets_for_other_shops_keep_to_the_element() -> None:
    guide = (ROOT / "docs/other-shops.md").read_text()
    manifest = json.loads((ROOT / "static/custom-elements.json").read_text())
    element = manifest["modules"][0]["declarations"][0]
    tags = re.findall(r"<try-on-button(.*?)>\n", guide, re.S)
    assert len(tags) == guide.count("/t/?product_id=") == guide.count("/try-on-button.js") == 4
    for tag in tags:
        used = set(re.findall(r'\s([a-z-]+)="', tag))
        assert "product-id" in used
        assert used <= {attribute["name"] for attribute in element["attributes"]}
