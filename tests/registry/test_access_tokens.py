"""Access tokens: what an answer says, and how long it is kept."""

import base64
import json
from collections.abc import Iterable

import pytest

from bot.core.errors import LoginRejected, Unreachable
from bot.core.model import Stage
from bot.core.secrets import Secret
from bot.registry.access_tokens import (
    Identity,
    Token,
    TokenCache,
    TokenKey,
    fetch_token,
    granted_by,
    lifetime,
)
from bot.registry.deadline import Deadline
from bot.registry.guard import Guard
from bot.registry.operation import Operation
from bot.registry.transport import Wire
from bot.registry.trust import build_context
from tests.fakes.registry import FakeRegistry, always, reply
from tests.registry.conftest import LOOPBACK

IDENTITY = Identity("ci", Secret("pä:ss"))
SCOPES = ("repository:a/b:pull", "repository:c:pull")
CONTEXT = build_context(None)


def fetch(
    answer: Iterable[bytes], realm: str = "/token", *, identity: Identity | None = IDENTITY
) -> tuple[Token, FakeRegistry]:
    """Fetch a token from a token server that answers with this."""
    operation = Operation("fake", Deadline(5), advice="Look twice.")
    operation.stage = Stage.LOGIN
    wire = Wire(operation, Guard(LOOPBACK), CONTEXT)
    with FakeRegistry(always(*answer)) as fake:
        token = fetch_token(wire, f"{fake.server.origin}{realm}", "s v", SCOPES, identity)
        wire.close()
    return token, fake


def test_a_token_request_has_the_form_that_registries_know() -> None:
    """The realm's own query is kept, each scope is a parameter of its own, the login is Basic."""
    token, fake = fetch([reply(200, {"token": "t"})], "/token?x=y")

    assert token.text == Secret("t")
    assert fake.requests[0].path == (
        "/token?x=y&service=s+v&scope=repository%3Aa%2Fb%3Apull&scope=repository%3Ac%3Apull"
    )
    assert fake.requests[0].headers["authorization"] == (
        "Basic " + base64.b64encode("ci:pä:ss".encode()).decode()
    )


def test_an_anonymous_token_request_carries_no_login() -> None:
    """Asking for what everybody gets sends nothing of anybody."""
    _, fake = fetch([reply(200, {"access_token": "t"})], identity=None)

    assert fake.requests[0].scheme == ""


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_a_rejected_login(status: int) -> None:
    """With the advice that fits the kind."""
    with pytest.raises(LoginRejected, match=r"refused this login. Look twice."):
        fetch([reply(status)])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        {},
        {"token": ""},
        {"token": 7},
        {"token": "a b"},
        {"token": "a\r\nX: y"},
        b"[" * 60_000,
    ],
)
def test_an_answer_without_a_usable_token_is_told(body: object) -> None:
    """Nothing that could not stand in a header is ever put into one."""
    with pytest.raises(Unreachable, match="without a token"):
        fetch([reply(200, body)])


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (None, 60),
        (300, 300),
        (10, 60),
        (-5, 60),
        (90.5, 90.5),
        (10**30, 3600),
        ("300", 60),
        (True, 60),
        ([], 60),
        (float("nan"), 60),
    ],
)
def test_lifetimes_are_brought_within_bounds(expires_in: object, seconds: float) -> None:
    """A minute at least, an hour at most, whatever a token server says."""
    assert lifetime(expires_in) == seconds


def jwt(claims: object) -> str:
    """A token with these claims; its signature is the registry's business."""
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"header.{middle}.signature"


@pytest.mark.parametrize(
    ("token", "scope", "granted"),
    [
        ("opaque", None, {}),
        ("opaque", "repository:a/b:pull,push", {"a/b": ("pull", "push")}),
        ("opaque", "repository:h:5000/a:pull registry:catalog:*", {"h:5000/a": ("pull",)}),
        ("opaque", 7, {}),
        (jwt({"access": [{"type": "repository", "name": "a", "actions": ["pull"]}]}), None, {"a": ("pull",)}),
        (jwt({"access": [{"type": "repository", "name": "a", "actions": []}]}), None, {"a": ()}),
        (jwt({"access": [{"type": "repository", "name": "a", "actions": ["<!x>", 7]}]}), None, {"a": ()}),
        (jwt({"access": [7, None, {"type": "repository"}, {"name": 7}]}), None, {}),
        (jwt({"access": "x"}), None, {}),
        (jwt([]), None, {}),
        ("a.%%%.c", None, {}),
        ("a.é.c", None, {}),
    ],
)
def test_what_a_token_grants_is_read_for_showing(
    token: str, scope: object, granted: dict[str, tuple[str, ...]]
) -> None:
    """From the claims or from the answer; what cannot be read is nothing."""
    assert granted_by(token, scope) == granted


def key(cache_key: str = "i1:1", **changes: object) -> TokenKey:
    """A key of the cache."""
    fields = {"is_anonymous": False, "realm": "r", "service": "s", "scopes": SCOPES} | changes
    return TokenKey(cache_key, **fields)  # type: ignore[arg-type]


def test_a_token_is_kept_until_shortly_before_it_ends() -> None:
    """It is renewed five seconds early, by our own clock."""
    now = [1000.0]
    cache = TokenCache(lambda: now[0])
    token = Token(Secret("t"), 60, {})
    cache.put(key(), token)

    assert cache.get(key()) is token
    now[0] += 54
    assert cache.get(key()) is token
    now[0] += 2
    assert cache.get(key()) is None


@pytest.mark.parametrize(
    "other",
    [
        key("i2:1"),
        key("i1:2"),
        key(is_anonymous=True),
        key(realm="x"),
        key(service="x"),
        key(scopes=("repository:x:pull",)),
    ],
)
def test_a_token_answers_for_one_login_and_one_question(other: TokenKey) -> None:
    """Another integration, version, realm, service or scope never gets it."""
    cache = TokenCache()
    cache.put(key(), Token(Secret("t"), 60, {}))

    assert cache.get(other) is None


def test_a_login_without_a_key_leaves_nothing_behind() -> None:
    """An unsaved login's token is not kept."""
    cache = TokenCache()
    cache.put(key(""), Token(Secret("t"), 60, {}))

    assert cache.get(key("")) is None


def test_no_secret_shows() -> None:
    """Neither a login nor a token has a telling repr."""
    shown = repr((IDENTITY, Token(Secret("marker"), 60, {})))

    assert "pä" not in shown
    assert "marker" not in shown
