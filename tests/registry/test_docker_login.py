"""What a docker client must send: what is kept, or for ECR what AWS grants."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.core.errors import Unreachable
from bot.core.ports.registry import DockerLogin, Login
from bot.core.secrets import Secret
from bot.registry.aws import AwsLogins, Granted
from bot.registry.client import RegistryClient
from bot.registry.deadline import Deadline
from bot.registry.kind_table import KINDS
from bot.registry.operation import Operation
from tests.registry.test_aws import HOST, LOGIN

HALF_A_DAY = 12 * 3600.0


class Granting(AwsLogins):
    """Grants a password for 12 hours without asking AWS, and counts how often."""

    asked = 0

    def _authorization(self, login: Login) -> Granted:
        self.asked += 1
        return Granted(Secret("passing"), 0.0, HALF_A_DAY)


def operation() -> Operation:
    """A question that may take a second."""
    return Operation(HOST, Deadline(1))


@pytest.mark.parametrize(
    ("kind", "credential"),
    [("private", "password"), ("gcr", "json_key"), ("quay", "password"), ("unknown", "password")],
)
def test_login_is_the_kinds_secret(kind: str, credential: str) -> None:
    """For most kinds it is the user name and the kind's secret, for as long as the registry takes it."""
    login = replace(LOGIN, kind=kind, username="ci", credential={credential: Secret("marker")})

    assert RegistryClient(KINDS, ()).docker_login(login, deadline_s=1) == DockerLogin("ci", Secret("marker"))


def test_registry_without_login_gives_an_empty_one() -> None:
    """Without a login both are empty, which clients take for anonymous."""
    login = replace(LOGIN, kind="private", username="", credential={})

    assert RegistryClient(KINDS, ()).docker_login(login, deadline_s=1) == DockerLogin("", Secret(""))


def test_ecr_gives_a_password_and_its_end() -> None:
    """For ECR it is the password that AWS grants, with the moment at which it ends; AWS is asked once."""
    aws = Granting(now=lambda: 1.0)
    given = [aws.docker_login(LOGIN, operation()) for _ in range(2)]

    assert given == [DockerLogin("AWS", Secret("passing"), datetime.fromtimestamp(HALF_A_DAY, UTC))] * 2
    assert aws.asked == 1


def test_ecr_password_is_renewed_at_half_its_life() -> None:
    """What is handed out is always good for six hours."""
    now = [1.0]
    aws = Granting(now=lambda: now[0])
    aws.docker_login(LOGIN, operation())
    now[0] = HALF_A_DAY / 2 + 1
    aws.docker_login(LOGIN, operation())

    assert aws.asked == 2


def test_ecr_password_that_is_kept_is_given_without_asking() -> None:
    """Whoever may not ask AWS gets the password that is kept, for as long as it would not be renewed."""
    now = [1.0]
    aws = Granting(now=lambda: now[0])
    before = aws.kept_login(LOGIN)
    given = aws.docker_login(LOGIN, operation())
    after = aws.kept_login(LOGIN)
    now[0] = HALF_A_DAY / 2 + 1

    assert (before, after, aws.kept_login(LOGIN)) == (None, given, None)
    assert aws.asked == 1


def test_address_that_is_not_ecrs_is_sent_nothing() -> None:
    """An ECR integration whose server is not AWS's gets no password."""
    login = replace(LOGIN, server=replace(LOGIN.server, host="registry.example.com"))

    with pytest.raises(Unreachable, match="not an Amazon ECR registry"):
        RegistryClient(KINDS, ()).docker_login(login, deadline_s=1)
