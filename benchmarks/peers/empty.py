"""Handlers that do nothing: what the server and Flask themselves allow."""

from types import SimpleNamespace

from flask import Flask, request
from flask.typing import ResponseReturnValue

app = Flask(__name__)
# gunicorn.conf.py ends the open streams of a worker that stops; here are none
app.extensions["tryon"] = SimpleNamespace(live=SimpleNamespace(close=lambda: None))


@app.post("/sessions")
@app.post("/callbacks/<name>")
def nothing(name: str = "") -> ResponseReturnValue:  # noqa: ARG001
    request.get_data()
    return "", 204


@app.get("/healthz")
def healthz() -> str:
    return "ok"
