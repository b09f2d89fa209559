"""The straightforward durable receiver: one SQLite commit per request, fsynced before the 204."""

import json
import os
import sqlite3
import threading

from flask import Flask, abort, request
from flask.typing import ResponseReturnValue

DATABASE = os.environ["DATABASE"]
SCHEMA = """CREATE TABLE IF NOT EXISTS callbacks (
    session_id TEXT, state TEXT, body TEXT, received_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (session_id, state))"""

app = Flask(__name__)
local = threading.local()


def connection() -> sqlite3.Connection:
    if not hasattr(local, "db"):
        local.db = sqlite3.connect(DATABASE, timeout=10)
        local.db.execute("PRAGMA journal_mode=WAL")
        local.db.execute("PRAGMA synchronous=FULL")
    db: sqlite3.Connection = local.db
    return db


with sqlite3.connect(DATABASE, timeout=10) as setup:
    setup.execute("PRAGMA journal_mode=WAL")
    setup.execute(SCHEMA)
setup.close()


@app.post("/callbacks/tryon")
def receive() -> ResponseReturnValue:
    payload = request.get_json()
    if not isinstance(payload, dict) or not {"session_id", "state"} <= payload.keys():
        abort(400)
    with connection() as db:
        db.execute(
            "INSERT OR IGNORE INTO callbacks (session_id, state, body) VALUES (?, ?, ?)",
            (payload["session_id"], payload["state"], json.dumps(payload)),
        )
    return "", 204


@app.get("/healthz")
def healthz() -> str:
    return "ok"
