"""`POST /callbacks/<ref>.<mac>`: the vendor's completion callback, never lost, never counted twice.

The vendor documents no redelivery: a callback that is refused is gone. So whatever comes to a
genuine URL is kept as a receipt, and 5xx is answered only where there is nowhere to keep it.
"""

from collections.abc import Iterable

from flask import Blueprint, Response, request

from proxy import metrics
from proxy.services import services
from proxy.strict_json import Unreadable
from proxy.tryon.keys import signature_is_valid
from proxy.upstream.completion import Completion, callback_event, read_callbacks
from proxy.web import access_log
from proxy.web.openapi import JSON, STRING, header, object_of
from proxy.web.problems import Problem
from proxy.web.request import FORM, is_coded, read_body
from storage.events import Entry, Event, Receipt, now_ms

LARGEST_BODY = 64 * 1024
# Never Authorization nor cookies.
# By their keys in WSGI's environ: Werkzeug raises an exception for each that is not there.
KEPT_HEADERS = {
    "content-type": "CONTENT_TYPE",
    "content-length": "CONTENT_LENGTH",
    "date": "HTTP_DATE",
    "user-agent": "HTTP_USER_AGENT",
    "webhook-id": "HTTP_WEBHOOK_ID",
    "webhook-signature": "HTTP_WEBHOOK_SIGNATURE",
    "webhook-timestamp": "HTTP_WEBHOOK_TIMESTAMP",
}
LONGEST_HEADER = 500
COMPLETION = object_of({"session_id": STRING, "state": STRING}, "session_id") | {
    "description": "Other spellings and shapes are read too, and whatever else comes is kept."
}

routes = Blueprint("callbacks", __name__)


@routes.post(
    "/callbacks/<capability>",
    answers={204: "It is stored; a duplicate gets the same answer."},
    problems="signature_invalid rate_limited",
    parameters=[
        header(f"webhook-{part}", "Of Standard Webhooks; needed where a callback secret is set.")
        for part in ("id", "timestamp", "signature")
    ],
    body={JSON: COMPLETION, FORM: COMPLETION},
)
def receive(capability: str) -> Response:
    """Take the vendor's completion callback."""
    callback = _Callback(_attempt_of(capability))
    body = callback.read_body()
    callback.check_signature(body)
    callback.store(body, callback.read(body))
    return Response(status=204)


@routes.get("/callbacks/<capability>", answers={200: "It is one of ours; nothing more."})
def check(capability: str) -> Response:
    """Answer a vendor that looks whether a callback URL is there, before it uses it."""
    _attempt_of(capability)
    return Response(status=200)


def _attempt_of(capability: str) -> str:
    attempt_id = services().keys.open(capability)
    if attempt_id is None:
        raise Problem("not_found")
    return attempt_id


class _Callback:
    """A callback to a genuine URL, with the steps of the protocol."""

    def __init__(self, attempt_id: str) -> None:
        self._services = services()
        self._attempt_id = attempt_id
        self._at_ms = now_ms()

    def read_body(self) -> bytes:
        try:
            if is_coded():
                raise Problem("unsupported_media_type")
            return read_body(LARGEST_BODY)
        except Problem as problem:
            self._keep(b"", "unreadable", problem.code)
            raise

    def check_signature(self, body: bytes) -> None:
        secrets = self._services.settings.callback_secret
        if secrets and not signature_is_valid(secrets, body, request.headers):
            self._keep(body, "unsigned", "signature_invalid")
            raise Problem("signature_invalid")

    def read(self, body: bytes) -> list[Completion]:
        try:
            outcomes = self._services.outcomes
            return read_callbacks(body, outcomes.known(), outcomes.readings())
        except Unreadable as error:
            self._keep(body, "unreadable", error.reason)
            raise Problem("bad_request", reason=error.reason) from None

    def store(self, body: bytes, completions: Iterable[Completion]) -> None:
        events = [callback_event(self._attempt_id, self._at_ms, each) for each in completions]
        self._keep(body, "accepted", "", *events)

    def _keep(self, body: bytes, verdict: str, reason: str, *events: Event) -> None:
        sent = request.environ
        headers = {
            name: sent[key][:LONGEST_HEADER] for name, key in KEPT_HEADERS.items() if key in sent
        }
        receipt = Receipt(self._attempt_id, self._at_ms, headers, body, verdict, reason)
        committed = self._services.writer.submit(Entry(events, receipt))
        verdict = committed.verdict or verdict
        metrics.count(metrics.CALLBACKS, verdict)
        access_log.note(verdict=verdict)
        if verdict == "too_many":  # the only one of which nothing was stored, now or before
            raise Problem("rate_limited")
