"""The interface as it is described, against the interface as it is."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import SecretStr
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import create_app
from proxy.settings import load
from proxy.tryon.keys import CallbackKeys
from proxy.web import openapi
from tests.operations import OPERATIONS
from tests.servers import ALONE, METRICS_TOKEN, PASSWORD, Shop, Vendor, running_shop

PAGES = {"demo", "dashboard"}  # blueprints for people: not part of the described interface
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


class Choice(dict[str, str]):
    """Other variables in a path may be anything."""

    def __missing__(self, name: str) -> str:
        return "x"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Flask:
    """Not served: the routes of an app that has all its parts."""
    database = tmp_path_factory.mktemp("described") / "tryon.db"
    return create_app(load(shop.environ | {"TRYON_DATABASE": f"sqlite:///{database}"}))


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory, vendor: Vendor) -> Iterator[Shop]:
    """A shop of its own: its numbers and its limits bear what others could not."""
    settings = ALONE | {
        "TRYON_CHALLENGE_URL": "https://challenge.example/siteverify",
        "TRYON_CHALLENGE_SCRIPT": "https://challenge.example/api.js",
        "TRYON_CHALLENGE_SITE_KEY": "site",
        "TRYON_CHALLENGE_SECRET": "secret",
    }
    with running_shop(tmp_path_factory.mktemp("fuzzed"), vendor, **settings) as shop:
        yield shop


@pytest.fixture(scope="module")
def described(fuzzed: Shop) -> dict[str, Any]:
    return dict(fuzzed.http.get(f"{fuzzed.url}/openapi.json").json())


@pytest.fixture(scope="module")
def schema(described: dict[str, Any]) -> BaseSchema:
    return schemathesis.openapi.from_dict(described)


@pytest.fixture(scope="module")
def existing(fuzzed: Shop) -> dict[str, str]:
    """What stands for the variables in paths, so that something is there."""
    ended = fuzzed.click("sku-1").json()
    fuzzed.http.post(ended["status_url"] + "/cancel")
    script = re.search(r"/static/([\w.-]+\.js)", fuzzed.http.get(f"{fuzzed.url}/embed").text)
    assert script
    keys = CallbackKeys([SecretStr(fuzzed.environ["TRYON_SECRET_KEY"])])
    return {
        "public_id": ended["id"],  # ended, so that its stream ends too
        "launch_key": fuzzed.click("sku-2").json()["launch_url"].rpartition("/")[2],
        "capability": keys.seal("ab" * 16),
        "hashed_name": script[1],
        "digest": "0" * 12,
        "tag": "de-AT",
    }


def credentials(shop: Shop, path: str) -> dict[str, str]:
    """Of a browser on an allowed site, or of the merchant."""
    if path == "/metrics":
        return {"Authorization": f"Bearer {METRICS_TOKEN}"}
    if path.startswith("/dashboard/"):
        basic = requests.auth._basic_auth_str("any", PASSWORD)
        return {"Authorization": basic}
    return {"Origin": shop.origin}


def ask(
    shop: Shop,
    schema: BaseSchema,
    label: str,
    mode: GenerationMode,
    path_parameters: dict[str, str] | None = None,
    examples: int = 10,
) -> list[int]:
    """The statuses that generated requests got, each answer checked."""
    method, path = label.split()
    headers = credentials(shop, path)
    statuses: list[int] = []

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        schema[path][method].as_strategy(
            generation_mode=mode, path_parameters=path_parameters, headers=headers
        )
    )
    def each(case: Case) -> None:
        if isinstance(case.body, dict) and len(statuses) % 2:
            case.body |= MEANT.get(label, {})
        answer = case.call(base_url=shop.url, allow_redirects=False, timeout=60)
        statuses.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    each()
    return statuses


# What a generator hits upon by chance alone.
MEANT = {
    "POST /sessions": {"category": "footwear"},
    "POST /callbacks/{capability}": {"session_id": "tsn_1", "state": "completed"},
}


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_as_described(
    fuzzed: Shop, schema: BaseSchema, existing: dict[str, str], label: str
) -> None:
    known = {name: value for name, value in existing.items() if f"{{{name}}}" in label}
    statuses = ask(fuzzed, schema, label, GenerationMode.POSITIVE, known or None, 20)
    assert min(statuses) < 400, "nothing was reached"


@pytest.mark.parametrize("label", [label for label in OPERATIONS if "{" in label])
def test_what_is_not_there_is_refused_as_described(
    fuzzed: Shop, schema: BaseSchema, label: str
) -> None:
    ask(fuzzed, schema, label, GenerationMode.POSITIVE)


@pytest.mark.parametrize("label", [label for label in OPERATIONS if OPERATIONS[label].body])
def test_what_is_malformed_is_refused_as_described(
    fuzzed: Shop, schema: BaseSchema, existing: dict[str, str], label: str
) -> None:
    known = {name: value for name, value in existing.items() if f"{{{name}}}" in label}
    statuses = ask(fuzzed, schema, label, GenerationMode.NEGATIVE, known or None)
    assert max(statuses) >= 400


def test_the_description_is_valid_openapi(described: dict[str, Any]) -> None:
    # Half a second, for which every process that collects the tests would wait.
    from openapi_spec_validator import validate

    assert described["openapi"].startswith("3.1")
    validate(described)


def test_every_route_is_described(app: Flask) -> None:
    paths = openapi.document(app, "https://tryon.shop.example")["paths"]
    for method, path, rule in openapi.routes(app):
        if re.split(r"[._]", rule.endpoint)[0] not in PAGES:
            assert paths.get(path, {}).get(method.lower(), {}).get("summary"), f"{method} {path}"


def test_nothing_is_described_that_is_no_route(app: Flask) -> None:
    assert {f"{method} {path}" for method, path, _ in openapi.routes(app)} >= OPERATIONS.keys()


@pytest.mark.parametrize("path", sorted({label.split()[1] for label in OPERATIONS}))
def test_a_method_that_is_not_described_is_refused(shop: Shop, path: str) -> None:
    answer = shop.http.delete(shop.url + path.format_map(Choice(kind="svg", name="daily")))
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    described = {label.split()[0] for label in OPERATIONS if label.endswith(f" {path}")}
    assert described <= set(answer.headers["Allow"].split(", "))
