"""Answers the store's questions with a statement each: the collections of ``Reading``.

A reading keeps no connection. Each question brings the workspace's revision along, read from the same
snapshot. When it is not the one of the questions before, these are asked again in the snapshot of the new
one: if their answers are the same, everything that was said is true of that state too.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from bot.core.audit import AuditEntry, News
from bot.core.errors import Busy, StoreDamaged
from bot.core.model import Bar, Dependency, Integration, Server, Target, TargetKind, WorkflowToken, Workspace
from bot.core.ports.store import MOST_NEWS
from bot.core.queries import (
    ENDING_WITHIN,
    UNUSED_FOR,
    DependencyPage,
    Filter,
    HistoryPage,
    HistoryQuery,
    IntegrationPage,
    Listed,
    Mark,
    TargetPage,
    TokenPage,
    Unused,
    Use,
    Window,
    needles_of,
)
from bot.core.texts import name_key
from storage.postgres.connections import Row, Step
from storage.postgres.noted_uses import NotedUses
from storage.postgres.rows import entry_of, kind_number, like_patterns, target_columns, target_from
from storage.postgres.sealed_rows import SealedRows
from storage.postgres.statements import in_workspace
from storage.records import Fields

_IN_BATCHES = "_after"
"""What the names of statements end with that are asked again and again until everything was read."""

log = logging.getLogger(__name__)

Rows = list[Row]
T = TypeVar("T")


class _Questioned(Protocol):
    """Answers the named statements of ``queries.sql`` for one workspace."""

    @property
    def rows(self) -> SealedRows:
        """Reads the workspace's rows."""

    def ask(self, name: str, /, **parameters: Any) -> Rows:
        """The rows of one statement."""

    def noted(self) -> NotedUses:
        """Last uses that are not written yet."""


class _IntegrationRows:
    """Implements ``Integrations``."""

    def __init__(self, asked: _Questioned) -> None:
        self._asked = asked

    def get(self, integration_id: str) -> Integration | None:
        return _first(self._asked.rows.integration, self._asked.ask("integration", id=integration_id))

    def named(self, name: str) -> Integration | None:
        key = name_key(name)
        rows = self._asked.ask("integration_named", key=key)
        return self._asked.rows.integration_named(key, *rows[0]) if rows else None

    def nearest(self, name: str) -> tuple[str, ...]:
        wanted = name_key(name)[:64]
        pairs = sorted({wanted[place : place + 2] for place in range(0, max(1, len(wanted) - 1), 2)})
        likely = {key: shown for shown, key in self._asked.ask("likely_names", pairs=pairs)}
        return tuple(likely[key] for key in get_close_matches(wanted, sorted(likely), n=3))

    def page(self, narrowed: Filter, window: Window) -> IntegrationPage:
        rows = self._asked.ask(
            "integration_page" if _narrows(narrowed) else "integration_page_of_all",
            kinds=None if narrowed.kinds is None else sorted(narrowed.kinds),
            words=json.dumps([like_patterns(needles) for needles in needles_of(narrowed)]),
            owner=narrowed.owner,
            marks=sorted(narrowed.marks - {Mark.ENDING, Mark.UNUSED}),
            ends_by=_held_against(narrowed, Mark.ENDING),
            idle_since=_held_against(narrowed, Mark.UNUSED),
            after=window.after or "",
            before=window.before,
            size=window.size,
        )
        listed = tuple(
            Listed(self._asked.rows.integration(row[0], row[1]), row[2]) for row in rows if row[0] is not None
        )
        return IntegrationPage(listed, *rows[0][3:])

    def at(self, server: Server) -> tuple[Integration, ...]:
        host, port = server.endpoint
        return tuple(
            self._asked.rows.integration_at(server, *row)
            for row in self._asked.ask("integrations_at", host=host, port=port)
        )

    def unused(self, since: datetime, size: int) -> tuple[int, tuple[Unused, ...]]:
        noted = [(key, max(times.values())) for key, times in self._asked.noted().uses.items() if times]
        rows = self._asked.ask(
            "unused", since=since, size=size, ids=[key for key, _ in noted], times=[at for _, at in noted]
        )
        found = tuple(Unused(self._asked.rows.integration(row[0], row[1]), row[2], row[3]) for row in rows)
        return (rows[0][4] if rows else 0), found

    def all(self) -> Iterator[Integration]:
        for row in _batches(
            lambda after: self._asked.ask("integrations_after", after=after), ("",), slice(2, 3)
        ):
            yield self._asked.rows.integration(row[0], row[1])


class _DependencyRows:
    """Implements ``Dependencies``."""

    def __init__(self, asked: _Questioned) -> None:
        self._asked = asked

    def get(self, integration_id: str, target: Target) -> Dependency | None:
        rows = self._asked.ask("dependency", id=integration_id, **target_columns(target))
        if not rows:
            return None
        found = self._asked.rows.dependency_between(integration_id, target, *rows[0])
        return self._asked.noted().on(found)

    def bar(self, integration_id: str, target: Target) -> Bar | None:
        rows = self._asked.ask("bar", id=integration_id, **target_columns(target))
        return self._asked.rows.bar_between(integration_id, target, *rows[0]) if rows else None

    def page(self, integration_id: str, number: int, size: int) -> DependencyPage:
        rows = self._asked.ask("dependency_page", id=integration_id, number=number, size=size)
        noted = self._asked.noted()
        read = self._asked.rows.dependency_of
        shown = tuple(noted.on(read(integration_id, *row[:2])) for row in rows if row[0] is not None)
        return DependencyPage(shown, rows[0][2], rows[0][3], size)

    def of_target(self, target: Target) -> tuple[Use, ...]:
        noted = self._asked.noted()
        found = self._asked.rows
        return tuple(
            Use(
                found.integration(row[0], row[1]),
                noted.on(found.dependency_between(row[0], target, row[2], row[3])),
            )
            for row in self._asked.ask("uses_of_target", **target_columns(target))
        )

    def targets(
        self, kind: TargetKind | None = None, words: tuple[str, ...] = (), number: int = 0, size: int = 100
    ) -> TargetPage:
        rows = self._asked.ask(
            "targets", kind=kind and kind_number(kind), words=like_patterns(words), number=number, size=size
        )
        shown = tuple(target_from(row[0], row[1]) for row in rows if row[0] is not None)
        return TargetPage(shown, rows[0][2], rows[0][3], size)


class _TokenRows:
    """Implements ``Tokens``."""

    def __init__(self, asked: _Questioned) -> None:
        self._asked = asked

    def get(self, token_id: str) -> WorkflowToken | None:
        return next(iter(self._shown(self._asked.ask("token", id=token_id))), None)

    def page(self, at: datetime, words: tuple[str, ...], number: int, size: int) -> TokenPage:
        rows = self._asked.ask("token_page", at=at, words=like_patterns(words), number=number, size=size)
        shown = self._shown([row for row in rows if row[0] is not None])
        number, total, valid = rows[0][3:]
        return TokenPage(shown, number, total, size, valid)

    def of_target(self, target: Target) -> tuple[WorkflowToken, ...]:
        rows = self._asked.ask("tokens_of_target", **target_columns(target))
        return tuple(
            self._asked.noted().on_token(self._asked.rows.token_of(target, *row[:3])) for row in rows
        )

    def ending(self, at: datetime, until: datetime) -> tuple[WorkflowToken, ...]:
        return self._shown(self._asked.ask("tokens_ending", at=at, until=until))

    def _shown(self, rows: Rows) -> tuple[WorkflowToken, ...]:
        noted = self._asked.noted()
        return tuple(noted.on_token(self._asked.rows.token(*row[:3])) for row in rows)


class _HistoryRows:
    """Implements ``History``."""

    def __init__(self, asked: _Questioned) -> None:
        self._asked = asked

    def page(self, query: HistoryQuery) -> HistoryPage:
        target = target_columns(query.target) if query.target else {"target_kind": None, "target_name": None}
        about = {} if query.about is None else {"about": query.about, "key": name_key(query.about)}
        rows = self._asked.ask(
            "history_about" if about else "history_page",
            before=query.before,
            actor=query.actor,
            since=query.since,
            until=query.until,
            actions=sorted(query.actions) or None,
            is_refused=query.is_refused,
            size=query.size,
            **target,
            **about,
        )
        entries = tuple(entry_of(*row[:4]) for row in rows[: query.size])
        unverified = (
            entry.sequence
            for entry, row in zip(entries, rows, strict=False)
            if not self._asked.rows.is_entry(entry, row[4])
        )
        return HistoryPage(
            entries, entries[-1].sequence if len(rows) > query.size else None, tuple(unverified)
        )

    def deletion(self, integration_id: str) -> AuditEntry | None:
        return _first(entry_of, self._asked.ask("deletion", id=integration_id))

    def deletions(self, most: int) -> tuple[AuditEntry, ...]:
        return tuple(entry_of(*row) for row in self._asked.ask("deletions", size=most))

    def deletion_named(self, name: str) -> AuditEntry | None:
        return _first(entry_of, self._asked.ask("deletion_named", key=name_key(name)))

    def deletion_at(self, server: Server) -> AuditEntry | None:
        return _first(entry_of, self._asked.ask("deletion_at", server=server.address))

    def renaming(self, name: str) -> AuditEntry | None:
        return _first(entry_of, self._asked.ask("renaming", key=name_key(name)))

    def oldest_first(self) -> Iterator[AuditEntry]:
        for row in _batches(lambda after: self._asked.ask("history_after", after=after), (0,), slice(2, 3)):
            yield entry_of(*row[:4])


class _SettingRows:
    """Implements ``Settings``."""

    def __init__(self, asked: _Questioned) -> None:
        self._asked = asked

    def get(self, name: str) -> str | None:
        rows = self._asked.ask("setting", name=name)
        return self._asked.rows.setting(name, *rows[0]).value if rows else None

    def all(self) -> Mapping[str, str]:
        found = (self._asked.rows.setting(*row) for row in self._asked.ask("settings"))
        return MappingProxyType({one.name: one.value for one in found})


class PostgresReading:
    """Implements ``bot.core.ports.store.Reading``."""

    def __init__(self, workspace: Workspace, asked: _Questioned) -> None:
        self._workspace = workspace
        self._asked = asked

    @property
    def workspace(self) -> Workspace:
        """Which."""
        return self._workspace

    @property
    def integrations(self) -> _IntegrationRows:
        """The integrations."""
        return _IntegrationRows(self._asked)

    @property
    def dependencies(self) -> _DependencyRows:
        """The dependencies and bars."""
        return _DependencyRows(self._asked)

    @property
    def tokens(self) -> _TokenRows:
        """The workflow tokens."""
        return _TokenRows(self._asked)

    @property
    def history(self) -> _HistoryRows:
        """The audit entries."""
        return _HistoryRows(self._asked)

    @property
    def settings(self) -> _SettingRows:
        """The workspace's settings."""
        return _SettingRows(self._asked)

    @property
    def news(self) -> tuple[News, ...]:
        """The news that was not sent yet, the oldest first, at most 100."""
        return tuple(filter(None, (self._news_in(*row) for row in self._asked.ask("news", size=MOST_NEWS))))

    def _news_in(self, news_id: str, doc: Fields) -> News | None:
        """Return a message; ``None`` if it is not ours: that one stays where it is, and stops no other."""
        try:
            return self._asked.rows.news(news_id, doc)
        except StoreDamaged as error:
            log.warning("a message is not sent: %s", error.message)
            return None


class OneState:
    """Implements ``_Questioned``: every answer is true of one state of the workspace."""

    def __init__(
        self,
        ws: str,
        trip: Callable[[Sequence[Step]], list[Rows]],
        noted: Callable[[], NotedUses],
        rows: SealedRows,
    ) -> None:
        """
        Ask nothing yet.

        Args:
            ws: The workspace's key.
            trip: Does steps in one round trip and one snapshot.
            noted: Gives last uses that are not written yet.
            rows: Reads the workspace's rows.
        """
        self._ws = ws
        self._trip = trip
        self.noted = noted
        self.rows = rows
        self._lock = threading.Lock()
        self._revision: object = None
        self._answers: list[tuple[Step, Rows]] = []

    def ask(self, name: str, /, **parameters: Any) -> Rows:
        """Ask, or return the previous answer."""
        step = (name, {"ws": self._ws, **parameters})
        with self._lock:
            for known, rows in self._answers:
                if known == step:
                    return rows
            rows, revision = self._asked_with_revision(step)
            if self._answers and revision != self._revision:
                rows, revision = self._asked_again(step)
            self._revision = revision
            if not name.endswith(_IN_BATCHES):  # a whole history would be too much to remember
                self._answers.append((step, rows))
        return rows

    def _asked_with_revision(self, step: Step) -> tuple[Rows, object]:
        name, parameters = step
        rows = self._trip([(in_workspace(name), parameters)])[0]
        revision, is_answer = rows[0][:2]
        return [row[2:] for row in rows] if is_answer else [], revision

    def _asked_again(self, step: Step) -> tuple[Rows, object]:
        """Ask everything at once, after a change; raises ``Busy`` if an earlier answer is no longer true."""
        before = [known for known, _ in self._answers]
        revision, rows, *again = self._trip([("begin_reading", {"ws": self._ws}), step, *before])
        if again != [rows for _, rows in self._answers]:
            raise Busy("It was changed at this moment.", "Try again.")
        return rows, revision


def _first(read: Callable[..., T], rows: Rows) -> T | None:
    """What ``read`` makes of the first row, if there is one."""
    return read(*rows[0]) if rows else None


def _batches(ask: Callable[..., Rows], start: tuple[Any, ...], key: slice) -> Iterator[Row]:
    """The rows of one batch after the other; each begins after the columns ``key`` of the last row."""
    rows = ask(*start)
    while rows:
        yield from rows
        rows = ask(*rows[-1][key])


def _narrows(narrowed: Filter) -> bool:
    """True unless a filter lets everything through."""
    return narrowed != Filter(today=narrowed.today)


def _held_against(narrowed: Filter, mark: Mark) -> date | None:
    """The day that a mark is held against; ``None`` = it is not asked for."""
    if mark not in narrowed.marks or narrowed.today is None:
        return None
    return narrowed.today + ENDING_WITHIN if mark is Mark.ENDING else narrowed.today - UNUSED_FOR
