"""`POST /callbacks/<ref>.<mac>`: the vendor's completion callback, never lost, never counted twice.

The vendor documents no redelivery: a callback that is refused is gone. So whatever comes to a
genuine URL is kept as a receipt, and 5xx is answered only where there is nowhere to keep it.
"""

from flask import Blueprint, Response, request

from proxy import metrics, web
from proxy.capability import signature_is_valid
from proxy.contract import Completion, Unreadable, read_callback
from proxy.errors import Problem
from proxy.services import Services
from proxy.words import callback_event
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


def blueprint(services: Services) -> Blueprint:
    routes = Blueprint("callbacks", __name__)

    @routes.post("/callbacks/<capability>")
    def receive(capability: str) -> Response:
        """Take the vendor's completion callback."""
        attempt_id = services.keys.open(capability)
        if attempt_id is None:
            raise Problem("not_found")
        received = _Received(services, attempt_id)
        body = received.body()
        received.check_signature(body)
        return received.store(body, received.read(body))

    return routes


class _Received:
    """One callback to a genuine URL, on its way through the steps of the protocol."""

    def __init__(self, services: Services, attempt_id: str) -> None:
        self._services = services
        self._attempt_id = attempt_id
        self._at_ms = now_ms()

    def body(self) -> bytes:
        if web.is_coded():
            self._keep(b"", "unreadable", "unsupported_media_type")
            raise Problem("unsupported_media_type")
        try:
            return web.read_body(LARGEST_BODY)
        except Problem as problem:
            self._keep(b"", "unreadable", problem.code)
            raise

    def check_signature(self, body: bytes) -> None:
        secrets = self._services.settings.callback_secret
        if secrets and not signature_is_valid(secrets, body, request.headers):
            self._keep(body, "unsigned", "signature_invalid")
            raise Problem("signature_invalid")

    def read(self, body: bytes) -> Completion:
        try:
            return read_callback(body, self._services.words.outcomes())
        except Unreadable as error:
            self._keep(body, "unreadable", error.reason)
            raise Problem("bad_request", reason=error.reason) from None

    def store(self, body: bytes, completion: Completion) -> Response:
        callback = callback_event(self._attempt_id, self._at_ms, completion)
        self._keep(body, "accepted", "", callback)
        return Response(status=204)

    def _keep(self, body: bytes, verdict: str, reason: str, *events: Event) -> None:
        sent = request.environ
        headers = {
            name: sent[key][:LONGEST_HEADER] for name, key in KEPT_HEADERS.items() if key in sent
        }
        receipt = Receipt(self._attempt_id, self._at_ms, headers, body, verdict, reason)
        committed = self._services.writer.submit(Entry(events, receipt))
        verdict = committed.verdict or verdict
        metrics.count(metrics.CALLBACKS, verdict)
        web.note(verdict=verdict)
