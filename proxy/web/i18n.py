"""Translations for shoppers, and the choice of a language: a JSON catalogue each in `locales/`."""

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from proxy import settings_values

FALLBACK = "en"
LONGEST_TAG = 35  # characters, as RFC 5646 has it
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
# Older or macro language codes that browsers still send, and what they mean here.
ALIASES = {"no": "nb", "nn": "nb", "iw": "he", "in": "id", "zh": "zh-Hans"}
TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})

# The texts for failures, by problem code; any other has `oops` where a retry can help, else `no`.
APOLOGIES = {
    "rate_limited": "busy",
    "busy": "busy",
    "budget_exhausted": "rest",
    "unavailable": "rest",
    "storage_unavailable": "oops",
}


CATALOGUES: Mapping[str, Mapping[str, str]] = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parent / "locales").glob("*.json"))
}
LOCALES = tuple(CATALOGUES)
_BY_LOWER = {name.lower(): name for name in LOCALES}


class Translator:
    """`t("key", **values)` in one language; a key that the catalogue lacks is a KeyError."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.dir = "rtl" if lang.split("-")[0] in RIGHT_TO_LEFT else "ltr"
        self._words = CATALOGUES[lang]

    def __call__(self, key: str, **values: object) -> str:
        return self._words[key].format_map(values) if values else self._words[key]


def _subtags(tag: str) -> list[str]:
    """Split a tag, one as systems write it too: `de_DE.UTF-8`, `de_DE@euro`."""
    return re.split("[.@]", tag.strip()[:LONGEST_TAG])[0].replace("_", "-").split("-")


@lru_cache(maxsize=300)
def read_tag(text: str) -> str | None:
    """Read a language tag (BCP 47) from whatever a page gives for one: without what no vendor
    needs, such as extensions; None where it names no language, as `x-default` and `C` do."""
    parts = _subtags(text)
    while parts:
        with suppress(ValueError):
            return settings_values.locale("-".join(parts))
        parts.pop()
    return None


def match(tag: str) -> str | None:
    """Find the catalogue for a language tag, dropping subtags from the right (RFC 4647, 3.4)."""
    parts = [part.lower() for part in _subtags(tag)]
    if parts[0] == "zh" and TRADITIONAL.intersection(parts[1:]):
        return _BY_LOWER.get("zh-hant")
    while parts:
        wanted = "-".join(parts)
        found = _BY_LOWER.get(wanted) or _BY_LOWER.get(ALIASES.get(wanted, "").lower())
        if found:
            return found
        parts.pop()
    return None


def accepted(header: str) -> list[str]:
    """List the tags of Accept-Language, most wanted first; of a long header, its beginning."""
    found = parse_accept_header(header[:1_000], LanguageAccept)
    return [tag for tag, quality in found if quality > 0]


def negotiate(
    *wishes: str | None, accept_language: str | None = None, default: str = FALLBACK
) -> str:
    """Choose a catalogue: the first wish (explicit, then the session's) that there is one for,
    else by the browser's list, else the shop's own language, else English."""
    every: Iterable[str | None] = (*wishes, *accepted(accept_language or ""), default)
    return next((found for tag in every if tag and (found := match(tag))), FALLBACK)


def dialog_words(lang: str) -> Mapping[str, str]:
    """Collect the texts of the button's dialog, with `lang` and `dir`."""
    t = Translator(lang)
    words = {key: word for key, word in CATALOGUES[lang].items() if not key.startswith("page_")}
    return {"lang": lang, "dir": t.dir} | words


def apology(code: str, retryable: bool) -> str:
    """Return the catalogue's key for what a shopper reads of a problem code."""
    return APOLOGIES.get(code, "oops" if retryable else "no")
