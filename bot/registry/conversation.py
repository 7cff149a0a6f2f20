"""The handshake with a registry.

1. ``GET /v2/`` without a login: 200 = it asks for none, 401 = read the challenge, else no registry.
2. Of the challenges take Bearer before Basic, if its realm is allowed.
3. Basic: the login goes with each request, to the registry's own origin.
4. Bearer: the realm is judged first; then the login goes to the token server, and the token that comes back
   goes to the registry.
5. On a 401 with a token: take the scopes of the new challenge, fetch one new token, ask once more.

Source: facts of distribution/distribution, ``docs/content/spec/auth``; order and retry as in
google/go-containerregistry, ``pkg/v1/remote/transport``.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import urljoin

from bot.core.errors import RealmRefused, Unreachable
from bot.core.model import Stage
from bot.core.ports.registry import Login
from bot.registry.access_tokens import Identity, Token, TokenCache, TokenKey, fetch_token
from bot.registry.answer import Answer
from bot.registry.challenge import Challenge, parse_challenges, usable
from bot.registry.guard import allow_realm, joined
from bot.registry.refusals import is_page, no_challenge, ping_refused
from bot.registry.transport import JSON, SMALL, Wire


class Conversation:
    """Everything said to one registry in one operation."""

    def __init__(
        self,
        wire: Wire,
        login: Login,
        trusted: tuple[str, ...],
        identify: Callable[[], Identity | None],
        cache: TokenCache,
    ) -> None:
        self.wire = wire
        self.operation = wire.operation
        self.challenge: Challenge | None = None
        """What ``/v2/`` asked for; some registries leave it out of later answers (gcr.io)."""
        self._login = login
        self._trusted = trusted
        self._identify = identify
        self._cache = cache

    @property
    def origin(self) -> str:
        """The registry's own origin: every path is asked there."""
        return self._login.server.origin

    def ping(self) -> None:
        """Do steps 1 and 2. Raises ``Unreachable`` or ``MalformedChallenge``."""
        self.operation.stage = Stage.PING
        answer = self.wire.fetch(f"{self.origin}/v2/")
        self._judge_ping(answer)
        if answer.status == 401:
            self.operation.stage = Stage.CHALLENGE
            self.challenge = self._chosen(answer)
            self.operation.finish(Stage.CHALLENGE, self.challenge.scheme.capitalize())

    def ask(
        self,
        path: str,
        scopes: tuple[str, ...] = (),
        *,
        is_anonymous: bool = False,
        limit: int | None = SMALL,
        accept: str = JSON,
        may_leave: bool = False,
    ) -> Answer:
        """
        Do steps 3 to 5.

        Args:
            path: On the registry, ``/v2/…``; or an absolute URL of its origin.
            scopes: What a token must cover.
            is_anonymous: True = ask as everybody may.
            limit: How many bytes the body may have; ``None`` = the status is enough.
            accept, may_leave: As for ``Wire.fetch``.

        Raises:
            LoginRejected: The token server refused.
            Unreachable: No usable answer.
        """
        url = urljoin(f"{self.origin}/", path)
        fetch = partial(self.wire.fetch, limit=limit, accept=accept, may_leave=may_leave)
        answer = fetch(url, self._authorization(self.challenge, scopes, is_anonymous))
        if answer.status != 401 or "WWW-Authenticate" not in answer.headers:
            return answer
        challenge = self._chosen(answer)
        if challenge == self.challenge and challenge.scheme == "basic":
            return answer
        wanted = tuple(dict.fromkeys((*scopes, *challenge.scopes)))
        authorization = self._authorization(challenge, wanted, is_anonymous, is_fresh=True)
        return answer if authorization is None else fetch(url, authorization)

    def identity(self) -> Identity | None:
        """The login as the registry takes it; ``None`` when there is none."""
        return self._identify()

    def token(self, challenge: Challenge, scopes: tuple[str, ...], identity: Identity | None) -> Token:
        """Fetch a token, past the cache. Raises ``LoginRejected`` or ``Unreachable``."""
        return fetch_token(self.wire, self._realm_of(challenge), challenge.service, scopes, identity)

    def _authorization(
        self,
        challenge: Challenge | None,
        scopes: tuple[str, ...],
        is_anonymous: bool,
        *,
        is_fresh: bool = False,
    ) -> str | None:
        identity = None if is_anonymous else self.identity()
        if challenge is None or challenge.scheme == "basic":
            # A registry that asks for nothing may still judge a login that comes unasked.
            return identity.basic() if identity else None
        key = TokenKey(self._login.cache_key, identity is None, challenge.realm, challenge.service, scopes)
        token = None if is_fresh else self._cache.get(key)
        if token is None:
            token = self.token(challenge, scopes, identity)
            self._cache.put(key, token)
        return f"Bearer {token.text.reveal()}"

    def _realm_of(self, challenge: Challenge) -> str:
        url = joined(f"{self.origin}/v2/", challenge.realm)
        origin = allow_realm(url, self._login.server, self._trusted)
        assert url is not None  # noqa: S101 - otherwise the line above raised
        self.operation.finish(Stage.REALM, f"the token server is {origin}, which is allowed")
        return url

    def _chosen(self, answer: Answer) -> Challenge:
        header = answer.headers.get("WWW-Authenticate")
        if header is None:
            raise no_challenge(self.operation, answer)
        candidates = usable(parse_challenges(header))
        return next((each for each in candidates if self._is_possible(each)), candidates[0])

    def _is_possible(self, challenge: Challenge) -> bool:
        """True for Basic, and for Bearer with an allowed realm."""
        if challenge.scheme == "basic":
            return True
        url = joined(f"{self.origin}/v2/", challenge.realm)
        try:
            allow_realm(url, self._login.server, self._trusted)
        except RealmRefused:
            return False
        return True

    def _judge_ping(self, answer: Answer) -> None:
        """Decide whether this is a registry at all. Raises ``RegistryFailure``."""
        if answer.status == 400 and b"https" in answer.body.lower() and self._login.server.is_plain:
            message = f"{self.operation.host} speaks TLS on this port."
            raise Unreachable(message, "Write https:// before the address.", Stage.PING)
        if answer.status not in (200, 401) or (answer.status == 200 and is_page(answer)):
            raise ping_refused(self.operation, answer)
        words = "a registry that asks for a login" if answer.status == 401 else "a registry, open to all"
        self.operation.finish(Stage.PING, words)
