"""ECR logins from AWS: against moto's server over real HTTP, with the clock in our hands."""

import base64
import datetime as dt
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from bot.core.errors import LoginRejected, RightsRefused, TooManyRequests, Unreachable
from bot.core.model import Outcome, Server, Stage
from bot.core.ports.registry import Login
from bot.core.secrets import Secret
from bot.registry.aws import AwsLogins, Granted, read_authorization, refusal
from bot.registry.client import RegistryClient
from bot.registry.deadline import Deadline
from bot.registry.kind_table import KINDS
from bot.registry.operation import Operation
from tests.fakes.certificates import Authority
from tests.fakes.registry import CLOSE, FakeRegistry, always, basic_only, reply
from tests.registry.conftest import LOOPBACK

ACCOUNT = "123456789012"
HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
MOTO_ENDS = dt.datetime(2015, 1, 1, tzinfo=dt.UTC).timestamp()
"""moto's registry logins all end then."""
HOUR = 3600.0
LOGIN = Login(
    "ecr",
    Server("https", HOST),
    "AWS",
    {"secret_access_key": Secret("marker-secret")},
    {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "region": "us-east-1", "account_id": ACCOUNT},
    cache_key="i1:1",
)

PUBLIC_OPTIONS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE"}


@pytest.fixture(autouse=True)
def hostile_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever AWS settings the machine has, an integration's own are the only ones used."""
    (tmp_path / "config").write_text(
        "[profile other]\nregion = eu-west-3\nendpoint_url = http://127.0.0.1:9\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "other")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def operation(seconds: float = 20) -> Operation:
    """A question that may take this long."""
    return Operation(HOST, Deadline(seconds))


def test_keys_become_a_registry_login(aws: str) -> None:
    """The user name is AWS, the password what GetAuthorizationToken gives."""
    identity = AwsLogins(aws, Clock(MOTO_ENDS - 12 * HOUR)).identity(LOGIN, operation())

    assert identity.username == "AWS"
    assert identity.secret.reveal() == f"{ACCOUNT}-auth-token"
    assert "auth-token" not in repr(identity)


def test_a_role_is_assumed_first(aws: str) -> None:
    """With a role the login is that of the role's account."""
    role = "arn:aws:iam::111111111111:role/pull-images"
    login = replace(LOGIN, options={**LOGIN.options, "role": role})
    identity = AwsLogins(aws, Clock(MOTO_ENDS - 12 * HOUR)).identity(login, operation())

    assert identity.secret.reveal() == "111111111111-auth-token"


class CountingLogins(AwsLogins):
    """Counts how often AWS is asked, and can be cut off from it."""

    asked = 0
    is_cut_off = False

    def _authorization(self, login: Login) -> Granted:
        self.asked += 1
        if self.is_cut_off:
            raise Unreachable("AWS could not be reached.", "Try again later.", stage=Stage.LOGIN)
        return super()._authorization(login)


def test_a_login_is_renewed_at_half_its_life(aws: str) -> None:
    """Twelve hours are asked for every six."""
    clock = Clock(MOTO_ENDS - 12 * HOUR)
    logins = CountingLogins(aws, clock)
    logins.identity(LOGIN, operation())
    clock.now += 6 * HOUR - 1
    logins.identity(LOGIN, operation())
    before = logins.asked
    clock.now += 2
    logins.identity(LOGIN, operation())

    assert (before, logins.asked) == (1, 2)


def test_a_login_outlives_an_outage_but_not_its_end(aws: str) -> None:
    """When AWS cannot be reached the login there is goes on being used, until it ends."""
    clock = Clock(MOTO_ENDS - 12 * HOUR)
    logins = CountingLogins(aws, clock)
    first = logins.identity(LOGIN, operation())
    logins.is_cut_off = True
    clock.now += 7 * HOUR
    kept = logins.identity(LOGIN, operation())
    clock.now += 6 * HOUR

    assert kept == first
    with pytest.raises(Unreachable):
        logins.identity(LOGIN, operation())


@pytest.mark.parametrize("cache_key", ["i2:1", "i1:2", ""])
def test_a_login_is_kept_for_its_integration_only(aws: str, cache_key: str) -> None:
    """Another integration, another version, or a login that is not saved: AWS is asked anew."""
    logins = CountingLogins(aws, Clock(MOTO_ENDS - 12 * HOUR))
    logins.identity(LOGIN, operation())
    logins.identity(replace(LOGIN, cache_key=cache_key), operation())

    assert logins.asked == 2


@pytest.mark.parametrize(
    "server",
    [Server("https", f"{HOST}.evil.example"), Server("https", "registry.example.com"), Server("http", HOST)],
)
def test_a_login_from_aws_goes_to_ecr_only(aws: str, server: Server) -> None:
    """AWS is not even asked for a registry that is not Amazon's, or not encrypted."""
    logins = CountingLogins(aws)
    with pytest.raises(Unreachable, match="nothing was sent"):
        logins.identity(replace(LOGIN, server=server), operation())

    assert logins.asked == 0


def test_an_aws_that_does_not_answer_is_told_in_time() -> None:
    """The deadline counts here too."""
    with (
        FakeRegistry(lambda _: iter(lambda: b"", None)) as fake,
        pytest.raises(Unreachable, match="longer than"),
    ):
        AwsLogins(fake.server.origin).identity(LOGIN, operation(0.5))


def test_an_aws_that_breaks_off_is_told() -> None:
    """No connection is no wrong key."""
    with FakeRegistry(always(CLOSE)) as fake, pytest.raises(Unreachable, match="could not be reached"):
        AwsLogins(fake.server.origin).identity(LOGIN, operation())


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("UnrecognizedClientException", LoginRejected, "does not know this access key ID"),
        ("InvalidClientTokenId", LoginRejected, "does not know this access key ID"),
        ("InvalidSignatureException", LoginRejected, "does not belong"),
        ("SignatureDoesNotMatch", LoginRejected, "does not belong"),
        ("AccessDeniedException", RightsRefused, "does not let it log in to ECR"),
        ("ExpiredTokenException", LoginRejected, "expired"),
        ("ThrottlingException", TooManyRequests, "too many requests"),
        ("ServerException", Unreachable, "AWS answered ServerException"),
        ("<!channel>", Unreachable, "AWS answered an error"),
    ],
)
def test_errors_of_aws_are_said_in_words(code: str, error: type[Exception], words: str) -> None:
    """Each has its sentence and what to do."""
    failure = refusal(code, "log in to ECR (permission ecr:GetAuthorizationToken)")

    assert type(failure) is error
    assert words in failure.message
    assert failure.hint
    assert failure.stage is Stage.LOGIN


def test_a_profile_of_the_machine_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that does not exist."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    token = base64.b64encode(b"AWS:password").decode()
    answer = reply(200, {"authorizationData": [{"authorizationToken": token, "expiresAt": 1e10}]})
    with FakeRegistry(always(answer)) as fake:
        identity = AwsLogins(fake.server.origin).identity(LOGIN, operation())

    assert identity.secret == Secret("password")
    assert "Credential=AKIAIOSFODNN7EXAMPLE/" in fake.requests[0].headers["authorization"]
    assert "/us-east-1/ecr/aws4_request" in fake.requests[0].headers["authorization"]


@pytest.mark.parametrize("host", ["public.ecr.aws", "ecr-public.aws.com"])
def test_ecr_public_has_an_api_of_its_own(host: str) -> None:
    """Its password comes from another service, in one region, and not in a list."""
    token = base64.b64encode(b"AWS:password").decode()
    answer = reply(200, {"authorizationData": {"authorizationToken": token, "expiresAt": 1e10}})
    login = replace(LOGIN, kind="ecr-public", server=Server("https", host), options=PUBLIC_OPTIONS)
    with FakeRegistry(always(answer)) as fake:
        identity = AwsLogins(fake.server.origin).identity(login, operation())

    assert identity.secret == Secret("password")
    assert "/us-east-1/ecr-public/aws4_request" in fake.requests[0].headers["authorization"]


def test_ecr_public_names_both_permissions() -> None:
    """Whoever reads of a missing permission sees which."""
    refusal = reply(400, {"__type": "AccessDeniedException", "message": "no"})
    public = Server("https", "public.ecr.aws")
    login = replace(LOGIN, kind="ecr-public", server=public, options=PUBLIC_OPTIONS)
    with (
        FakeRegistry(always(refusal)) as fake,
        pytest.raises(RightsRefused, match="ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken"),
    ):
        AwsLogins(fake.server.origin).identity(login, operation())


def test_an_error_over_the_wire_is_said_in_words() -> None:
    """What AWS really sends is read."""
    body = {"__type": "UnrecognizedClientException", "message": "marker-secret"}
    with FakeRegistry(always(reply(400, body))) as fake, pytest.raises(LoginRejected) as caught:
        AwsLogins(fake.server.origin).identity(LOGIN, operation())

    assert "does not know this access key ID" in caught.value.message
    assert "marker-secret" not in f"{caught.value!r}{caught.value.__cause__}"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"authorizationData": []},
        {"authorizationData": [{}]},
        {"authorizationData": [{"authorizationToken": "%"}]},
        {
            "authorizationData": [
                {"authorizationToken": base64.b64encode(b"AWS:x").decode(), "expiresAt": "x"}
            ]
        },
        {
            "authorizationData": [
                {"authorizationToken": base64.b64encode(b"x").decode(), "expiresAt": dt.datetime.now(dt.UTC)}
            ]
        },
    ],
)
def test_an_answer_without_a_login_is_told(answer: dict[str, Any]) -> None:
    """Nothing is made up from a broken answer."""
    with pytest.raises(Unreachable, match="without a login"):
        read_authorization(answer, 0)


def test_an_ecr_integration_is_checked(aws: str, authority: Authority) -> None:
    """Keys, AWS, registry: the whole way, over TLS under the registry's own name."""
    leaf = authority.issue(names=(HOST,))
    expected = "Basic " + base64.b64encode(f"AWS:{ACCOUNT}-auth-token".encode()).decode()

    with FakeRegistry(basic_only(always(reply(200, {"tags": ["1.0"]}))), tls=leaf, host=HOST) as fake:
        client = RegistryClient(
            KINDS,
            LOOPBACK,
            resolver=lambda _host, _port: [("127.0.0.1", fake.port)],
            now=Clock(MOTO_ENDS - 12 * HOUR),
            aws_endpoint=aws,
        )
        login = replace(LOGIN, ca=authority.pem)
        result = client.check(login, deadline_s=20)
        tags = client.tags(login, "team/app", deadline_s=20)

    assert result.outcome is Outcome.PROVED
    assert tags.names == ("1.0",)
    assert {request.headers.get("authorization", expected) for request in fake.requests} == {expected}


def test_botocore_is_imported_only_for_ecr() -> None:
    """A bot without ECR integrations does not pay for AWS."""
    code = "import sys, bot.registry.client; sys.exit('botocore' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_botocore_is_quiet_about_answers(aws: str, caplog: pytest.LogCaptureFixture) -> None:
    """Even at DEBUG no answer of AWS, which holds the password, reaches a log."""
    with caplog.at_level(logging.DEBUG):
        AwsLogins(aws, Clock(MOTO_ENDS - 12 * HOUR)).identity(LOGIN, operation())

    assert "auth-token" not in caplog.text
    assert "marker-secret" not in caplog.text
    assert base64.b64encode(f"AWS:{ACCOUNT}-auth-token".encode()).decode() not in caplog.text


def test_botocore_is_the_real_one() -> None:
    """The tests talk to moto's server over HTTP; nothing in this process is replaced."""
    assert botocore.session.Session.__module__ == "botocore.session"
