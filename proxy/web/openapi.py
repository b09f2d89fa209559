"""The HTTP interface as an OpenAPI 3.1 document, put together from what the app itself works with.

Paths and methods come from the URL map, summaries from the views' docstrings, bodies from the
models that check or build them, failures from PROBLEMS. What no code says, a route declares beside
its path: `@routes.get("/x", answers={200: "What that means."})`.
"""

import inspect
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from flask import Flask
from pydantic import TypeAdapter
from werkzeug.routing import Rule

from proxy.catalog.products import PRODUCT_ID
from proxy.tryon.keys import REF, TOKEN
from proxy.tryon.state import SessionAnswer, SessionView
from proxy.web.bodies import Beacon, Wish
from proxy.web.problems import PROBLEMS, Problem

Members = dict[str, Any]
Answer = str | tuple[str, Mapping[str, Members]]  # what it means; its schema by media type

JSON, TEXT, HTML = "application/json", "text/plain", "text/html"
SCHEMAS = "#/components/schemas/"
STRING: Members = {"type": "string"}
WORDS: Members = {"type": "object", "additionalProperties": STRING}


class Route(Rule):
    """A rule of the URL map that says what it answers and reads; without answers it is left out.

    `problems` are codes that nothing else here implies.
    """

    def __init__(
        self,
        *args: Any,
        answers: Mapping[int, Answer] = {},
        problems: str = "",
        parameters: Sequence[Members] = (),
        body: Mapping[str, Members] = {},
        security: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self.answers, self.problems = answers, problems
        self.parameters, self.body, self.security = parameters, body, security


def reference(shape: type) -> Members:
    return {"$ref": SCHEMAS + shape.__name__}


def object_of(properties: Mapping[str, Members], *optional: str) -> Members:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def query(name: str, about: str, **schema: Any) -> Members:
    return {"name": name, "in": "query", "description": about, "schema": STRING | schema}


def header(name: str, about: str, *, required: bool = False) -> Members:
    return {
        "name": name, "in": "header", "description": about, "schema": STRING, "required": required
    }  # fmt: skip


def page(*parameters: Members) -> Members:
    return {"answers": {200: ("The page.", {HTML: STRING})}, "parameters": parameters}


def file(media_type: str) -> Members:
    return {"answers": {200: ("The file.", {media_type: {}}), 304: SAME}}


SAME = "The client has it."
IF_NONE_MATCH = header("If-None-Match", "The ETag of an earlier answer.")
ORIGIN = header("Origin", "Of the page that asks; it has to be an allowed one.", required=True)
LANGUAGE = query("lang", "The page's language.")
PREFLIGHT: Members = {
    "methods": ["OPTIONS"],
    "answers": {204: "What is allowed."},
    "parameters": [ORIGIN],
}

ID = STRING | {"pattern": f"^{TOKEN.pattern}$"}
# What is looked up by these may not be there.
PATH_PARAMETERS: Mapping[str, Members] = {
    "public_id": ID,
    "launch_key": ID,
    "capability": STRING | {"pattern": rf"^{REF.pattern}\.[A-Za-z0-9_-]{{43}}$"},
    "product_id": PRODUCT_ID,
}
GUESSED = {"public_id", "launch_key"}  # too many wrong ones are refused otherwise
# Blueprints whose routes are described in a group with others' (a tag, in OpenAPI).
GROUPS = {
    "challenge": "sessions",
    "events": "sessions",
    "go": "handoff",
    "qr": "handoff",
    "t": "embed",
    "static": "embed",
}
SECURITY = {
    "dashboard_password": {"type": "http", "scheme": "basic", "description": "Any user name."},
    "dashboard_cookie": {"type": "apiKey", "in": "cookie", "name": "tryon_dashboard"},
    "metrics": {"type": "http", "scheme": "bearer"},
}
VARIABLE = re.compile(r"<(?:\w+(?:\((.*?)\))?:)?(\w+)>")


@cache  # it takes 15 ms, and never changes while the app runs
def document(app: Flask, public_url: str) -> Members:
    """The interface of an app whose routes are registered."""
    paths: defaultdict[str, Members] = defaultdict(dict)
    for method, path, rule in routes(app):
        if rule.answers:
            about = inspect.getdoc(app.view_functions[rule.endpoint]) or ""
            paths[path][method.lower()] = {
                "operationId": re.sub(r"\W+", "_", f"{method.lower()}{path}").strip("_"),
                **_operation(rule, about),
            }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Try-on proxy",
            "version": "1",
            "summary": "Virtual try-on beside a shop",
            "description": "Whatever takes GET takes HEAD. docs/http.md has the words for this.",
        },
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": SECURITY},
    }


def routes(app: Flask) -> Iterator[tuple[str, str, Route]]:
    """(method, path as OpenAPI writes it, rule) of each route; not what Flask adds to it."""
    for rule in app.url_map.iter_rules():
        assert isinstance(rule, Route)  # noqa: S101 - the app's url_rule_class
        for method in sorted((rule.methods or set()) - {"HEAD"}):
            if method != "OPTIONS" or not getattr(rule, "provide_automatic_options", False):
                yield method, VARIABLE.sub(r"{\2}", rule.rule), rule


def _operation(rule: Route, about: str) -> Members:
    summary, _, description = about.partition("\n\n")
    blueprint = rule.endpoint.partition(".")[0]
    variables = [
        {"name": name, "in": "path", "required": True, "schema": _variable(name, choices)}
        for choices, name in VARIABLE.findall(rule.rule)
    ]
    cached = [IF_NONE_MATCH] if 304 in rule.answers else []
    members: Members = {
        "tags": [GROUPS.get(blueprint, blueprint)],
        "summary": " ".join(summary.split()),
        "description": " ".join(description.split()),
        "parameters": [*variables, *rule.parameters, *cached],
        "responses": _responses(rule),
        "security": [{scheme: []} for scheme in rule.security],
    }
    if rule.body:
        members["requestBody"] = {"required": True, "content": _content(rule.body)}
    return {name: value for name, value in members.items() if value}


def _variable(name: str, choices: str) -> Members:
    if choices:
        return STRING | {"enum": re.split(r"\s*,\s*", choices)}
    return PATH_PARAMETERS.get(name, STRING)


def _content(schemas: Mapping[str, Members]) -> Members:
    return {media_type: {"schema": schema} for media_type, schema in schemas.items()}


def _responses(rule: Route) -> Members:
    failures: defaultdict[int, list[str]] = defaultdict(list)
    for code in sorted(_problems(rule), key=[*PROBLEMS].index):
        failures[PROBLEMS[code].status].append(code)
    found = {str(status): _failure(codes) for status, codes in failures.items()}
    for status, answer in rule.answers.items():
        meaning, schemas = (answer, {}) if isinstance(answer, str) else answer
        found[str(status)] = {"description": meaning}
        if schemas:
            found[str(status)]["content"] = _content(schemas)
        if status in (302, 303):
            found[str(status)]["headers"] = {"Location": {"required": True, "schema": STRING}}
    return dict(sorted(found.items()))


def _problems(rule: Route) -> set[str]:
    codes = f"internal {rule.problems}"
    if rule.arguments & PATH_PARAMETERS.keys() and rule.methods != {"OPTIONS"}:
        codes += " not_found storage_unavailable"
    if rule.arguments & GUESSED and rule.methods != {"OPTIONS"}:
        codes += " rate_limited"
    if rule.body:
        codes += " bad_request request_timeout payload_too_large unsupported_media_type"
    if rule.security:
        codes += " unauthorized"
    if any(parameter["name"] == "Origin" for parameter in rule.parameters):
        codes += " origin_not_allowed"
    return set(codes.split())


def _failure(codes: list[str]) -> Members:
    """A problem document of one of these codes; who asks for text/html gets a page."""
    problem = {"$ref": SCHEMAS + "Problem", "properties": {"code": {"enum": codes}}}
    return {
        "description": " ".join(f"`{code}`: {PROBLEMS[code].detail}" for code in codes),
        "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
        "content": _content({"application/problem+json": problem, HTML: STRING}),
    }


def _schemas() -> Members:
    shapes = TypeAdapter(tuple[Wish, Beacon, SessionView, SessionAnswer])
    found: Members = shapes.json_schema(ref_template=SCHEMAS + "{model}")["$defs"]
    integer = {"type": "integer"}
    problem = {
        "type": STRING | {"format": "uri"},
        "title": STRING,
        "status": integer,
        "detail": STRING,
        "code": {"enum": [*PROBLEMS]},
        "retryable": {"type": "boolean"},
        "retry_after": integer | {"description": "Seconds, as in the header Retry-After."},
        "reason": STRING,
        "parameter": STRING,
        "challenge_url": STRING
        | {"format": "uri", "description": "Where a person passes a challenge and goes on."},
        "message": STRING | {"description": "For the shopper, in their language."},
        "errors": {"type": "array", "items": object_of({"field": STRING, "message": STRING})},
    }
    return found | {"Problem": object_of(problem, *(problem.keys() - Problem("internal").body()))}
