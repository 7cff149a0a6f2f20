"""What the domain asks of the outside: a store, a keyring, a registry, the people of a workspace.

The store's questions are each one round trip to a database, and none of them is "give me everything".
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.core.model import (
    NO_OPTIONS,
    AuditEntry,
    Dependency,
    Event,
    Integration,
    Outcome,
    Server,
    Stage,
    Target,
    TargetKind,
    Workspace,
)
from bot.core.queries import DependencyPage, Filter, HistoryPage, Page, TokenPage, Unused, Use, Window
from bot.core.secrets import Credential, Place, Sealed, Secret
from bot.core.workflows.token_format import WorkflowToken


class Transaction(Protocol):
    """One change of one workspace: everything in it is kept together, or nothing is.

    What it reads is what it will overwrite: nobody else changes the workspace meanwhile.
    """

    def integration(self, integration_id: str) -> Integration | None:
        """The integration with this id."""

    def put_integration(self, integration: Integration) -> None:
        """Keep a new integration, or replace the one with its id. Raises ``NameTaken``."""

    def remove_integration(self, integration_id: str) -> None:
        """Take an integration away. Raises ``HasDependencies`` while anything depends on it."""

    def dependency(self, integration_id: str, target: Target) -> Dependency | None:
        """The dependency of a target on an integration."""

    def dependency_count(self, integration_id: str) -> int:
        """How many targets depend on an integration."""

    def put_dependency(self, dependency: Dependency) -> None:
        """Keep a dependency, or replace the one of the same integration and target."""

    def remove_dependency(self, integration_id: str, target: Target) -> None:
        """Take a dependency away; nothing happens when there is none."""

    def record(self, event: Event) -> None:
        """Append to the workspace's history."""

    def put_token(self, token: WorkflowToken) -> None:
        """Keep a workflow token, or replace the one with its id."""

    def token(self, token_id: str) -> WorkflowToken | None:
        """The workflow token with this public id."""

    def outcome(self, request_id: str) -> str | None:
        """What an earlier request of this id (last 10 minutes) came to: the id it made or changed."""

    def remember(self, request_id: str, outcome: str) -> None:
        """Keep what this request came to, so that the same request sent again does nothing twice."""


class Store(Protocol):
    """Keeps integrations, dependencies and the history of each workspace."""

    def transaction(self, workspace: Workspace) -> AbstractContextManager[Transaction]:
        """
        Begin a change.

        When the block ends, the change is on disk; when it raises, nothing of it is.

        Raises:
            StoreFull, StoreReadOnly, StoreDamaged: Nothing was changed.
        """

    def integration(self, workspace: Workspace, integration_id: str) -> Integration | None:
        """The integration with this id."""

    def integration_named(self, workspace: Workspace, name: str) -> Integration | None:
        """The integration with this name, whatever its case."""

    def nearest_names(self, workspace: Workspace, name: str) -> tuple[str, ...]:
        """At most three names that look like ``name``, the nearest first."""

    def page(self, workspace: Workspace, narrowed: Filter, window: Window) -> Page:
        """One page of the filtered list, sorted by name key, with each row's number of dependencies."""

    def dependencies(
        self, workspace: Workspace, integration_id: str, number: int, size: int
    ) -> DependencyPage:
        """One page of an integration's dependencies; ``number`` from 0, past the end gives the last page."""

    def uses(self, workspace: Workspace, target: Target) -> tuple[Use, ...]:
        """Every integration a target uses, sorted by name key."""

    def targets(self, workspace: Workspace, kind: TargetKind) -> tuple[str, ...]:
        """The names of at most 1,000 targets of a kind that use anything, sorted."""

    def history(
        self, workspace: Workspace, *, about: str | None = None, before: int | None = None, size: int = 10
    ) -> HistoryPage:
        """Audit entries, newest first. ``about`` is an integration's name (present or past) or id."""

    def deletion(self, workspace: Workspace, integration_id: str) -> AuditEntry | None:
        """The entry that says who deleted the integration with this id."""

    def deletion_named(self, workspace: Workspace, name: str) -> AuditEntry | None:
        """The newest entry, of at least 10,000, that says who deleted an integration of this name."""

    def deletion_at(self, workspace: Workspace, server: Server) -> AuditEntry | None:
        """The same for an integration of this server, by its address."""

    def renaming(self, workspace: Workspace, name: str) -> tuple[Integration, datetime] | None:
        """What gave this name up lately, as it is now, and since when it is called so; from memory alone."""

    def integrations_at(self, workspace: Workspace, server: Server) -> tuple[Integration, ...]:
        """Every integration of this host and effective port, whatever the scheme, sorted by name key."""

    def dependency(self, workspace: Workspace, integration_id: str, target: Target) -> Dependency | None:
        """The dependency of a target on an integration."""

    def is_linked(self, workspace: Workspace, integration_id: str, target: Target) -> bool:
        """True when the target depends on the integration."""

    def touch(
        self, workspace: Workspace, integration_id: str, target: Target, token_id: str, at: datetime
    ) -> None:
        """
        Note that a target's token has used an integration, without waiting for the disk.

        Reads show it at once. It is written with the workspace's next change, or by ``flush``.
        """

    def flush(self) -> None:
        """Write what ``touch`` has noted: every minute, and when the process ends."""

    def token_holder(self, token_id: str) -> tuple[Workspace, WorkflowToken] | None:
        """Find a workflow token, as it was last written, and its workspace by the token's public id."""

    def tokens(
        self, workspace: Workspace, at: datetime, *, words: tuple[str, ...] = (), number: int = 0, size: int
    ) -> TokenPage:
        """One page of workflow tokens. Each word, in lower case, occurs in target, id or creator's id."""

    def ending_tokens(
        self, at: datetime, until: datetime, reminders: int
    ) -> tuple[tuple[Workspace, WorkflowToken], ...]:
        """
        Tokens of every workspace that are valid at ``at`` and over by ``until``, and whose creators got fewer
        reminders than ``reminders``: those that end first before the others, at most 1,000.
        """

    def unused(self, workspace: Workspace, since: datetime, size: int) -> tuple[int, tuple[Unused, ...]]:
        """How many were added before ``since`` and not used after it, and the first ``size`` by name key."""


class Keyring(Protocol):
    """Seals credentials and opens them again."""

    def seal(self, place: Place, credential: Credential) -> Sealed:
        """Seal under the primary key, bound to ``place``."""

    def open(self, place: Place, sealed: Sealed) -> Credential:
        """Open a sealed credential. Raises ``KeyringFailure``, which holds no part of the plaintext."""

    def has_key_for(self, sealed: Sealed) -> bool:
        """True when the key it is sealed under is loaded."""


@dataclass(frozen=True, slots=True)
class Login:
    """All a registry client needs to log in once. Its ``repr`` shows no secret."""

    kind: str
    server: Server
    username: str
    credential: Credential
    options: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    ca: str | None = None
    trusted_realms: tuple[str, ...] = ()
    cache_key: str = ""
    """Integration id and version: access tokens kept in memory belong to exactly one. Empty = keep none."""
    token_id: str = ""
    """The workflow token it is got for, so that one cannot keep all others waiting; empty = a person."""


@dataclass(frozen=True, slots=True)
class Step:
    """One finished step of a check."""

    stage: Stage
    is_ok: bool
    text: str
    """What was found, in a few words, without any secret."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. ``stage`` is where it ended; ``reason`` and ``hint`` are sentences."""

    outcome: Outcome
    stage: Stage
    reason: str
    hint: str = ""
    steps: tuple[Step, ...] = ()
    realm: str | None = None
    """The origin of a token server that the realm rule does not allow, to be shown to the owner."""


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of a repository."""

    repository: str
    names: tuple[str, ...]
    is_ordered: bool = False
    """True when the newest stand first; otherwise they are sorted by name."""
    is_cut: bool = False
    """True when there are more than were read."""


@dataclass(frozen=True, slots=True)
class DockerLogin:
    """What a docker client sends to a registry."""

    username: str
    secret: Secret
    expires_at: datetime | None = None
    """``None`` = as long as the registry takes it."""


def ignore_step(step: Step) -> None:
    """Do nothing with a step: for checks that nobody watches."""


class Registry(Protocol):
    """Talks to container registries, within a deadline and by the address and realm rules."""

    def check(
        self,
        login: Login,
        *,
        deadline_s: float,
        repository: str | None = None,
        on_step: Callable[[Step], None] = ignore_step,
    ) -> CheckResult:
        """Ask whether a login works. Never raises for what a registry does; keeps to the deadline."""

    def kept_login(self, login: Login) -> DockerLogin | None:
        """What docker must send, where nobody need be asked for it; ``None`` = ask by ``docker_login``."""

    def docker_login(self, login: Login, *, deadline_s: float) -> DockerLogin:
        """What docker must send: for ECR the password of 12 hours. Raises ``RegistryFailure``."""

    def tags(self, login: Login, repository: str, *, deadline_s: float) -> Tags:
        """Read the tags of a repository. Raises ``RegistryFailure``."""


@dataclass(frozen=True, slots=True)
class Person:
    """What Slack says of a person."""

    user_id: str
    team_id: str
    is_admin: bool = False
    """A workspace admin or owner."""
    is_guest: bool = False
    is_bot: bool = False
    is_deleted: bool = False


class People(Protocol):
    """Who the people of a workspace are."""

    def person(self, workspace: Workspace, user_id: str) -> Person:
        """Ask Slack, or the memory of the last 5 minutes. Raises ``Busy`` when Slack is late."""

    def is_in_group(self, workspace: Workspace, user_id: str, group_ids: Iterable[str]) -> bool:
        """True when the person belongs to one of these Slack user groups."""


class Executor(Protocol):
    """Runs what is slower than memory, after the acknowledgement."""

    def submit(self, task: Callable[[], None], *, on_full: Callable[[], None]) -> None:
        """Queue a task. When the queue is full, ``on_full`` runs on a thread of its own lane instead."""
