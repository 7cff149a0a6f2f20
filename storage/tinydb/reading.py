"""Answers the store's questions from one snapshot of a workspace: the collections of ``Reading``.

A reading holds one snapshot, so every question asked of it is answered from the same state.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from heapq import nlargest, nsmallest
from itertools import islice
from types import MappingProxyType

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
from storage.tinydb.archive import (
    Archive,
    deletion_at,
    deletion_named,
    deletion_of,
    page_of,
    renaming_entry,
)
from storage.tinydb.snapshot import View, age_order, order_of

_MOST_ENDING = 1000
_MOST_NEWS = 100


class _Integrations:
    """Implements ``Integrations``."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, integration_id: str) -> Integration | None:
        return self._view.by_id.get(integration_id)

    def named(self, name: str) -> Integration | None:
        return self._view.by_key.get(name_key(name))

    def nearest(self, name: str) -> tuple[str, ...]:
        return self._view.nearest_names(name)

    def page(self, narrowed: Filter, window: Window) -> Page:
        return self._view.page(narrowed, window)

    def at(self, server: Server) -> tuple[Integration, ...]:
        return self._view.integrations_at(server)

    def unused(self, since: datetime, size: int) -> tuple[int, tuple[Unused, ...]]:
        return self._view.unused(since, size)

    def all(self) -> Iterator[Integration]:
        by_key = self._view.by_key
        return (by_key[key] for key in tuple(self._view.keys))


class _Dependencies:
    """Implements ``Dependencies``."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, integration_id: str, target: Target) -> Dependency | None:
        return self._view.dependency(integration_id, target)

    def bar(self, integration_id: str, target: Target) -> Bar | None:
        return self._view.bars.get((integration_id, target))

    def page(self, integration_id: str, number: int, size: int) -> DependencyPage:
        return self._view.dependency_page(integration_id, number, size)

    def of_target(self, target: Target) -> tuple[Use, ...]:
        return self._view.used_by(target)

    def targets(
        self, kind: TargetKind | None = None, words: tuple[str, ...] = (), number: int = 0, size: int = 100
    ) -> TargetPage:
        speaking = (token.target for token in self._view.tokens.values())
        known = {*self._view.uses, *speaking}
        found = [one for one in known if kind in (None, one.kind) and _holds_all(one.name, words)]
        found.sort(key=order_of)
        number = max(0, min(number, (len(found) - 1) // size))
        shown = found[number * size : (number + 1) * size]
        return TargetPage(tuple(shown), number, len(found), size)


class _Tokens:
    """Implements ``Tokens``."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, token_id: str) -> WorkflowToken | None:
        found = self._view.tokens.get(token_id)
        return self._view.noted.on_token(found) if found else None

    def page(self, at: datetime, words: tuple[str, ...], number: int, size: int) -> TokenPage:
        return self._view.token_page(at, words, number, size)

    def of_target(self, target: Target) -> tuple[WorkflowToken, ...]:
        found = [one for one in self._view.tokens.values() if one.target == target]
        return tuple(self._view.noted.on_token(one) for one in nlargest(len(found), found, key=age_order))

    def ending(self, at: datetime, until: datetime) -> tuple[WorkflowToken, ...]:
        found = (one for one in self._view.tokens.values() if one.expires_at <= until and one.is_valid(at))
        return tuple(nsmallest(_MOST_ENDING, found, key=lambda one: one.expires_at))


class _History:
    """Implements ``History``."""

    def __init__(self, view: View, archive: Archive) -> None:
        self._view = view
        self._archive = archive

    def page(self, query: HistoryQuery) -> HistoryPage:
        return page_of(self._view, self._archive, query)

    def deletion(self, integration_id: str) -> AuditEntry | None:
        return deletion_of(self._view, self._archive, integration_id)

    def deletion_named(self, name: str) -> AuditEntry | None:
        return deletion_named(self._view, self._archive, name)

    def deletion_at(self, server: Server) -> AuditEntry | None:
        return deletion_at(self._view, self._archive, server)

    def renaming(self, name: str) -> AuditEntry | None:
        return renaming_entry(self._view, name)

    def oldest_first(self) -> Iterator[AuditEntry]:
        recent = self._view.history
        yield from self._archive.oldest_first(recent[0].sequence if recent else 1)
        yield from recent


class _Settings:
    """Implements ``Settings``."""

    def __init__(self, view: View) -> None:
        self._settings = view.settings

    def get(self, name: str) -> str | None:
        return self._settings.get(name)

    def all(self) -> Mapping[str, str]:
        return MappingProxyType(self._settings)


class SnapshotReading:
    """Implements ``bot.core.ports.store.Reading`` over one snapshot."""

    def __init__(self, workspace: Workspace, view: View, archive: Archive) -> None:
        self._workspace = workspace
        self._view = view
        self._archive = archive

    @property
    def workspace(self) -> Workspace:
        """Which."""
        return self._workspace

    @property
    def integrations(self) -> _Integrations:
        """The integrations."""
        return _Integrations(self._view)

    @property
    def dependencies(self) -> _Dependencies:
        """The dependencies and bars."""
        return _Dependencies(self._view)

    @property
    def tokens(self) -> _Tokens:
        """The workflow tokens."""
        return _Tokens(self._view)

    @property
    def history(self) -> _History:
        """The audit entries."""
        return _History(self._view, self._archive)

    @property
    def settings(self) -> _Settings:
        """The workspace's settings."""
        return _Settings(self._view)

    @property
    def news(self) -> tuple[News, ...]:
        """The news that was not sent yet, the oldest first, at most 100."""
        return tuple(islice(self._view.news.values(), _MOST_NEWS))


def candidates(view: View, target: Target, asked: Server | str | None) -> tuple[Candidate, ...]:
    """What a target's token asks for, as ``Held.candidates`` says."""
    return tuple(
        Candidate(one, view.dependency(one.id, target), view.bars.get((one.id, target)))
        for one in _asked_for(view, target, asked)
    )


def _asked_for(view: View, target: Target, asked: Server | str | None) -> Sequence[Integration]:
    if asked is None:
        return [use.integration for use in view.used_by(target)]
    if isinstance(asked, str):
        named = view.by_key.get(name_key(asked))
        return [named] if named else []
    found = view.integrations_at(asked)
    if not found and asked.port is None:
        return view.integrations_at(Server("http", asked.host, 80))
    return found


def _holds_all(name: str, words: tuple[str, ...]) -> bool:
    key = name.casefold()
    return all(word in key for word in words)
