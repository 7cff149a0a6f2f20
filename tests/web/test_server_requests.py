"""The server: requests that nobody can read, and where a request comes from."""

import json
import socket
import threading
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from bot.web.server import Server

TOKEN = b"qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKQ"
UNREADABLE = [
    (b"GET /v1/credentials HTTP/1.1\r\nAuthorization: Bearer " + TOKEN + b"\r\r\n\r\n", 400),
    (b"GET /v1/credentials?server=" + TOKEN + b"\xc3\xa9 HTTP/1.1\r\n\r\n", 400),
    (b"GET /v1/x HTTP/1.1\r\nAuthorization: " + TOKEN * 6722 + b"\r\n\r\n", 431),
    (b"POST /v1/x HTTP/1.1\r\nContent-Length: 9999999\r\nAuthorization: " + TOKEN + b"\r\n\r\n", 413),
    (b"POST /v1/x HTTP/1.1\r\nTransfer-Encoding: br\r\nAuthorization: " + TOKEN + b"\r\n\r\n", 501),
]


def whence(environ, start_response):
    """A WSGI application that says where a request comes from."""
    address = environ["REMOTE_ADDR"].encode()
    start_response("200 OK", [("Content-Length", str(len(address)))])
    return [address]


@contextmanager
def serving(**settings):
    """Serve that application; gives the address."""
    server = Server(whence, "127.0.0.1", 0, **settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    where = urlsplit(server.url)
    try:
        yield where.hostname, where.port
    finally:
        server.stop()
        thread.join(10)


@pytest.mark.parametrize(("trusted", "address"), [(None, b"127.0.0.1"), ("127.0.0.1", b"192.0.2.7")])
def test_only_the_named_proxy_says_where_a_request_comes_from(trusted, address):
    """``X-Forwarded-For`` counts from the trusted proxy alone, and its last hop alone."""
    with serving(trusted_proxy=trusted) as where, closing(HTTPConnection(*where, timeout=5)) as connection:
        connection.request("GET", "/", headers={"X-Forwarded-For": "198.51.100.9, 192.0.2.7"})

        assert connection.getresponse().read() == address


@pytest.mark.parametrize(("request_bytes", "status"), UNREADABLE)
def test_unreadable_request_is_not_repeated(request_bytes, status):
    """What cannot be read is answered in the API's form, is not cached, and nothing of it comes back."""
    with serving() as where, socket.create_connection(where, timeout=5) as connection:
        connection.sendall(request_bytes)
        answered = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answered.partition(b"\r\n\r\n")

    assert head.split()[1] == str(status).encode()
    assert b"Cache-Control: no-store" in head
    assert json.loads(body).keys() == {"code", "message", "hint"}
    assert TOKEN not in answered
