"""The words that shoppers read, in their language: one JSON catalogue each in `locales/`."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

FALLBACK = "en"
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
# Older or macro language codes that browsers still send, and what they mean here.
ALIASES = {"no": "nb", "nn": "nb", "iw": "he", "in": "id", "zh": "zh-Hans"}
TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})

# What a shopper is told of a failure; any other is `oops` where trying again can help, else `no`.
APOLOGIES = {
    "rate_limited": "busy",
    "busy": "busy",
    "budget_exhausted": "rest",
    "unavailable": "rest",
    "storage_unavailable": "oops",
}


def _load(folder: Path) -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType(
        {
            path.stem: MappingProxyType(json.loads(path.read_text(encoding="utf-8")))
            for path in sorted(folder.glob("*.json"))
        }
    )


CATALOGUES = _load(Path(__file__).parent / "locales")
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


def match(tag: str) -> str | None:
    """The catalogue for a BCP 47 language tag, dropping subtags from the right (RFC 4647, 3.4)."""
    parts = tag.strip().replace("_", "-").lower().split("-")
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
    """The tags of an Accept-Language header, most wanted first; of a long one, its beginning."""
    found = parse_accept_header(header[:1_000], LanguageAccept)
    return [tag for tag, quality in found if quality > 0]


def negotiate(
    *wishes: str | None, accept_language: str | None = None, default: str = FALLBACK
) -> str:
    """The catalogue to speak: the first wish (explicit, then the session's) that we can meet,
    else the browser's list, else the shop's own language, else English."""
    every: Iterable[str | None] = (*wishes, *accepted(accept_language or ""), default)
    return next((found for tag in every if tag and (found := match(tag))), FALLBACK)


@lru_cache(maxsize=256)
def strings(locale: str | None) -> Mapping[str, str]:
    """What the button's dialog says, with `lang` and `dir`; travels with each session."""
    t = Translator(negotiate(locale))
    words = {key: word for key, word in CATALOGUES[t.lang].items() if not key.startswith("page_")}
    return {"lang": t.lang, "dir": t.dir} | words


def apology(code: str, retryable: bool) -> str:
    """The catalogue key of the sentence for a problem code."""
    return APOLOGIES.get(code, "oops" if retryable else "no")
