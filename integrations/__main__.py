"""`python -m integrations FOLDER`: what shops upload, the same bytes each time."""

import json
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile, ZipInfo

HERE = Path(__file__).parent
PLUGIN = HERE / "woocommerce" / "try-on-button"
EXTENSION = HERE / "shopify" / "try-on-button"
LOCALES = HERE.parent / "proxy" / "web" / "locales"
LABEL = "Try it on"
# Their names for our languages, where those are not ours.
WORDPRESSES = {
    "cs": "cs_CZ", "da": "da_DK", "de": "de_DE", "es": "es_ES", "fr": "fr_FR", "he": "he_IL",
    "hi": "hi_IN", "hu": "hu_HU", "id": "id_ID", "it": "it_IT", "ko": "ko_KR", "nb": "nb_NO",
    "nl": "nl_NL", "pl": "pl_PL", "pt": "pt_PT", "pt-BR": "pt_BR", "ro": "ro_RO", "ru": "ru_RU",
    "sv": "sv_SE", "tr": "tr_TR", "zh-Hans": "zh_CN", "zh-Hant": "zh_TW",
}  # fmt: skip
SHOPIFYS = {"en": "en.default", "pt": "pt-PT", "zh-Hans": "zh-CN", "zh-Hant": "zh-TW"}
SHIPPED = {".php", ".js", ".txt", ".pot", ".po"}
LICENCE = HERE.parent / "LICENSE"
MAGIC, HEADER = 0x950412DE, 28  # of a .mo, as gettext's manual has it
HEAD = "Content-Type: text/plain; charset=UTF-8\n"
QUOTED = r'(?:"(?:[^"\\]|\\.)*"\s*)+'


def plugin_files() -> Iterator[tuple[str, bytes]]:
    """Yield what the plugin is made of: its folder, the licence, and compiled translations; of
    languages that its settings are not written in, the button's label alone."""
    yield "LICENSE", LICENCE.read_bytes()
    for path in sorted(PLUGIN.rglob("*")):
        if path.suffix in SHIPPED:
            yield path.relative_to(PLUGIN).as_posix(), path.read_bytes()
    for language, label in labels():
        name = f"languages/try-on-button-{WORDPRESSES.get(language, language)}"
        whole = PLUGIN / f"{name}.po"
        words = messages(whole.read_text("utf-8")) if whole.exists() else {"": HEAD, LABEL: label}
        yield f"{name}.mo", compiled(words)


def labels() -> Iterator[tuple[str, str]]:
    """Yield the dialog's languages, each with its word for the button."""
    for path in sorted(LOCALES.glob("*.json")):
        yield path.stem, json.loads(path.read_text("utf-8"))["label"]


def messages(po: str) -> dict[str, str]:
    """Read a .po without plurals and contexts; what is not translated is left out."""
    pairs = re.findall(rf"^msgid ({QUOTED})msgstr ({QUOTED})", po, re.MULTILINE)
    read = {_text(original): _text(translation) for original, translation in pairs}
    return {original: text for original, text in read.items() if text}


def _text(quoted: str) -> str:
    joined = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', quoted))
    return joined.replace('\\"', '"').replace("\\n", "\n")


def compiled(words: dict[str, str]) -> bytes:
    """Write translations as the .mo that is all that WordPress before 6.5 reads."""
    pairs = sorted((a.encode(), b.encode()) for a, b in words.items())
    count = len(pairs)
    at = HEADER + 16 * count
    places, texts = [], b""
    for text in [original for original, _ in pairs] + [translation for _, translation in pairs]:
        places += [len(text), at + len(texts)]
        texts += text + b"\0"
    head = (MAGIC, 0, count, HEADER, HEADER + 8 * count, 0, at)
    return struct.pack(f"<{7 + len(places)}I", *head, *places) + texts


def extension_files() -> Iterator[tuple[str, bytes]]:
    """Yield what the theme app extension is made of, with its one word in every language."""
    for path in sorted(EXTENSION.rglob("*.*")):
        yield path.relative_to(EXTENSION).as_posix(), path.read_bytes()
    for language, label in labels():
        words = json.dumps({"button": {"label": label}}, ensure_ascii=False, indent=2)
        yield f"locales/{SHOPIFYS.get(language, language)}.json", f"{words}\n".encode()


def packed(target: Path, folder: str, files: Iterator[tuple[str, bytes]]) -> None:
    """Write a zip without times, and stored: compressed, its bytes would be those of a zlib."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with ZipFile(target, "w") as archive:
        for name, content in files:
            entry = ZipInfo(f"{folder}/{name}")
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    packed(folder / "woocommerce" / "try-on-button.zip", "try-on-button", plugin_files())
    packed(folder / "shopify" / "try-on-button.zip", "try-on-button", extension_files())
