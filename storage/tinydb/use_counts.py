"""Records fetches: a target's first and each hour's first on disk, the others counted in memory.

The count of an hour is written when the hour is over, so a busy pipeline is two lines of history an hour. A
killed process loses counts and last uses, never a first fetch.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from bot.core.audit import Event, Result
from bot.core.errors import StoreFailure, UseOutdated
from bot.core.model import Bar, Dependency, Integration, WorkflowToken, Workspace
from bot.core.ports.store import Fetch
from storage.tinydb.snapshot import Snapshot
from storage.tinydb.workspace import OpenWorkspace

_HOUR = timedelta(hours=1)
_NEVER = datetime.max.replace(tzinfo=UTC)

log = logging.getLogger(__name__)


class _Line(NamedTuple):
    """Fetches that are one line of the history."""

    workspace: Workspace
    hour: datetime
    token_id: str
    integration_id: str
    action: str
    result: Result


class _ReliedOn(NamedTuple):
    """What the decision about a fetch is based on."""

    token: WorkflowToken | None
    integration: Integration | None
    link: Dependency | None
    bar: Bar | None


@dataclass(slots=True)
class _Count:
    """How many fetches followed the first of a line, and what the first was recorded as."""

    event: Event
    more: int = 0


class UseCounts:
    """The hours that are not over yet. Safe to share between threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[_Line, _Count] = {}
        self._is_ending = False

    def record(self, opened: OpenWorkspace, use: Fetch) -> None:
        """Record a fetch. Raises ``UseOutdated`` or a ``StoreFailure``; then nothing was recorded."""
        line = _line_of(use)
        known = _relied_on(opened.snapshot, use)
        _refuse_outdated(known, use)
        if _is_first(known, use) or not self._count_more(line):
            self._record_first(opened, use, line)
        if use.dependency:
            opened.used.note(use.integration.id, use.token.target, use.token.id, use.at)

    def _record_first(self, opened: OpenWorkspace, use: Fetch, line: _Line) -> None:
        with opened.change() as change:
            known = _relied_on(change.snapshot, use)
            _refuse_outdated(known, use)
            is_first = _is_first(known, use)
            if use.dependency and is_first:
                change.put(use.dependency)
            if is_first or line not in self._counts:
                change.record(use.event)
        with self._lock:
            count = self._counts.get(line)
            if count is None:
                self._counts[line] = _Count(use.event)
            elif not is_first:
                count.more += 1

    def _count_more(self, line: _Line) -> bool:
        with self._lock:
            known = self._counts.get(line)
            if known:
                known.more += 1
        return known is not None

    def end(self) -> None:
        """Treat every hour as over from now on: the process is ending."""
        self._is_ending = True

    def write_over(self, opened: OpenWorkspace) -> None:
        """Write the counts of a workspace's hours that are over. If that fails, counting continues."""
        over = self._take_over(opened.workspace)
        if not any(count.more for count in over.values()):
            return
        try:
            with opened.change() as change:
                for line, count in over.items():
                    if count.more:
                        change.record(_summary(count, line.hour, self._clock()))
        except StoreFailure as error:
            self._put_back(over)
            log.warning("%s: counts of fetches could not be written: %s", opened.key, error.message)

    def _take_over(self, workspace: Workspace) -> dict[_Line, _Count]:
        now = _NEVER if self._is_ending else self._clock()
        with self._lock:
            over = [one for one in self._counts if one.workspace == workspace and one.hour + _HOUR <= now]
            return {line: self._counts.pop(line) for line in over}

    def _put_back(self, over: dict[_Line, _Count]) -> None:
        with self._lock:
            for line, count in over.items():
                self._counts.setdefault(line, _Count(count.event)).more += count.more


def _line_of(use: Fetch) -> _Line:
    hour = use.at.replace(minute=0, second=0, microsecond=0)
    event = use.event
    return _Line(use.workspace, hour, use.token.id, use.integration.id, event.action, event.result)


def _summary(count: _Count, hour: datetime, at: datetime) -> Event:
    return replace(count.event, at=at, more=count.more, hour=hour, request_id="")


def _relied_on(snapshot: Snapshot, use: Fetch) -> _ReliedOn:
    """Return what the decision about a fetch is based on, as it is now, apart from last uses."""
    key = use.integration.id, use.token.target
    token, integration = snapshot.tokens.get(use.token.id), snapshot.by_id.get(use.integration.id)
    return _ReliedOn(token, integration, snapshot.dependency(*key), snapshot.bar(*key))


def _is_first(known: _ReliedOn, use: Fetch) -> bool:
    """True for a target's first fetch of an integration."""
    return use.dependency is not None and known.link is None


def _refuse_outdated(known: _ReliedOn, use: Fetch) -> None:
    """Raise ``UseOutdated`` unless everything is as it was when the decision was made."""
    is_same = known.integration is not None and known.integration.version == use.integration.version
    if not (is_same and _is_token_same(known.token, use.token)):
        raise UseOutdated
    if use.dependency is None:
        return
    if known.bar or (use.needs_link and not (known.link and known.link.granted_by)):
        raise UseOutdated


def _is_token_same(present: WorkflowToken | None, known: WorkflowToken) -> bool:
    return present is not None and (
        present.revoked_at is None
        and (present.expires_at, present.target, present.created_by, present.held_at)
        == (known.expires_at, known.target, known.created_by, known.held_at)
        and (present.approved_by, present.declined_by, present.taken_over_from, present.kept_from)
        == (known.approved_by, known.declined_by, known.taken_over_from, known.kept_from)
    )
