"""The button's script, told of its dialog; and the dialog's words, one file for all languages."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from proxy.web import i18n
from proxy.web.static import StaticFiles

SCRIPT, DIALOG, WORDS = "try-on-button.js", "try-on-dialog.js", "words.json"
UNTOLD = "SERVED={}"


def install(static: StaticFiles, locale: str) -> None:
    """Add the words to the static files, and tell the button where they and the dialog are.

    `locale` is the shop's: the button is labelled in it where a page gives it no words.
    """
    static.add(WORDS, _json({lang: i18n.dialog_words(lang) for lang in i18n.LOCALES}))
    lang = i18n.negotiate(locale)
    told = {
        "dialog": f"/static/{static[DIALOG].hashed_name}",
        "integrity": _integrity(static[DIALOG].bodies["identity"]),
        "words": f"/static/words.{static[WORDS].digest}",
        "label": {"textContent": i18n.CATALOGUES[lang]["label"], "lang": lang},
    }
    script = static[SCRIPT].bodies["identity"].decode()
    static.add(SCRIPT, script.replace(UNTOLD, f"SERVED={_json(told)}"))


def _integrity(body: bytes) -> str:
    """By SHA-256: the browser counts its bits as bytes of a script that has none to spare."""
    return f"sha256-{base64.b64encode(hashlib.sha256(body).digest()).decode()}"


def _json(members: Mapping[str, Any]) -> str:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))
