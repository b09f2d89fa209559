"""`/static/…`, and the files that a shop's pages load by a name that stays."""

import re
from pathlib import Path

import pytest

from proxy.web.i18n import CATALOGUES
from tests.servers import ALONE, Shop, Vendor, http, running_shop

FLOATING = {
    "/try-on-button.js": "text/javascript; charset=utf-8",
    "/try-on-loader.js": "text/javascript; charset=utf-8",
    "/try-on-button.d.ts": "text/plain; charset=utf-8",
    "/custom-elements.json": "application/json",
    "/theme.css": "text/css; charset=utf-8",
}


@pytest.mark.parametrize("path", FLOATING)
def test_a_name_that_stays_is_looked_up_again_after_minutes(shop: Shop, path: str) -> None:
    answer = http().get(shop.url + path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, FLOATING[path])
    assert "max-age=300" in answer.headers["Cache-Control"]
    tag = {"If-None-Match": answer.headers["ETag"]}
    again = http().get(shop.url + path, headers=tag)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", FLOATING)
def test_a_shop_on_another_origin_may_load_it(shop: Shop, path: str) -> None:
    answer = http().get(shop.url + path, headers={"Origin": "https://any.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


def hashed(shop: Shop) -> list[str]:
    """The addresses of all files that a page loads."""
    page = http().get(f"{shop.url}/embed").text
    return re.findall(r'(?:src|href)="([^"]+/static/[^"]+)"', page)


def test_a_hashed_name_is_good_for_ever(shop: Shop) -> None:
    found = hashed(shop)
    assert len(found) >= 4
    for address in found:
        answer = http().get(address)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_what_is_sent_is_compressed_as_the_browser_likes_it(shop: Shop, coding: str) -> None:
    address = f"{shop.url}/try-on-button.js"
    plain = http().get(address, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    answer = http().get(address, headers={"Accept-Encoding": coding})
    assert answer.headers["Content-Encoding"] == coding
    assert int(answer.headers["Content-Length"]) < len(plain.content) / 2
    assert answer.content == plain.content


def test_a_hash_that_nobody_knows_gets_todays_file_for_minutes(shop: Shop) -> None:
    answer = http().get(f"{shop.url}/static/try-on-button.000000000000.js")
    assert answer.content == http().get(f"{shop.url}/try-on-button.js").content
    assert "max-age=300" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("tag", "lang"),
    [
        *[("de-AT", "de"), ("zh-TW", "zh-Hant"), ("xx", "en"), ("../../etc", "")],
        *[("de_DE.UTF-8", "de"), ("zh_Hant_TW", "zh-Hant"), ("de/AT", "en"), ("x-default", "en")],
    ],
)
def test_the_dialogs_words_are_in_the_nearest_language(shop: Shop, tag: str, lang: str) -> None:
    script = http().get(f"{shop.url}/try-on-button.js").text
    words = re.search(r"/static/words\.\w{12}", script)
    assert words
    answer = http().get(f"{shop.url}{words[0]}/{tag}.json")
    if not lang:
        assert answer.status_code == 404
        return
    assert (answer.json()["lang"], answer.json()["waiting"]) == (lang, CATALOGUES[lang]["waiting"])
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "name", ["theme.css", "nothing.000000000000.js", "nothing.js", "words.000000000000.json/x", ""]
)
def test_without_its_hash_nothing_is_found(shop: Shop, name: str) -> None:
    answer = http().get(f"{shop.url}/static/{name}")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (404, "no-store")


def test_files_of_earlier_releases_keep_answering(tmp_path: Path, vendor: Vendor) -> None:
    """A pinned button finds itself, its dialog and its words, whatever is running by then."""
    body = b"// the button of an earlier release"
    name = "try-on-button.d08e56f57220.js"
    kept = tmp_path / "tryon.db-static"
    with running_shop(tmp_path, vendor, **ALONE) as shop:
        found = {path.name for path in kept.iterdir()}
        script = http().get(f"{shop.url}/try-on-button.js").text
        for pattern in (r"try-on-dialog\.\w{12}\.js", r"words\.\w{12}"):
            named = re.search(pattern, script)
            assert named
            assert {named[0], f"{named[0]}.json"} & found
        (kept / name).write_bytes(body)
        answer = http().get(f"{shop.url}/static/{name}")
        assert (answer.content, answer.headers["Cache-Control"]) == (
            body,
            "public, max-age=31536000, immutable",
        )
        (kept / name).write_bytes(body[:-1])  # cut off: not what its name says
        answer = http().get(f"{shop.url}/static/{name}")
        assert answer.text == script
