"""The server: requests that nobody can read, and where a request comes from."""

import json
import socket
import threading
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from bot.web.server import WebServer

QUEUE = "waitress.queue"
"""Says that a request waits for a thread, on a busy machine."""
TOKEN = b"qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKQ"
UNREADABLE = [
    (b"GET /v1/credentials HTTP/1.1\r\nAuthorization: Bearer " + TOKEN + b"\r\r\n\r\n", 400),
    (b"GET /v1/credentials?server=" + TOKEN + b"\xc3\xa9 HTTP/1.1\r\n\r\n", 400),
    (b"GET /v1/x HTTP/1.1\r\nAuthorization: " + TOKEN * 6722 + b"\r\n\r\n", 431),
    (b"POST /v1/x HTTP/1.1\r\nContent-Length: 9999999\r\nAuthorization: " + TOKEN + b"\r\n\r\n", 413),
    (b"POST /v1/x HTTP/1.1\r\nTransfer-Encoding: br\r\nAuthorization: " + TOKEN + b"\r\n\r\n", 501),
    (b"GET http://[" + TOKEN + b"]/ HTTP/1.1\r\n\r\n", 400),
    (b"GET http://[ HTTP/1.1\r\nX: " + TOKEN + b"\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: " + b"0" * 5000 + b"5\r\n\r\n12345", 400),
    (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + TOKEN + b"\r\n\r\n", 400),
]


def whence(environ, start_response):
    """A WSGI application that says where a request comes from."""
    address = environ["REMOTE_ADDR"].encode()
    start_response("200 OK", [("Content-Length", str(len(address)))])
    return [address]


@contextmanager
def serving(**settings):
    """Serve that application; gives the address."""
    server = WebServer(whence, "127.0.0.1", 0, **settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    where = urlsplit(server.url)
    try:
        yield where.hostname, where.port
    finally:
        server.stop()
        thread.join(10)
        server.close()


def address_told(forwarded, **settings):
    """Where a request comes from by the server's account."""
    with serving(**settings) as where, closing(HTTPConnection(*where, timeout=5)) as connection:
        connection.request("GET", "/", headers={"X-Forwarded-For": forwarded})
        return connection.getresponse().read()


@pytest.mark.parametrize(
    ("trusted", "address"),
    [(None, b"127.0.0.1"), ("192.0.2.1", b"127.0.0.1"), ("127.0.0.1", b"192.0.2.7")],
)
def test_only_the_named_proxy_says_where_a_request_comes_from(trusted, address):
    """``X-Forwarded-For`` counts from the trusted proxy alone, and its last hop alone."""
    assert address_told("198.51.100.9, 192.0.2.7", trusted_proxy=trusted) == address


FORWARDED = [
    ("192.0.2.7:4711", b"192.0.2.7"),
    ("2001:db8::1", b"2001:db8::1"),
    ("[2001:db8::1]", b"2001:db8::1"),
    ('"[2001:db8::1]:4711"', b"2001:db8::1"),
    ("::ffff:192.0.2.7", b"192.0.2.7"),
    ('"', b"127.0.0.1"),
    ("unknown", b"127.0.0.1"),
    ("198.51.100.9, ", b"127.0.0.1"),
    ("", b"127.0.0.1"),
]


@pytest.mark.parametrize(("forwarded", "address"), FORWARDED)
def test_address_is_read_as_proxies_write_it(forwarded, address, caplog):
    """Ports, brackets and quotes do not belong to an address; what is not one leaves the connection's own."""
    assert address_told(forwarded, trusted_proxy="127.0.0.1") == address
    assert [one for one in caplog.records if one.name != QUEUE] == []


@pytest.mark.parametrize(("request_bytes", "status"), UNREADABLE)
def test_unreadable_request_is_not_repeated(request_bytes, status, caplog):
    """What cannot be read is answered in the API's form, is not cached, and nothing of it is repeated."""
    with serving() as where, socket.create_connection(where, timeout=5) as connection:
        connection.sendall(request_bytes)
        answered = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answered.partition(b"\r\n\r\n")

    assert head.split()[1] == str(status).encode()
    assert b"Cache-Control: no-store" in head
    assert json.loads(body).keys() == {"code", "message", "hint"}
    assert TOKEN not in answered
    assert TOKEN.decode() not in caplog.text
    said = [one.message for one in caplog.records if one.name != QUEUE]
    assert said == ["refused a request that cannot be read"]


@pytest.mark.parametrize("length", [b"", b"Content-Length: 0\r\n"])
def test_expectation_without_a_body_is_answered(length):
    """A client that expects to be told to continue, and has nothing to send, gets its answer at once."""
    with serving() as where, socket.create_connection(where, timeout=3) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n" + length + b"\r\n")

        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_expectation_with_a_body_is_met():
    """A client that waits before it sends its body is told to go on."""
    with serving() as where, socket.create_connection(where, timeout=3) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        first = connection.recv(65536)
        connection.sendall(b"ok")

        assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")
