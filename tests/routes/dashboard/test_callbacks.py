"""`/dashboard/callbacks`: what could not be read is shown, pointed at, and read again."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.routes.dashboard.merchant import log_in_once, stats, token
from tests.servers import Shop, Vendor, eventually, http, running_shop, unique


@pytest.fixture(scope="module")
def unread(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop of two workers, where all that cannot be read is of these tests."""
    with running_shop(tmp_path_factory.mktemp("unread"), vendor) as shop:
        yield shop


@pytest.fixture
def browser(unread: Shop) -> requests.Session:
    return log_in_once(unread)


def page(shop: Shop, **asked: str) -> str:
    answer = log_in_once(shop).get(f"{shop.url}/dashboard/callbacks", params=asked)
    assert answer.status_code == 200
    return answer.text.translate({0x2068: "", 0x2069: ""})


def send(shop: Shop, **fields: str) -> requests.Response:
    fields = {"token": token(page(shop)), **fields}
    return log_in_once(shop).post(f"{shop.url}/dashboard/callbacks", data=fields)


class Trial:
    """A try-on whose vendor calls back in a shape of its own."""

    def __init__(self, shop: Shop, vendor: Vendor) -> None:
        self.product_id = unique()
        self.session = shop.click(self.product_id, reference=f"r-{self.product_id}").json()
        known = vendor.sessions(self.product_id)[0]
        self.id, self.callback_url = known["id"], known["callback_url"]
        self.shop = shop

    def call(self, body: Any) -> int:
        """Over a connection of its own, so that any worker may get it."""
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        return int(http().post(self.callback_url, **sent).status_code)

    def says(self, verdict: str, key: str = "run") -> int:
        return self.call({key: {"verdict": verdict, "of": self.id, "at": 1_700_000_000}})


def gives(seen: str) -> list[str]:
    return re.findall(r"<li>(\d+ callbacks?: [^<]+)</li>", seen)


def test_callbacks_are_read_as_the_merchant_says_until_it_is_undone(
    unread: Shop, vendor: Vendor, browser: requests.Session
) -> None:
    trials = [Trial(unread, vendor) for _ in range(3)]
    for trial, verdict in zip(trials, ("done", "done", "kaputt"), strict=True):
        assert trial.says(verdict) == 400
    assert trials[0].says("done") == 400  # again
    overview = browser.get(f"{unread.url}/dashboard/").text
    assert f'href="{unread.url}/dashboard/callbacks"' in overview

    seen = page(unread)
    assert "4 callbacks of this kind" in seen
    assert "“kaputt”" in seen
    assert "the session&#39;s ID" in seen or "the session's ID" in seen
    assert trials[2].id not in seen
    assert re.search(r'name="session" value="/run/of"[^>]* checked', seen)

    chosen = {"state": "/run/verdict", "session": "/run/of"}
    preview = send(unread, step="preview", **chosen).text
    assert gives(preview) == ["3 callbacks: completed", "1 callback: a word that no mapping knows"]
    assert 'name="means:kaputt"' in preview
    preview = send(unread, step="preview", **chosen, **{"means:kaputt": "failed"}).text
    assert gives(preview) == ["3 callbacks: completed", "1 callback: failed"]
    assert stats(unread)["totals"]["completed"] == 0

    kept = send(unread, step="keep", **chosen, **{"means:kaputt": "failed"})
    assert kept.url.endswith("/dashboard/callbacks?done=kept")
    moved = {"completed": 2, "failed": 1}
    eventually(lambda: moved.items() <= stats(unread)["totals"].items())
    eventually(lambda: "None: every callback that is kept could be read." in page(unread))
    for _ in range(8):  # by whichever worker
        later = Trial(unread, vendor)
        assert later.says("done") == 204
        assert unread.state(later.session) == "completed"
    wrong = Trial(unread, vendor)
    wrong.id = trials[0].id
    assert wrong.says("done") == 204  # a mismatch: kept, and not counted
    assert unread.state(wrong.session) == "waiting"

    undone = send(unread, step="undo", **chosen)
    assert undone.url.endswith("/dashboard/callbacks?done=undone")
    assert "Read as you said" not in undone.text
    back = {"completed": 0, "failed": 0}
    eventually(lambda: back.items() <= stats(unread)["totals"].items())
    eventually(lambda: trials[0].says("late") == 400)
    assert unread.command("verify").returncode == 0

    send(unread, step="keep", **chosen)
    again = {"completed": 10, "failed": 1}
    eventually(lambda: again.items() <= stats(unread)["totals"].items())
    assert unread.command("verify").returncode == 0


HOSTILE = [
    b"", b"nonsense", b"<xml><state>done</state></xml>", b'{"x": 1, "x": 2}', b"[[[[[[" * 9,
    b'{"\\u202e<script>alert(1)</script>": "</bdi><script>alert(1)</script>"}',
    b'{"' + b"k" * 60_000 + b'": "done"}', b"\xff\xfe", b"null", b"[]", b"{}", b'"done"', b"17",
    b'[["a"], ["b"]]', b'{"a": [' + b'{"b": "c"},' * 500 + b'{"b": "c"}]}', b"%00=1&x=%ff",
    b'{"email": "ann@shop.example", "customer": {"city": "Quito"}, "link": "https://a.example/t"}',
    b'{"n": 1e999}', b'{"\\ud800": 1}', b"{" + b'"a":{' * 20 + b"}" * 21, b"--b\r\nContent",
]  # fmt: skip


def test_hostile_bodies_are_shown_as_text_without_what_is_private(
    unread: Shop, vendor: Vendor
) -> None:
    trial = Trial(unread, vendor)
    for body in HOSTILE:
        assert trial.call(body) == 400
    assert trial.call(b"x" * 70_000) == 413
    seen = page(unread)
    assert "<script>alert" not in seen
    for private in ("ann@shop", "Quito", "a.example", trial.id, trial.callback_url, "k" * 201):
        assert private not in seen
    assert len(seen) < 200_000
    preview = send(unread, step="preview", state="/nowhere", session="none").text
    assert any(each.endswith("still not readable") for each in gives(preview))


@pytest.mark.parametrize(
    "fields",
    [
        {}, {"step": "x"}, {"step": "preview"}, {"step": "keep"}, {"step": "undo"},
        {"step": "preview", "state": "x"}, {"step": "preview", "state": "/" + "x" * 200},
        {"step": "preview", "state": "/~"}, {"step": "preview", "state": "/a\n"},
        {"step": "keep", "state": "/a", "session": "/a"},
        {"step": "keep", "state": "/a", "session": "b"},
        {"step": "keep", "state": "/a", "means:x": "sold"},
        {"step": "keep", "state": "/a", "means:": "failed"},
        {"step": "keep", "state": "/a", "means:" + "x" * 201: "failed"},
        {"step": "keep", "state": ["/a", "/b"]}, {"step": ["keep", "undo"], "state": "/a"},
    ],
)  # fmt: skip
def test_a_choice_that_is_none_changes_nothing(unread: Shop, fields: dict[str, Any]) -> None:
    answer = send(unread, **fields)
    assert answer.status_code == 400
    assert 'value="undo"' not in page(unread) or "/run/verdict" in page(unread)


@pytest.mark.parametrize("given", [{}, {"token": ""}, {"token": "wrong"}])
def test_a_forged_form_changes_nothing(
    unread: Shop, browser: requests.Session, given: dict[str, str]
) -> None:
    fields = given | {"step": "keep", "state": "/forged", "session": "none"}
    answer = browser.post(f"{unread.url}/dashboard/callbacks", data=fields)
    assert answer.status_code == 403
    assert "/forged" not in page(unread)


@pytest.mark.parametrize("asked", ["x=1", "done=a&done=b", "range=7d"])
def test_parameters_that_are_not_known_are_refused(
    unread: Shop, browser: requests.Session, asked: str
) -> None:
    assert browser.get(f"{unread.url}/dashboard/callbacks?{asked}").status_code == 400


def test_the_whole_body_can_be_the_state(unread: Shop, vendor: Vendor) -> None:
    trial = Trial(unread, vendor)
    assert trial.call("fertig") == 400
    seen = html.unescape(send(unread, step="preview", state="", session="none").text)
    assert 'name="means:fertig"' in seen
    send(unread, step="keep", state="", session="none", **{"means:fertig": "completed"})
    eventually(lambda: unread.state(trial.session) == "completed")


def test_twenty_readings_are_enough_and_each_can_be_undone(tmp_path: Path, vendor: Vendor) -> None:
    with running_shop(tmp_path, vendor, TRYON_WORKERS="1") as shop:
        for number in range(20):
            assert send(shop, step="keep", state=f"/{number}").status_code == 200
        assert send(shop, step="keep", state="/20").status_code == 400
        assert send(shop, step="undo", state="/7").status_code == 200
        assert send(shop, step="keep", state="/20").status_code == 200
        assert page(shop).count('name="step" value="undo"') == 20


def test_a_reading_outlives_the_workers_and_is_what_the_command_goes_by(
    tmp_path: Path, vendor: Vendor
) -> None:
    with running_shop(tmp_path, vendor, TRYON_WORKERS="1") as shop:
        trial = Trial(shop, vendor)
        assert trial.says("done") == 400
        send(shop, step="keep", state="/run/verdict", session="/run/of")
        shop.kill()
        assert "callbacks say something else now" in shop.command("replay").stdout
        shop.start()
        assert shop.state(trial.session) == "completed"
