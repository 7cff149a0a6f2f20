"""The Python edition of the credential helper: what it loads, how it ends, and that a copy works alone."""

import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from bot.pipeline.docker_credential import NAME, VERSION, Client, Failure, parsed
from tests.clients.helpers import Helper
from tests.fakes.odd_server import OddServer, reply, whole

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "bot/pipeline/docker_credential.py"
LOGIN = b'{"ServerURL":"x","Username":"u","Secret":"s"}'
TOKEN = "qm_0123456789ABCDEFGHIJKLMNOPQRST1RVxKQ"
SLOW = {
    "http",
    "http.client",
    "urllib",
    "urllib.request",
    "argparse",
    "pathlib",
    "typing",
    "ssl",
    "email",
    "bot",
}


@pytest.fixture
def odd():
    """A server that answers every question with the same login."""
    with OddServer(whole(reply(200, LOGIN))) as running:
        yield running


@pytest.fixture
def helper(tmp_path, odd):
    """The helper, with the settings that reach it."""
    return Helper(tmp_path / "bin", "python", {"QUAYMASTER_URL": odd.url, "QUAYMASTER_TOKEN": TOKEN})


def test_slow_modules_are_not_loaded(helper):
    """Over plain http nothing is imported that costs more than it gives, least of all the server."""
    code = (
        "import os, sys; sys.path.insert(0, 'bot/pipeline'); import docker_credential as d; "
        "d.get('x'); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=helper.env,
    )

    assert SLOW & set(done.stdout.split()) == set()


def test_copy_works_alone(helper, tmp_path):
    """A copy of the one file works without the package, under another Python's isolation."""
    copy = shutil.copy(SOURCE, tmp_path / NAME)
    done = subprocess.run(
        [sys.executable, "-I", copy, "get"], input=b"x", capture_output=True, check=True, env=helper.env
    )

    assert done.stdout == LOGIN + b"\n"


def test_module_is_the_helper(helper):
    """``python -m bot.pipeline.docker_credential`` is the helper too."""
    done = subprocess.run(
        [sys.executable, "-m", "bot.pipeline.docker_credential", "get"],
        input=b"x",
        capture_output=True,
        check=True,
        env=helper.env,
        cwd=ROOT,
    )

    assert done.stdout == LOGIN + b"\n"


def test_package_installs_it_by_its_name():
    """Installing the package puts the helper on PATH under the name that docker looks for; versions agree."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["scripts"][NAME] == "bot.pipeline.docker_credential:main"
    assert project["version"] == VERSION


def test_caller_that_never_ends_is_given_up(helper):
    """A caller that opens the standard input and says nothing is told so after two seconds."""
    before = time.monotonic()
    with subprocess.Popen(
        [str(helper.path), "get"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=helper.env,
    ) as running:
        status = running.wait(10)
        output = running.stdout.read()

    assert (status, output) == (1, b"No server was given: type it, then press Ctrl-D.\n")
    assert time.monotonic() - before < 3


def test_closed_input_is_told(helper):
    """A caller without a standard input reads a sentence, not a traceback."""
    done = subprocess.run(
        ["sh", "-c", f"exec {helper.path} get <&-"],
        capture_output=True,
        text=True,
        env=helper.env,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout.startswith("The input could not be read")
    assert "Traceback" not in done.stderr


def test_caller_that_stops_listening_is_no_failure_to_end(helper):
    """When nobody listens any more the helper ends at once."""
    done = subprocess.run(
        ["bash", "-c", f"{helper.path} get <<<x | true; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        env=helper.env,
        timeout=5,
        check=False,
    )

    assert b"Traceback" not in done.stderr


def test_token_is_sent_in_its_header_only(helper, odd):
    """The request names the helper, and holds the token once, in its header."""
    helper("get", said="x")
    (request,) = odd.requests

    assert request.count(TOKEN.encode()) == 1
    assert f"\r\nAuthorization: Bearer {TOKEN}\r\n".encode() in request
    assert f"\r\nUser-Agent: {NAME}/{VERSION}\r\n".encode() in request


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://q.example.com", "q.example.com", 80),
        ("https://q.example.com/", "q.example.com", 443),
        ("https://q.example.com:8443/below", "q.example.com", 8443),
        ("http://[::1]:3000", "::1", 3000),
        ("http://[::1]", "::1", 80),
    ],
)
def test_addresses(url, host, port):
    """Host and port are read out of every form of address."""
    client = Client({"QUAYMASTER_URL": url, "QUAYMASTER_TOKEN": TOKEN}, 1)

    assert (client._host, client._port) == (host, port)


@pytest.mark.parametrize(
    "received",
    [
        b"",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfour",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n\x1f\x8b",
    ],
)
def test_answers_that_are_none(received):
    """What is no whole answer when the connection has ended is an error, never a shorter body."""
    with pytest.raises((ValueError, EOFError)):
        parsed(received, is_all=True)


def test_answer_without_length_ends_with_the_connection():
    """An answer that does not tell its length is what came before the connection ended."""
    received = b"HTTP/1.0 200 OK\r\n\r\n{}"

    assert parsed(received, is_all=True) == (200, b"{}")
    with pytest.raises(EOFError):
        parsed(received, is_all=False)


def test_tiny_chunks_take_no_long_time():
    """As many chunks as an answer has room for are put together at once: nobody stretches the deadline so."""
    received = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 170_000 + b"0\r\n\r\n"
    )
    before = time.process_time()

    assert parsed(received, is_all=False) == (200, b"x" * 170_000)
    assert time.process_time() - before < 1.5


def test_too_large_an_answer_is_given_up_at_once(helper):
    """An answer of more than the largest size is not read until the deadline."""

    def endless(_):
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x" * 65536

    with OddServer(endless) as odd:
        said = helper("get", said="x", QUAYMASTER_URL=odd.url)

    assert said.output == f"Quaymaster at {odd.authority} sent an answer that cannot be read.\n"
    assert said.seconds < 1.9


def test_caller_that_stops_reading_is_left(tmp_path, odd):
    """A caller that takes no more of a long answer is left after two seconds, in the middle of it."""
    long = LOGIN.replace(b'"s"', b'"%s"' % (b"s" * 200_000))
    with OddServer(whole(reply(200, long))) as odd:
        helper = Helper(tmp_path / "bin", "python", {"QUAYMASTER_URL": odd.url, "QUAYMASTER_TOKEN": TOKEN})
        with subprocess.Popen(
            [str(helper.path), "get"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=helper.env
        ) as running:
            running.stdin.write(b"x")
            running.stdin.close()
            status = running.wait(10)
            output = running.stdout.read()

    assert status == 1
    assert long.startswith(output)


def test_answer_that_is_no_text_is_no_crash(helper):
    """Bytes that JSON's reader takes but that are no text are no reason for a traceback."""
    with OddServer(whole(reply(200, LOGIN.replace(b'"s"', b'"\xed\xa0\x80"')))) as odd:
        said = helper("get", said="x", QUAYMASTER_URL=odd.url)

    assert "Traceback" not in said.people_read


def test_failure_tells_no_secret(helper):
    """A token in a wrong place is not repeated."""
    said = helper("get", said="x", QUAYMASTER_URL=f"http://{TOKEN}@host", QUAYMASTER_TOKEN=f"{TOKEN} x")

    assert TOKEN not in said.output + said.people_read


def test_client_fails_in_a_sentence():
    """For Python callers a missing setting is a ``Failure``."""
    with pytest.raises(Failure, match="QUAYMASTER_URL is not set"):
        Client({}, 1)
