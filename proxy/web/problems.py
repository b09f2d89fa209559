"""The failures that a client can see, each defined once: code, status, title and detail.

The shape is RFC 9457 (problem details). A code is stable: it is also the log field and the metric
label.
"""

import sys
from typing import Any, NamedTuple


class Kind(NamedTuple):
    status: int
    title: str
    detail: str
    retryable: bool = False


PROBLEMS: dict[str, Kind] = {
    "bad_request": Kind(400, "Bad request", "The request could not be read."),
    "unsupported_category": Kind(
        400, "Unsupported category", "This category cannot be tried on here."
    ),
    "unknown_product": Kind(400, "Unknown product", "This product is not in the catalogue."),
    "unauthorized": Kind(401, "Unauthorized", "A login is needed."),
    "signature_invalid": Kind(401, "Invalid signature", "The signature is missing or wrong."),
    "origin_not_allowed": Kind(403, "Origin not allowed", "This site may not start a try-on here."),
    "forbidden": Kind(403, "Forbidden", "The form is out of date. Reload the page and try again."),
    "prefetch_refused": Kind(
        403, "Prefetch refused", "This link does something; it is not prefetched."
    ),
    "challenge_failed": Kind(403, "Challenge failed", "The challenge was not passed.", True),
    "not_found": Kind(404, "Not found", "There is nothing here."),
    "method_not_allowed": Kind(405, "Method not allowed", "This address does not take that."),
    "request_timeout": Kind(408, "Request timeout", "The body came too slowly.", True),
    "gone": Kind(410, "Gone", "This try-on has ended."),
    "payload_too_large": Kind(413, "Payload too large", "The body is too large."),
    "unsupported_media_type": Kind(
        415, "Unsupported media type", "Send application/json, without a content encoding."
    ),
    "not_available": Kind(422, "Not available", "This product cannot be tried on now."),
    "rate_limited": Kind(429, "Too many requests", "Too many tries. Wait a little.", True),
    "budget_exhausted": Kind(429, "Budget exhausted", "No more try-ons for now."),
    "internal": Kind(500, "Internal error", "Something went wrong here.", True),
    "upstream_error": Kind(502, "Upstream error", "The try-on service failed.", True),
    "bad_upstream_reply": Kind(
        502, "Bad upstream reply", "The try-on service gave a wrong answer."
    ),
    "unavailable": Kind(503, "Unavailable", "Try-on is not available now.", True),
    "busy": Kind(503, "Busy", "The try-on service is busy. Wait a little.", True),
    "catalog_unavailable": Kind(
        503, "Catalogue unavailable", "It is not known yet what can be tried on here.", True
    ),
    "challenge_unavailable": Kind(
        503, "Challenge unavailable", "No challenge can be passed now. Try again in a moment.", True
    ),
    "storage_unavailable": Kind(
        503, "Storage unavailable", "Nothing can be stored now. Send it again later.", True
    ),
    "upstream_timeout": Kind(504, "Upstream timeout", "The try-on service did not answer.", True),
}


class Problem(Exception):
    """A failure to answer with. `retry_after` is in seconds; `extra` members go into the body."""

    def __init__(
        self, code: str, detail: str | None = None, *, retry_after: int | None = None, **extra: Any
    ) -> None:
        kind = PROBLEMS[code]
        super().__init__(code)
        self.code = code
        self.status = kind.status
        self.title = kind.title
        self.detail = detail or kind.detail
        self.retryable = kind.retryable
        self.retry_after = retry_after
        self.extra = extra

    def body(self) -> dict[str, Any]:
        """Return the members of the problem document (RFC 9457, section 3)."""
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
    """Write the table of codes in docs/http.md."""
    rows = [
        f"| `{code}` | {kind.status} | {kind.detail} | {'yes' if kind.retryable else ''} |\n"
        for code, kind in PROBLEMS.items()
    ]
    return "".join(["| code | status | meaning | retryable |\n|---|---|---|---|\n", *rows])


if __name__ == "__main__":
    sys.stdout.write(table())
