"""The credential helper in trouble, the same in every edition: its settings, the network, no answer."""

import os
import subprocess

import pytest

from tests.clients.helpers import heard, told
from tests.fakes.odd_server import OddServer, drip, reply, whole
from tests.fakes.workplace import SERVER

GOOD = b'{"ServerURL":"x","Username":"u","Secret":"s"}'
GET_A_TOKEN = (
    "To get a token, type this in Slack: /integrations token create project|environment|image TARGET"
)


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
            "QUAYMASTER_TOKEN does not contain a workflow token: those begin with qm_.",
            GET_A_TOKEN,
        ),
        (
            {"QUAYMASTER_TOKEN": "ghp_abc"},
            "QUAYMASTER_TOKEN does not contain a workflow token: those begin with qm_.",
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
        "http://q.example.com:99999",
        "http://q.example.com:0",
        "http://q.example.com:",
        "http://[::1]:x",
    ],
)
def test_address_must_be_one(helper, address):
    """What is no address is refused before anything is sent."""
    said = helper("get", said=SERVER, QUAYMASTER_URL=address)

    assert said.output == "QUAYMASTER_URL is not an address: write one like https://quaymaster.example.com.\n"


def with_token_file(helper, folder, content, mode=0o600):
    """Run the helper with its token in a file."""
    path = folder / "token"
    path.write_bytes(content)
    path.chmod(mode)
    with OddServer(whole(reply(200, GOOD))) as odd:
        settings = {"QUAYMASTER_URL": odd.url, "QUAYMASTER_TOKEN": "", "QUAYMASTER_TOKEN_FILE": str(path)}
        return helper("get", said=SERVER, **settings)


@pytest.mark.parametrize("spelling", [" {} \n", "{}///", "\t{}/\n"])
def test_address_may_have_space_and_slashes_around_it(helper, spelling):
    """White space around the address and slashes at its end are not meant."""
    with OddServer(whole(reply(200, GOOD))) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=spelling.format(odd.url))

    assert heard(said) == (0, f"{GOOD.decode()}\n", "")
    assert odd.requests[0].startswith(b"GET /v1/credentials?")


def test_marks_of_an_address_are_only_text(helper):
    """What means a set of addresses to curl is one address here."""
    with OddServer(whole(reply(200, GOOD))) as odd:
        helper("get", said=SERVER, QUAYMASTER_URL=f"{odd.url}/{{a,b}}[1-3]")

    assert len(odd.requests) == 1


@pytest.mark.parametrize("mode", [0o400, 0o444, 0o666])
def test_token_file_may_be_of_any_mode(helper, token, tmp_path, mode):
    """A token's file may be of any mode: orchestrators mount secrets for all to read."""
    said = with_token_file(helper, tmp_path, token.encode(), mode)

    assert said.status == 0


@pytest.mark.parametrize(
    "content",
    [b"%s\n", b"%s\r\n", b" %s \n", b"\n\n%s\n \n", b"\xef\xbb\xbf%s\r\n", b"\xef\xbb\xbf\n%s", b"%s\0"],
)
def test_token_is_read_from_its_file(helper, token, tmp_path, content):
    """White space, empty lines, a byte-order mark and zeros in a token's file are not meant."""
    said = with_token_file(helper, tmp_path, content % token.encode())

    assert said.status == 0


@pytest.mark.parametrize(
    "content", [b"%s\nmore\n", b"name\n%s\n", b"%s more", b"%s_", b"x" * 5000 + b"%s", b""]
)
def test_file_of_more_than_a_token_is_told(helper, token, tmp_path, content):
    """What is more or less than a token is none."""
    said = with_token_file(helper, tmp_path, content.replace(b"%s", token.encode()))

    assert said.output == "QUAYMASTER_TOKEN_FILE does not contain a workflow token: those begin with qm_.\n"


def test_byte_order_mark_before_a_token_is_not_meant(helper, token):
    """Nor is one before the token itself."""
    with OddServer(whole(reply(200, GOOD))) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url, QUAYMASTER_TOKEN=f"\ufeff{token}")

    assert said.status == 0
    assert f"Bearer {token}\r\n".encode() in odd.requests[0]


@pytest.mark.parametrize("path", ["/nowhere/token", "/", "{pipe}"])
def test_unreadable_token_file_is_told(helper, tmp_path, path):
    """A token's file that cannot be read, or might never end, is told by the setting's name, at once."""
    os.mkfifo(tmp_path / "pipe")
    path = path.format(pipe=tmp_path / "pipe")
    said = helper("get", said=SERVER, QUAYMASTER_TOKEN="", QUAYMASTER_TOKEN_FILE=path)

    assert said.status == 1
    assert said.output.startswith("QUAYMASTER_TOKEN_FILE cannot be read")
    assert said.seconds < 1


def test_device_is_no_token_file(helper):
    """A device that never ends is told at once, too."""
    said = helper("get", said=SERVER, QUAYMASTER_TOKEN="", QUAYMASTER_TOKEN_FILE="/dev/zero")

    assert said.output.startswith("QUAYMASTER_TOKEN_FILE ")
    assert said.seconds < 1


def test_token_may_come_through_a_descriptor(helper, token):
    """A pipe that the caller holds open may stand for the file: a shell's <(...)."""
    with OddServer(whole(reply(200, GOOD))) as odd:
        run = f"QUAYMASTER_TOKEN= QUAYMASTER_TOKEN_FILE=<(echo {token}) {helper.path} get <<<x"
        env = {**helper.env, "QUAYMASTER_URL": odd.url}
        done = subprocess.run(["bash", "-c", run], capture_output=True, env=env, check=False)

    assert (done.returncode, done.stdout) == (0, GOOD + b"\n")


def test_proxies_are_not_asked(helper):
    """Settings of proxies are not for the helper: the token goes to Quaymaster and nowhere else."""
    proxy = "http://127.0.0.1:9"
    names = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    with OddServer(whole(reply(200, GOOD))) as odd:
        settings = {**dict.fromkeys(names, proxy), "NO_PROXY": "", "no_proxy": "", "QUAYMASTER_URL": odd.url}
        said = helper("get", said=SERVER, **settings)

    assert said.status == 0


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
