"""The credential helper in trouble, the same in every edition: its settings, the network, strange answers."""

import pytest

from tests.clients.helpers import heard, told
from tests.fakes.odd_server import OddServer, drip, reply, whole
from tests.fakes.workplace import SERVER

GET_A_TOKEN = "To get one: /integrations token create project|environment|image TARGET"


@pytest.mark.parametrize(
    ("settings", "sentence", "hint"),
    [
        ({"QUAYMASTER_URL": ""}, "QUAYMASTER_URL is not set: write Quaymaster's address there.", ""),
        (
            {"QUAYMASTER_TOKEN": ""},
            "QUAYMASTER_TOKEN is not set: write the workflow token there.",
            GET_A_TOKEN,
        ),
        (
            {"QUAYMASTER_TOKEN": 'qm_"\nheader'},
            "QUAYMASTER_TOKEN holds no workflow token: those begin with qm_.",
            GET_A_TOKEN,
        ),
        (
            {"QUAYMASTER_TOKEN": "ghp_abc"},
            "QUAYMASTER_TOKEN holds no workflow token: those begin with qm_.",
            GET_A_TOKEN,
        ),
        (
            {"QUAYMASTER_TOKEN_FILE": "/x"},
            "Both QUAYMASTER_TOKEN and QUAYMASTER_TOKEN_FILE are set: remove one of them.",
            "",
        ),
    ],
)
def test_settings_are_told_by_name(helper, settings, sentence, hint):
    """A missing or wrong setting is named, to the caller and to people."""
    assert heard(helper("get", said=SERVER, **settings)) == (1, *told(sentence, hint))


@pytest.mark.parametrize(
    "address",
    [
        "quaymaster.example.com",
        "ftp://q.example.com",
        "https://",
        "https://u:p@q.example.com",
        "http://a b",
        "http://q?x",
    ],
)
def test_address_must_be_one(helper, address):
    """What is no address is refused before anything is sent."""
    said = helper("get", said=SERVER, QUAYMASTER_URL=address)

    assert said.output == "QUAYMASTER_URL is not an address: write one like https://quaymaster.example.com.\n"


@pytest.mark.parametrize("content", ["{token}", "{token}\n", "{token}\r\n", " {token} \n"])
@pytest.mark.parametrize("mode", [0o400, 0o444, 0o666])
def test_token_is_read_from_its_file(place, helper, token, tmp_path, content, mode):
    """A token's file may end in a newline and be of any mode: orchestrators mount secrets for all to read."""
    place.add()
    path = tmp_path / "token"
    path.write_text(content.format(token=token))
    path.chmod(mode)

    assert helper("get", said=SERVER, QUAYMASTER_TOKEN="", QUAYMASTER_TOKEN_FILE=str(path)).status == 0


@pytest.mark.parametrize("path", ["/nowhere/token", "/"])
def test_unreadable_token_file_is_told(helper, path):
    """A token's file that cannot be read is told by the setting's name."""
    said = helper("get", said=SERVER, QUAYMASTER_TOKEN="", QUAYMASTER_TOKEN_FILE=path)

    assert said.status == 1
    assert said.output.startswith("QUAYMASTER_TOKEN_FILE cannot be read")


def test_empty_token_file_is_told(helper, tmp_path):
    """An empty token file holds no token."""
    (tmp_path / "token").touch()
    said = helper("get", said=SERVER, QUAYMASTER_TOKEN="", QUAYMASTER_TOKEN_FILE=str(tmp_path / "token"))

    assert said.output == "QUAYMASTER_TOKEN_FILE holds no workflow token: those begin with qm_.\n"


def test_dead_server_is_told(helper):
    """Where nothing listens, the caller reads so at once."""
    said = helper("get", said=SERVER, QUAYMASTER_URL="http://127.0.0.1:9")

    assert said.status == 1
    assert said.output.startswith("Quaymaster at 127.0.0.1:9 cannot be reached: ")
    assert said.seconds < 1


def test_unknown_name_is_told(helper):
    """A name that resolves to nothing is told."""
    said = helper("get", said=SERVER, QUAYMASTER_URL="http://quaymaster.invalid")

    assert said.status == 1
    assert said.output.startswith("Quaymaster at quaymaster.invalid ")


@pytest.mark.parametrize(
    ("first", "part"),
    [(b"", b""), (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), (b"HTTP/1.1 200 OK\r\n\r\n", b"x")],
)
def test_deadline_holds_for_silence_and_for_a_drip(helper, first, part):
    """A server that says nothing, or too slowly, is given two seconds in all."""
    with OddServer(drip(first, part, 0.3)) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert said.output == f"Quaymaster at {odd.authority} did not answer within 2 seconds.\n"
    assert 1.9 < said.seconds < 3


GOOD = b'{"ServerURL":"x","Username":"u","Secret":"s"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_chunked_answer_is_read(helper):
    """A proxy may send the answer in chunks."""
    parts = [CHUNKED, b"A\r\n", GOOD[:10], b"\r\n%x;ext=1\r\n" % len(GOOD[10:]), GOOD[10:], b"\r\n0\r\n\r\n"]
    with OddServer(lambda _: parts) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert heard(said) == (0, f"{GOOD.decode()}\n", "")


REDIRECT = reply(302, b"", "text/html", "Location: http://127.0.0.1:9/stolen")
HTML = reply(200, b"<html>Log in</html>", "text/html")
STRANGE = "QUAYMASTER_URL leads to something that is not Quaymaster"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (REDIRECT, "QUAYMASTER_URL leads to a redirect, which is not followed (status 302)."),
        (HTML, f"{STRANGE} (status 200)."),
        (reply(404, b"404 page not found\n", "text/plain; charset=utf-8"), f"{STRANGE} (status 404)."),
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


def test_endless_answer_is_given_up(helper):
    """An answer without end is read neither to its end nor into all the memory."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"

    def endless(_):
        yield head
        while True:
            yield b"x" * 65536

    with OddServer(endless) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert said.status == 1
    assert len(said.output) < 200
    assert said.seconds < 3


def test_path_before_the_api_is_kept(helper):
    """Quaymaster may live below a path of its host."""
    with OddServer(whole(reply(200, GOOD))) as odd:
        helper("get", said=SERVER, QUAYMASTER_URL=f"{odd.url}/quay/")

    first = odd.requests[0].partition(b"\r\n")[0].replace(b"%3a", b"%3A")
    assert first == b"GET /quay/v1/credentials?server=registry.example.com%3A5000 HTTP/1.1"
