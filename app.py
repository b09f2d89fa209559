"""The try-on proxy: `create_app` is the list of what it is made of."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from proxy import access, failures, services, web
from proxy.cli import cli
from proxy.routes import callbacks, dashboard, demo, embed, handoff, ops, sessions, stats
from proxy.settings import Settings, load

__all__ = ["cli", "create_app"]


def create_app(settings: Settings | None = None) -> Flask:
    """The app, with its store open and its background work running.

    :raises SettingsError: a setting is missing or wrong; the message names it.
    :raises StorageUnavailable: the database cannot be opened.
    """
    settings = settings or load()
    app = Flask(__name__, static_folder=None)
    app.extensions["tryon"] = built = services.build(settings)

    if hops := settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=0)  # type: ignore[method-assign]
    app.wsgi_app = web.Address(app.wsgi_app, settings.public_url)  # type: ignore[method-assign, assignment]
    web.install(app, settings)
    failures.install(app)
    embed.install(app, built)

    app.register_blueprint(sessions.blueprint(built))
    app.register_blueprint(handoff.blueprint(built))
    app.register_blueprint(callbacks.blueprint(built))
    app.register_blueprint(embed.blueprint(built))
    app.register_blueprint(ops.blueprint(built))
    if settings.dashboard_password:
        door = access.install(app, settings, built.limits)
        app.register_blueprint(dashboard.blueprint(built, door))
        app.register_blueprint(stats.blueprint(built, door))
    if settings.demo:
        app.register_blueprint(demo.blueprint(built))
    return app
