"""The registry client: one object that answers whether a login works, and which tags there are.

Each question is an operation of its own: its deadline, its connections, its steps. Nothing of it is left
afterwards but access tokens in memory and TLS contexts.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from bot.core.errors import InvalidInput, RegistryFailure
from bot.core.kinds import Kinds
from bot.core.model import Outcome, Stage
from bot.core.ports import CheckResult, Login, Step, Tags, ignore_step
from bot.registry.check import LoginCheck
from bot.registry.conversation import Conversation
from bot.registry.deadline import Clock, Deadline
from bot.registry.guard import Guard, Network, Resolver, resolve
from bot.registry.operation import Operation
from bot.registry.repositories import repository_name
from bot.registry.tags import TagReader
from bot.registry.tokens import Identity, TokenCache
from bot.registry.transport import Wire
from bot.registry.trust import Trust


class RegistryClient:
    """Talks to registries by the rules of ``guard.py``. Safe to share between threads."""

    def __init__(
        self,
        kinds: Kinds,
        allowed_networks: Iterable[Network],
        *,
        resolver: Resolver = resolve,
        clock: Clock = time.monotonic,
    ) -> None:
        """
        Args:
            kinds: The rows; they say which field holds the secret and which token servers belong where.
            allowed_networks: Where registries may be besides public addresses.
            resolver: From a host name to addresses.
            clock: Monotonic seconds.
        """
        self._kinds = kinds
        self._guard = Guard(allowed_networks, resolver)
        self._clock = clock
        self._trust = Trust()
        self._tokens = TokenCache(clock)

    def check(
        self,
        login: Login,
        *,
        deadline_s: float,
        repository: str | None = None,
        on_step: Callable[[Step], None] = ignore_step,
    ) -> CheckResult:
        """
        Ask whether a login works.

        Args:
            login: What to log in with. Tokens kept in memory are not used: the question is about now.
            deadline_s: Seconds, for everything together.
            repository: One to read, such as ``team/app``; only that can prove a Bearer login.
            on_step: Called on this thread with each step as it ends.

        Returns:
            One of the four outcomes. It never raises for what a registry does.
        """
        operation = Operation(login.server.address, Deadline(deadline_s, self._clock), on_step)
        try:
            name = None if repository is None else repository_name(repository, login.server)
            with self._conversation(login, operation) as talk:
                return LoginCheck(talk, name).result()
        except (InvalidInput, RegistryFailure) as failure:
            stage = failure.stage if isinstance(failure, RegistryFailure) else Stage.REPOSITORY
            operation.fail(stage, failure.message)
            steps = tuple(operation.steps)
            return CheckResult(Outcome.UNREACHABLE, stage, failure.message, failure.hint, steps)

    def tags(self, login: Login, repository: str, *, deadline_s: float) -> Tags:
        """
        Read the tags of a repository, at most 50,000.

        Raises:
            InvalidInput: ``repository`` is no repository's name.
            RegistryFailure: The registry did not give them.
        """
        name = repository_name(repository, login.server)
        operation = Operation(login.server.address, Deadline(deadline_s, self._clock))
        with self._conversation(login, operation, self._tokens) as talk:
            return TagReader(talk, name).read()

    @contextmanager
    def _conversation(
        self, login: Login, operation: Operation, cache: TokenCache | None = None
    ) -> Iterator[Conversation]:
        wire = Wire(operation, self._guard, self._trust.context(login.ca))
        try:
            yield Conversation(wire, login, self._trusted(login), lambda: self._identity(login), cache)
        finally:
            wire.close()

    def _trusted(self, login: Login) -> tuple[str, ...]:
        kind = self._kinds.get(login.kind)
        return (*login.trusted_realms, *(kind.realm_origins if kind else ()))

    def _identity(self, login: Login) -> Identity | None:
        """The login as it goes over the wire: the secret is the kind's first secret field."""
        kind = self._kinds.get(login.kind)
        field = kind.secret_field if kind else None
        secret = login.credential.get(field.key if field else "password")
        return Identity(login.username, secret) if secret else None
