"""Handlers that do nothing: what the server and Flask themselves allow."""

from flask import Flask, request
from flask.typing import ResponseReturnValue

app = Flask(__name__)


@app.post("/sessions")
@app.post("/callbacks/<name>")
def nothing(name: str = "") -> ResponseReturnValue:  # noqa: ARG001
    request.get_data()
    return "", 204


@app.get("/healthz")
def healthz() -> str:
    return "ok"
