"""What is looked up: filters, pages of integrations, dependencies and history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from bot.core.audit import AuditEntry
from bot.core.model import Dependency, Integration, Outcome, Target, WorkflowToken
from bot.core.texts import name_key

_Row = TypeVar("_Row")


class Mark(StrEnum):
    """What a list can be narrowed to beside words; the value is what people type."""

    BROKEN = "broken"
    """Its login was refused, or its registry did not answer."""
    UNCHECKED = "unchecked"
    ENDING = "ending"
    """Its login ends within ``ENDING_WITHIN``, or has ended; where no end is known: it is a year old."""
    UNUSED = "unused"
    """It is older than ``UNUSED_FOR``, and nothing has used it since."""
    OPEN = "open"
    """Every workflow may fetch it."""
    ROTATING = "rotating"
    """It keeps a former credential beside the current one, or the next one is being made."""
    ORPHANED = "orphaned"
    """Its owner is no longer a full member."""


ENDING_WITHIN = timedelta(days=30)
UNUSED_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to: everything that is given must fit. Empty = everything."""

    kinds: frozenset[str] | None = None
    """Ids of kinds; ``None`` = all of them."""
    words: tuple[str, ...] = ()
    """Each must occur in the name, the server's address or the kind's id, whatever its case."""
    alike: tuple[frozenset[str], ...] = ()
    """For each word the ids of kinds that it names as well; shorter than ``words`` = none for the rest."""
    owner: str | None = None
    marks: frozenset[Mark] = frozenset()
    today: date | None = None
    """What ``ENDING`` and ``UNUSED`` are held against."""


def needles_of(narrowed: Filter) -> tuple[tuple[str, ...], ...]:
    """Return for each word the texts of which one must occur in an integration's ``search_text``."""
    alike = (*narrowed.alike, *[frozenset[str]()] * len(narrowed.words))
    return tuple(
        (name_key(word), *(f"\n{kind}\n" for kind in sorted(kinds)))
        for word, kinds in zip(narrowed.words, alike, strict=False)
    )


def lasting_marks(integration: Integration) -> frozenset[Mark]:
    """Return the marks of an integration that no passing time changes."""
    check = integration.check
    is_broken = check is not None and check.outcome in (Outcome.REJECTED, Outcome.UNREACHABLE)
    marks = {
        Mark.BROKEN: is_broken,
        Mark.UNCHECKED: check is None,
        Mark.OPEN: not integration.linked_only,
        Mark.ROTATING: bool(integration.former or integration.prepared),
        Mark.ORPHANED: integration.orphaned_at is not None,
    }
    return frozenset(mark for mark, fits in marks.items() if fits)


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
class IntegrationPage:
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
class NumberedPage(Generic[_Row]):
    """A page that has a number."""

    rows: tuple[_Row, ...]
    number: int
    """From 0; a number past the end gives the last page."""
    total: int
    size: int

    @property
    def has_next(self) -> bool:
        """True when more follow."""
        return (self.number + 1) * self.size < self.total


def numbered_page(rows: Sequence[_Row], number: int, size: int) -> NumberedPage[_Row]:
    """Cut a page out of all rows; a number past the end gives the last one."""
    number = max(0, min(number, (len(rows) - 1) // size))
    return NumberedPage(tuple(rows[number * size : (number + 1) * size]), number, len(rows), size)


class DependencyPage(NumberedPage[Dependency]):
    """A page of an integration's dependencies, sorted by kind (project, environment, image), then name."""

    __slots__ = ()


class TargetPage(NumberedPage[Target]):
    """A page of targets, sorted by kind (project, environment, image), then name."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TokenPage(NumberedPage[WorkflowToken]):
    """A page of workflow tokens: those that are valid first, of both the newest first."""

    valid: int
    """How many of all that were asked for are valid."""


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
    unverified: tuple[int, ...] = ()
    """The sequences of entries that a loaded key did not seal as they are, after the entry before them."""


@dataclass(frozen=True, slots=True)
class Unused:
    """An integration that nothing has used lately."""

    integration: Integration
    dependencies: int
    last_used_at: datetime | None


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
    actions: frozenset[str] = frozenset()
    """Kinds of actions, as ``Event`` has them; empty = every kind."""
    is_refused: bool = False
    """True: only attempts that were refused."""
    before: int | None = None
    """Only entries of a lower sequence: ``HistoryPage.older`` of the page before."""
    size: int = 10
