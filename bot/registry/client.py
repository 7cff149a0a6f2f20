"""The registry client: one object that answers whether a login works, and which tags there are.

Each question is an operation of its own: its deadline, its connections, its steps. Nothing of it is left
afterwards but access tokens in memory and TLS contexts.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

from bot.core.addresses import NO_UNDERSCORE
from bot.core.errors import RegistryFailure, Unreachable
from bot.core.kinds import Kind, Kinds
from bot.core.model import Outcome, Server, Stage
from bot.core.ports.registry import (
    CheckResult,
    DockerLogin,
    Login,
    Repositories,
    Step,
    TagFacts,
    Tags,
    ignore_step,
)
from bot.core.secrets import Secret
from bot.registry.access_tokens import Identity, TokenCache
from bot.registry.aws import AwsLogins
from bot.registry.byte_budget import ByteBudget
from bot.registry.certificates import first_end_of
from bot.registry.conversation import Conversation
from bot.registry.deadline import Clock, Deadline
from bot.registry.guard import Guard, Network, Resolver, resolve
from bot.registry.kind_table import AWS_KINDS, KNOWN_REALMS
from bot.registry.login_check import LoginCheck
from bot.registry.operation import Operation
from bot.registry.repositories import repository_name
from bot.registry.repository_list import RepositoryLister
from bot.registry.tag_facts import TagFactsReader
from bot.registry.tag_list import TagReader
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
        now: Clock = time.time,
        aws_endpoint: str | None = None,
    ) -> None:
        """
        Args:
            kinds: The rows; they say which field has the secret and which token servers belong where.
            allowed_networks: Where registries may be besides public addresses.
            resolver: From a host name to addresses.
            clock: Monotonic seconds.
            now: Seconds since 1970, by which AWS says when a login ends.
            aws_endpoint: Where AWS is, for tests.
        """
        # At DEBUG urllib3 logs each address with its query, and a realm's query is nobody's business.
        logging.getLogger("urllib3").setLevel(logging.WARNING)
        self._kinds = kinds
        fields = {kind.id: kind.secret_field for kind in kinds.values()}
        self._secret_keys = {kind_id: field.key for kind_id, field in fields.items() if field}
        self._guard = Guard(allowed_networks, resolver)
        self._clock = clock
        self._trust = Trust()
        self._budget = ByteBudget()
        self._tokens = TokenCache(clock)
        self._aws = AwsLogins(aws_endpoint, now)

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

        Raises:
            InvalidInput: ``repository`` is not a repository's name; nobody was asked.
        """
        name = None if repository is None else repository_name(repository, login.server)
        operation = self._operation(login, deadline_s, on_step)
        login = replace(login, cache_key="")
        try:
            _refuse_underscore(login.server)
            with self._conversation(login, operation) as talk:
                found = LoginCheck(talk, name).result()
        except RegistryFailure as failure:
            operation.fail(failure.stage, failure.message)
            steps = tuple(operation.steps)
            found = CheckResult(Outcome.UNREACHABLE, failure.stage, failure.message, failure.hint, steps)
        return replace(found, certificate_ends=operation.certificate_ends, ca_ends=first_end_of(login.ca))

    def kept_login(self, login: Login, *, while_valid: bool = False) -> DockerLogin | None:
        """What docker must send: what is stored; for ECR a password that AWS granted a while ago, if any."""
        if login.kind in AWS_KINDS:
            return self._aws.kept_login(login, while_valid=while_valid)
        return DockerLogin(login.username, self._secret(login) or Secret(""))

    def docker_login(self, login: Login, *, deadline_s: float) -> DockerLogin:
        """
        Return what docker must send, and ask AWS for it if it must come from there.

        Raises:
            RegistryFailure: AWS gave no password.
        """
        kept = self.kept_login(login)
        return kept or self._aws.docker_login(login, self._operation(login, deadline_s, ignore_step))

    def tags(self, login: Login, repository: str, *, deadline_s: float) -> Tags:
        """
        Read the tags of a repository, at most 50,000.

        Raises:
            InvalidInput: ``repository`` is not a repository's name.
            RegistryFailure: The registry did not give them.
        """
        name = repository_name(repository, login.server)
        operation = self._operation(login, deadline_s, ignore_step)
        with self._conversation(login, operation) as talk:
            return TagReader(talk, name).read()

    def tag_facts(
        self, login: Login, repository: str, tags: Sequence[str], *, deadline_s: float
    ) -> Mapping[str, TagFacts]:
        """
        Read what each of some tags names, and when that was made, with at most 64 questions.

        Raises:
            InvalidInput: ``repository`` is not a repository's name.
            RegistryFailure: The registry cannot be asked. What fails for one tag is in its facts.
        """
        name = repository_name(repository, login.server)
        operation = self._operation(login, deadline_s, ignore_step)
        with self._conversation(login, operation) as talk:
            return TagFactsReader(talk, name).read(tags)

    def repositories(self, login: Login, *, deadline_s: float) -> Repositories:
        """Read the names of all repositories, at most 50,000. Raises ``RegistryFailure``."""
        operation = self._operation(login, deadline_s, ignore_step)
        with self._conversation(login, operation) as talk:
            return RepositoryLister(talk).read()

    def _operation(self, login: Login, deadline_s: float, on_step: Callable[[Step], None]) -> Operation:
        kind = self._kinds.get(login.kind)
        operation = Operation(
            login.server.address,
            Deadline(deadline_s, self._clock),
            on_step,
            advice(kind),
            address_hint=kind.address_hint if kind else "",
            username=login.username,
            has_login=any(login.credential.values()),
        )
        operation.hide(*login.credential.values())
        return operation

    @contextmanager
    def _conversation(self, login: Login, operation: Operation) -> Iterator[Conversation]:
        wire = Wire(operation, self._guard, self._trust.context(login.ca), self._budget)
        identify = cache(lambda: self._identity(login, operation))
        try:
            yield Conversation(wire, login, self._trusted(login), identify, self._tokens)
        finally:
            wire.close()

    def _trusted(self, login: Login) -> tuple[str, ...]:
        kind = self._kinds.get(login.kind)
        own = kind.realm_origins if kind else ()
        return (*login.trusted_realms, *own, *KNOWN_REALMS.get(login.server.origin, ()))

    def _identity(self, login: Login, operation: Operation) -> Identity | None:
        """The login as it goes over the wire."""
        if login.kind in AWS_KINDS:
            identity = self._aws.identity(login, operation)
            operation.hide(identity.secret)
            return identity
        secret = self._secret(login)
        return Identity(login.username, secret) if secret else None

    def _secret(self, login: Login) -> Secret | None:
        """The kind's first secret field."""
        return login.credential.get(self._secret_keys.get(login.kind, "password"))


def _refuse_underscore(server: Server) -> None:
    """Refuse to call a server good that no client can use. Raises ``Unreachable``."""
    if "_" in server.host:
        raise Unreachable(NO_UNDERSCORE.format(server.host), "Give it a name with hyphens.", Stage.ADDRESS)


def advice(kind: Kind | None) -> str:
    """Return what to look at when a login is refused, in the words of its form."""
    if kind is None or kind.secret_field is None:
        return "Check the user name and the secret."
    username = kind.field("username")
    labels = [field.label for field in (username, kind.secret_field) if field]
    hint = username.hint if username else ""
    return f"Check {' and '.join(labels)}, and make sure that the login was not revoked. {hint}".strip()
