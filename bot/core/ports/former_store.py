"""The store port that is being replaced by ``bot/core/ports/store.py``."""

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from bot.core.model import (
    AuditEntry,
    Dependency,
    Event,
    Integration,
    Server,
    Target,
    TargetKind,
    Workspace,
)
from bot.core.queries import DependencyPage, Filter, HistoryPage, Page, TokenPage, Unused, Use, Window
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

    def holder_of(self, token_id: str) -> tuple[Workspace, WorkflowToken] | None:
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
