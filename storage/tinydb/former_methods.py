# mypy: disable-error-code="no-any-return"
"""The methods of ``bot/core/ports/former_store.py``, over the new ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from bot.core.model import AuditEntry, Dependency, Integration, Server, Target, TargetKind, Workspace
from bot.core.ports.former_store import Transaction
from bot.core.queries import (
    DependencyPage,
    Filter,
    HistoryPage,
    HistoryQuery,
    Page,
    TokenPage,
    Unused,
    Use,
    Window,
)
from bot.core.workflows.token_format import WorkflowToken


class FormerTransaction:
    """Implements ``Transaction``."""

    def __init__(self, change: Any) -> None:
        self._change = change

    def integration(self, integration_id: str) -> Integration | None:
        return self._change.integrations.get(integration_id)

    def put_integration(self, integration: Integration) -> None:
        self._change._require_free_name(integration)
        self._change.put_sealed(integration)

    def remove_integration(self, integration_id: str) -> None:
        if present := self.integration(integration_id):
            self._change.remove(present)

    def dependency(self, integration_id: str, target: Target) -> Dependency | None:
        return self._change.snapshot.dependency(integration_id, target)

    def dependency_count(self, integration_id: str) -> int:
        return len(self._change.snapshot.dependents.get(integration_id))

    def put_dependency(self, dependency: Dependency) -> None:
        self._change.put(dependency)

    def remove_dependency(self, integration_id: str, target: Target) -> None:
        if present := self.dependency(integration_id, target):
            self._change.remove(present)

    def record(self, event: Any) -> None:
        self._change.record(event)

    def put_token(self, token: WorkflowToken) -> None:
        self._change.put(token)

    def token(self, token_id: str) -> WorkflowToken | None:
        return self._change.snapshot.tokens.get(token_id)

    def outcome(self, request_id: str) -> str | None:
        known = self._change.snapshot.requests.get(request_id)
        return known.outcome if known and not self._change._is_over(known) else None

    def remember(self, request_id: str, outcome: str) -> None:
        self._change.remember(request_id, outcome)


class FormerMethods:
    """The former store."""

    @contextmanager
    def transaction(self: Any, workspace: Workspace) -> Iterator[Transaction]:
        with self.change(workspace) as change:
            yield FormerTransaction(change)

    def integration(self: Any, workspace: Workspace, integration_id: str) -> Integration | None:
        return self.read(workspace).integrations.get(integration_id)

    def integration_named(self: Any, workspace: Workspace, name: str) -> Integration | None:
        return self.read(workspace).integrations.named(name)

    def nearest_names(self: Any, workspace: Workspace, name: str) -> tuple[str, ...]:
        return self.read(workspace).integrations.nearest(name)

    def page(self: Any, workspace: Workspace, narrowed: Filter, window: Window) -> Page:
        return self.read(workspace).integrations.page(narrowed, window)

    def dependencies(
        self: Any, workspace: Workspace, integration_id: str, number: int, size: int
    ) -> DependencyPage:
        return self.read(workspace).dependencies.page(integration_id, number, size)

    def uses(self: Any, workspace: Workspace, target: Target) -> tuple[Use, ...]:
        return self.read(workspace).dependencies.of_target(target)

    def targets(self: Any, workspace: Workspace, kind: TargetKind) -> tuple[str, ...]:
        opened = self._open.get(workspace.key)
        found = opened.snapshot.uses.keys() if opened else ()
        return tuple(sorted(one.name for one in found if one.kind is kind)[:1000])

    def history(
        self: Any,
        workspace: Workspace,
        *,
        about: str | None = None,
        before: int | None = None,
        size: int = 10,
    ) -> HistoryPage:
        return self.read(workspace).history.page(HistoryQuery(about, before=before, size=size))

    def deletion(self: Any, workspace: Workspace, integration_id: str) -> AuditEntry | None:
        return self.read(workspace).history.deletion(integration_id)

    def deletion_named(self: Any, workspace: Workspace, name: str) -> AuditEntry | None:
        return self.read(workspace).history.deletion_named(name)

    def deletion_at(self: Any, workspace: Workspace, server: Server) -> AuditEntry | None:
        return self.read(workspace).history.deletion_at(server)

    def renaming(self: Any, workspace: Workspace, name: str) -> tuple[Integration, datetime] | None:
        reading = self.read(workspace)
        entry = reading.history.renaming(name)
        gone = reading.history.deletion_named(name)
        if entry is None or (gone and gone.sequence > entry.sequence):
            return None
        present = reading.integrations.get(entry.event.integration_id or "")
        if present is None:
            return None
        last = self._last_renaming(workspace, present.id)
        return (present, last.event.at)

    def _last_renaming(self: Any, workspace: Workspace, integration_id: str) -> AuditEntry:
        opened = self._open[workspace.key]
        found = (
            one for one in reversed(opened.snapshot.history) if one.event.integration_id == integration_id
        )
        return next(
            one for one in found if one.event.former_name or one.event.detail.startswith("name (was ")
        )

    def integrations_at(self: Any, workspace: Workspace, server: Server) -> tuple[Integration, ...]:
        return self.read(workspace).integrations.at(server)

    def dependency(self: Any, workspace: Workspace, integration_id: str, target: Target) -> Dependency | None:
        return self.read(workspace).dependencies.get(integration_id, target)

    def is_linked(self: Any, workspace: Workspace, integration_id: str, target: Target) -> bool:
        return self.dependency(workspace, integration_id, target) is not None

    def touch(
        self: Any, workspace: Workspace, integration_id: str, target: Target, token_id: str, at: datetime
    ) -> None:
        opened = self._open.get(workspace.key)
        if opened:
            opened.used.note(integration_id, target, token_id, at)

    def holder_of(self: Any, token_id: str) -> tuple[Workspace, WorkflowToken] | None:
        opened = self._holders.get(token_id)
        token = opened.snapshot.tokens.get(token_id) if opened else None
        return (opened.workspace, token) if opened and token else None

    def tokens(
        self: Any,
        workspace: Workspace,
        at: datetime,
        *,
        words: tuple[str, ...] = (),
        number: int = 0,
        size: int,
    ) -> TokenPage:
        return self.read(workspace).tokens.page(at, words, number, size)

    def unused(self: Any, workspace: Workspace, since: datetime, size: int) -> tuple[int, tuple[Unused, ...]]:
        return self.read(workspace).integrations.unused(since, size)

    def ending_tokens(
        self: Any, at: datetime, until: datetime, reminders: int
    ) -> tuple[tuple[Workspace, WorkflowToken], ...]:
        found = [
            (opened.workspace, one)
            for opened in list(self._open.values())
            if not opened._damage
            for one in opened.read().tokens.ending(at, until)
            if one.reminded < reminders
        ]
        return tuple(sorted(found, key=lambda one: one[1].expires_at)[:1000])
