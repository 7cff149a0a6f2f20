"""What the domain asks of a store. Every store passes one suite, ``tests/storage/contract``.

A workspace is named once, when a reading or a change begins. What a question costs is the store's business.

Errors of a change may be raised where the value is put, or when the block ends: callers catch around the
whole block. Nothing of a change that raised is kept.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bot.core.audit import AuditEntry, Event, News
from bot.core.model import (
    Bar,
    Dependency,
    Integration,
    Server,
    Setting,
    Target,
    TargetKind,
    WorkflowToken,
    Workspace,
)
from bot.core.ports.kept_installations import Installations
from bot.core.queries import (
    DependencyPage,
    Filter,
    HistoryPage,
    HistoryQuery,
    IntegrationPage,
    TargetPage,
    TokenPage,
    Unused,
    Use,
    Window,
)

Stored = Integration | Dependency | Bar | WorkflowToken | Setting | News
"""What a change keeps or takes away. Each kind has its key:

integration: ``id`` (and its name is unique, whatever the case) · dependency and bar: integration id and
target · token: ``id`` · setting: ``name`` · news: ``id``
"""
REMEMBERED_FOR = timedelta(minutes=10)
"""How long ``Change.remember`` knows a request."""
TOKENS_KEPT_FOR = timedelta(days=90)
"""How long a token is listed after it was revoked or expired; the history keeps its events."""
CLOCK_JUMP = timedelta(days=30)
"""A clock that is so far ahead of the newest entry may be wrong: no token is dropped by it."""
MOST_NEWS = 100
"""How much news ``Reading.news`` returns."""


class Integrations(Protocol):
    """The integrations of one workspace."""

    def get(self, integration_id: str) -> Integration | None:
        """The integration with this id."""

    def named(self, name: str) -> Integration | None:
        """The integration with this name, whatever its case."""

    def nearest(self, name: str) -> tuple[str, ...]:
        """At most three names that look like ``name``, the nearest first."""

    def page(self, narrowed: Filter, window: Window) -> IntegrationPage:
        """
        One page of the filtered list, sorted by name key, with each row's number of dependencies.

        A window past the last page gives the last page; one before the first gives the first.
        """

    def at(self, server: Server) -> tuple[Integration, ...]:
        """Every integration of this host and effective port, whatever the scheme, sorted by name key."""

    def unused(self, since: datetime, size: int) -> tuple[int, tuple[Unused, ...]]:
        """How many were added before ``since`` and not used after it, and the first ``size`` by name key."""

    def all(self) -> Iterator[Integration]:
        """Every integration, sorted by name key: for maintenance and the schedule, never for a person."""


class Dependencies(Protocol):
    """What depends on the integrations of one workspace, and what was barred from them."""

    def get(self, integration_id: str, target: Target) -> Dependency | None:
        """The dependency of a target on an integration, with its latest use."""

    def bar(self, integration_id: str, target: Target) -> Bar | None:
        """The bar that keeps a target from an integration."""

    def page(self, integration_id: str, number: int, size: int) -> DependencyPage:
        """One page of an integration's dependencies; ``number`` from 0, past the end gives the last page."""

    def of_target(self, target: Target) -> tuple[Use, ...]:
        """Every integration a target depends on, sorted by name key."""

    def targets(
        self, kind: TargetKind | None = None, words: tuple[str, ...] = (), number: int = 0, size: int = 100
    ) -> TargetPage:
        """
        One page of the targets that depend on anything or that a token speaks for, sorted by kind, then name.

        Args:
            kind: Only these; ``None`` = all.
            words: Each, casefolded, must occur in the name.
            number: The page, from 0; past the end gives the last page.
            size: How many on a page.
        """


class Tokens(Protocol):
    """The workflow tokens of one workspace."""

    def get(self, token_id: str) -> WorkflowToken | None:
        """The token with this public id, with its latest use."""

    def page(self, at: datetime, words: tuple[str, ...], number: int, size: int) -> TokenPage:
        """
        One page of tokens: those valid at ``at`` first, of both the newest first.

        Each word, casefolded, occurs in the target's kind or name, the token's id or its creator's id.
        """

    def of_target(self, target: Target) -> tuple[WorkflowToken, ...]:
        """Every token that speaks for a target, revoked and ended ones too, the newest first."""

    def ending(self, at: datetime, until: datetime) -> tuple[WorkflowToken, ...]:
        """At most 1,000 tokens that are valid at ``at`` and over by ``until``, the first to end first."""


class History(Protocol):
    """The audit entries of one workspace, refused attempts too."""

    def page(self, query: HistoryQuery) -> HistoryPage:
        """
        One page of entries, newest first.

        A page is never empty while an older entry matches.
        """

    def deletion(self, integration_id: str) -> AuditEntry | None:
        """The entry that says who deleted the integration with this id."""

    def deletions(self, most: int) -> tuple[AuditEntry, ...]:
        """The newest entries that say who deleted an integration."""

    def deletion_named(self, name: str) -> AuditEntry | None:
        """The newest entry that says who deleted an integration of this name, whatever its case."""

    def deletion_at(self, server: Server) -> AuditEntry | None:
        """The newest entry that says who deleted an integration of this server, by its address."""

    def renaming(self, name: str) -> AuditEntry | None:
        """The newest entry, of the recent ones, that says that an integration gave this name up."""

    def oldest_first(self) -> Iterator[AuditEntry]:
        """Every entry, from the first on: for verifying and copying."""


class WorkspaceSettings(Protocol):
    """The settings of one workspace."""

    def get(self, name: str) -> str | None:
        """The value of a setting; ``None`` = it was never set."""

    def all(self) -> Mapping[str, str]:
        """Every setting by its name."""


class Reading(Protocol):
    """One consistent state of one workspace, however many questions are asked of it."""

    @property
    def workspace(self) -> Workspace:
        """Which."""

    @property
    def integrations(self) -> Integrations:
        """The integrations."""

    @property
    def dependencies(self) -> Dependencies:
        """The dependencies and bars."""

    @property
    def tokens(self) -> Tokens:
        """The workflow tokens."""

    @property
    def history(self) -> History:
        """The audit entries."""

    @property
    def settings(self) -> WorkspaceSettings:
        """The workspace's settings."""

    @property
    def news(self) -> tuple[News, ...]:
        """The news that was not sent yet, the oldest first, at most 100."""


class Change(Reading, Protocol):
    """
    One change of one workspace: all of it is kept, or nothing.

    What it reads is what it will overwrite: nobody else changes what it has read in the meantime.
    """

    def put(self, value: Stored) -> None:
        """
        Keep a value, or replace the one of its key.

        An integration of version 1 is new, or replaces one of version 1; of a later version, it replaces the
        one of the same version or of the version before.

        Raises:
            NameTaken: Another integration has its name.
            Outdated: The integration that it would replace was changed or deleted in the meantime.
            NotFound: A dependency's or a bar's integration is gone.
            KeyringFailure: A secret has not the form of a sealed one.
        """

    def remove(self, value: Stored) -> None:
        """
        Take a value away.

        Raises:
            HasDependencies: Something depends on the integration.
            Outdated: The integration was changed or deleted since. Of other values, nothing happens when
                there is none.
        """

    def record(self, event: Event) -> None:
        """Append to the workspace's history."""

    def remember(self, request_id: str, outcome: str) -> None:
        """
        Keep what this request came to, for 10 minutes; an empty id is never remembered.

        Raises:
            AlreadyDone: The same request was sent before; its outcome is in the error.
        """


Also = Callable[[Change, Integration], None]
"""What else belongs to a change that keeps an integration. What it raises undoes all of it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An integration that could answer a workflow, and how the workflow's target relates to it."""

    integration: Integration
    dependency: Dependency | None = None
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds a token, and what it asks for: all from one moment."""

    workspace: Workspace
    token: WorkflowToken
    candidates: tuple[Candidate, ...]
    """What was asked for, sorted by name key: the integrations at the server (where there are none and the
    server names no port, those at port 80), the one of the name, or all that the target depends on."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """One use of an integration by a workflow: what was decided, to be held against the present."""

    workspace: Workspace
    integration: Integration
    """As it was when the decision was made."""
    token: WorkflowToken
    at: datetime
    event: Event
    """What the hour's first fetch is recorded as. Equal action, result, token and integration in one hour are
    one line; how many followed is recorded when the hour is over."""
    dependency: Dependency | None = None
    """What a target's first fetch records; ``None`` = a refused attempt, which records none."""
    needs_link: bool = False
    """True: only a dependency that is there now, granted by a person, lets it pass."""


class Store(Protocol):
    """Keeps everything, of every workspace."""

    @property
    def installations(self) -> Installations:
        """Where the app is installed."""

    def read(self, workspace: Workspace) -> Reading:
        """One consistent state of a workspace. A workspace that was never changed is empty."""

    def change(self, workspace: Workspace) -> AbstractContextManager[Change]:
        """
        Begin a change.

        When the block ends without an error, the change is kept for good; when it raises, nothing of it is.
        A change that puts, removes, records and remembers nothing costs nothing.

        Raises:
            StoreFull, StoreReadOnly, StoreDamaged, StoreFailure: Nothing was changed.
            OutcomeUnknown: It may have been kept: look again before saying anything.
        """

    def workspaces(self) -> Iterator[Workspace]:
        """Every workspace that was ever changed: for the schedule and for maintenance."""

    def token_holder(self, token_id: str, asked: Server | str | None = None) -> Held | None:
        """
        Find who holds a workflow token, and what it asks for.

        Args:
            token_id: The token's public id.
            asked: A server, an integration's name, or ``None`` for what the token's target depends on.

        Returns:
            ``None`` when no workspace has this token.
        """

    def record_use(self, use: Fetch) -> None:
        """
        Record a fetch, before it is answered.

        A target's first fetch of an integration, and each hour's first, are kept for good before this
        returns; later ones only bring "last used" up to date.

        Raises:
            UseOutdated: The token, the integration, its link or a bar is not as it was when the decision was
                made. Nothing was recorded.
            StoreFailure: It could not be kept.
        """

    def health(self) -> str | None:
        """Say in one sentence why changes are refused; ``None`` when they are not."""

    def close(self) -> None:
        """Let go of everything. What was promised is kept already."""
