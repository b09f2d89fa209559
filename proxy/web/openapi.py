"""The HTTP interface as an OpenAPI 3.1 document, put together from what the app itself works with.

Paths and methods come from the URL map, summaries from the views' docstrings, bodies from the
models that check or build them, failures from PROBLEMS, and which of them a route has from
OPERATIONS.
"""

import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from flask import Flask
from pydantic import TypeAdapter
from werkzeug.routing import Rule

from proxy.catalog.products import PRODUCT_ID
from proxy.tryon.keys import REF, TOKEN
from proxy.tryon.state import SessionAnswer, SessionView
from proxy.web.bodies import Beacon, Wish
from proxy.web.operations import (
    HTML,
    OPERATIONS,
    PREFLIGHT,
    SCHEMAS,
    STRING,
    WORDS,
    Members,
    Operation,
    object_of,
)
from proxy.web.problems import PROBLEMS, Problem

ID = STRING | {"pattern": f"^{TOKEN.pattern}$"}
PATH_PARAMETERS: Mapping[str, Members] = {
    "public_id": ID,
    "launch_key": ID,
    "capability": STRING | {"pattern": rf"^{REF.pattern}\.[A-Za-z0-9_-]{{43}}$"},
    "product_id": STRING | {"pattern": PRODUCT_ID},
}


# Blueprints whose routes are described in a group with others' (a tag, in OpenAPI).
GROUPS = {"events": "sessions", "go": "handoff", "qr": "handoff", "t": "embed", "static": "embed"}


@cache  # it takes 15 ms, and never changes while the app runs
def document(app: Flask, public_url: str) -> Members:
    """The interface of an app whose routes are registered."""
    paths: defaultdict[str, Members] = defaultdict(dict)
    for method, path, rule in routes(app):
        operation = PREFLIGHT if method == "OPTIONS" else OPERATIONS.get(f"{method} {path}")
        if operation:
            view = app.view_functions[rule.endpoint]
            paths[path][method.lower()] = _operation(method, path, rule, view, operation)
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


SECURITY = {
    "dashboard_password": {"type": "http", "scheme": "basic", "description": "Any user name."},
    "dashboard_cookie": {"type": "apiKey", "in": "cookie", "name": "tryon_dashboard"},
    "metrics": {"type": "http", "scheme": "bearer"},
}
ALWAYS = Problem("internal").body().keys()
VARIABLE = re.compile(r"<(?:\w+(?:\((.*?)\))?:)?(\w+)>")


def routes(app: Flask) -> list[tuple[str, str, Rule]]:
    """(method, path as OpenAPI writes it, rule) of each route; not what Flask adds to it."""
    return [
        (method, VARIABLE.sub(r"{\2}", rule.rule), rule)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD"})
        if method != "OPTIONS" or not getattr(rule, "provide_automatic_options", False)
    ]


def _operation(
    method: str, path: str, rule: Rule, view: Callable[..., Any], operation: Operation
) -> Members:
    summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
    variables = [
        {"name": name, "in": "path", "required": True, "schema": _variable(name, choices)}
        for choices, name in VARIABLE.findall(rule.rule)
    ]
    blueprint = rule.endpoint.partition(".")[0]
    members: Members = {
        "operationId": re.sub(r"\W+", "_", f"{method.lower()}{path}").strip("_"),
        "tags": [GROUPS.get(blueprint, blueprint)],
        "summary": " ".join(summary.split()),
        "description": " ".join(description.split()),
        "parameters": [*variables, *operation.parameters],
        "responses": _responses(operation),
        "security": [{scheme: []} for scheme in operation.security],
    }
    if operation.body:
        members["requestBody"] = {"required": True, "content": _content(operation.body)}
    return {name: value for name, value in members.items() if value}


def _variable(name: str, choices: str) -> Members:
    if choices:
        return STRING | {"enum": re.split(r"\s*,\s*", choices)}
    return PATH_PARAMETERS.get(name, STRING)


def _content(schemas: Mapping[str, Members]) -> Members:
    return {media_type: {"schema": schema} for media_type, schema in schemas.items()}


def _responses(operation: Operation) -> Members:
    codes: defaultdict[int, list[str]] = defaultdict(list)
    for code in (*operation.problems.split(), "internal"):
        codes[PROBLEMS[code].status].append(code)
    found = {str(status): _failure(names) for status, names in codes.items()}
    for status, (meaning, schemas) in operation.answers.items():
        found[str(status)] = {"description": meaning}
        if schemas:
            found[str(status)]["content"] = _content(schemas)
        if status in (302, 303):
            found[str(status)]["headers"] = {"Location": {"required": True, "schema": STRING}}
    return dict(sorted(found.items()))


def _failure(codes: list[str]) -> Members:
    """A problem document of one of these codes; who asks for text/html gets a page."""
    problem = {"$ref": SCHEMAS + "Problem", "properties": {"code": {"enum": codes}}}
    return {
        "description": " ".join(f"`{code}`: {PROBLEMS[code].detail}" for code in codes),
        "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
        "content": _content({"application/problem+json": problem, HTML: STRING}),
    }


def _schemas() -> Members:
    _, definitions = TypeAdapter.json_schemas(
        [
            (Wish, "validation", TypeAdapter(Wish)),
            (Beacon, "validation", TypeAdapter(Beacon)),
            (SessionView, "serialization", TypeAdapter(SessionView)),
            (SessionAnswer, "serialization", TypeAdapter(SessionAnswer)),
        ],
        ref_template=SCHEMAS + "{model}",
    )
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
        "message": STRING | {"description": "For the shopper, in their language."},
        "strings": WORDS,
        "errors": {"type": "array", "items": object_of({"field": STRING, "message": STRING})},
    }
    found: Members = definitions["$defs"]
    return found | {"Problem": object_of(problem, *(problem.keys() - ALWAYS))}
