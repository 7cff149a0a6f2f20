"""Servers that drip, flood, lie, redirect, break off: each ends in one sentence, in time, within bounds."""

import itertools
import time
import tracemalloc
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest

from bot.core.errors import Unreachable
from bot.core.model import Stage
from bot.registry.answer import Answer
from bot.registry.deadline import Deadline
from bot.registry.guard import Guard
from bot.registry.operation import Operation
from bot.registry.transport import Wire
from bot.registry.trust import build_context
from tests.fakes.registry import CLOSE, Behaviour, FakeRegistry, Request, always, dripped, endless, reply
from tests.registry.conftest import LOOPBACK

MEGABYTE = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
CONTEXT = build_context(None)


def fetch(fake: FakeRegistry, *, seconds: float = 5, authorization: str | None = None) -> Answer:
    """Ask a fake registry once."""
    operation = Operation("fake", Deadline(seconds))
    operation.stage = Stage.LOGIN
    wire = Wire(operation, Guard(LOOPBACK), CONTEXT)
    try:
        return wire.fetch(f"{fake.server.origin}/v2/", authorization)
    finally:
        wire.close()


def failure(behaviour: Behaviour, *, seconds: float = 5) -> Unreachable:
    """Ask, and give the one sentence that comes of it."""
    with FakeRegistry(behaviour) as fake, pytest.raises(Unreachable) as caught:
        fetch(fake, seconds=seconds, authorization="Basic bWFya2Vy")
    assert "bWFya2Vy" not in f"{caught.value!r}{caught.value}{caught.value.__cause__!r}"
    assert caught.value.stage is Stage.LOGIN
    return caught.value


def test_an_answer_is_read() -> None:
    """Status, headers and body come back; nothing of them shows in a repr."""
    with FakeRegistry(always(reply(200, {"token": "marker"}, "X-Y: z"))) as fake:
        answer = fetch(fake)

    assert (answer.status, answer.json(), answer.headers["x-y"]) == (200, {"token": "marker"}, "z")
    assert "marker" not in repr(answer)


def test_a_request_says_little_and_asks_for_no_packing() -> None:
    """No cookie, no packing, no login that nobody gave; the host is the name, not the address."""
    with FakeRegistry(always(reply())) as fake:
        fetch(fake)

    assert set(fake.requests[0].headers) == {"host", "user-agent", "accept", "accept-encoding"}
    assert fake.requests[0].headers["accept-encoding"] == "identity"


def test_netrc_and_proxies_have_no_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a .netrc entry nor a proxy variable changes where a request goes or what it carries."""
    (tmp_path / "netrc").write_text("default login other password marker")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with FakeRegistry(always(reply())) as fake:
        fetch(fake)

    assert fake.requests[0].scheme == ""


@pytest.mark.parametrize(
    "content",
    [reply(200, b"x" * 500), OK + b"X-Slow: " + b"y" * 500, b"HTTP/1.1 100 Continue\r\n\r\n" * 20],
    ids=["body", "header", "continue"],
)
def test_a_slow_drip_ends_at_the_deadline(content: bytes) -> None:
    """Each byte comes in good time, and all of them do not."""
    begin = time.monotonic()
    error = failure(lambda _: dripped(content), seconds=0.3)

    assert "took longer than 0.3 seconds" in error.message
    assert time.monotonic() - begin < 2


def test_silence_ends_at_the_deadline() -> None:
    """A server that says nothing is left after the deadline."""

    def silent(_: Request) -> Iterable[bytes]:
        time.sleep(1)
        yield b""

    assert "took longer" in failure(silent, seconds=0.3).message


FLOODS = {
    "body": (OK + b"Connection: close\r\n\r\n", b"x" * 65536),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n"),
    "chunk size": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 65536),
    "trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 10_000),
    "headers": (OK, b"X: " + b"y" * 60_000 + b"\r\n"),
    "header": (OK + b"X: ", b"y" * 65536),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_ends_at_the_cap(flood: tuple[bytes, bytes]) -> None:
    """However it is framed, no answer makes the client read or keep more than it may."""
    tracemalloc.start()
    with FakeRegistry(lambda _: endless(*flood)) as fake:
        with pytest.raises(Unreachable):
            fetch(fake, seconds=10)
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert fake.sent < 20 * MEGABYTE
    assert peak < 5 * MEGABYTE


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip", "br", "zstd"])
def test_a_packed_answer_is_refused_unopened(encoding: str) -> None:
    """A small bomb stays small."""
    bomb = zlib.compress(b"\0" * MEGABYTE)
    error = failure(always(reply(200, bomb, f"Content-Encoding: {encoding}")))

    assert "compressed" in error.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 999999 X\r\n\r\n",
        OK + b"Content-Length: 100\r\nConnection: close\r\n\r\nshort",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        OK + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        OK + b"X: y\r\n" * 500 + b"\r\n",
    ],
    ids=["nothing", "ssh", "alert", "status", "short", "two lengths", "chunk", "many headers"],
)
def test_nonsense_is_one_sentence(content: bytes) -> None:
    """What is no answer is told as such."""
    error = failure(always(content, CLOSE))

    assert "did not answer as a web server does" in error.message


def test_a_huge_promised_length_is_not_believed() -> None:
    """Memory follows what came, not what was promised."""
    promised = OK + b"Content-Length: 1000000000000\r\n\r\n" + b"x" * 100_000

    assert "more data than a registry's answer" in failure(always(promised)).message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 30),
        ("0", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("1" * 400, None),
        (" 7 ", 7),
        ("1.5", 2),
        ("1746136938", 0),
        ("1746136938000", 0),
        ("Wed, 21 Oct 2015 07:28:00", 0),
        ("-1", None),
        ("soon", None),
        ("", None),
        ("Wed, 99 Oct 99999 07:28:00 GMT", None),
    ],
)
def test_waiting_times_are_read(text: str, seconds: int | None) -> None:
    """Seconds or a date; nonsense is nothing."""
    assert Answer(429, "", {"Retry-After": text}, b"").retry_after_s == seconds


def test_a_short_wait_is_waited() -> None:
    """A server that asks to come back at once is asked once more, and not again."""
    with FakeRegistry(always(reply(429, b"", "Retry-After: 0"))) as fake:
        answer = fetch(fake)

    assert (answer.status, len(fake.requests)) == (429, 2)


def test_a_long_wait_is_reported_instead() -> None:
    """Half of the time left is the most that is waited."""
    with FakeRegistry(always(reply(429, b"", "Retry-After: 4"))) as fake:
        answer = fetch(fake, seconds=5)

    assert (answer.status, len(fake.requests)) == (429, 1)


def test_same_origin_redirects_are_followed_with_the_login() -> None:
    """A server may move within itself."""

    def behave(request: Request) -> Iterable[bytes]:
        return [reply(200, {}) if request.path == "/there/" else reply(301, b"", "Location: /there/")]

    with FakeRegistry(behave) as fake:
        answer = fetch(fake, authorization="Basic x")

    assert answer.status == 200
    assert [request.scheme for request in fake.requests] == ["basic", "basic"]


def test_endless_redirects_end() -> None:
    """At most three hops."""
    numbers = itertools.count()
    fake = FakeRegistry(lambda _: [reply(307, b"", f"Location: /{next(numbers)}")])
    with fake, pytest.raises(Unreachable, match="keeps redirecting"):
        fetch(fake)

    assert len(fake.requests) == 4


@pytest.mark.parametrize(
    "target",
    [
        "http://localhost:{port}/v2/",
        "https://127.0.0.1:{port}/v2/",
        "//other.example/",
        "http://u@127.0.0.1:{port}/",
    ],
)
def test_a_redirect_elsewhere_gets_nothing(target: str) -> None:
    """Another host, another scheme or a login in the address: not followed, and said."""
    with FakeRegistry(always()) as fake:
        fake.behaviour = always(reply(302, b"", f"Location: {target.format(port=fake.port)}"))
        with pytest.raises(Unreachable, match=r"redirects to .*; the login was not sent there"):
            fetch(fake, authorization="Basic x")

    assert len(fake.requests) == 1


def test_a_redirects_own_body_is_bounded_too() -> None:
    """A hop is an answer like any other."""
    flood = endless(b"HTTP/1.1 302 X\r\nLocation: /x\r\nConnection: close\r\n\r\n", b"x" * 65536)

    assert "more data than" in failure(lambda _: flood).message


def test_a_kept_connection_that_was_closed_is_opened_again() -> None:
    """A server may close between two requests without being reported."""
    operation = Operation("fake", Deadline(5))
    wire = Wire(operation, Guard(LOOPBACK), CONTEXT)
    answers = iter([[reply()], [CLOSE], [reply(204)]])
    with FakeRegistry(lambda _: next(answers)) as fake:
        wire.fetch(f"{fake.server.origin}/v2/")
        answer = wire.fetch(f"{fake.server.origin}/v2/")
        wire.close()

    assert answer.status == 204


def test_a_wire_keeps_its_connection() -> None:
    """Requests of one operation share a connection, and the host is looked up once."""
    lookups: list[str] = []
    guard = Guard(LOOPBACK, lambda host, port: [(lookups.append(host) or "127.0.0.1", port)])  # type: ignore[func-returns-value]
    wire = Wire(Operation("fake", Deadline(5)), guard, CONTEXT)
    with FakeRegistry(always(reply(200, {}, "Connection: close")), host="registry.example.com") as fake:
        wire.fetch(f"{fake.server.origin}/v2/")
        wire.fetch(f"{fake.server.origin}/v2/")
        wire.close()

    assert lookups == ["registry.example.com"]
    assert fake.requests[1].headers["host"] == f"registry.example.com:{fake.port}"
