"""docs/http.md is true: its routes are all routes, its codes all codes, and its examples work."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import requests
from pydantic import SecretStr

from proxy.tryon.keys import CallbackKeys
from proxy.web import problems as errors
from tests.operations import OPERATIONS
from tests.servers import METRICS_TOKEN, PASSWORD, ROOT, Shop, unique

TEXT = (ROOT / "docs" / "http.md").read_text()
PUBLIC = "https://tryon.shop.example"


class Example(NamedTuple):
    command: str
    status: int
    answer: str


def examples() -> Iterator[Example]:
    """A command in a code block, and the answer below it: `# status`, then its body."""
    for block in re.findall(r"^```\n(curl .*?)^```", TEXT, re.M | re.S):
        for part in re.split(r"^(?=curl )", block, flags=re.M)[1:]:
            command, status, answer = re.split(r"^# (\d+)\n", part, flags=re.M)
            yield Example(command, int(status), answer)


def send(shop: Shop, command: str, values: dict[str, str]) -> requests.Response:
    """What curl would send, to this shop."""
    for name, value in values.items():
        command = command.replace(f"${name}", value)
    command = command.replace(PUBLIC, shop.url).replace("https://shop.example", shop.origin)
    method, url, options = "GET", "", dict[str, Any]()
    headers: dict[str, str] = {}
    words = iter(shlex.split(command.replace("\\\n", " "))[1:])
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, headers[name] = next(words).partition(": ")
            case "-A":
                headers["User-Agent"] = next(words)
            case "-d":
                options["data"] = next(words).encode()
            case "-u":
                user, _, password = next(words).partition(":")
                options["auth"] = (user, password)
            case "-N" | "-O":
                pass
            case _:
                assert not url and not word.startswith("-"), word
                url = word
    return shop.http.request(
        method, url, headers=headers, allow_redirects=False, stream=True, timeout=15, **options
    )


@pytest.fixture(scope="module")
def values(shop: Shop) -> dict[str, str]:
    """What the examples' variables stand for."""
    session, launched = (shop.click(unique()).json() for _ in range(2))
    keys = CallbackKeys([SecretStr(shop.environ["TRYON_SECRET_KEY"])])
    script = re.search(r"/static/([\w.-]+\.js)", shop.http.get(f"{shop.url}/embed").text)
    assert script
    return {
        "ID": session["id"],
        "KEY": launched["launch_url"].rpartition("/")[2],
        "CALLBACK": f"{shop.url}/callbacks/{keys.seal('cd' * 16)}",
        "SCRIPT": script[1],
        "PASSWORD": PASSWORD,
        "METRICS_TOKEN": METRICS_TOKEN,
    }


def test_there_is_an_example_for_each_kind_of_route() -> None:
    assert len([*examples()]) >= 20


@pytest.mark.parametrize("example", [*examples()], ids=lambda example: example.command[:60])
def test_an_example_gets_the_answer_below_it(
    shop: Shop, values: dict[str, str], example: Example
) -> None:
    with send(shop, example.command, values) as answer:
        assert answer.status_code == example.status, answer.text
        if example.answer.startswith("{"):
            assert answer.json().keys() - {"message"} == (
                json.loads(example.answer).keys() - {"message"}
            )
        elif "event: state" in example.answer:
            lines = answer.iter_lines(decode_unicode=True)
            assert [next(lines) for _ in range(3)] == ["retry: 2000", "", "event: state"]


def test_every_route_is_in_the_text_and_no_other() -> None:
    named = set(re.findall(r"`((?:GET|POST) /[^`]*)`", TEXT))
    assert named == OPERATIONS.keys()


def test_the_table_of_failures_is_the_generated_text() -> None:
    section = TEXT.partition("\n## Failures\n")[2]
    assert errors.table() in section, "run: python -m proxy.web.problems"


def test_every_setting_in_the_text_is_one() -> None:
    settings = (ROOT / "docs" / "settings.md").read_text()
    assert all(f"`{name}`" in settings for name in re.findall(r"`(TRYON_[A-Z_]+)`", TEXT))
