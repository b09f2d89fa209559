"""Completion callbacks: their content and shape, the manners of sending them, and the answers.

The vendor documents neither a signature nor a redelivery: each is sent once,
and signed (Standard Webhooks) only where a secret is set.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import requests
from standardwebhooks import Webhook

from simulator.vendor import Delivery, Session, Vendor, new_id, timestamp

TIMEOUT = (3, 10)  # seconds to connect, and between two bytes of the answer
FORM = "application/x-www-form-urlencoded"
WRONG_SECRET = "whsec_bm90LXRoZS1zZWNyZXQtb2YtdGhpcy12ZW5kb3I="  # noqa: S105


@dataclass(frozen=True)
class Sending:
    """One callback to send."""

    body: bytes
    delay: float = 0  # seconds
    forged: bool = False
    media_type: str = "application/json"


def content(session: Session, state: str, session_id: str | None = None) -> dict[str, str]:
    """Tell session ID, state, timestamps and reference: documented in words, spelt naturally."""
    told: dict[str, str] = {"session_id": session_id or session.id, "state": state}
    if session.started_at is not None:
        told["started_at"] = timestamp(session.started_at)
    if state != "started":
        told["completed_at"] = timestamp(session.completed_at or time.time())
    if session.merchant_reference is not None:
        told["merchant_reference"] = session.merchant_reference
    return told


def payload(session: Session, state: str, session_id: str | None = None) -> bytes:
    return json.dumps(content(session, state, session_id)).encode()


Manner = Callable[[Session, str], list[Sending]]


def shape(write: Callable[[dict[str, str]], object]) -> Manner:
    """Send the same content as another JSON text, written from the natural one."""
    return lambda session, state: [Sending(json.dumps(write(content(session, state))).encode())]


def without(content: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in content.items() if name not in names}


def camel_case(content: dict[str, str]) -> dict[str, str]:
    return {
        re.sub("_(.)", lambda letter: letter[1].upper(), name): value
        for name, value in content.items()
    }


def webhook(content: dict[str, str]) -> dict[str, object]:
    """Wrap as the specification of Standard Webhooks recommends: the type says what happened."""
    data = without(content, "state", "session_id") | {"id": content["session_id"]}
    kind = f"session.{content['state']}"
    return {"type": kind, "timestamp": timestamp(time.time()), "data": data}


# Other natural ways to write what the vendor's page leaves open.
SHAPES: dict[str, Manner] = {
    "camel-case": shape(camel_case),
    "pascal-case": shape(
        lambda content: {name.title().replace("_", ""): value for name, value in content.items()}
    ),
    "webhook": shape(webhook),
    "envelope": shape(lambda content: {"event": {"payload": {"session": content}}}),
    "api-answer": shape(lambda content: {"status": "ok", "data": content}),
    "list-of-one": shape(lambda content: [content]),
    "several": shape(
        lambda content: {
            "events": [content | {"state": "started"}, content | {"state": "ready"}, content]
        }
    ),
    "own-id": shape(lambda content: without(content, "session_id") | {"id": f"evt_{new_id()}"}),
    "no-session": shape(lambda content: without(content, "session_id")),
    "upper-case": shape(lambda content: content | {"state": f"SESSION_{content['state'].upper()}"}),
    "state-object": shape(
        lambda content: content | {"state": {"code": content["state"], "text": "How it ended"}}
    ),
    "flag": shape(lambda content: without(content, "state") | {content["state"]: True}),
    "bom": lambda session, state: [Sending(b"\xef\xbb\xbf" + payload(session, state))],
    "form": lambda session, state: [
        Sending(urlencode(content(session, state)).encode(), media_type=FORM)
    ],
    "unreadable": shape(lambda content: {"how_it_went": content["state"]}),
}

MANNERS: dict[str, Manner] = {
    "plain": lambda session, state: [Sending(payload(session, state))],
    "none": lambda _session, _state: [],
    "late": lambda session, state: [Sending(payload(session, state), delay=3)],
    "duplicate": lambda session, state: [Sending(payload(session, state))] * 5,
    "reordered": lambda session, state: [
        Sending(payload(session, state)),
        Sending(payload(session, "abandoned"), delay=0.5),
        Sending(payload(session, "started"), delay=1),
    ],
    "malformed": lambda session, state: [Sending(payload(session, state)[:-12])],
    "unknown-state": lambda session, _state: [Sending(payload(session, "evaporated"))],
    "wrong-session": lambda session, state: [Sending(payload(session, state, new_id()))],
    "bad-signature": lambda session, state: [Sending(payload(session, state), forged=True)],
    **SHAPES,
}


def send(vendor: Vendor, session: Session, sendings: list[Sending]) -> list[Delivery]:
    """Send callbacks, all at once unless delayed, and wait for the answers."""

    def run(sending: Sending) -> Delivery:
        time.sleep(sending.delay)
        delivery = _deliver(vendor, session, sending)
        vendor.note(session, delivery)
        return delivery

    with ThreadPoolExecutor(5) as pool:  # no manner sends more
        return list(pool.map(run, sendings))


def conclude(vendor: Vendor, session: Session, state: str) -> None:
    """End the try-on, unless it is over, and call back in its scenario's manner."""
    if vendor.end(session, state):
        send(vendor, session, MANNERS[session.scenario.manner](session, state))


def in_background(delay: float, function: Callable[..., object], *args: object) -> None:
    timer = threading.Timer(delay, function, args)
    timer.daemon = True
    timer.start()


def _deliver(vendor: Vendor, session: Session, sending: Sending) -> Delivery:
    now = datetime.now(UTC)
    delivery = Delivery(body=sending.body.decode(errors="replace"), at=timestamp(now.timestamp()))
    headers = {"Content-Type": sending.media_type, "User-Agent": "tryon-simulator"}
    secret = WRONG_SECRET if sending.forged else vendor.callback_secret
    if secret:
        # The same content is the same message, sent again; what differs is another.
        message_id = "msg_" + hashlib.sha256(sending.body).hexdigest()[:24]
        headers |= {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, now, delivery.body),
        }
    began = time.monotonic()
    try:
        with requests.Session() as http:
            http.trust_env = False
            answer = http.post(
                session.callback_url,
                data=sending.body,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,  # the status is all we want
            )
            delivery.status = answer.status_code
            answer.close()
    except requests.RequestException as problem:
        delivery.error = type(problem).__name__
    delivery.duration_ms = round((time.monotonic() - began) * 1000)
    return delivery
