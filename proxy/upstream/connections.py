"""HTTP/1.1 with a server, the vendor's above all, on connections that are kept open.

urllib3 opens the connections and checks certificates. The rest of it is left out: it sends a
request in two parts and has an answer's head read by Python's parser for e-mail, which together
with its bookkeeping was a sixth of a click's CPU. Here a request is one send, and an answer is read
by llhttp, which is written in C.
"""

import select
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from ssl import SSLContext
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.monkey import get_original
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from requests import PreparedRequest, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout
from urllib3.util.ssl_ import create_urllib3_context

LONGEST_HEAD = 64 * 1024
MOST_IDLE = 256  # connections
LONGEST_IDLE_S = 10.0  # some NATs forget a connection sooner than is said of any
AT_ONCE = 64 * 1024
FAILURES = (RequestException, HTTPError, HTTPException, OSError)
SOCKET_OPTIONS = [
    *HTTPConnection.default_socket_options,
    # The kernel probes a connection after 5 s without traffic and closes a dead one 3 s later.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", 0x10), 5),  # TCP_KEEPALIVE on macOS
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]
POLL = get_original("select", "poll")  # to gevent's, even "now" is a turn of its loop

Socket = Any  # plain or TLS, the system's or gevent's


class Adapter(HTTPAdapter):
    """An adapter for one server, without a Session over it.

    So there is no .netrc, no proxy from the environment, no cookie and no redirect.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._connections = Connections(url)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return self._connections

    def request_url(self, request: PreparedRequest, proxies: Any) -> str:  # noqa: ARG002
        return request.path_url

    def cert_verify(self, *args: Any) -> None:
        """Nothing to prepare: `Connections` always verifies."""

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """Build it without looking for cookies and a text encoding, which nobody here reads."""
        response = Response()
        response.request, response.raw = req, resp
        response.status_code, response.headers = resp.status, resp.headers
        return response

    def close(self) -> None:
        self._connections.close()


class Connections:
    """Connections to the server of a URL; what an HTTPAdapter asks of urllib3's pool."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._connection: Callable[..., HTTPConnection] = HTTPConnection
        if parts.scheme == "https":
            context = tls_context(DEFAULT_CA_BUNDLE_PATH)
            self._connection = partial(HTTPSConnection, ssl_context=context)
        self._address: dict[str, Any] = {"host": parts.hostname, "port": parts.port}
        self._idle: deque[tuple[float, Socket]] = deque()  # the longest idle first

    def urlopen(
        self,
        *,
        method: str,
        url: str,
        body: Iterable[bytes] | None,
        headers: Mapping[str, str],
        timeout: Timeout,
        **_: Any,
    ) -> "Answer":
        """Send a request and read the head of its answer.

        `body` is asked for its bytes only when a connection stands. Raises what sockets and urllib3
        raise, and HTTPException for an answer that is not HTTP.
        """
        sock = self._reuse() or self._new(timeout)
        try:
            sock.settimeout(timeout.read_timeout)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"{method} {url} HTTP/1.1\r\nHost: {self._host}\r\n{lines}\r\n"
            sock.sendall(head.encode("latin-1") + b"".join(body or ()))
            answer = Answer(sock, self._keep)
            answer.read_head()
        except BaseException:  # gevent's Timeout among them
            sock.close()
            raise
        return answer

    def _reuse(self) -> Socket | None:
        """Take the connection used last that is neither stale nor closed by the server."""
        while self._idle and monotonic() - self._idle[0][0] > LONGEST_IDLE_S:
            self._idle.popleft()[1].close()
        while self._idle:
            sock = self._idle.pop()[1]
            poll = POLL()
            poll.register(sock, select.POLLIN)
            if not poll.poll(0):
                return sock
            sock.close()
        return None

    def _keep(self, sock: Socket) -> None:
        if len(self._idle) < MOST_IDLE:
            self._idle.append((monotonic(), sock))
        else:
            sock.close()

    def _new(self, timeout: Timeout) -> Socket:
        options = {"timeout": timeout.connect_timeout, "socket_options": SOCKET_OPTIONS}
        connection = self._connection(**self._address, **options)
        connection.connect()
        return connection.sock

    def close(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()


@cache
def tls_context(bundle: str) -> SSLContext:
    """Make the TLS context that all connections share: to load a CA bundle takes 30 ms.

    It verifies the server's certificate and its hostname.
    """
    context = create_urllib3_context()
    context.load_verify_locations(bundle)
    return context


class Answer:
    """An answer as it comes in: its head at once, its body as it is asked for.

    Once it is closed, a connection on which nothing is left to come is kept.

    The names without an underscore are those of urllib3's response and of httptools' callbacks.
    """

    def __init__(self, sock: Socket, keep: Callable[[Socket], None]) -> None:
        self.status = 0  # until the head has been read
        self.headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        self._sock = sock
        self._keep = keep
        self._parser = HttpResponseParser(self)
        self._received = 0  # bytes
        self._body = bytearray()  # what has come of it and has not been read
        self._complete = self._reusable = False

    def read_head(self) -> None:
        while not self.status:
            if self._received > LONGEST_HEAD:
                raise HTTPException(f"its head has more than {LONGEST_HEAD} bytes")
            self._receive()

    def read1(self, amount: int, decode_content: bool = False) -> bytes:  # noqa: ARG002
        """What has come of the body, `amount` bytes at most; empty at its end."""
        while not self._body and not self._complete:
            self._receive()
        part = bytes(self._body[:amount])
        del self._body[:amount]
        return part

    def _receive(self) -> None:
        data = self._sock.recv(AT_ONCE)
        if not data:
            self._closed_by_server()
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._reusable = False
            if not self._complete:  # else something came after the answer
                raise HTTPException(str(error)) from None

    def _closed_by_server(self) -> None:
        if not self._received:
            raise RemoteDisconnected("closed without an answer")
        if not self.status:
            raise HTTPException("its head is cut short")
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            raise IncompleteRead(bytes(self._body))
        self._complete = True  # this is how such a body ends

    def on_message_begin(self) -> None:
        self._reusable = False  # a second one, which nobody asked for, leaves it so

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.status:  # else it is a trailer
            key, text = name.decode("latin-1"), value.decode("latin-1")
            before = self.headers.get(key)
            self.headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer; the final one follows
            self.headers.clear()
        elif not self.status:
            self.status = status

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._body += body

    def on_message_complete(self) -> None:
        if self.status and not self._complete:
            self._complete = True
            self._reusable = bool(self._parser.should_keep_alive())

    def close(self) -> None:
        if self._reusable:
            self._keep(self._sock)
        elif self._sock:
            self._sock.close()
        self._sock, self._reusable = None, False


def read_content(response: Response, most: int, ends: float) -> bytes:
    """Read the body as it was sent, no more than one byte over `most` of it.

    :raises TimeoutError: it drips past the moment `ends`, of `monotonic`.
    """
    read = bytearray()
    while len(read) <= most:
        part = response.raw.read1(most + 1 - len(read), decode_content=False)
        if not part:
            break
        read += part
        if monotonic() > ends:
            raise TimeoutError("the deadline passed while the reply dripped")
    return bytes(read)


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def cause(error: BaseException | None) -> str:
    """Put the innermost exception in words: the outer ones hold the request."""
    if isinstance(error, gevent.Timeout):
        return "the deadline passed"
    innermost = list(causes(error))[-1]
    return str(innermost) or type(innermost).__name__
