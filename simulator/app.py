"""The simulated vendor as a Flask app: its API, the shopper's pages and a console."""

import os

from flask import Flask, Response

from simulator import api, catalog, console, launch
from simulator.vendor import Vendor

# The launch page and the console show product ids as they came: nothing inline may ever run.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src {pictures}; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def create_app(token: str | None = None, base_url: str | None = None) -> Flask:
    """Build the simulator; the rest of its settings comes from the environment.

    SIMULATOR_TOKEN            the bearer token it accepts (default "sim-token")
    SIMULATOR_URL              its own public address (default: the one each request came to)
    SIMULATOR_CALLBACK_SECRET  "whsec_…": callbacks are signed as Standard Webhooks
    SIMULATOR_CATALOG          a JSON list of products, whose title, image_url and page_url the
                               launch page shows
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 1024 * 1024
    app.json.sort_keys = False  # type: ignore[attr-defined]  # as in the vendor's example
    app.extensions["vendor"] = Vendor(
        token=token or os.environ.get("SIMULATOR_TOKEN") or "sim-token",
        base_url=(base_url or os.environ.get("SIMULATOR_URL") or "").rstrip("/"),
        callback_secret=os.environ.get("SIMULATOR_CALLBACK_SECRET"),
    )
    products = catalog.load(os.environ.get("SIMULATOR_CATALOG"))
    app.extensions["catalog"] = products
    app.register_blueprint(api.blueprint, url_prefix="/v1")
    app.register_blueprint(launch.blueprint)
    app.register_blueprint(console.blueprint)
    pictures = " ".join(["'self'", *catalog.picture_hosts(products.values())])
    policy = CONTENT_SECURITY_POLICY.format(pictures=pictures)

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app
