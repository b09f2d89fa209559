"""A feed fetched by its URL: whole, or not at all."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from proxy.catalog.entries import CatalogError
from proxy.catalog.feed import LARGEST
from proxy.catalog.source import Version

PIECE = 65_536  # bytes
WITHIN_S = 600.0  # in all
SILENCE_S = 30.0
REDIRECTS = 3
MIB = 1_048_576


def fetch(
    url: str,
    path: Path,
    known: Version,
    *,
    only: int | None = None,
    most: int = LARGEST,
    within_s: float = WITHIN_S,
) -> Version | None:
    """Write a feed to a file, or `only` so many bytes; None if it is the one that is known.

    :raises CatalogError: it does not come, or not within its bounds.
    """
    try:
        with _deadline(within_s), requests.Session() as session:
            session.trust_env = False  # no proxy, and no password, of whoever has started this
            with _get(session, url, known) as answer:
                if answer.status_code == 304:
                    return None
                _write(answer, path, only, most)
    except requests.exceptions.SSLError as error:
        raise CatalogError(f"its certificate is not trusted: {_reason(error)}") from None
    except (requests.RequestException, HTTPError) as error:
        raise CatalogError(f"cannot be fetched: {_reason(error)}") from None
    return Version(answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""))


def _get(session: requests.Session, url: str, known: Version) -> requests.Response:
    """Ask, and go where the answer points to, as long as that is on the same host."""
    place = url
    for _ in range(REDIRECTS + 1):
        headers = {"Accept-Encoding": "gzip"} | known.conditions()
        asked = session.prepare_request(requests.Request("GET", place, headers))
        # Past the session, which would read the body of a redirect, however long it is.
        answer = session.get_adapter(place).send(asked, stream=True, timeout=SILENCE_S)
        if answer.status_code in (200, 304):
            return answer
        answer.close()
        if not answer.is_redirect:
            raise CatalogError(f"its server answered {answer.status_code}")
        try:
            place = urljoin(place, answer.headers["Location"])
        except ValueError:
            raise CatalogError("it redirects to what is no URL") from None
        if _origin(place) != _origin(url):
            raise CatalogError(
                f"it redirects to another host, {_origin(place)}:"
                " if that is right, TRYON_CATALOG has to name it"
            )
    raise CatalogError(f"it redirects more than {REDIRECTS} times")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _write(answer: requests.Response, path: Path, only: int | None, most: int) -> None:
    told = answer.headers.get("Content-Length", "")
    if told.isdecimal() and int(told) > most:
        raise CatalogError(f"it is larger than {most // MIB:,} MiB")
    length = 0
    with path.open("wb") as file:
        for piece in iter(lambda: answer.raw.read(PIECE, decode_content=True), b""):
            length += len(piece)
            if length > most:
                raise CatalogError(f"it is larger than {most // MIB:,} MiB")
            file.write(piece)
            if only and length >= only:
                file.truncate(only)
                return


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Bound all of it together: a server may send a byte now and then, in a header too. It needs
    the main thread of a process that serves nobody."""

    def stop(*_: Any) -> NoReturn:
        raise CatalogError(f"it did not come within {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _reason(error: BaseException) -> str:
    """Say what is at the bottom of an error; requests and urllib3 wrap it, with the whole URL."""
    inner: Any = error
    with suppress(AttributeError, IndexError):
        while True:
            inner = getattr(inner, "reason", None) or inner.args[0]
            if not isinstance(inner, BaseException):
                break
            error = inner
    return f"{type(error).__name__}: {str(error)[:200]}"
