"""What a check of a login finds: four outcomes, told apart honestly."""

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.model import Outcome, Server, Stage
from bot.core.ports import CheckResult, Login, Step
from bot.core.secrets import Secret
from bot.registry.client import RegistryClient
from bot.registry.kinds import KINDS
from tests.fakes.certificates import Authority
from tests.fakes.real_registry import PRIVATE, PUBLIC, RealRegistry, running
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
from tests.registry.conftest import LOOPBACK

NEEDS_REGISTRY = pytest.mark.needs("docker-registry")


def check(client: RegistryClient, login: Login, repository: str | None = None) -> CheckResult:
    """Check a login generously."""
    return client.check(login, deadline_s=10, repository=repository)


def found(result: CheckResult) -> tuple[Outcome, Stage]:
    """What a check came to, and where."""
    return result.outcome, result.stage


@NEEDS_REGISTRY
@pytest.mark.parametrize("repository", [None, PRIVATE])
def test_basic_login_is_proved(
    client: RegistryClient, basic_registry: RealRegistry, repository: str | None
) -> None:
    """/v2/ was shut and the login opened it."""
    assert check(client, basic_registry.login(), repository).outcome is Outcome.PROVED


@NEEDS_REGISTRY
@pytest.mark.parametrize("password", ["wrong", "PA:SS", "pa:ss"])
def test_basic_login_with_a_wrong_password_is_rejected(
    client: RegistryClient, basic_registry: RealRegistry, password: str
) -> None:
    """A refusal is a refusal of the login, with what to look at."""
    result = check(client, basic_registry.login(password=password))

    assert found(result) == (Outcome.REJECTED, Stage.LOGIN)
    assert result.hint.startswith("Check Username and Password")


@NEEDS_REGISTRY
def test_a_registry_that_asks_for_a_login_refuses_none(
    client: RegistryClient, basic_registry: RealRegistry
) -> None:
    """No login where one is asked for is said as such."""
    result = check(client, basic_registry.login("", ""))

    assert found(result) == (Outcome.REJECTED, Stage.LOGIN)
    assert "has none" in result.reason


@NEEDS_REGISTRY
def test_bearer_login_without_a_repository_is_only_accepted(
    client: RegistryClient, token_registry: RealRegistry
) -> None:
    """A token proves nothing, and neither does /v2/."""
    assert found(check(client, token_registry.login())) == (Outcome.ACCEPTED, Stage.LOGIN)


@NEEDS_REGISTRY
def test_bearer_login_is_proved_by_a_repository_that_others_cannot_read(
    client: RegistryClient, token_registry: RealRegistry
) -> None:
    """The control without the login makes the difference; what the token grants is shown."""
    result = check(client, token_registry.login(), PRIVATE)

    assert found(result) == (Outcome.PROVED, Stage.REPOSITORY)
    assert result.steps[-1].text == f"{PRIVATE} can be read; granted: pull"


@NEEDS_REGISTRY
def test_bearer_login_is_not_proved_by_a_public_repository(
    client: RegistryClient, token_registry: RealRegistry
) -> None:
    """What everybody can read proves no login."""
    assert found(check(client, token_registry.login(), PUBLIC)) == (Outcome.ACCEPTED, Stage.REPOSITORY)


@NEEDS_REGISTRY
def test_bearer_login_with_a_wrong_password_is_rejected(
    client: RegistryClient, token_registry: RealRegistry
) -> None:
    """The token server's refusal counts."""
    assert found(check(client, token_registry.login(password="wrong"))) == (Outcome.REJECTED, Stage.LOGIN)


@NEEDS_REGISTRY
def test_a_token_for_a_wrong_password_proves_nothing(client: RegistryClient, tmp_path: Path) -> None:
    """A token server that forgives a wrong password (Harbor) does not make it right."""
    with running(tmp_path, auth="token") as registry:
        assert registry.tokens is not None
        registry.tokens.manners.forgives_wrong_password = True
        without = check(client, registry.login(password="wrong"))
        with_private = check(client, registry.login(password="wrong"), PRIVATE)
        with_public = check(client, registry.login(password="wrong"), PUBLIC)

    assert found(without) == (Outcome.ACCEPTED, Stage.LOGIN)
    assert found(with_private) == (Outcome.REJECTED, Stage.REPOSITORY)
    assert found(with_public) == (Outcome.ACCEPTED, Stage.REPOSITORY)


@NEEDS_REGISTRY
def test_push_is_shown_when_it_is_granted(client: RegistryClient, tmp_path: Path) -> None:
    """What was granted is read from the token, and no upload is made to find out."""
    with running(tmp_path, auth="token") as registry:
        assert registry.tokens is not None
        registry.tokens.manners.actions = ("pull", "push")
        result = check(client, registry.login(), PRIVATE)

    assert result.steps[-1].text.endswith("granted: pull, push")


@NEEDS_REGISTRY
@pytest.mark.parametrize("field_name", ["token", "access_token"])
@pytest.mark.parametrize("expires_in", [None, 300])
def test_token_servers_of_every_manner_are_understood(
    client: RegistryClient, tmp_path: Path, field_name: str, expires_in: int | None
) -> None:
    """Either name for the token, with or without a lifetime, behind a redirect to a trailing slash."""
    with running(tmp_path, auth="token") as registry:
        assert registry.tokens is not None
        registry.tokens.manners.field_name = field_name
        registry.tokens.manners.expires_in = expires_in
        registry.tokens.manners.redirects = True
        result = check(client, registry.login(), PRIVATE)

    assert result.outcome is Outcome.PROVED


@NEEDS_REGISTRY
@pytest.mark.parametrize(("status", "words"), [(429, "asked too often"), (503, "trouble of its own")])
def test_a_token_server_in_trouble_is_no_wrong_password(
    client: RegistryClient, tmp_path: Path, status: int, words: str
) -> None:
    """Too many requests and server errors say nothing about the login."""
    with running(tmp_path, auth="token") as registry:
        assert registry.tokens is not None
        registry.tokens.manners.status = status
        result = check(client, registry.login())

    assert found(result) == (Outcome.UNREACHABLE, Stage.LOGIN)
    assert words in result.reason


@NEEDS_REGISTRY
def test_a_slow_token_server_is_no_wrong_password(client: RegistryClient, tmp_path: Path) -> None:
    """Neither does silence."""
    with running(tmp_path, auth="token") as registry:
        assert registry.tokens is not None
        registry.tokens.manners.delay_s = 4
        result = client.check(registry.login(), deadline_s=1.5)

    assert found(result) == (Outcome.UNREACHABLE, Stage.LOGIN)


@NEEDS_REGISTRY
def test_a_token_server_on_another_host_gets_nothing_until_it_is_allowed(
    client: RegistryClient, token_registry: RealRegistry
) -> None:
    """Its origin is shown, for the owner to allow it; nothing was sent to it."""
    assert token_registry.tokens is not None
    asked = len(token_registry.tokens.manners.asked)
    result = check(client, replace(token_registry.login(), trusted_realms=()))

    assert found(result) == (Outcome.UNREACHABLE, Stage.REALM)
    assert result.realm == token_registry.tokens.origin
    assert len(token_registry.tokens.manners.asked) == asked


@NEEDS_REGISTRY
@pytest.mark.parametrize("name", ["basic_registry", "token_registry", "open_registry"])
def test_a_repository_that_does_not_exist_is_no_wrong_password(
    client: RegistryClient, request: pytest.FixtureRequest, name: str
) -> None:
    """Signed in, no such image."""
    result = check(client, request.getfixturevalue(name).login(), "no/such")

    assert result.outcome in (Outcome.PROVED, Outcome.ACCEPTED)
    assert "has no repository no/such" in result.reason
    assert not result.steps[-1].is_ok


@NEEDS_REGISTRY
@pytest.mark.parametrize("password", ["", "anything"])
@pytest.mark.parametrize("repository", [None, PRIVATE])
def test_an_open_registry_proves_no_login(
    client: RegistryClient, open_registry: RealRegistry, password: str, repository: str | None
) -> None:
    """A registry that asks for nothing refuses nothing."""
    assert check(client, open_registry.login(password=password), repository).outcome is Outcome.ACCEPTED


@NEEDS_REGISTRY
def test_every_step_is_told_as_it_ends(client: RegistryClient, tls_registry: RealRegistry) -> None:
    """The steps come one by one, in order, with the certificate's issuer and end."""
    told: list[Step] = []
    result = client.check(tls_registry.login(), deadline_s=10, repository=PRIVATE, on_step=told.append)

    assert tuple(told) == result.steps
    assert [step.stage.value for step in told] == [
        "address",
        "connection",
        "TLS",
        "/v2/",
        "challenge",
        "login",
        "repository",
    ]
    assert "certificate by Harbour Tests, valid until" in told[2].text


@NEEDS_REGISTRY
def test_a_private_authority_must_be_named(client: RegistryClient, tls_registry: RealRegistry) -> None:
    """A registry of a private authority is believed only with its certificate."""
    result = check(client, replace(tls_registry.login(), ca=None))

    assert found(result) == (Outcome.UNREACHABLE, Stage.TLS)
    assert "authority that is not known" in result.reason
    assert "CA certificate" in result.hint


@NEEDS_REGISTRY
def test_http_on_a_tls_port_is_told(client: RegistryClient, tls_registry: RealRegistry) -> None:
    """Plain http written by mistake has its own sentence."""
    login = tls_registry.login()
    result = check(client, replace(login, server=replace(login.server, scheme="http")))

    assert found(result) == (Outcome.UNREACHABLE, Stage.PING)
    assert "speaks TLS on this port" in result.reason


@NEEDS_REGISTRY
def test_https_on_a_plain_port_is_told(client: RegistryClient, basic_registry: RealRegistry) -> None:
    """A missing http:// has its own sentence, and nothing falls back."""
    login = basic_registry.login()
    result = check(client, replace(login, server=replace(login.server, scheme="https")))

    assert found(result) == (Outcome.UNREACHABLE, Stage.TLS)
    assert "does not speak TLS" in result.reason
    assert "write http://" in result.hint


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
        (always(reply(403)), Stage.PING, "is not a registry"),
        (always(reply(200, b"<html>", "Content-Type: text/html")), Stage.PING, "is not a registry"),
        (always(reply(429, b"", "Retry-After: 30")), Stage.PING, "asked too often"),
        (always(reply(502)), Stage.PING, "trouble of its own"),
        (always(CLOSE), Stage.PING, "did not answer as a web server does"),
        (always(reply(302, b"", "Location: https://other.example/")), Stage.PING, "redirects to"),
        (always(reply(401)), Stage.CHALLENGE, "without saying how"),
        (always(challenge('realm="x",service="y"')), Stage.CHALLENGE, "names no scheme"),
        (always(challenge('Bearer realm="x')), Stage.CHALLENGE, "does not end"),
        (always(challenge("Negotiate")), Stage.CHALLENGE, "neither Basic nor"),
        (always(challenge('Bearer realm="https://evil.example/"')), Stage.REALM, "another host"),
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


@pytest.mark.parametrize("repository", ["Team/App", "team/app:1.0", "/team", "", "https://x/team", "a" * 256])
def test_a_wrong_repository_name_is_told(client: RegistryClient, repository: str) -> None:
    """A name that no registry takes is never sent."""
    with FakeRegistry(always(reply())) as fake:
        result = check(client, fake.login(), repository)

    assert found(result) == (Outcome.UNREACHABLE, Stage.REPOSITORY)
    assert fake.requests == []


def test_an_unreadable_authority_is_told(client: RegistryClient) -> None:
    """A stored certificate that cannot be read is an error of TLS, not a crash."""
    login = Login("private", Server("https", "localhost", 1), "ci", {"password": Secret("x")}, ca="nonsense")

    assert found(check(client, login)) == (Outcome.UNREACHABLE, Stage.TLS)


@NEEDS_REGISTRY
def test_a_plain_kind_is_one_row(basic_registry: RealRegistry) -> None:
    """A kind that nobody wrote code for is checked like any other."""
    row = replace(KINDS["private"], id="acme", label="Acme", words=("acme",))
    client = RegistryClient({"acme": row}, LOOPBACK)

    assert check(client, replace(basic_registry.login(), kind="acme")).outcome is Outcome.PROVED
