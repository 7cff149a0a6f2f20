"""Checks that fail, and registries that lead astray: each has its step and its sentence."""

import ssl
import time
from collections.abc import Iterable

import pytest

from bot.core.addresses import parse_server
from bot.core.errors import InvalidInput
from bot.core.model import Outcome, Server, Stage
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from bot.registry.client import RegistryClient
from bot.registry.kind_table import KINDS
from tests.fakes.certificates import Authority
from tests.fakes.odd_server import OddServer, whole
from tests.fakes.registry import (
    CLOSE,
    Behaviour,
    FakeRegistry,
    Request,
    always,
    basic_only,
    challenge,
    dripped,
    reply,
)
from tests.fakes.token_server import tls_context
from tests.registry.conftest import LOOPBACK
from tests.registry.test_login_check import check, found


@pytest.mark.parametrize(
    ("names", "days", "words"),
    [
        (("localhost",), -1, "has expired"),
        (("other.example",), 30, "is for another host"),
    ],
)
def test_a_bad_certificate_is_told(
    client: RegistryClient, authority: Authority, names: tuple[str, ...], days: int, words: str
) -> None:
    """What is wrong with a certificate is said in words."""
    with FakeRegistry(always(reply()), tls=authority.issue(names=names, days=days)) as fake:
        result = check(client, fake.login(ca=authority.pem))

    assert found(result) == (Outcome.UNREACHABLE, Stage.TLS)
    assert words in result.reason


def test_a_certificate_from_the_future_is_told(client: RegistryClient, authority: Authority) -> None:
    """A certificate that is not valid yet points to the clocks."""
    with FakeRegistry(always(reply()), tls=authority.issue(since=1)) as fake:
        result = check(client, fake.login(ca=authority.pem))

    assert found(result) == (Outcome.UNREACHABLE, Stage.TLS)
    assert "is not valid yet" in result.reason
    assert "clocks" in result.hint


def test_tls_that_is_broken_off_is_told(client: RegistryClient, authority: Authority) -> None:
    """A server that ends the handshake with an alert is told as that."""
    context = tls_context(authority.issue())
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    with OddServer(whole(reply()), context) as odd:
        server = parse_server(f"https://localhost:{odd.authority.rpartition(':')[2]}")
        result = check(client, Login("private", server, "ci", {"password": Secret("x")}, ca=authority.pem))

    assert found(result) == (Outcome.UNREACHABLE, Stage.TLS)
    assert "closed the connection during the TLS handshake" in result.reason


def test_host_without_a_route_is_told(client: RegistryClient) -> None:
    """An address that no connection leads to, because it means every host of a network, is told as that."""
    result = check(client, Login("private", Server("http", "127.255.255.255", 5000), "", {}))

    assert found(result) == (Outcome.UNREACHABLE, Stage.CONNECTION)
    assert "There is no route to" in result.reason


def test_a_pasted_certificate_of_the_server_itself_is_enough(client: RegistryClient) -> None:
    """A self-signed registry works with its own certificate in the field."""
    authority = Authority("Alone")
    leaf = authority.issue()
    with FakeRegistry(basic_only(always(reply(200, {}))), tls=leaf) as fake:
        result = check(client, fake.login(ca=leaf.pem))

    assert result.outcome is Outcome.PROVED


@pytest.mark.parametrize(
    ("behaviour", "stage", "words"),
    [
        (always(reply(404)), Stage.PING, "is not a registry"),
        (always(reply(403)), Stage.PING, "refuses Quaymaster's address or every request"),
        (always(reply(200, b"<html>", "Content-Type: text/html")), Stage.PING, "is not a registry"),
        (always(reply(429, b"", "Retry-After: 30")), Stage.PING, "received too many requests"),
        (always(reply(502)), Stage.PING, "an internal problem"),
        (always(CLOSE), Stage.PING, "did not answer as a web server does"),
        (always(reply(302, b"", "Location: https://other.example/")), Stage.PING, "redirects to"),
        (always(reply(401)), Stage.CHALLENGE, "without saying how"),
        (always(challenge('realm="x",service="y"')), Stage.CHALLENGE, "names no scheme"),
        (always(challenge('Bearer realm="x')), Stage.CHALLENGE, "does not end"),
        (always(challenge("Negotiate")), Stage.CHALLENGE, "neither Basic nor"),
        (always(challenge('Bearer realm="https://evil.example/"')), Stage.REALM, "a different host"),
        (always(challenge('Bearer realm="ftp://x/"')), Stage.REALM, "cannot be used"),
    ],
)
def test_each_failure_is_one_sentence_at_its_step(
    client: RegistryClient, behaviour: Behaviour, stage: Stage, words: str
) -> None:
    """What is wrong before the login says nothing about the login."""
    with FakeRegistry(behaviour) as fake:
        result = check(client, fake.login())

    assert found(result) == (Outcome.UNREACHABLE, stage)
    assert words in result.reason
    assert result.steps[-1].is_ok is False
    assert "marker-secret" not in f"{result}"


def test_a_slow_registry_ends_at_the_deadline(client: RegistryClient) -> None:
    """However little it sends at a time, the answer comes in time."""
    begin = time.monotonic()
    with FakeRegistry(lambda _: dripped(reply(200, b"x" * 5000))) as fake:
        result = client.check(fake.login(), deadline_s=0.5)

    assert result.outcome is Outcome.UNREACHABLE
    assert "took longer than 0.5 seconds" in result.reason
    assert time.monotonic() - begin < 5


def test_a_waiting_time_is_passed_on(client: RegistryClient) -> None:
    """A registry that says when to come back is quoted."""
    with FakeRegistry(always(reply(429, b"", "Retry-After: 30"))) as fake:
        assert check(client, fake.login()).hint == "Try again in 30 seconds."


def test_nobody_listening_is_told(client: RegistryClient) -> None:
    """A refused connection names the place and the step."""
    with FakeRegistry(always()) as fake:
        login = fake.login()
    result = check(client, login)

    assert found(result) == (Outcome.UNREACHABLE, Stage.CONNECTION)
    assert "was refused" in result.reason


def test_an_address_that_is_not_allowed_is_told() -> None:
    """Without the operator's word this machine is out of reach, and nothing was connected."""
    with FakeRegistry(always(reply())) as fake:
        result = check(RegistryClient(KINDS, ()), fake.login())

    assert found(result) == (Outcome.UNREACHABLE, Stage.ADDRESS)
    assert fake.requests == []


def test_a_token_servers_address_is_judged_too() -> None:
    """An allowed realm that leads to a metadata service gets nothing."""
    realm = 'Bearer realm="http://auth.example.com/token"'
    places = {"auth.example.com": "169.254.169.254"}
    client = RegistryClient(
        KINDS, LOOPBACK, resolver=lambda host, port: [(places.get(host, "127.0.0.1"), port)]
    )
    with FakeRegistry(always(challenge(realm))) as fake:
        result = check(client, fake.login(trusted_realms=("http://auth.example.com",)))

    assert found(result) == (Outcome.UNREACHABLE, Stage.LOGIN)
    assert "a metadata service" in result.reason


def test_one_retry_and_no_more(client: RegistryClient) -> None:
    """A registry that answers every token with another challenge is asked twice, not for ever."""

    def behave(request: Request) -> Iterable[bytes]:
        if request.path.startswith("/token"):
            return [reply(200, {"token": "t"})]
        return [challenge(f'Bearer realm="/token",scope="repository:x{len(fake.requests)}:pull"')]

    with FakeRegistry(behave) as fake:
        result = check(client, fake.login())

    assert found(result) == (Outcome.REJECTED, Stage.LOGIN)
    assert [request.path.partition("?")[0] for request in fake.requests] == [
        "/v2/",
        "/token",
        "/v2/",
        "/token",
        "/v2/",
    ]


def test_a_basic_login_is_sent_when_it_is_asked_for(client: RegistryClient) -> None:
    """The first request carries no login; the next ones do because Basic was asked for."""
    with FakeRegistry(basic_only(always(reply(200, {})))) as fake:
        check(client, fake.login())

    assert [request.scheme for request in fake.requests] == ["", "basic"]


def test_a_refused_realm_gives_way_to_basic(client: RegistryClient) -> None:
    """Where Basic is offered too, a token server elsewhere is not needed."""
    header = 'Bearer realm="https://evil.example/token", Basic realm="x"'

    def behave(request: Request) -> Iterable[bytes]:
        return [reply(200, {}) if request.scheme == "basic" else challenge(header)]

    with FakeRegistry(behave) as fake:
        assert check(client, fake.login()).outcome is Outcome.PROVED


def test_a_relative_realm_is_the_registrys_own(client: RegistryClient) -> None:
    """Some registries name only a path."""

    def behave(request: Request) -> Iterable[bytes]:
        if request.path.startswith("/auth/token?service=s"):
            return [reply(200, {"token": "t"})]
        return [
            reply(200, {})
            if request.scheme == "bearer"
            else challenge('Bearer realm="/auth/token",service="s"')
        ]

    with FakeRegistry(behave) as fake:
        assert check(client, fake.login()).outcome is Outcome.ACCEPTED


def test_a_control_that_fails_proves_nothing(client: RegistryClient) -> None:
    """When the question without the login cannot be asked, the login is not called proved."""
    answers = {"bearer": reply(200, {"tags": []}), "": reply(401)}

    def behave(request: Request) -> Iterable[bytes]:
        if request.path.startswith("/token"):
            return [reply(200, {"token": "t"}) if request.scheme else reply(503)]
        return [answers.get(request.scheme, b"") if request.scheme else challenge('Bearer realm="/token"')]

    with FakeRegistry(behave) as fake:
        assert found(check(client, fake.login(), "team/app")) == (Outcome.ACCEPTED, Stage.REPOSITORY)


@pytest.mark.parametrize("repository", ["Team/App", "team/app:", "/team", "", "https://x/team", "a" * 256])
def test_a_wrong_repository_name_is_told(client: RegistryClient, repository: str) -> None:
    """A name that no registry takes is never sent, and says nothing about the login."""
    with FakeRegistry(always(reply())) as fake, pytest.raises(InvalidInput, match="name of a repository"):
        check(client, fake.login(), repository)

    assert fake.requests == []


def test_an_unreadable_authority_is_told(client: RegistryClient) -> None:
    """A stored certificate that cannot be read is an error of TLS, not a crash."""
    login = Login("private", Server("https", "localhost", 1), "ci", {"password": Secret("x")}, ca="nonsense")

    assert found(check(client, login)) == (Outcome.UNREACHABLE, Stage.TLS)
