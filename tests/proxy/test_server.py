"""The worker's connections: how many requests one may carry."""

import socket
from urllib.parse import urlsplit

from tests.servers import Shop

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n"


def test_a_connection_is_closed_after_a_thousand_requests(shop: Shop) -> None:
    address = urlsplit(shop.url)
    with socket.create_connection((address.hostname, address.port), 30) as connection:
        connection.sendall(REQUEST * 999)
        answers = b""
        while answers.count(b'{"status":"ok"}') < 999:
            answers += connection.recv(65_536)
        assert b"Connection: close" not in answers
        connection.sendall(REQUEST * 2)
        last = b""
        while more := connection.recv(65_536):
            last += more
    assert last.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in last
