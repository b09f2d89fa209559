"""The catalogues are whole, and everyone is answered in a language that they asked for."""

import re
from string import Formatter

import pytest

from proxy.web import i18n

ENGLISH = i18n.CATALOGUES["en"]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_there_are_more_than_twenty_languages() -> None:
    assert len(i18n.LOCALES) >= 24


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_a_catalogue_has_every_word_and_no_other(locale: str) -> None:
    words = i18n.CATALOGUES[locale]
    assert list(words) == list(ENGLISH)
    assert not [key for key, word in words.items() if not word.strip() or word != word.strip()]


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_a_catalogue_keeps_the_placeholders(locale: str) -> None:
    for key, word in i18n.CATALOGUES[locale].items():
        assert placeholders(word) == placeholders(ENGLISH[key]), key


@pytest.mark.parametrize("locale", [name for name in i18n.LOCALES if name != "en"])
def test_a_catalogue_is_translated(locale: str) -> None:
    words = i18n.CATALOGUES[locale]
    same = [key for key in ENGLISH if words[key] == ENGLISH[key] and not key.endswith("reference")]
    assert same == []


@pytest.mark.parametrize("locale", i18n.LOCALES)
def test_no_catalogue_carries_markup(locale: str) -> None:
    assert not re.search(r"[<>&]", "".join(i18n.CATALOGUES[locale].values()))


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("de-AT", "de"),
        ("PT_br", "pt-BR"),
        ("pt-PT", "pt"),
        ("zh", "zh-Hans"),
        ("zh-TW", "zh-Hant"),
        ("zh-Hant-HK", "zh-Hant"),
        ("zh-CN", "zh-Hans"),
        ("no", "nb"),
        ("nn-NO", "nb"),
        ("iw", "he"),
        ("de.UTF-8", "de"),
        ("zh_TW.Big5", "zh-Hant"),
        ("xx", None),
        ("", None),
        ("../../etc/passwd", None),
    ],
)
def test_it_matches_a_language_tag(tag: str, found: str | None) -> None:
    assert i18n.match(tag) == found


def test_the_explicit_wish_comes_before_the_browsers_list() -> None:
    assert i18n.negotiate("fr", "de", accept_language="es") == "fr"
    assert i18n.negotiate(None, "de", accept_language="es") == "de"
    assert i18n.negotiate("xx", None, accept_language="xx, es;q=0.5, it;q=0.8") == "it"
    assert i18n.negotiate(accept_language="es; q=0.5, it; q=0.8") == "it"
    assert i18n.negotiate(accept_language="xx", default="tr") == "tr"
    assert i18n.negotiate(default="xx") == "en"


@pytest.mark.parametrize("header", ["", ",;q=", "de;q=nonsense", "*", "x" * 5000, "de;q=0"])
def test_a_broken_header_falls_back(header: str) -> None:
    assert i18n.negotiate(accept_language=header, default="sv") == "sv"


def test_arabic_and_hebrew_run_right_to_left() -> None:
    assert {name for name in i18n.LOCALES if i18n.Translator(name).dir == "rtl"} == {"ar", "he"}


def test_the_dialogs_words_leave_those_of_the_pages_behind() -> None:
    words = i18n.dialog_words("de")
    assert words["lang"] == "de"
    assert words["waiting"] == i18n.CATALOGUES["de"]["waiting"]
    assert not [key for key in words if key.startswith("page_")]


def test_it_fills_in_values_as_text() -> None:
    assert i18n.Translator("en")("page_title", title="{title} <b>") == "Try on {title} <b>"
