"""What is looked up: filters, pages of integrations, dependencies and history."""

from dataclasses import dataclass
from datetime import datetime

from bot.core.model import AuditEntry, Dependency, Integration, Target
from bot.core.workflows.token_format import WorkflowToken


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to. Empty = everything."""

    kinds: frozenset[str] | None = None
    """Ids of kinds; ``None`` = all of them."""
    words: tuple[str, ...] = ()
    """Each must occur in the name, whatever its case."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which page of a sorted list: the one after a name key, the one before it, or the first."""

    after: str | None = None
    before: str | None = None
    size: int = 10


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the list."""

    integration: Integration
    dependencies: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of integrations, sorted by name key."""

    rows: tuple[Listed, ...]
    start: int
    """How many rows of the filtered list stand before this page."""
    total: int
    """How many rows the filter lets through."""
    everything: int
    """How many integrations the workspace has, whatever the filter."""

    @property
    def has_previous(self) -> bool:
        """True when rows stand before this page."""
        return self.start > 0

    @property
    def has_next(self) -> bool:
        """True when rows follow this page."""
        return self.start + len(self.rows) < self.total


@dataclass(frozen=True, slots=True)
class DependencyPage:
    """A page of an integration's dependencies, sorted by kind (project, environment, image), then name."""

    rows: tuple[Dependency, ...]
    number: int
    """From 0; a number past the end gives the last page."""
    total: int
    size: int

    @property
    def has_next(self) -> bool:
        """True when more follow."""
        return (self.number + 1) * self.size < self.total


@dataclass(frozen=True, slots=True)
class Use:
    """An integration as one target uses it."""

    integration: Integration
    dependency: Dependency


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Audit entries, newest first."""

    entries: tuple[AuditEntry, ...]
    older: int | None
    """Pass it as ``before`` to read on; ``None`` at the end."""


@dataclass(frozen=True, slots=True)
class Unused:
    """An integration that nothing has used lately."""

    integration: Integration
    dependencies: int
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenPage:
    """A page of workflow tokens: those that are valid first, of both the newest first."""

    rows: tuple[WorkflowToken, ...]
    number: int
    """From 0; a number past the end gives the last page."""
    total: int
    valid: int
    """How many of all that were asked for are valid."""
    size: int

    @property
    def has_next(self) -> bool:
        """True when more follow."""
        return (self.number + 1) * self.size < self.total


@dataclass(frozen=True, slots=True)
class TargetPage:
    """A page of targets, sorted by kind (project, environment, image), then name."""

    rows: tuple[Target, ...]
    number: int
    """From 0; a number past the end gives the last page."""
    total: int
    size: int

    @property
    def has_next(self) -> bool:
        """True when more follow."""
        return (self.number + 1) * self.size < self.total


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which audit entries are asked for. Everything that is given must fit."""

    about: str | None = None
    """An integration's id, or its name, present or past, whatever the case."""
    actor: str | None = None
    """A person's id, or ``token`` and a token's public id."""
    target: Target | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    """Only entries of a lower sequence: ``HistoryPage.older`` of the page before."""
    size: int = 10
