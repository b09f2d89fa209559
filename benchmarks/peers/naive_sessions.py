"""The sample most integrations start from: a `requests.post` per click, nothing recorded."""

import os

import requests
from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

API = os.environ["VENDOR_URL"]
TOKEN = os.environ["VENDOR_TOKEN"]
CALLBACK = os.environ["CALLBACK_URL"]

app = Flask(__name__)


@app.post("/sessions")
def create() -> ResponseReturnValue:
    click = request.get_json()
    reply = requests.post(
        f"{API}/sessions",
        headers={"Authorization": f"Bearer {TOKEN}"},
        json={
            "product_id": click["product_id"],
            "category": click["category"],
            "experience": "browser",
            "callback_url": CALLBACK,
            "locale": "en-US",
        },
        timeout=8,
    )
    if not reply.ok:
        return jsonify(error="upstream_error"), 502
    session = reply.json()
    return jsonify(id=session["id"], launch_url=session["launch_url"]), 201


@app.get("/healthz")
def healthz() -> str:
    return "ok"
