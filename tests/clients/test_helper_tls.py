"""The credential helper over TLS, the same in every edition: a private authority, and who is not believed."""

import pytest

from tests.clients.helpers import heard
from tests.fakes.certificates import Authority
from tests.fakes.odd_server import OddServer, reply, whole
from tests.fakes.token_server import tls_context
from tests.fakes.workplace import SERVER

LOGIN = b'{"ServerURL":"x","Username":"u","Secret":"s"}'
ANSWER = whole(reply(200, LOGIN))


@pytest.fixture(scope="module")
def authority():
    """A private authority."""
    return Authority()


@pytest.fixture
def ca_file(authority, tmp_path):
    """Its certificate in a file."""
    path = tmp_path / "ca.pem"
    path.write_text(authority.pem)
    return str(path)


def test_private_authority_is_believed_by_its_file(helper, authority, ca_file):
    """With the authority's file the server is believed, by name and by address."""
    with OddServer(ANSWER, tls_context(authority.issue())) as odd:
        by_address = helper("get", said=SERVER, QUAYMASTER_URL=odd.url, QUAYMASTER_CA_FILE=ca_file)
        named = odd.url.replace("127.0.0.1", "localhost")
        by_name = helper("get", said=SERVER, QUAYMASTER_URL=named, QUAYMASTER_CA_FILE=ca_file)

    assert heard(by_address) == (0, f"{LOGIN.decode()}\n", "")
    assert heard(by_name) == heard(by_address)


def test_unknown_authority_is_told_and_no_token_sent(helper, authority):
    """Without the file the connection ends before the token is sent, and the reason is told."""
    with OddServer(ANSWER, tls_context(authority.issue())) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url)

    assert said.status == 1
    assert "cannot be reached: " in said.output
    assert "certificate" in said.output
    assert odd.requests == []


@pytest.mark.parametrize("lie", [{"names": ("other.example.com",)}, {"days": -1}])
def test_wrong_name_and_old_certificate_are_not_believed(helper, authority, ca_file, lie):
    """A certificate for another name, or one that has ended, is not believed."""
    with OddServer(ANSWER, tls_context(authority.issue(**lie))) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url, QUAYMASTER_CA_FILE=ca_file)

    assert said.status == 1
    assert "certificate" in said.output
    assert odd.requests == []


@pytest.mark.parametrize("name", ["missing.pem", "empty.pem", "text.pem"])
def test_wrong_authority_file_is_told(helper, tmp_path, authority, name):
    """A file of no certificates is told by the setting's name."""
    (tmp_path / "empty.pem").touch()
    (tmp_path / "text.pem").write_text("no certificate")
    with OddServer(ANSWER, tls_context(authority.issue())) as odd:
        said = helper("get", said=SERVER, QUAYMASTER_URL=odd.url, QUAYMASTER_CA_FILE=str(tmp_path / name))

    assert said.output == "QUAYMASTER_CA_FILE is not a file of certificates in PEM.\n"


def test_tls_is_not_given_up(helper, ca_file):
    """A server without TLS behind https:// gets nothing to read."""
    with OddServer(ANSWER) as odd:
        url = odd.url.replace("http:", "https:")
        said = helper("get", said=SERVER, QUAYMASTER_URL=url, QUAYMASTER_CA_FILE=ca_file)

    assert said.status == 1
    assert b"Bearer" not in b"".join(odd.requests)
