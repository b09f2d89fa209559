"""Static files: hashed and stamped for integrity at start, compressed when first asked for."""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import rjsmin  # type: ignore[import-untyped]
from flask import Request, Response
from werkzeug.datastructures import Accept

from proxy.web.archive import Archive, digest

FOLDER = Path(__file__).parents[2] / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
}
IMMUTABLE = "public, max-age=31536000, immutable"
# Short, so that a fix reaches every shop within minutes; stale copies stay usable while asking.
FLOATING = "public, max-age=300, stale-while-revalidate=86400"
HASH = re.compile(r"\.[0-9a-f]{12}\.")
Offload = Callable[[Callable[[str], bytes], str], bytes]
CODERS: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.compress,
    # mtime=0: the same content gives the same bytes, hence the same ETag, on every machine.
    "gzip": partial(gzip.compress, compresslevel=9, mtime=0),
}


@dataclass(frozen=True)
class StaticFile:
    name: str
    type: str
    digest: str
    """The first 12 hexadecimal digits of the content's SHA-256."""
    integrity: str
    """For `integrity="…"` (Subresource Integrity, SHA-384)."""
    bodies: dict[str, bytes]
    """By content coding: `identity`, and those of CODERS that somebody has asked for."""

    @property
    def hashed_name(self) -> str:
        stem, _, suffix = self.name.partition(".")
        return f"{stem}.{self.digest}.{suffix}"

    def compress(self, coding: str) -> bytes:
        self.bodies[coding] = body = CODERS[coding](self.bodies["identity"])
        return body


def _lean(path: Path) -> bytes:
    """Read a file; of a script, comments and spaces are left out, names are kept."""
    if path.suffix == ".js":
        return str(rjsmin.jsmin(path.read_text("utf-8"))).encode()
    return path.read_bytes()


@lru_cache(maxsize=128)
def _prepare(name: str, body: bytes) -> StaticFile:
    sha384 = base64.b64encode(hashlib.sha384(body).digest()).decode()
    return StaticFile(
        name=name,
        type=TYPES[Path(name).suffix],
        digest=digest(body),
        integrity=f"sha384-{sha384}",
        bodies={"identity": body},
    )


class StaticFiles:
    """Every file under `static/`, and the generated ones, by name and by hashed name."""

    def __init__(
        self,
        public_url: str,
        archive: Archive,
        folder: Path = FOLDER,
        offload: Offload = lambda compress, coding: compress(coding),
    ) -> None:
        self._prefix = public_url
        self._archive = archive
        self._offload = offload  # the largest file takes 30 ms, in which nobody else should wait
        self._files = {
            name: _prepare(name, _lean(path))
            for path in sorted(folder.rglob("*"))
            if path.suffix in TYPES and (name := path.relative_to(folder).as_posix())
        }

    def add(self, name: str, text: str) -> None:
        """Add a generated file, or put it in the place of one of that name."""
        self._files[name] = _prepare(name, text.encode())

    def keep(self) -> None:
        """Keep what shops' pages may name, for when a later release is running here."""
        self._archive.keep(
            {
                file.hashed_name: file.bodies["identity"]
                for file in self._files.values()
                if "/" not in file.name  # those of the demo
            }
        )

    def __getitem__(self, name: str) -> StaticFile:
        return self._files[name]

    def url(self, name: str) -> str:
        """Return the URL with the hash. KeyError for a file that does not exist."""
        return f"{self._prefix}/static/{self._files[name].hashed_name}"

    def integrity(self, name: str) -> str:
        return self._files[name].integrity

    def immutable(self, hashed_name: str, request: Request) -> Response | None:
        """Answer with the file of a hashed name; None when no file ever had it.

        A hash that nobody knows is another release's, on another machine perhaps: today's file is
        better than none, and where an integrity was pinned the browser sees to it.
        """
        file = self._find(hashed_name)
        return self._answer(file, request, _caching(file, hashed_name)) if file else None

    def part(self, hashed_name: str, member: str, request: Request) -> Response | None:
        """Answer with one member of a JSON file, else as `immutable`."""
        whole = self._find(hashed_name)
        part = whole and _part(whole.bodies["identity"], member)
        return self._answer(part, request, _caching(whole, hashed_name)) if whole and part else None

    def _find(self, hashed_name: str) -> StaticFile | None:
        name, hashes = HASH.subn(".", hashed_name)
        file = self._files.get(name) if hashes else None
        if file is None or file.hashed_name == hashed_name:
            return file
        kept = self._archive.find(hashed_name)
        return file if kept is None else _prepare(file.name, kept)

    def floating(self, name: str, request: Request) -> Response:
        return self._answer(self._files[name], request, FLOATING)

    def _answer(self, file: StaticFile, request: Request, caching: str) -> Response:
        chosen = coding(request.accept_encodings)
        body = file.bodies.get(chosen)
        if body is None:
            body = self._offload(file.compress, chosen)
        response = Response(body, content_type=file.type)
        response.headers["Cache-Control"] = caching
        response.headers["Vary"] = "Accept-Encoding"
        # Module scripts are always fetched with CORS, and shops are on other origins.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        if chosen != "identity":
            response.headers["Content-Encoding"] = chosen
        response.set_etag(f"{file.digest}-{chosen}")
        response.make_conditional(request)
        return response


@lru_cache(maxsize=128)
def _part(body: bytes, member: str) -> StaticFile | None:
    part = json.loads(body).get(member)
    return part and _prepare(f"{member}.json", json.dumps(part, ensure_ascii=False).encode())


def _caching(file: StaticFile, hashed_name: str) -> str:
    return IMMUTABLE if file.hashed_name == hashed_name else FLOATING


def coding(accepted: Accept) -> str:
    """Choose br, gzip or identity, the first that the client accepts (RFC 9110, 12.5.3)."""
    return next((best for best in ("br", "gzip") if accepted.quality(best)), "identity")
