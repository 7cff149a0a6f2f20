"""Access tokens: fetched from a registry's token server, kept in memory for a few minutes.

1. The challenge names a realm (the token server's address), a service, and perhaps scopes.
2. GET ``REALM?service=S&scope=A&scope=B``, with Basic authorization when there is a login.
3. The answer is ``{"token": …}`` or ``{"access_token": …}``, perhaps with ``expires_in``.

Source: distribution/distribution, ``docs/content/spec/auth/token.md``.
"""

import base64
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from bot.core.errors import LoginRejected, RegistryFailure, Unreachable
from bot.core.secrets import Secret
from bot.registry.answer import Answer
from bot.registry.deadline import Clock
from bot.registry.operation import Operation
from bot.registry.refusals import login_refused, trouble
from bot.registry.transport import Wire

_SHORTEST_S, _LONGEST_S, _EARLY_S = 60, 3600, 5
_MOST_TOKENS = 1000
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_ACTION = re.compile(r"[a-z*]{1,20}")
_NO_SCOPE = frozenset({400, 422})
_OF_LOGIN = re.compile(rb"invalid_grant|invalid_client|credential|password", re.I)
"""A token server of OAuth's manner refuses a login with 400 (RFC 6749, section 5.2)."""
_SCOPE = re.compile(r"\bscopes?\b", re.I)


class TokenDenied(LoginRejected):
    """A token server's no: it may be meant for the login, or for what was asked for with it."""

    def __init__(self, refusal: LoginRejected, answer: Answer) -> None:
        super().__init__(refusal.message, refusal.hint, refusal.stage)
        self.answer = answer


class ScopeWanted(Unreachable):
    """A token server that gives no token unless it is for a repository: nothing is known of the login."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user name and its secret, as the registry takes them."""

    username: str
    secret: Secret

    def basic(self) -> str:
        """The value of a Basic ``Authorization`` header (RFC 7617, UTF-8). Goes to allowed origins only."""
        plain = f"{self.username}:{self.secret.reveal()}".encode()
        return f"Basic {base64.b64encode(plain).decode()}"


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and what it says of itself."""

    text: Secret
    lifetime_s: float
    granted: Mapping[str, tuple[str, ...]]
    """Actions by repository, as far as the answer tells."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Whose token, from where, for what. The identity is in it: a token answers for one login only."""

    cache_key: str
    is_anonymous: bool
    realm: str
    service: str
    scopes: tuple[str, ...]


class TokenCache:
    """Keeps tokens in memory until shortly before they expire. Safe to share between threads."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._tokens: OrderedDict[TokenKey, tuple[float, Token]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: TokenKey) -> Token | None:
        """Return a token that is still good for ``_EARLY_S`` seconds at least."""
        with self._lock:
            end, token = self._tokens.get(key, (0.0, None))
        return token if end > self._clock() else None

    def put(self, key: TokenKey, token: Token) -> None:
        """Keep a token, unless its login has no cache key. The oldest makes room."""
        if not key.cache_key:
            return
        with self._lock:
            self._tokens[key] = (self._clock() + token.lifetime_s - _EARLY_S, token)
            self._tokens.move_to_end(key)
            if len(self._tokens) > _MOST_TOKENS:
                self._tokens.popitem(last=False)


def fetch_token(
    wire: Wire, realm: str, service: str, scopes: tuple[str, ...], identity: Identity | None
) -> Token:
    """
    Ask a token server. That it may be asked was judged before (``guard.allow_realm``).

    Args:
        wire: The operation's connections.
        realm: The token server's absolute address; a query in it is kept.
        service: Left out when empty.
        scopes: Each becomes a parameter of its own.
        identity: ``None`` = ask for what everybody gets.

    Raises:
        ScopeWanted: It gives no token that is not for a repository.
        LoginRejected: The token server refused: the login, or what was asked for.
        Unreachable: It gave no usable answer.
    """
    parameters = [*([("service", service)] if service else []), *(("scope", each) for each in scopes)]
    parts = urlsplit(realm)
    query = "&".join(filter(None, (parts.query, urlencode(parameters))))
    url = urlunsplit(parts._replace(query=query))
    answer = wire.fetch(url, identity.basic() if identity else None)
    if answer.status != 200:
        raise _no_token(wire.operation, answer, has_scope=bool(scopes))
    return _read_token(wire.operation, answer)


def _read_token(operation: Operation, answer: Answer) -> Token:
    """Read the answer; some servers give ``access_token`` in place of ``token``. Raises ``Unreachable``."""
    value = answer.json()
    fields = value if isinstance(value, dict) else {}
    text = fields.get("token") or fields.get("access_token")
    if not isinstance(text, str) or not _PRINTABLE.fullmatch(text):
        raise _no_token(operation, answer, has_scope=True)
    operation.hide(Secret(text))
    return Token(Secret(text), lifetime(fields.get("expires_in")), granted_by(text, fields.get("scope")))


def lifetime(expires_in: object) -> float:
    """Read ``expires_in``: 60 s when it is missing, less or no number; an hour at most."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        return _SHORTEST_S
    return min(expires_in, _LONGEST_S) if expires_in > _SHORTEST_S else _SHORTEST_S


def granted_by(token: str, scope: object) -> Mapping[str, tuple[str, ...]]:
    """
    Read what a token allows, for showing it. Nothing is decided by it: a registry's answer counts.

    Args:
        token: Perhaps a JWT with ``access`` claims (``docs/content/spec/auth/jwt.md``); its signature is
            the registry's business.
        scope: The answer's own word on it, ``repository:NAME:pull,push …``.
    """
    granted: dict[str, tuple[str, ...]] = {}
    for entry in scope.split() if isinstance(scope, str) else ():
        kind, _, rest = entry.partition(":")
        name, _, actions = rest.rpartition(":")
        _note(granted, kind, name, actions.split(","))
    for claim in _access_claims(token):
        if isinstance(claim, dict):
            _note(granted, claim.get("type"), claim.get("name"), claim.get("actions"))
    return granted


def _note(granted: dict[str, tuple[str, ...]], kind: object, name: object, actions: object) -> None:
    """Write down the actions of a repository; what has another shape is nothing."""
    if kind == "repository" and isinstance(name, str) and isinstance(actions, list):
        granted[name] = tuple(a for a in actions if isinstance(a, str) and _ACTION.fullmatch(a))


def _access_claims(token: str) -> list[object]:
    """The ``access`` claims of a JWT; none when it is something else."""
    parts = token.split(".")
    if len(parts) != 3:
        return []
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return []
    access = claims.get("access") if isinstance(claims, dict) else None
    return access if isinstance(access, list) else []


def _no_token(operation: Operation, answer: Answer, *, has_scope: bool) -> RegistryFailure:
    """Explain why a token server gave no token."""
    who, says = f"The token server of {operation.host}", operation.says(answer)
    if answer.status == 200:
        message = f"{who} returned an answer without a token."
        return Unreachable(message, "Ask the registry's operator.", operation.stage, says)
    is_of_login = answer.status == 400 and _OF_LOGIN.search(answer.body)
    if not (has_scope or is_of_login) and (
        answer.status in _NO_SCOPE or (answer.status < 404 and _SCOPE.search(says))
    ):
        message = f"{who} does not issue a token without a repository (status {answer.status})."
        return ScopeWanted(message, "Test it with a repository.", operation.stage, says)
    if answer.status not in (401, 403) and not is_of_login:
        return trouble(operation, answer, who)
    refusal = login_refused(operation, answer)
    return TokenDenied(refusal, answer) if isinstance(refusal, LoginRejected) else refusal
