"""The client as a whole: what it keeps, what it never says, how it connects."""

import base64
import logging
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote

import pytest

from bot.core.errors import RegistryFailure
from bot.core.model import Outcome, Stage
from bot.core.ports.registry import CheckResult, Login
from bot.core.secrets import Secret
from bot.registry.client import RegistryClient, advice
from bot.registry.kind_table import KINDS
from bot.registry.trust import MOST_CONTEXTS, Trust
from tests.fakes.certificates import Authority
from tests.fakes.registry import CLOSE, Behaviour, FakeRegistry, Request, always, basic_only, challenge, reply
from tests.registry.conftest import LOOPBACK

MARKER = "märker/secret+1"
FORMS = (
    MARKER,
    quote(MARKER, safe=""),
    base64.b64encode(f"ci:{MARKER}".encode()).decode(),
    "token-marker",
)


def with_token(then: bytes) -> Behaviour:
    """A registry that hands a token out and then answers as told."""

    def behave(request: Request) -> Iterable[bytes]:
        if request.path.startswith("/token"):
            return [reply(200, {"token": "token-marker"})]
        return [then if request.scheme == "bearer" else challenge('Bearer realm="/token"')]

    return behave


@pytest.mark.parametrize(
    "behaviour",
    [
        always(reply(200, {"tags": ["a"]})),
        always(reply(500)),
        always(CLOSE),
        basic_only(always(reply(200, {"tags": []}))),
        basic_only(always(reply(401))),
        basic_only(always(CLOSE)),
        basic_only(always(reply(302, b"", "Location: https://other.example/"))),
        basic_only(always(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n")),
        with_token(reply(200, {"tags": ["a"]})),
        with_token(reply(401, b"", 'WWW-Authenticate: Bearer realm="/token"')),
        with_token(reply(403, {"errors": [{"code": "DENIED", "message": MARKER}]})),
        with_token(CLOSE),
    ],
)
def test_no_secret_leaves_by_any_way_but_the_wire(
    client: RegistryClient, caplog: pytest.LogCaptureFixture, behaviour: Behaviour
) -> None:
    """Whatever happens, no result, error, cause or log line at DEBUG holds a secret or a token."""
    said: list[object] = []
    with caplog.at_level(logging.DEBUG), FakeRegistry(behaviour) as fake:
        login = fake.login(credential={"password": Secret(MARKER)}, cache_key="i1:1")
        said += [login, client.check(login, deadline_s=5, repository="team/app")]
        try:
            said.append(client.tags(login, "team/app", deadline_s=5))
        except RegistryFailure as failure:
            said += [failure, str(failure), failure.__cause__, failure.__context__]
    text = caplog.text + "".join(map(repr, said))

    assert [form for form in FORMS if form in text] == []


def test_tls_contexts_are_built_once(authority: Authority) -> None:
    """A hundred questions to registries of two authorities build two contexts."""
    trust = Trust()
    contexts = {id(trust.context(ca)) for ca in [None, authority.pem] * 50}

    assert len(contexts) == 2


def test_tls_contexts_do_not_pile_up() -> None:
    """The oldest authority makes room; it is read again when it is needed."""
    trust = Trust()
    kept = [trust.context(Authority(str(number)).pem) for number in range(MOST_CONTEXTS)]
    first = trust.context(None)
    again = trust.context(None)

    assert again is first
    assert len({id(context) for context in kept}) == MOST_CONTEXTS


def test_the_next_address_is_tried() -> None:
    """A name with several addresses works as long as one of them does."""
    with (
        socket.socket() as closed,
        FakeRegistry(basic_only(always(reply(200, {}))), host="registry.example") as fake,
    ):
        closed.bind(("127.0.0.1", 0))
        places = [closed.getsockname(), ("127.0.0.1", fake.port)]
        client = RegistryClient(KINDS, LOOPBACK, resolver=lambda _host, _port: places)

        assert client.check(fake.login(), deadline_s=5).outcome is Outcome.PROVED


def filled(address: tuple[str, int]) -> list[socket.socket]:
    """Connect until a connection is not answered any more, and keep them all."""
    waiting: list[socket.socket] = []
    with suppress(TimeoutError):
        while len(waiting) < 100:
            waiting.append(socket.socket())
            waiting[-1].settimeout(0.3)
            waiting[-1].connect(address)
    return waiting


@pytest.fixture
def black_hole() -> Iterator[tuple[str, int]]:
    """A place that answers no connection: its queue is full and nobody empties it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = filled(listener.getsockname())
        yield listener.getsockname()
        for sock in waiting:
            sock.close()


def test_an_address_that_never_answers_is_left_at_the_deadline(black_hole: tuple[str, int]) -> None:
    """Neither a name's one address nor all of them together take longer than there is."""
    client = RegistryClient(KINDS, LOOPBACK, resolver=lambda _host, _port: [black_hole] * 3)
    with FakeRegistry(always(), host="registry.example") as fake:
        begin = time.monotonic()
        result = client.check(fake.login(), deadline_s=0.5)

    assert (result.outcome, result.stage) == (Outcome.UNREACHABLE, Stage.CONNECTION)
    assert "Nothing answers at" in result.reason
    assert time.monotonic() - begin < 3


def test_a_handshake_that_never_ends_is_left_at_the_deadline() -> None:
    """A server that takes the connection and then says nothing fails at TLS."""
    with socket.create_server(("127.0.0.1", 0)) as listener, FakeRegistry(always()) as fake:
        silent = RegistryClient(KINDS, LOOPBACK, resolver=lambda _host, _port: [listener.getsockname()])
        server = type(fake.server)("https", "registry.example", 5000)
        begin = time.monotonic()
        result = silent.check(fake.login(server=server), deadline_s=1)

    assert (result.outcome, result.stage) == (Outcome.UNREACHABLE, Stage.TLS)
    assert time.monotonic() - begin < 3


def test_one_client_serves_many_at_once(client: RegistryClient) -> None:
    """Questions asked at the same time do not mix."""
    results: dict[int, CheckResult] = {}

    def ask(number: int, login: Login) -> None:
        results[number] = client.check(login, deadline_s=20)

    with FakeRegistry(
        basic_only(lambda request: [reply(200 if "Z29vZ" in token_of(request) else 401)])
    ) as fake:
        threads = [
            threading.Thread(target=ask, args=(number, fake.login(username=name, credential=credential)))
            for number, (name, credential) in enumerate(LOGINS * 8)
        ]
        start_all(threads)

    assert [results[number].outcome for number in range(16)] == [Outcome.PROVED, Outcome.REJECTED] * 8


LOGINS = [("good", {"password": Secret("x")}), ("bad", {"password": Secret("x")})]


def token_of(request: Request) -> str:
    """What follows the scheme of a request's login."""
    return request.headers.get("authorization", "").partition(" ")[2]


def start_all(threads: list[threading.Thread]) -> None:
    """Run threads to their end."""
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("harbor", "robot$"),
        ("ghcr", "Personal access token"),
        ("quay", "$oauthtoken"),
        ("private", "Password"),
    ],
)
def test_advice_speaks_the_words_of_the_form(kind: str, words: str) -> None:
    """A refused login names the fields to look at, as the form calls them."""
    assert words in advice(KINDS[kind])


def test_advice_for_an_unknown_kind() -> None:
    """A kind that is gone still gets advice."""
    assert advice(None) == "Check the user name and the secret."
