"""What the routes declare of themselves, by method and path as OpenAPI writes it."""

from importlib import import_module
from pkgutil import walk_packages

from flask import Flask

from proxy import routes
from proxy.web import openapi


def _declared() -> dict[str, openapi.Route]:
    app = Flask("declared", static_folder=None)
    app.url_rule_class = openapi.Route
    for module in walk_packages(routes.__path__, "proxy.routes."):
        if blueprint := getattr(import_module(module.name), "routes", None):
            app.register_blueprint(blueprint)
    return {
        f"{method} {path}": route
        for method, path, route in openapi.routes(app)
        if route.answers and method != "OPTIONS"
    }


OPERATIONS = _declared()
