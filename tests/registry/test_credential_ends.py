"""When a login ends, as the registry's own API says it."""

from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network

import pytest

from bot.core.addresses import parse_server
from bot.core.errors import DriverRefused, LoginRejected, RegistryFailure, Unreachable
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from bot.registry.drivers.driver_table import RegistryDrivers
from bot.registry.guard import Endpoint
from tests.fakes.gitlab import MANAGER_SECRET, FakeGitLab
from tests.fakes.registry import FakeRegistry, Request, always, reply

HERE = (ip_network("127.0.0.0/8"),)
GITHUB = Login("ghcr", parse_server("https://ghcr.io"), "octocat", {"password": Secret("ghp_marker")})


def answering(*headers: str, status: int = 200) -> FakeRegistry:
    """GitHub's API, which answers everything alike."""
    head = "\r\n".join(
        [f"HTTP/1.1 {status} X", "Content-Length: 2", "Content-Type: application/json", *headers]
    )
    return FakeRegistry(lambda _: [f"{head}\r\n\r\n{{}}".encode()])


def asked_of(github: FakeRegistry, login: Login = GITHUB) -> datetime | None:
    """Ask it."""
    return RegistryDrivers(HERE, github_endpoint=github.server.origin).end_of(login, deadline_s=10)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-10-07 19:07:53 UTC", datetime(2026, 10, 7, 19, 7, 53, tzinfo=UTC)),
        ("2026-10-07 19:07:53 -0700", datetime(2026, 10, 7, 19, 7, 53, tzinfo=timezone(timedelta(hours=-7)))),
    ],
)
def test_github_says_it_in_a_header(text: str, end: datetime) -> None:
    """Both ways in which GitHub writes it are read, and the token goes there as a bearer."""
    with answering(f"GitHub-Authentication-Token-Expiration: {text}") as github:
        assert asked_of(github) == end
        request: Request = github.requests[0]

    assert request.path == "/rate_limit"
    assert request.headers["authorization"] == "Bearer ghp_marker"


def test_github_token_without_an_end() -> None:
    """Without the header the token has no end."""
    with answering() as github:
        assert asked_of(github) is None


@pytest.mark.parametrize(
    ("status", "header", "error"),
    [
        (401, "X: y", LoginRejected),
        (500, "X: y", Unreachable),
        (200, "GitHub-Authentication-Token-Expiration: soon", Unreachable),
    ],
)
def test_what_github_does_not_say(status: int, header: str, error: type[RegistryFailure]) -> None:
    """A refusal, an error and what cannot be read are no end, and do not show the token."""
    with answering(header, status=status) as github, pytest.raises(error) as caught:
        asked_of(github)

    assert "ghp_marker" not in str(caught.value)


def gitlab_login(gitlab: FakeGitLab, secret: str = MANAGER_SECRET) -> Login:
    """A login to its registry, whose token server the owner has allowed."""
    server = parse_server("https://registry.example.com")
    return Login("gitlab", server, "ci", {"password": Secret(secret)}, trusted_realms=(gitlab.url,))


@pytest.mark.parametrize(("text", "end"), [("2026-09-30", datetime(2026, 9, 30, tzinfo=UTC)), (None, None)])
def test_gitlab_says_it_of_the_token_that_asks(
    gitlab: FakeGitLab, text: str | None, end: datetime | None
) -> None:
    """It is asked where the token server is that the owner allowed, and nowhere else."""
    gitlab.self_ends = text

    assert RegistryDrivers(HERE).end_of(gitlab_login(gitlab), deadline_s=10) == end
    assert [one.path for one in gitlab.asked] == ["/api/v4/personal_access_tokens/self"]


def test_gitlab_says_nothing_of_a_deploy_token(gitlab: FakeGitLab) -> None:
    """It is refused, and the sentence says which tokens can be asked about."""
    with pytest.raises(LoginRejected, match="only about personal access tokens"):
        RegistryDrivers(HERE).end_of(gitlab_login(gitlab, "deploy-token"), deadline_s=10)


def test_address_rule_counts(gitlab: FakeGitLab) -> None:
    """An address that registries may not have is not asked."""
    with pytest.raises(Unreachable):
        RegistryDrivers(()).end_of(gitlab_login(gitlab), deadline_s=10)

    assert gitlab.asked == []


def test_other_kinds_are_not_asked() -> None:
    """A registry that does not say is not asked."""
    login = Login("quay", parse_server("https://quay.io"), "acme+ci", {"password": Secret("x")})

    with pytest.raises(DriverRefused):
        RegistryDrivers(HERE).end_of(login, deadline_s=10)


@pytest.mark.parametrize(
    ("kind", "host", "asked"),
    [
        ("ghcr", "ghcr.io", "api.github.com"),
        ("ghcr", "containers.octocorp.ghe.com", "api.octocorp.ghe.com"),
        ("gitlab", "registry.gitlab.com", "gitlab.com"),
        ("gitlab", "registry.example.com", "registry.example.com"),
    ],
)
def test_host_that_is_asked(kind: str, host: str, asked: str) -> None:
    """The token goes to the API of that very registry."""
    looked_up: list[str] = []

    def resolver(name: str, _: int) -> list[Endpoint]:
        looked_up.append(name)
        return []

    login = Login(kind, parse_server(f"https://{host}"), "ci", {"password": Secret("x")})
    with pytest.raises(Unreachable):
        RegistryDrivers((), resolver=resolver).end_of(login, deadline_s=10)

    assert looked_up == [asked]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b'{"expires_at": "soon"}'])
def test_what_gitlab_does_not_say(body: bytes) -> None:
    """Another answer than GitLab's is no end, and does not show the token."""
    with FakeRegistry(always(reply(200, body))) as fake:
        login = Login("gitlab", GITHUB.server, "ci", GITHUB.credential, trusted_realms=(fake.server.origin,))
        with pytest.raises(Unreachable) as caught:
            RegistryDrivers(HERE).end_of(login, deadline_s=10)

    assert "ghp_marker" not in str(caught.value)


def test_login_without_a_token_is_not_asked_about() -> None:
    """Without a token there is nothing to ask, and nobody is."""
    with answering() as github, pytest.raises(DriverRefused, match="There is no token to ask about"):
        asked_of(github, Login("ghcr", GITHUB.server, "", {}))

    assert github.requests == []
