"""What a refusal is of: the login, one repository, Quaymaster's address, a missing certificate, the rate."""

import ssl
import time

import pytest
from cryptography import x509

from bot.core.addresses import parse_server
from bot.core.errors import LoginRejected, RepositoryRefused, Unreachable
from bot.core.model import Outcome, Refused, Stage
from bot.core.ports.registry import CheckResult
from bot.registry.client import RegistryClient
from tests.fakes.certificates import Authority
from tests.fakes.odd_server import OddServer, whole
from tests.fakes.registry import (
    Behaviour,
    FakeRegistry,
    always,
    basic_only,
    bearer,
    challenge,
    on_tags,
    only_scope,
    reply,
    unless_scope,
)
from tests.registry.test_login_check import check, found

DENIED = {"errors": [{"code": "DENIED", "message": "requested access to the resource is denied"}]}
OPENED = always(reply(200, {"tags": ["1"]}))
MISSING = always(reply(404, {"errors": [{"code": "NAME_UNKNOWN", "message": "no such thing"}]}))
FIREWALL = (
    "client with IP '203.0.113.9' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
)
HTML = "Content-Type: text/html"
REGISTRY = "Docker-Distribution-Api-Version: registry/2.0"
NGINX = b"<html><head><title>400 No required SSL certificate was sent</title></head></html>"


def asked(client: RegistryClient, behaviour: Behaviour, repository: str | None = None) -> CheckResult:
    """Check the login of a fake registry."""
    with FakeRegistry(behaviour) as fake:
        return check(client, fake.login(), repository)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (reply(403, DENIED), "says: requested access to the resource is denied"),
        (reply(401, DENIED), "says: requested access to the resource is denied"),
        (
            reply(401, {"details": "access token has insufficient scopes"}),
            "access token has insufficient scopes",
        ),
        (reply(403, b"nope"), "does not let this login read acme/missing"),
        (reply(401), "or there is no such repository"),
    ],
)
@pytest.mark.parametrize("header", ['Bearer realm="/token",service="s"', 'Bearer realm="/v2/token"'])
def test_a_token_server_that_refuses_one_repository_refuses_no_login(
    client: RegistryClient, refusal: bytes, words: str, header: str
) -> None:
    """A login that gets a token for nothing in particular is good; the repository is what it may not read."""
    result = asked(client, bearer(unless_scope(refusal), OPENED, header), "acme/missing")

    assert found(result) == (Outcome.ACCEPTED, Stage.REPOSITORY)
    assert result.refused is Refused.REPOSITORY
    assert result.reason.startswith("Signed in. ")
    assert words in result.reason
    assert "revoked" not in result.reason + result.hint


@pytest.mark.parametrize(
    "then",
    [
        MISSING,
        always(reply(403, DENIED)),
        always(challenge('Bearer realm="/token",error="insufficient_scope"')),
    ],
)
def test_a_registry_that_refuses_one_repository_refuses_no_login(
    client: RegistryClient, then: Behaviour
) -> None:
    """Whoever says no, 401, 403 or 404, it is of the repository."""
    behaviour = bearer(unless_scope(reply(200, {"token": "x"})), tags_only(then))
    result = asked(client, behaviour, "acme/missing")

    assert (result.outcome, result.refused) == (Outcome.ACCEPTED, Refused.REPOSITORY)


def tags_only(then: Behaviour) -> Behaviour:
    """Answer for repositories as told, and everything else with 200."""
    return lambda request: then(request) if "/tags/list" in request.path else [reply(200, {})]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_basic_login_stays_proved_when_one_repository_is_refused(
    client: RegistryClient, status: int
) -> None:
    """/v2/ was shut and the login opened it; a repository cannot take that back."""
    result = asked(client, basic_only(tags_only(always(reply(status)))), "acme/missing")

    assert (result.outcome, result.refused) == (Outcome.PROVED, Refused.REPOSITORY)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_server_that_refuses_everything_refuses_the_login(
    client: RegistryClient, status: int
) -> None:
    """A wrong password is refused with and without a repository."""
    behaviour = bearer(lambda _: reply(status, {"details": "incorrect username or password"}), OPENED)
    without, with_repository = asked(client, behaviour), asked(client, behaviour, "acme/app")

    assert found(without) == found(with_repository) == (Outcome.REJECTED, Stage.LOGIN)
    assert without.refused is with_repository.refused is Refused.LOGIN
    assert "says: incorrect username or password" in without.reason


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "Bad credentials"])
def test_a_login_refused_with_400_is_refused(client: RegistryClient, error: str) -> None:
    """OAuth's token servers answer a wrong password like that."""
    behaviour = bearer(lambda _: reply(400, {"error": error}), OPENED)

    assert found(asked(client, behaviour)) == (Outcome.REJECTED, Stage.LOGIN)


def test_a_plain_refusal_of_a_login_is_not_tried_twice(client: RegistryClient) -> None:
    """Some registries lock an account after a few wrong passwords."""
    with FakeRegistry(bearer(lambda _: reply(401), OPENED)) as fake:
        check(client, fake.login(), "acme/app")

    assert sum(request.path.startswith("/token") for request in fake.requests) == 1


@pytest.mark.parametrize(
    ("tokens", "error"),
    [
        (unless_scope(reply(403, DENIED)), RepositoryRefused),
        (unless_scope(reply(401, DENIED)), RepositoryRefused),
        (lambda _: reply(401), LoginRejected),
        (lambda _: reply(403, DENIED), LoginRejected),
        (unless_scope(reply(429)), Unreachable),
    ],
)
def test_tags_tell_the_same_apart(client: RegistryClient, tokens: object, error: type[Exception]) -> None:
    """Reading tags signs in by itself to find out what was refused."""
    with FakeRegistry(bearer(tokens, OPENED)) as fake, pytest.raises(error):  # type: ignore[arg-type]
        client.tags(fake.login(), "acme/missing", deadline_s=10)


def test_a_token_that_its_registry_does_not_take_is_no_refused_login(client: RegistryClient) -> None:
    """When a registry and its token server disagree, the login has nothing to do with it."""
    then = always(challenge('Bearer realm="/token",error="invalid_token"'))
    result = asked(client, bearer(unless_scope(b""), then))

    assert (result.outcome, result.refused) == (Outcome.UNREACHABLE, None)
    assert "does not accept the token that its own token server issued" in result.reason


WANTS_SCOPE = [
    reply(400, {"error": "scope is required"}),
    reply(422, {"detail": "no"}),
    reply(401, {"errors": [{"code": "UNAUTHORIZED", "message": "missing scope"}]}),
    reply(403, {"message": "Scope required"}),
]


@pytest.mark.parametrize("refusal", WANTS_SCOPE)
def test_a_token_server_that_wants_a_repository_named_is_asked_with_it(
    client: RegistryClient, refusal: bytes
) -> None:
    """A test with a repository asks for that repository, and says what came of it."""
    result = asked(client, bearer(only_scope(refusal), OPENED), "release/proxyv2")

    assert found(result) == (Outcome.ACCEPTED, Stage.REPOSITORY)
    assert "can be read" in result.steps[-1].text


@pytest.mark.parametrize("refusal", WANTS_SCOPE)
def test_without_a_repository_it_is_said_that_nothing_is_known(
    client: RegistryClient, refusal: bytes
) -> None:
    """A login that could not be tried was neither refused nor proved."""
    result = asked(client, bearer(only_scope(refusal), OPENED))

    assert found(result) == (Outcome.ACCEPTED, Stage.LOGIN)
    assert "does not issue a token without a repository" in result.reason
    assert "nothing is known about the login" in result.reason


def test_the_scope_of_the_challenge_is_tried_before_giving_up(client: RegistryClient) -> None:
    """A registry that names a scope for /v2/ is asked with that."""
    header = 'Bearer realm="/token",scope="registry:catalog:*"'
    result = asked(client, bearer(only_scope(WANTS_SCOPE[0]), OPENED, header))

    assert result.steps[-1].text == "accepted"


def test_a_forbidden_scopeless_token_is_tried_with_the_repository(client: RegistryClient) -> None:
    """403 without a reason may mean that a repository is missing."""
    result = asked(client, bearer(only_scope(reply(403, DENIED)), OPENED), "acme/app")

    assert result.outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("answer", "refused", "words"),
    [
        (
            reply(403, {"errors": [{"code": "DENIED", "message": FIREWALL}]}),
            Refused.ADDRESS,
            "address or every request (status 403). {place} says: client with IP '203.0.113.9' is not",
        ),
        (
            reply(403, b"<html>no</html>", HTML),
            Refused.ADDRESS,
            "Something between Quaymaster and {place} refuses",
        ),
        (reply(407, b"", HTML), Refused.ADDRESS, "Something between Quaymaster and"),
        (
            reply(403, b"<html>", HTML, REGISTRY),
            Refused.ADDRESS,
            "refuses Quaymaster's address or every request",
        ),
        (
            reply(451, b"not here"),
            Refused.ADDRESS,
            "refuses Quaymaster's address or every request (status 451)",
        ),
        (
            reply(
                400,
                {
                    "errors": [
                        {"status": 400, "message": "Unsupported docker v2 repository request for 'null'"}
                    ]
                },
            ),
            None,
            "(status 400). {place} says: Unsupported docker v2 repository request for 'null'",
        ),
        (reply(404, {"message": "Unknown repository"}), None, "{place} says: Unknown repository"),
        (
            reply(402, b"Payment overdue\nmore", "Content-Type: text/plain"),
            None,
            "{place} says: Payment overdue",
        ),
        (reply(400, NGINX, HTML), Refused.CERTIFICATE, "requires a client certificate"),
        (
            reply(403, b"SSL client certificate required", HTML),
            Refused.CERTIFICATE,
            "requires a client certificate",
        ),
        (reply(400, {"error": "mutual TLS is needed"}), Refused.CERTIFICATE, "requires a client certificate"),
        (reply(496, b""), None, "is not a registry"),
        (reply(429, {"errors": [{"code": "TOOMANYREQUESTS"}]}), Refused.RATE, "received too many requests"),
        (reply(403, {"message": "Rate limit exceeded"}), Refused.RATE, "received too many requests"),
        (reply(401, {"message": "your VPN is off"}), Refused.ADDRESS, "{place} says: your VPN is off"),
        (reply(401, {"message": "go away"}), None, "without saying how to log in. {place} says: go away"),
        (
            reply(503, {"message": "in maintenance"}),
            None,
            "an internal problem (status 503). {place} says: in",
        ),
        (reply(404, b"<html>", HTML), None, "is not a registry: it does not know /v2/ (status 404)"),
    ],
)
def test_what_v2_refuses_is_told_as_what_it_is(
    client: RegistryClient, answer: bytes, refused: Refused | None, words: str
) -> None:
    """Only what does not know /v2/ is no registry; the registry's own sentence follows ours."""
    with FakeRegistry(always(answer)) as fake:
        result = check(client, fake.login())

    assert (result.outcome, result.refused) == (Outcome.UNREACHABLE, refused)
    assert words.format(place=fake.server.address) in result.reason


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (reply(403, {"errors": [{"code": "DENIED", "message": FIREWALL}]}), Refused.ADDRESS),
        (reply(403, b"<html>", HTML), Refused.ADDRESS),
        (reply(429), Refused.RATE),
        (reply(401, {"detail": "too many failed login attempts for username or IP address"}), Refused.RATE),
        (reply(401, {"details": "incorrect username or password"}), Refused.LOGIN),
        (reply(403, DENIED), Refused.LOGIN),
    ],
)
def test_a_token_server_that_never_looks_at_the_login_refuses_none(
    client: RegistryClient, answer: bytes, refused: Refused
) -> None:
    """A firewall, a proxy and a limit stand before the login; only the login's own refusal is red."""
    result = asked(client, bearer(lambda _: answer, OPENED))

    assert result.refused is refused
    assert (result.outcome is Outcome.REJECTED) == (refused is Refused.LOGIN)


def test_a_missing_client_certificate_is_told_by_tls_as_well(
    client: RegistryClient, authority: Authority, tmp_path: object
) -> None:
    """TLS 1.3 says so with the first read."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.issue().write(tmp_path))  # type: ignore[arg-type]
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=authority.pem)
    with OddServer(whole(reply(200, {})), server) as odd, FakeRegistry(always()) as fake:
        result = check(client, fake.login(server=server_at(odd), ca=authority.pem))

    assert (result.outcome, result.refused) == (Outcome.UNREACHABLE, Refused.CERTIFICATE)
    assert "Quaymaster does not support them" in result.hint


def server_at(odd: OddServer) -> object:
    """The address of a server with a certificate for localhost."""
    return parse_server(odd.url.replace("127.0.0.1", "localhost"))


@pytest.mark.parametrize("others", [(), (x509.RFC822Name("a@b.example"),), (x509.DNSName("other.example"),)])
def test_a_common_name_is_no_name(
    client: RegistryClient, authority: Authority, others: tuple[x509.GeneralName, ...]
) -> None:
    """A certificate that docker, podman and kubelet refuse is refused here too, and nothing is sent."""
    leaf = authority.issue_without_names("localhost", *others)
    with FakeRegistry(basic_only(OPENED), tls=leaf) as fake:
        result = check(client, fake.login(ca=authority.pem))

    assert found(result) == (Outcome.UNREACHABLE, Stage.TLS)
    assert fake.requests == []
    assert ("only as the common name" in result.reason) == (others == ())


def test_the_ends_of_certificates_are_noted(client: RegistryClient, authority: Authority) -> None:
    """A check knows until when the server's certificate and the pasted authority hold."""
    leaf = authority.issue(days=7)
    with FakeRegistry(basic_only(OPENED), tls=leaf) as fake:
        result = check(client, fake.login(ca=authority.pem))

    assert result.certificate_ends == leaf.certificate.not_valid_after_utc
    assert result.ca_ends == authority.certified.certificate.not_valid_after_utc


def test_without_tls_no_certificate_ends(client: RegistryClient) -> None:
    """Plain http has no certificate."""
    result = asked(client, basic_only(OPENED))

    assert (result.certificate_ends, result.ca_ends) == (None, None)


ODD_ADDRESSES = [
    "http://[zz]/t",
    "http://[::1/",
    "//[",
    "https://[",
    "http://[fe80::1%25x]/",
    "http://x:99999/",
    "http://x:y/",
    "ftp://x/",
    "http://u@x/",
    r"http://x\y/",
]


@pytest.mark.parametrize("address", ODD_ADDRESSES)
def test_an_address_that_cannot_be_read_has_its_sentence(client: RegistryClient, address: str) -> None:
    """A realm, a redirect and a link to a next page may be anything; none of it is a crash."""
    realm = asked(client, always(challenge(f'Bearer realm="{address}"')))
    redirect = asked(client, always(reply(302, b"", f"Location: {address}")))
    with FakeRegistry(on_tags(always(reply(200, {"tags": ["a"]}, f'Link: <{address}>; rel="next"')))) as fake:
        tags = client.tags(fake.login(), "team/app", deadline_s=10)

    assert realm.outcome is redirect.outcome is Outcome.UNREACHABLE
    assert tags.names == ("a",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1746136938", "Try again later."),
        ("30", "Try again in 30 seconds."),
        ("1", "Try again in 1 second."),
        ("600", "Try again in 10 minutes."),
        ("21600", "Try again in 6 hours."),
        ("99999999", "Try again later."),
        ("soon", "Try again later."),
    ],
)
def test_a_waiting_time_is_told_in_words(client: RegistryClient, text: str, words: str) -> None:
    """Nobody waits for 174,613,693 seconds: that is a moment, and it has passed."""
    assert asked(client, always(reply(429, b"", f"Retry-After: {text}"))).hint == words


def test_a_moment_to_come_is_a_time_to_wait(client: RegistryClient) -> None:
    """Seconds since 1970 are read as such."""
    moment = int(time.time()) + 300

    assert asked(client, always(reply(429, b"", f"Retry-After: {moment}"))).hint == "Try again in 5 minutes."


def test_a_stored_name_that_docker_cannot_use_is_not_proved(client: RegistryClient) -> None:
    """An integration from before is told what is wrong with it, and nothing is sent."""
    with FakeRegistry(basic_only(OPENED), host="my_registry") as fake:
        result = check(client, fake.login())

    assert found(result) == (Outcome.UNREACHABLE, Stage.ADDRESS)
    assert "cannot use a host name with an underscore" in result.reason
    assert fake.requests == []


def test_a_token_server_elsewhere_comes_with_the_steps(client: RegistryClient) -> None:
    """A self-hosted GitLab's login server is another host: the form's sentence says how to go on."""
    result = asked(client, always(challenge('Bearer realm="https://gitlab.example.com/jwt/auth"')))

    assert result.realm == "https://gitlab.example.com"
    assert "save without checking, then test the integration and press “Allow it”" in result.hint
