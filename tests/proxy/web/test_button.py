"""The button's script, told of its dialog, fits its budget in every shop."""

from pathlib import Path

import pytest

from proxy.web import button, i18n
from proxy.web.archive import Archive
from proxy.web.static import StaticFiles


def served(locale: str) -> StaticFiles:
    static = StaticFiles("https://tryon.shop.example", Archive(Path("/nowhere")))
    button.install(static, locale)
    return static


@pytest.mark.parametrize("lang", i18n.LOCALES)
def test_a_product_page_loads_3000_bytes_whatever_the_shops_language(lang: str) -> None:
    assert len(served(lang)["try-on-button.js"].compress("gzip")) <= 3_000


def test_the_dialog_has_8000_bytes() -> None:
    assert len(served("en")["try-on-dialog.js"].compress("gzip")) <= 8_000


def test_its_own_label_is_in_the_shops_language_and_says_so() -> None:
    script = served("de-AT")["try-on-button.js"].bodies["identity"].decode()
    assert f'{{"textContent":"{i18n.CATALOGUES["de"]["label"]}","lang":"de"}}' in script
