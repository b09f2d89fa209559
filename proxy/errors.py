"""Every failure that a client can see, defined once: its code, status, title and advice.

The shape is RFC 9457 (problem details). A code is stable: it is also the
log field and the metric label.
"""

import sys
from http import HTTPStatus
from typing import Any, NamedTuple


class Kind(NamedTuple):
    status: HTTPStatus
    title: str
    detail: str
    retryable: bool = False


PROBLEMS: dict[str, Kind] = {
    "bad_request": Kind(HTTPStatus.BAD_REQUEST, "Bad request", "The request could not be read."),
    "unsupported_category": Kind(
        HTTPStatus.BAD_REQUEST, "Unsupported category", "This category cannot be tried on here."
    ),
    "unknown_product": Kind(
        HTTPStatus.BAD_REQUEST, "Unknown product", "This product is not in the catalogue."
    ),
    "unauthorized": Kind(HTTPStatus.UNAUTHORIZED, "Unauthorized", "A login is needed."),
    "signature_invalid": Kind(
        HTTPStatus.UNAUTHORIZED, "Invalid signature", "The signature is missing or wrong."
    ),
    "origin_not_allowed": Kind(
        HTTPStatus.FORBIDDEN, "Origin not allowed", "This site may not start a try-on here."
    ),
    "forbidden": Kind(
        HTTPStatus.FORBIDDEN, "Forbidden", "The form is out of date. Reload the page and try again."
    ),
    "prefetch_refused": Kind(
        HTTPStatus.FORBIDDEN, "Prefetch refused", "This link does something; it is not prefetched."
    ),
    "not_found": Kind(HTTPStatus.NOT_FOUND, "Not found", "There is nothing here."),
    "method_not_allowed": Kind(
        HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed", "This address does not take that."
    ),
    "request_timeout": Kind(
        HTTPStatus.REQUEST_TIMEOUT, "Request timeout", "The body came too slowly.", True
    ),
    "gone": Kind(HTTPStatus.GONE, "Gone", "This try-on has ended."),
    "payload_too_large": Kind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Payload too large", "The body is too large."
    ),
    "unsupported_media_type": Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "Unsupported media type",
        "Send application/json, without a content encoding.",
    ),
    "not_available": Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "Not available", "This product cannot be tried on now."
    ),
    "rate_limited": Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "Too many requests", "Too many tries. Wait a little.", True
    ),
    "budget_exhausted": Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "Budget exhausted", "No more try-ons for now."
    ),
    "internal": Kind(
        HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error", "Something went wrong here.", True
    ),
    "upstream_error": Kind(
        HTTPStatus.BAD_GATEWAY, "Upstream error", "The try-on service failed.", True
    ),
    "bad_upstream_reply": Kind(
        HTTPStatus.BAD_GATEWAY, "Bad upstream reply", "The try-on service gave a wrong answer."
    ),
    "unavailable": Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable", "Try-on is not available now.", True
    ),
    "busy": Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "Busy", "The try-on service is busy. Wait a little.", True
    ),
    "storage_unavailable": Kind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Storage unavailable",
        "Nothing can be stored now. Send it again later.",
        True,
    ),
    "upstream_timeout": Kind(
        HTTPStatus.GATEWAY_TIMEOUT, "Upstream timeout", "The try-on service did not answer.", True
    ),
}


class Problem(Exception):
    """A failure to answer with. `retry_after` is in seconds; `extra` members go into the body."""

    def __init__(
        self, code: str, detail: str | None = None, *, retry_after: int | None = None, **extra: Any
    ) -> None:
        kind = PROBLEMS[code]
        super().__init__(code)
        self.code = code
        self.status = int(kind.status)
        self.title = kind.title
        self.detail = detail or kind.detail
        self.retryable = kind.retryable
        self.retry_after = retry_after
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """The members of the problem document (RFC 9457, section 3)."""
        members: dict[str, Any] = {
            "type": f"urn:tryon:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "retryable": self.retryable,
        }
        if self.retry_after is not None:
            members["retry_after"] = self.retry_after
        return members | self.extra


def table() -> str:
    """The codes as docs/http.md shows them."""
    rows = [
        f"| `{code}` | {kind.status.value} | {kind.detail} | {'yes' if kind.retryable else ''} |\n"
        for code, kind in PROBLEMS.items()
    ]
    return "".join(["| code | status | meaning | retryable |\n|---|---|---|---|\n", *rows])


if __name__ == "__main__":
    sys.stdout.write(table())
