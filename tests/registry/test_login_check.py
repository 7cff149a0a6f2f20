"""What a check of a login finds: four outcomes, told apart honestly."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.model import Outcome, Stage
from bot.core.ports.registry import CheckResult, Login, Step
from bot.registry.client import RegistryClient
from bot.registry.kind_table import KINDS
from tests.fakes.real_registry import PRIVATE, PUBLIC, RealRegistry, running
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
    assert found(with_private) == (Outcome.ACCEPTED, Stage.REPOSITORY)
    assert "answer a wrong password in the same way" in with_private.hint
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
@pytest.mark.parametrize(
    ("status", "words"), [(429, "received too many requests"), (503, "an internal problem")]
)
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
    assert "authority that Quaymaster does not know" in result.reason
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


@NEEDS_REGISTRY
def test_a_plain_kind_is_one_row(basic_registry: RealRegistry) -> None:
    """A kind that nobody wrote code for is checked like any other."""
    row = replace(KINDS["private"], id="acme", label="Acme", words=("acme",))
    client = RegistryClient({"acme": row}, LOOPBACK)

    assert check(client, replace(basic_registry.login(), kind="acme")).outcome is Outcome.PROVED
