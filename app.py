"""The try-on proxy: `create_app` is the list of what it is made of."""

from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from proxy.cli import cli
from proxy.routes import (
    callbacks,
    challenge,
    demo,
    embed,
    events,
    go,
    handoff,
    ops,
    qr,
    sessions,
    static,
    t,
)
from proxy.routes.dashboard import attempts, data, pages
from proxy.routes.dashboard import callbacks as unread_callbacks
from proxy.routes.dashboard import settings as shown_settings
from proxy.services import Services
from proxy.settings import Settings, current
from proxy.web import access_log, error_pages, login, openapi, request, response
from proxy.web import pages as shopper_pages

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["cli", "create_app"]


def create_app(settings: Settings | None = None) -> Flask:
    """The app, with its store open and its background work running.

    :raises SettingsError: a setting is missing or wrong; the message names it.
    :raises StorageUnavailable: the database cannot be opened.
    """
    settings = settings or current()
    app = Flask(__name__, static_folder=None)
    app.extensions["tryon"] = built = Services(settings)
    app.request_class = request.Request
    app.url_rule_class = openapi.Route
    app.url_map.merge_slashes = False  # or a redirect answers, which would be built from Host

    wsgi: WSGIApplication = app.wsgi_app
    if hops := settings.trusted_proxies:
        wsgi = ProxyFix(wsgi, x_for=hops, x_proto=0)
    wsgi = request.Address(wsgi, settings.public_url)
    app.wsgi_app = response.Envelope(wsgi, settings)  # type: ignore[method-assign, assignment]
    access_log.install(app)
    error_pages.install(app)
    shopper_pages.install(app, settings, built.static, built.click_keys)

    for module in (sessions, challenge, events, handoff, qr, go, t, callbacks, embed, static, ops):
        app.register_blueprint(module.routes)
    if settings.dashboard_password:
        login.configure(app, settings)
        for part in (pages, attempts, unread_callbacks, shown_settings, data):
            app.register_blueprint(part.routes)
    if settings.demo:
        app.register_blueprint(demo.routes)
    return app
