"""Answers the store's questions from one snapshot of a workspace: the collections of ``Reading``.

A reading holds one snapshot, so every question asked of it is answered from the same state.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from heapq import nsmallest
from types import MappingProxyType
from typing import TypeVar

from bot.core.model import (
    AuditEntry,
    Bar,
    Dependency,
    Integration,
    News,
    Server,
    Target,
    TargetKind,
    Workspace,
    name_key,
)
from bot.core.ports.store import Candidate
from bot.core.queries import (
    DependencyPage,
    Filter,
    HistoryPage,
    HistoryQuery,
    Page,
    TargetPage,
    TokenPage,
    Unused,
    Use,
    Window,
)
from bot.core.workflows.token_format import WorkflowToken
from storage.tinydb.archive import Archive, deletion_at, deletion_named, deletion_of, page_of, renaming
from storage.tinydb.last_used import LastUsed
from storage.tinydb.snapshot import Snapshot, key_of, place_of, target_order

_MOST_ENDING = 1000
_MOST_NEWS = 100

T = TypeVar("T")


class _Part:
    """A collection of one snapshot, with the uses noted since."""

    def __init__(self, snapshot: Snapshot, used: LastUsed) -> None:
        self._snapshot = snapshot
        self._used = used


class _Integrations(_Part):
    """Implements ``Integrations``."""

    def get(self, integration_id: str) -> Integration | None:
        return self._snapshot.by_id.get(integration_id)

    def named(self, name: str) -> Integration | None:
        return self._snapshot.by_key.get(name_key(name))

    def nearest(self, name: str) -> tuple[str, ...]:
        return self._snapshot.nearest_names(name)

    def page(self, narrowed: Filter, window: Window) -> Page:
        return self._snapshot.page(narrowed, window)

    def at(self, server: Server) -> tuple[Integration, ...]:
        return tuple(self._snapshot.servers.get(place_of(server)))

    def unused(self, since: datetime, size: int) -> tuple[int, tuple[Unused, ...]]:
        candidates = (self._snapshot.by_key[key] for key in self._snapshot.keys)
        old = [self._last_use(one) for one in candidates if one.created_at < since]
        idle = [one for one in old if one.last_used_at is None or one.last_used_at < since]
        return len(idle), tuple(idle[:size])

    def _last_use(self, integration: Integration) -> Unused:
        mine = self._snapshot.dependents.get(integration.id)
        times = [by_now.last_used_at for by_now in map(self._used.on, mine) if by_now.last_used_at]
        return Unused(integration, len(mine), max(times, default=None))

    def all(self) -> Iterator[Integration]:
        by_key = self._snapshot.by_key
        return (by_key[key] for key in tuple(self._snapshot.keys))


class _Dependencies(_Part):
    """Implements ``Dependencies``."""

    def get(self, integration_id: str, target: Target) -> Dependency | None:
        found = self._snapshot.dependency(integration_id, target)
        return self._used.on(found) if found else None

    def bar(self, integration_id: str, target: Target) -> Bar | None:
        return self._snapshot.bar(integration_id, target)

    def page(self, integration_id: str, number: int, size: int) -> DependencyPage:
        mine = self._snapshot.dependents.get(integration_id)
        number, shown = _page(mine, number, size)
        return DependencyPage(tuple(map(self._used.on, shown)), number, len(mine), size)

    def of_target(self, target: Target) -> tuple[Use, ...]:
        return tuple(
            Use(one, self._used.on(dependency))
            for one in _used_by(self._snapshot, target)
            if (dependency := self._snapshot.dependency(one.id, target))
        )

    def targets(
        self, kind: TargetKind | None = None, words: tuple[str, ...] = (), number: int = 0, size: int = 100
    ) -> TargetPage:
        known = {*self._snapshot.uses.keys(), *self._snapshot.target_tokens.keys()}
        found = [one for one in known if kind in (None, one.kind) and _holds_all(one.name, words)]
        found.sort(key=target_order)
        number, shown = _page(found, number, size)
        return TargetPage(tuple(shown), number, len(found), size)


class _Tokens(_Part):
    """Implements ``Tokens``."""

    def get(self, token_id: str) -> WorkflowToken | None:
        found = self._snapshot.tokens.get(token_id)
        return self._used.on_token(found) if found else None

    def page(self, at: datetime, words: tuple[str, ...], number: int, size: int) -> TokenPage:
        found, valid = self._snapshot.tokens_found(words, at)
        number, shown = _page(found, number, size)
        return TokenPage(tuple(map(self._used.on_token, shown)), number, len(found), valid, size)

    def of_target(self, target: Target) -> tuple[WorkflowToken, ...]:
        return tuple(map(self._used.on_token, reversed(self._snapshot.target_tokens.get(target))))

    def ending(self, at: datetime, until: datetime) -> tuple[WorkflowToken, ...]:
        tokens = self._snapshot.tokens.values()
        found = (one for one in tokens if one.expires_at <= until and one.is_valid(at))
        return tuple(nsmallest(_MOST_ENDING, found, key=lambda one: one.expires_at))


class _History:
    """Implements ``History``."""

    def __init__(self, snapshot: Snapshot, archive: Archive) -> None:
        self._snapshot = snapshot
        self._archive = archive

    def page(self, query: HistoryQuery) -> HistoryPage:
        return page_of(self._snapshot, self._archive, query)

    def deletion(self, integration_id: str) -> AuditEntry | None:
        return deletion_of(self._snapshot, self._archive, integration_id)

    def deletion_named(self, name: str) -> AuditEntry | None:
        return deletion_named(self._snapshot, self._archive, name)

    def deletion_at(self, server: Server) -> AuditEntry | None:
        return deletion_at(self._snapshot, self._archive, server)

    def renaming(self, name: str) -> AuditEntry | None:
        return renaming(self._snapshot, name)

    def oldest_first(self) -> Iterator[AuditEntry]:
        recent = self._snapshot.history
        yield from self._archive.oldest_first(recent[0].sequence if recent else 1)
        yield from recent


class _Settings:
    """Implements ``Settings``."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._settings = snapshot.settings

    def get(self, name: str) -> str | None:
        return self._settings.get(name)

    def all(self) -> Mapping[str, str]:
        return MappingProxyType(self._settings)


class SnapshotReading:
    """Implements ``bot.core.ports.store.Reading`` over one snapshot."""

    def __init__(self, workspace: Workspace, snapshot: Snapshot, archive: Archive, used: LastUsed) -> None:
        self._workspace = workspace
        self._snapshot = snapshot
        self._archive = archive
        self._used = used

    @property
    def workspace(self) -> Workspace:
        """Which."""
        return self._workspace

    @property
    def integrations(self) -> _Integrations:
        """The integrations."""
        return _Integrations(self._snapshot, self._used)

    @property
    def dependencies(self) -> _Dependencies:
        """The dependencies and bars."""
        return _Dependencies(self._snapshot, self._used)

    @property
    def tokens(self) -> _Tokens:
        """The workflow tokens."""
        return _Tokens(self._snapshot, self._used)

    @property
    def history(self) -> _History:
        """The audit entries."""
        return _History(self._snapshot, self._archive)

    @property
    def settings(self) -> _Settings:
        """The workspace's settings."""
        return _Settings(self._snapshot)

    @property
    def news(self) -> tuple[News, ...]:
        """The news that was not sent yet, the oldest first, at most 100."""
        return tuple(nsmallest(_MOST_NEWS, self._snapshot.news.values(), key=lambda one: one.at))


def candidates(
    snapshot: Snapshot, used: LastUsed, target: Target, asked: Server | str | None
) -> tuple[Candidate, ...]:
    """What a target's token asks for, as ``Held.candidates`` says."""
    return tuple(
        Candidate(one, used.on(link) if link else None, snapshot.bar(one.id, target))
        for one in _asked_for(snapshot, target, asked)
        for link in [snapshot.dependency(one.id, target)]
    )


def _asked_for(snapshot: Snapshot, target: Target, asked: Server | str | None) -> Sequence[Integration]:
    if asked is None:
        return _used_by(snapshot, target)
    if isinstance(asked, str):
        named = snapshot.by_key.get(name_key(asked))
        return [named] if named else []
    found = snapshot.servers.get(place_of(asked))
    if not found and asked.port is None:
        return snapshot.servers.get((asked.host, 80))
    return found


def _used_by(snapshot: Snapshot, target: Target) -> list[Integration]:
    """What a target depends on, sorted by name key."""
    found = [snapshot.by_id[integration_id] for integration_id in snapshot.uses.get(target)]
    return sorted(found, key=key_of)


def _page(rows: Sequence[T], number: int, size: int) -> tuple[int, Sequence[T]]:
    """A page, and its number: one past the end is the last."""
    number = max(0, min(number, (len(rows) - 1) // size))
    return number, rows[number * size : (number + 1) * size]


def _holds_all(name: str, words: tuple[str, ...]) -> bool:
    key = name.casefold()
    return all(word in key for word in words)
