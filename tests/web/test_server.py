"""The server: who answers, what is bounded, and how it stops."""

import http.client
import json
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

import pytest

from bot.core.errors import QuaymasterError
from bot.web.health import health_page
from bot.web.server import WebServer, dispatcher


def says(text):
    """A WSGI application that answers with a text."""

    def application(_, start_response):
        start_response("200 OK", [("Content-Length", str(len(text)))])
        return [text.encode()]

    return application


def broken(*_):
    """A WSGI application that fails."""
    raise RuntimeError("marker-4711")


class Gate:
    """A WSGI application that answers when its gate opens."""

    def __init__(self):
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, environ, start_response):
        """Wait, then answer."""
        self.entered.set()
        self.opened.wait(5)
        return says("finished")(environ, start_response)


@pytest.fixture
def gate():
    """A slow application."""
    return Gate()


@pytest.fixture
def trouble():
    """What health says; empty = all is well."""
    return []


@contextmanager
def running(wsgi, **settings):
    """A server that serves; gives it and its thread."""
    server = WebServer(wsgi, "127.0.0.1", 0, **settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server, thread
    finally:
        server.stop()
        thread.join(10)
        server.close()


@pytest.fixture
def server(gate, trouble):
    """A running server."""
    mounts = {
        "/slack/events": says("front"),
        "/healthz": health_page(lambda: trouble[0] if trouble else None),
        "/slow": gate,
        "/broken": broken,
        "/v1": says("workflows"),
        "/echo": lambda environ, start: says(environ["HTTP_X_SLACK_REQUEST_TIMESTAMP"])(environ, start),
    }
    with running(dispatcher(mounts)) as (started, thread):
        started.thread = thread
        yield started
        gate.opened.set()


def connect(server):
    """A connection to a server."""
    return http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=5)


def ask(server, path, method="GET"):
    """Ask once; returns status, body and headers."""
    with closing(connect(server)) as connection:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read(), response.headers


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/slack/events", 200, b"front"),
        ("/v1/credentials?x=1", 200, b"workflows"),
        ("/v1", 200, b"workflows"),
        ("/v12", 404, b'{"error": "not found"}'),
        ("/", 404, b'{"error": "not found"}'),
        ("/slack", 404, b'{"error": "not found"}'),
        ("/healthz", 200, b'{"ok": true}'),
    ],
)
def test_path_finds_its_application(server, path, status, body):
    """Each path is answered by what is mounted there, any other with 404."""
    assert ask(server, path)[:2] == (status, body)


def test_longest_mount_wins():
    """A mount below another one answers for its own paths."""
    dispatch = dispatcher({"/": says("page"), "/slack/events": says("front")})
    paths = ["/", "/add", "/slack/events"]

    answers = [dispatch({"PATH_INFO": path}, lambda *_: None) for path in paths]

    assert answers == [[b"page"], [b"page"], [b"front"]]


def test_health_says_what_is_wrong(server, trouble):
    """Trouble makes health answer 503 with a sentence."""
    trouble.append("Slack's Socket Mode is not connected.")

    status, body, _ = ask(server, "/healthz")

    assert (status, json.loads(body)) == (
        503,
        {"ok": False, "error": "Slack's Socket Mode is not connected."},
    )


def test_health_is_only_read(server):
    """Health takes no other method than GET and HEAD."""
    assert ask(server, "/healthz", "POST")[0] == 405
    assert ask(server, "/healthz", "HEAD")[:2] == (200, b"")


def test_own_answers_carry_security_headers(server):
    """Our own answers are not cached, not framed, not sniffed, and do not name the server."""
    headers = ask(server, "/healthz")[2]

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["WebServer"] is None


def test_exception_is_answered_by_an_id(server, caplog):
    """A failing application is answered 500 with an id that the log explains, and no text of the failure."""
    status, body, _ = ask(server, "/broken")

    (record,) = caplog.records
    assert (status, json.loads(body)) == (500, {"error": "internal error", "id": record.error_id})


def test_repeated_header_arrives_joined(server):
    """Two headers of one name reach an application joined by a comma, which the front relies on."""
    with closing(connect(server)) as connection:
        connection.putrequest("GET", "/echo")
        connection.putheader("X-Slack-Request-Timestamp", "1")
        connection.putheader("X-Slack-Request-Timestamp", "2")
        connection.endheaders()

        assert connection.getresponse().read() == b"1, 2"


def test_large_body_is_refused(server):
    """A body over 1 MB is refused without being read to its end."""
    with closing(connect(server)) as connection:
        connection.putrequest("POST", "/slack/events")
        connection.putheader("Content-Length", str(1024 * 1024 + 1))
        connection.endheaders()

        assert connection.getresponse().status == 413


def test_half_sent_requests_delay_nobody(server):
    """Two hundred connections that sent half a request leave the honest one its answer."""
    where = urlsplit(server.url)
    with ExitStack() as stack:
        for _ in range(200):
            half = stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=5))
            half.sendall(b"POST /slack/events HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")

        assert ask(server, "/healthz")[0] == 200


def test_stop_finishes_what_is_running(server, gate):
    """A request that runs when the stop comes gets its answer; new connections are refused."""
    answers = []
    slow = threading.Thread(target=lambda: answers.append(ask(server, "/slow")))
    slow.start()
    assert gate.entered.wait(5)
    server.stop()
    refused = wait_until_refused(server)
    gate.opened.set()
    slow.join(5)
    server.thread.join(5)

    assert refused
    assert answers[0][:2] == (200, b"finished")
    assert not server.thread.is_alive()


def wait_until_refused(server, tries=100):
    """True once connections are refused."""
    try:
        with closing(connect(server)) as connection:
            connection.connect()
    except ConnectionError:
        return True
    time.sleep(0.02)
    return tries > 0 and wait_until_refused(server, tries - 1)


def test_stop_lets_go_of_requests_that_wait_on_purpose(gate):
    """What waits on purpose is told that the stop begins, so it does not delay the end."""
    with (
        running(gate, stopping=gate.opened.set) as (server, _),
        closing(connect(server)) as connection,
    ):
        connection.request("GET", "/")
        assert gate.entered.wait(5)
        server.stop()
        answer = connection.getresponse().read()

    assert answer == b"finished"


def test_stop_does_not_wait_for_ever(gate):
    """A request that never ends is given up after the drain time."""
    with running(gate, drain_s=0.3) as (server, thread), closing(connect(server)) as connection:
        connection.request("GET", "/slow")
        assert gate.entered.wait(5)
        server.stop()
        thread.join(3)
        is_over = not thread.is_alive()
        gate.opened.set()

    assert is_over


def test_idle_connection_does_not_delay_the_stop(server):
    """A connection that is kept alive but asks nothing does not hold up the stop."""
    with closing(connect(server)) as connection:
        connection.request("GET", "/v1")
        connection.getresponse().read()
        before = time.monotonic()
        server.stop()
        server.thread.join(5)

    assert time.monotonic() - before < 2


def test_port_in_use_is_one_sentence():
    """A port that somebody else holds is named in one sentence with a way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(QuaymasterError, match=rf"cannot listen on 127\.0\.0\.1 port {port}"):
            WebServer(says(""), "127.0.0.1", port)


def test_unknown_host_is_one_sentence():
    """A host that does not belong to this machine is named too."""
    with pytest.raises(QuaymasterError, match=r"cannot listen on 192\.0\.2\.1 port 0"):
        WebServer(says(""), "192.0.2.1", 0)
