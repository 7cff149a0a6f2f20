"""The server: clients that are slow on purpose take nothing from anybody else."""

import socket
import threading
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from bot.web.server import WebServer

HALF_SENT = {
    "body": b"POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n",
    "head": b"GET /healthz HTT",
    "blank lines": b"\r",
    "nothing": b"",
}


def healthy(_, start_response):
    """A WSGI application that answers at once."""
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


@contextmanager
def serving(application=healthy, **settings):
    """Serve an application; gives the address."""
    server = WebServer(application, "127.0.0.1", 0, **settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    where = urlsplit(server.url)
    try:
        yield where.hostname, where.port
    finally:
        server.stop()
        thread.join(10)
        server.close()


def ask(where):
    """Ask once, on a connection of its own; returns the status."""
    with closing(HTTPConnection(*where, timeout=3)) as connection:
        connection.request("GET", "/healthz")
        return connection.getresponse().status


class Drip:
    """Connections that each sent half a request and go on byte by byte, and are opened again when closed."""

    def __init__(self, where, begun, many, every_s=0.1, byte=b"a"):
        self.where, self.begun, self.every_s, self.byte = where, begun, every_s, byte
        self.stopped = threading.Event()
        self.sockets = [self.open_credential() for _ in range(many)]
        self.thread = threading.Thread(target=self.go_on)

    def open_credential(self):
        """One more connection."""
        one = socket.create_connection(self.where, timeout=3)
        one.sendall(self.begun)
        return one

    def go_on(self):
        """Send a byte on each, again and again."""
        while not self.stopped.wait(self.every_s):
            self.sockets = [self.gone_on(one) for one in self.sockets]

    def gone_on(self, one):
        """Send a byte, or open another when the server has closed this one."""
        try:
            one.sendall(self.byte if self.begun else b"")
        except OSError:
            one.close()
            return self.open_credential()
        return one

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join(10)
        [one.close() for one in self.sockets]


@pytest.mark.parametrize("begun", HALF_SENT.values(), ids=HALF_SENT.keys())
def test_more_slow_clients_than_there_is_room_for_stop_nobody(begun):
    """While more connections than there may be drip without end, an honest client is answered."""
    with serving(most_connections=30, request_s=1.0) as where, Drip(where, begun, 40):
        answers = [(time.sleep(0.1), ask(where))[1] for _ in range(20)]

    assert answers == [200] * 20


def test_thousand_slow_clients_stop_nobody():
    """With the server's own limits 1,010 dripping connections leave an honest client its answers."""
    with serving() as where, Drip(where, HALF_SENT["body"], 1010, every_s=5):
        answers = [(time.sleep(0.1), ask(where))[1] for _ in range(30)]

    assert answers == [200] * 30


@pytest.mark.alone
@pytest.mark.parametrize("begun", HALF_SENT.values(), ids=HALF_SENT.keys())
def test_request_has_a_deadline_as_a_whole(begun):
    """A connection whose request does not arrive whole in time is closed, however its bytes are spread."""
    with serving(request_s=1.0) as where, closing(socket.create_connection(where, timeout=0.2)) as one:
        before = time.monotonic()
        took_s = closed_after(one, begun, b"a" if b"G" in begun else b"\n\r\n\r") - before

    assert 0.9 < took_s < 4


def closed_after(one, begun, byte):
    """Send byte by byte until the server closes the connection; returns when that was."""
    try:
        one.sendall(begun)
        while one.recv(1) != b"":
            pass
    except TimeoutError:
        return closed_after(one, byte if begun else b"", byte)
    except OSError:
        pass
    return time.monotonic()


def test_address_with_most_connections_loses_its_own():
    """When there is no room, an address that holds one connection keeps it beside one that holds many."""
    with serving(most_connections=10) as where:
        honest = socket.create_connection(where, timeout=3, source_address=("127.0.0.2", 0))
        honest.sendall(b"GET / HTTP/1.1\r\n")
        with Drip(where, HALF_SENT["body"], 20):
            time.sleep(1)
            honest.sendall(b"\r\n")
            answer = honest.recv(100)
        honest.close()

    assert answer.startswith(b"HTTP/1.1 200")


def test_answer_that_takes_long_is_not_cut_off():
    """A request that is being answered is never closed for want of time or room."""
    opened = threading.Event()

    def slow(environ, start_response):
        opened.wait(5)
        return healthy(environ, start_response)

    with (
        serving(slow, request_s=0.1, most_connections=2) as where,
        closing(HTTPConnection(*where, timeout=5)) as connection,
    ):
        connection.request("GET", "/")
        with Drip(where, HALF_SENT["head"], 3):
            time.sleep(2.5)
            opened.set()
            status = connection.getresponse().status

    assert status == 200


def large(_, start_response):
    """A WSGI application with a long answer."""
    start_response("200 OK", [("Content-Length", "8000000")])
    return [b"x" * 8_000_000]


LARGE_BODY = b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 900_000


@pytest.mark.alone
@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\n\r\n", LARGE_BODY], ids=["answers", "bodies"])
def test_what_is_kept_for_slow_clients_is_bounded(sent):
    """Clients that read no answers or send half of large bodies lose the connections that hold the most."""
    with serving(large, most_kept_bytes=2_000_000) as where:
        held = [slow_reader(where) for _ in range(6)]
        [one.sendall(sent) for one in held]
        time.sleep(2.5)
        closed = sum(map(is_closed, held))
        [one.close() for one in held]

    assert closed > 0


def slow_reader(where):
    """A connection whose client has room for little."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.settimeout(5)
    one.connect(where)
    return one


@pytest.mark.alone
def test_client_that_reads_no_answers_gets_few():
    """A connection that sends many requests without reading any answer is closed before they are answered."""
    answered = []

    def counted(environ, start_response):
        answered.append(environ["PATH_INFO"])
        return large(environ, start_response)

    with serving(counted) as where, socket.create_connection(where, timeout=5) as one:
        one.sendall(b"GET / HTTP/1.1\r\n\r\n" * 200)
        time.sleep(1)
        closed = is_closed(one)

    assert closed
    assert len(answered) <= 5


def is_closed(one):
    """True when the server has closed a connection; what it sent before is read."""
    one.settimeout(0.2)
    try:
        while one.recv(1_000_000):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True
