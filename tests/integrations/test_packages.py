"""What `make integrations` makes: the same bytes each time, translated, of the app's version."""

import gettext
import io
import re
import shutil
import subprocess
import sys
import tomllib
from zipfile import ZipFile

import pytest

from tests.browser.stage import lacking
from tests.servers import ROOT

PLUGIN = ROOT / "integrations/woocommerce/try-on-button"
ZIP = ROOT / "build/integrations/try-on-button.zip"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
WORD = re.compile(r"\b(?:__|esc_html__)\(\s*'((?:[^'\\]|\\.)*)',\s*'try-on-button'")


def made() -> bytes:
    subprocess.run([sys.executable, "-m", "integrations"], cwd=ROOT, check=True)
    return ZIP.read_bytes()


def words() -> set[str]:
    return {word for path in PLUGIN.rglob("*.php") for word in WORD.findall(path.read_text())}


def test_the_zip_is_the_same_each_time_and_is_unpacked_into_one_folder() -> None:
    first = made()
    (PLUGIN / "try-on-button.php").touch()
    assert made() == first
    with ZipFile(ZIP) as archive:
        names = archive.namelist()
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}
    assert {name.partition("/")[0] for name in names} == {"try-on-button"}
    assert "try-on-button/LICENSE" in names
    assert "try-on-button/try-on-button.php" in names


@pytest.mark.parametrize("locale", ["de_DE", "fr_FR"])
def test_every_word_of_the_plugin_is_translated(locale: str) -> None:
    made()
    with ZipFile(ZIP) as archive:
        file = archive.read(f"try-on-button/languages/try-on-button-{locale}.mo")
    translation = gettext.GNUTranslations(io.BytesIO(file))
    assert {word for word in words() if translation.gettext(word) == word} == set()
    template = (PLUGIN / "languages/try-on-button.pot").read_text()
    assert set(re.findall(r'^msgid "(.+)"$', template, re.M)) == words()


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
