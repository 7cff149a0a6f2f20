"""What the credential helper makes of answers, the same in every edition: of proxies, strangers, no end."""

import json
import time

import pytest

from bot.pipeline.docker_credential import LARGEST_ANSWER
from tests.clients.helpers import heard, told
from tests.fakes.odd_server import OddServer, reply, whole
from tests.fakes.workplace import SERVER

WHAT_SOCKETS_HOLD = 60 * 1024 * 1024
"""More than lies unread between the two, and far less than two seconds without a bound bring."""

GOOD = b'{"ServerURL":"x","Username":"u","Secret":"s"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


IN_CHUNKS = [CHUNKED, b"A\r\n", GOOD[:10], b"\r\n%x;ext=1\r\n" % len(GOOD[10:]), GOOD[10:], b"\r\n0\r\n\r\n"]
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        [reply(200, GOOD)],
        [reply(200, GOOD, "application/json; charset=utf-8")],
        [reply(200, GOOD)[:70], reply(200, GOOD)[70:]],
        IN_CHUNKS,
        [CONTINUE, CONTINUE, reply(200, GOOD)],
        [CONTINUE + reply(200, GOOD)],
    ],
    ids=["length", "charset", "two parts", "chunks", "continue", "continue at once"],
)
def test_answer_is_whole_before_the_connection_ends(helper, answer):
    """A proxy may cut the answer up, send "Continue" before it, and keep the connection open behind it."""

    def kept_open(_):
        yield from answer
        time.sleep(4)

    with OddServer(kept_open) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert heard(said) == (0, f"{GOOD.decode()}\n", "")
    assert said.seconds < 1.5


REDIRECT = reply(302, b"", "text/html", "Location: http://127.0.0.1:9/stolen")
HTML = reply(200, b"<html>Log in</html>", "text/html")
STRANGE = "QUAYMASTER_URL points to something that is not Quaymaster"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(200, b"{}"), f"{STRANGE} (status 200)."),
        (reply(200, b"<html>Log in</html>"), f"{STRANGE} (status 200)."),
        (reply(200, b""), f"{STRANGE} (status 200)."),
        (REDIRECT, "QUAYMASTER_URL points to a redirect, which is not followed (status 302)."),
        (HTML, f"{STRANGE} (status 200)."),
        (reply(404, b"404 page not found\n", "text/plain; charset=utf-8"), f"{STRANGE} (status 404)."),
        (reply(401, b"unauthorized\n", "text/plain"), f"{STRANGE} (status 401)."),
        (reply(404, b"not_found\n", "text/plain"), f"{STRANGE} (status 404)."),
        (reply(502, b"<html>Bad gateway</html>", "text/html"), f"{STRANGE} (status 502)."),
    ],
)
def test_strangers_are_not_believed(helper, answer, expected):
    """What is not Quaymaster's answer is not handed to the caller, and no redirect is followed."""
    with OddServer(whole(answer)) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert (said.status, said.output) == (1, f"{expected}\n")
    assert len(odd.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        [b"SSH-2.0-OpenSSH\r\n"],
        [reply(200, GOOD)[:-5]],
        [CHUNKED, b"A\r\n", GOOD[:5]],
        [CHUNKED, b"zz\r\n"],
        [b""],
    ],
)
def test_broken_answers_are_told(helper, answer):
    """An answer that is cut short or not HTTP is a failure with a sentence, never half a login."""
    with OddServer(lambda _: answer) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert said.status == 1
    assert said.output.startswith("Quaymaster at 127.0.0.1:")
    assert said.output.count("\n") == 1


@pytest.mark.parametrize("verb", ["get", "list"])
@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"[]", b'"text"', b"{"])
def test_what_is_no_object_is_not_passed_on(helper, verb, body):
    """Neither verb hands a page of somebody else's to the caller, whatever type it claims to be of."""
    with OddServer(whole(reply(200, body))) as odd:
        said = helper(verb, said=SERVER, QUAYMASTER_URL=odd.url)

    assert (said.status, said.output) == (1, f"{STRANGE} (status 200).\n")


def test_empty_list_is_a_list(helper):
    """A target without any server has an empty list."""
    with OddServer(whole(reply(200, b"{}"))) as odd:
        said = helper("list", QUAYMASTER_URL=odd.url)

    assert heard(said) == (0, "{}\n", "")


def refusing(message, hint=""):
    """Refuse in JSON, or in the lines that ``Accept: text/plain`` asks for."""
    as_json = reply(401, json.dumps({"code": "odd", "message": message, "hint": hint}).encode())
    as_text = reply(401, f"odd\n{message}\n{hint}\n".encode(), "text/plain; charset=utf-8")
    return lambda request: [as_text if b"Accept: text/plain" in request else as_json]


def test_terminal_is_not_steered(helper):
    """Control characters of a stranger's error reach neither caller nor terminal; letters stay."""
    answer = refusing("a\x1b[31mb\x07c\x7fd\x9be “ü” \u00a9", "f\x1b]0;g\u0085h")
    with OddServer(answer) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert heard(said) == (1, *told("a[31mbcde “ü” ©", "f]0;gh"))


def test_error_of_many_pages_is_cut(helper):
    """A stranger's error does not fill the screen, nor take long to clean."""
    with OddServer(refusing("m" + "\x1b" * 150_000)) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert heard(said) == (1, *told("m"))
    assert said.seconds < 2


def test_endless_answer_is_given_up(helper):
    """An answer without end is read neither to its end nor into all the memory."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    sent = []

    def endless(_):
        yield head
        while True:
            yield b"x" * 65536
            sent.append(65536)

    with OddServer(endless) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert said.status == 1
    assert len(said.output) < 200
    assert said.seconds < 3
    assert sum(sent) < LARGEST_ANSWER + WHAT_SOCKETS_HOLD


def test_path_before_the_api_is_kept(helper):
    """Quaymaster may live below a path of its host."""
    with OddServer(whole(reply(200, GOOD))) as odd:
        helper("get", said=SERVER, QUAYMASTER_URL=f"{odd.url}/quay/")

    first = odd.requests[0].partition(b"\r\n")[0].replace(b"%3a", b"%3A")
    assert first == b"GET /quay/v1/credentials?server=registry.example.com%3A5000 HTTP/1.1"
