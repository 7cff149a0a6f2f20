"""One workspace in memory: every value, and an index for every question the store is asked.

A snapshot is filled, published by one assignment and never changed after that. Readers need no lock: who
holds a snapshot sees one consistent state. The next change fills a copy and publishes that.
"""

import heapq
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from difflib import get_close_matches
from itertools import compress
from operator import attrgetter, not_
from typing import Any, Generic, TypeVar

from bot.core.audit import AuditEntry, News
from bot.core.model import Bar, Dependency, Integration, Server, Setting, Target, TargetKind, WorkflowToken
from bot.core.ports.store import Candidate
from bot.core.queries import (
    ENDING_WITHIN,
    UNUSED_FOR,
    Filter,
    IntegrationPage,
    Listed,
    Mark,
    Window,
    lasting_marks,
    needles_of,
)
from bot.core.texts import name_key
from storage.records import DoneRequest, Value

UseKey = tuple[str, Target] | str
"""An integration's id and a target, or a token's id."""
_MOST_FILTERS = 16
"""How many filters' results a snapshot remembers: people page through the same list."""
_CANDIDATES = 60
_NO_FILTER = Filter()
_SEQUENCE = attrgetter("sequence")
_KIND_ORDER = {kind: place for place, kind in enumerate(TargetKind)}
K = TypeVar("K")
V = TypeVar("V")


class LastUsed:
    """The last uses of one workspace. Safe to share between threads; readers take no lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[UseKey, datetime] = {}
        """Every use since the start: a written one stays, for a reader of an older state."""
        self._unwritten: dict[UseKey, datetime] = {}

    def note(self, integration_id: str, target: Target, token_id: str, at: datetime) -> None:
        """Note a use; an earlier one that comes late changes nothing."""
        with self._lock:
            for key in ((integration_id, target), token_id):
                known = self._times.get(key)
                if known is None or known < at:
                    self._times[key] = self._unwritten[key] = at

    def on(self, dependency: Dependency) -> Dependency:
        """A dependency as it is now."""
        at = self._times.get((dependency.integration_id, dependency.target))
        return replace(dependency, last_used_at=at) if _is_later(at, dependency.last_used_at) else dependency

    def on_token(self, token: WorkflowToken) -> WorkflowToken:
        """A token as it is now."""
        at = self._times.get(token.id)
        return replace(token, last_used_at=at) if _is_later(at, token.last_used_at) else token

    def by_now(self, value: Dependency | WorkflowToken) -> Dependency | WorkflowToken:
        """A dependency or token as it is now."""
        return self.on(value) if isinstance(value, Dependency) else self.on_token(value)

    @property
    def is_written(self) -> bool:
        """Return whether the file has every use."""
        return not self._unwritten

    def unwritten(self) -> dict[UseKey, datetime]:
        """A copy of what no file has yet."""
        with self._lock:
            return dict(self._unwritten)

    def settle(self, written: dict[UseKey, datetime]) -> None:
        """Mark what was written as written, unless it was used again in the meantime."""
        with self._lock:
            for key, at in written.items():
                if self._unwritten.get(key) == at:
                    del self._unwritten[key]

    def forget(self, gone: Iterable[tuple[str, Target]]) -> None:
        """Forget removed dependencies: if they are linked again, they start fresh."""
        with self._lock:
            for key in gone:
                self._times.pop(key, None)
                self._unwritten.pop(key, None)


def _is_later(at: datetime | None, known: datetime | None) -> bool:
    return at is not None and (known is None or known < at)


class _Groups(Generic[K, V]):
    """Values by a key, each group sorted. A copy shares its groups until it changes them."""

    __slots__ = ("_groups", "_order", "_own")

    def __init__(self, order: Callable[[V], Any]) -> None:
        """``order`` says where a value belongs in its group: no two values belong in the same place."""
        self._order = order
        self._groups: dict[K, list[V]] = {}
        self._own: set[K] = set()

    def get(self, key: K) -> Sequence[V]:
        """The group of a key, which the caller never changes."""
        return self._groups.get(key, ())

    def find(self, key: K, place: Any) -> V | None:
        """The value at a place of a group."""
        group = self._groups.get(key)
        if group is None:
            return None
        at = bisect_left(group, place, key=self._order)
        return group[at] if at < len(group) and self._order(group[at]) == place else None

    def add(self, key: K, value: V) -> None:
        """Put a value where it belongs."""
        insort(self._owned(key), value, key=self._order)

    def discard(self, key: K, value: V) -> None:
        """Remove an existing value."""
        group = self._owned(key)
        del group[bisect_left(group, self._order(value), key=self._order)]
        if not group:
            del self._groups[key]
            self._own.discard(key)

    def copy(self) -> "_Groups[K, V]":
        """The same groups; a change of the copy is not seen here."""
        twin: _Groups[K, V] = _Groups(self._order)
        twin._groups = dict(self._groups)
        return twin

    def _owned(self, key: K) -> list[V]:
        if key in self._own:
            return self._groups[key]
        self._own.add(key)
        # A group that a copy has inherited belongs to readers: it is copied before its first change.
        group = self._groups[key] = list(self._groups.get(key, ()))
        return group


class Snapshot:
    """Everything of one workspace. Loading and changing both fill it by ``add`` and ``discard``."""

    __slots__ = (
        "_found",
        "_of_kinds",
        "_tokens_found",
        "bars",
        "by_id",
        "by_key",
        "dependents",
        "history",
        "keys",
        "news",
        "requests",
        "servers",
        "settings",
        "target_tokens",
        "targets",
        "texts",
        "tokens",
        "uses",
    )

    def __init__(self) -> None:
        """Begin with nothing."""
        self.by_id: dict[str, Integration] = {}
        self.by_key: dict[str, Integration] = {}
        self.keys: list[str] = []
        """All name keys, sorted."""
        self.texts: list[str] = []
        """What words are looked for in, sorted: each begins with a name key's line."""
        self.servers: _Groups[tuple[str, int], Integration] = _Groups(_name_order)
        """By host and effective port: two addresses of one registry are one place."""
        self.dependents: _Groups[str, Dependency] = _Groups(_dependency_order)
        """By integration id, each group sorted as confirmations list them."""
        self.uses: _Groups[Target, str] = _Groups(str)
        """Integration ids by target."""
        self.bars: _Groups[str, Bar] = _Groups(_dependency_order)
        """By integration id."""
        self.tokens: dict[str, WorkflowToken] = {}
        self.target_tokens: _Groups[Target, WorkflowToken] = _Groups(age_order)
        self.targets: list[Target] = []
        """Every target that depends on something or has a token, sorted."""
        self.settings: dict[str, Setting] = {}
        self.news: dict[str, News] = {}
        self.requests: dict[str, DoneRequest] = {}
        self.history: list[AuditEntry] = []
        """The newest entries, oldest first; older ones are in the archive."""
        self._found: dict[Filter, Sequence[str]] = {}
        self._of_kinds: dict[frozenset[str], list[str]] = {}
        self._tokens_found: dict[tuple[str, ...], Sequence[WorkflowToken]] = {}

    def copy(self) -> "Snapshot":
        """The same content; a change of the copy is not seen here. 10,000 integrations take about 0.3 ms."""
        twin = Snapshot()
        for name in self.__slots__:
            if name not in ("_found", "_of_kinds", "_tokens_found"):
                setattr(twin, name, getattr(self, name).copy())
        return twin

    def add(self, value: Value) -> None:
        """Put a value into every index, replacing the one with its key."""
        self.discard(value)
        if isinstance(value, Dependency):
            self._enter(value.target)
            self.dependents.add(value.integration_id, value)
            self.uses.add(value.target, value.integration_id)
        elif isinstance(value, Bar):
            self.bars.add(value.integration_id, value)
        elif isinstance(value, AuditEntry):
            insort(self.history, value, key=_SEQUENCE)
        else:
            table, key = self._place_of(value)
            table[key] = value
        if isinstance(value, Integration):
            self.by_key[value.key] = value
            insort(self.keys, value.key)
            insort(self.texts, value.search_text)
            self.servers.add(value.server.endpoint, value)
        elif isinstance(value, WorkflowToken):
            self._enter(value.target)
            self.target_tokens.add(value.target, value)

    def _enter(self, target: Target) -> None:
        """Enter a target that is about to depend on something or have a token, if it is the first time."""
        if not self._is_known(target):
            insort(self.targets, target, key=target_order)

    def _leave(self, target: Target) -> None:
        """Remove a target that nothing refers to anymore."""
        if not self._is_known(target):
            del self.targets[bisect_left(self.targets, target_order(target), key=target_order)]

    def _is_known(self, target: Target) -> bool:
        return bool(self.uses.get(target) or self.target_tokens.get(target))

    def discard(self, value: Value) -> bool:
        """Remove the value with this one's key from every index; false if there is none."""
        # A change looks things up in the snapshot that it is changing.
        for remembered in (self._found, self._of_kinds, self._tokens_found):
            remembered.clear()
        present = self.present(value)
        if present is None:
            return False
        if isinstance(present, Dependency):
            self.dependents.discard(present.integration_id, present)
            self.uses.discard(present.target, present.integration_id)
            self._leave(present.target)
        elif isinstance(present, Bar):
            self.bars.discard(present.integration_id, present)
        elif isinstance(present, AuditEntry):
            del self.history[bisect_left(self.history, present.sequence, key=_SEQUENCE)]
        else:
            table, key = self._place_of(present)
            del table[key]
        if isinstance(present, Integration):
            del self.by_key[present.key]
            del self.keys[bisect_left(self.keys, present.key)]
            del self.texts[bisect_left(self.texts, present.search_text)]
            self.servers.discard(present.server.endpoint, present)
        elif isinstance(present, WorkflowToken):
            self.target_tokens.discard(present.target, present)
            self._leave(present.target)
        return True

    def present(self, value: Value) -> Value | None:
        """What is kept under this value's key."""
        if isinstance(value, Dependency):
            return self.dependency(value.integration_id, value.target)
        if isinstance(value, Bar):
            return self.bar(value.integration_id, value.target)
        if isinstance(value, AuditEntry):
            at = bisect_left(self.history, value.sequence, key=_SEQUENCE)
            is_there = at < len(self.history) and self.history[at].sequence == value.sequence
            return self.history[at] if is_there else None
        table, key = self._place_of(value)
        found: Value | None = table.get(key)
        return found

    def _place_of(
        self, value: Integration | WorkflowToken | Setting | News | DoneRequest
    ) -> tuple[dict[str, Any], str]:
        """The dictionary of a value that has a key of its own, and the key."""
        if isinstance(value, Setting):
            return self.settings, value.name
        if isinstance(value, Integration):
            return self.by_id, value.id
        if isinstance(value, WorkflowToken):
            return self.tokens, value.id
        return self.news if isinstance(value, News) else self.requests, value.id

    def dependency(self, integration_id: str, target: Target) -> Dependency | None:
        """The dependency of a target on an integration, as it was last written."""
        return self.dependents.find(integration_id, target_order(target))

    def bar(self, integration_id: str, target: Target) -> Bar | None:
        """The bar that keeps a target from an integration."""
        return self.bars.find(integration_id, target_order(target))

    def used_by(self, target: Target) -> list[Integration]:
        """What a target depends on, sorted by name key."""
        return sorted(map(self.by_id.__getitem__, self.uses.get(target)), key=_name_order)

    def candidates(self, used: LastUsed, target: Target, asked: Server | str | None) -> tuple[Candidate, ...]:
        """What a target's token asks for, as ``Held.candidates`` says."""
        found = []
        for one in self._asked_for(target, asked):
            link = self.dependency(one.id, target)
            found.append(Candidate(one, used.on(link) if link else None, self.bar(one.id, target)))
        return tuple(found)

    def _asked_for(self, target: Target, asked: Server | str | None) -> Sequence[Integration]:
        if asked is None:
            return self.used_by(target)
        if isinstance(asked, str):
            named = self.by_key.get(name_key(asked))
            return [named] if named else []
        found = self.servers.get(asked.endpoint)
        if not found and asked.port is None:
            return self.servers.get((asked.host, 80))
        return found

    def page(self, narrowed: Filter, window: Window) -> IntegrationPage:
        """One page of the filtered list. A window past either end returns the last or the first page."""
        keys = self._keys_found(narrowed)
        start = _first_row(keys, window)
        shown = [self.by_key[key] for key in keys[start : start + window.size]]
        rows = tuple(Listed(one, len(self.dependents.get(one.id))) for one in shown)
        return IntegrationPage(rows, start, total=len(keys), everything=len(self.keys))

    def _keys_found(self, narrowed: Filter) -> Sequence[str]:
        if narrowed == _NO_FILTER:
            return self.keys
        return _remembered(self._found, narrowed, lambda: self._scan(narrowed))

    def _scan(self, narrowed: Filter) -> Sequence[str]:
        texts = self.texts
        if (kinds := narrowed.kinds) is not None:
            # Apart from the filters: people try one word after the other among the same kinds.
            texts = _remembered(self._of_kinds, kinds, lambda: self._texts_of(kinds))
        for needles in needles_of(narrowed):
            if len(needles) == 1:
                texts = [text for text in texts if needles[0] in text]
            else:
                texts = [text for text in texts if any(needle in text for needle in needles)]
        keys: Sequence[str] = self.keys
        if texts is not self.texts:
            keys = [text[: text.index("\n")] for text in texts]
        by_key = self.by_key
        if narrowed.owner is not None:
            keys = [key for key in keys if by_key[key].owner == narrowed.owner]
        for mark in narrowed.marks:
            keys = [key for key in keys if self._has_mark(by_key[key], mark, narrowed.today)]
        return keys

    def _texts_of(self, kinds: frozenset[str]) -> list[str]:
        ends = tuple(f"\n{kind}\n" for kind in kinds)  # the kind is last in ``search_text``
        return [text for text in self.texts if text.endswith(ends)]

    def _has_mark(self, integration: Integration, mark: Mark, today: date | None) -> bool:
        if mark is Mark.ENDING:
            end = integration.due_on
            return bool(end and today and end <= today + ENDING_WITHIN)
        if mark is Mark.UNUSED:
            since = (today or date.max) - UNUSED_FOR
            used = (one.last_used_at for one in self.dependents.get(integration.id))
            times = (integration.created_at, *filter(None, used))
            return all(at.date() < since for at in times)
        return mark in lasting_marks(integration)

    def nearest(self, name: str) -> tuple[str, ...]:
        """At most three names that look like ``name``: of those that share the most letter pairs with it."""
        wanted = name_key(name)[:64]
        pairs = {wanted[place : place + 2] for place in range(0, max(1, len(wanted) - 1), 2)}

        def shared(key: str) -> int:
            return sum([pair in key for pair in pairs])

        likely = heapq.nlargest(_CANDIDATES, self.keys, key=shared)
        return tuple(self.by_key[key].name for key in get_close_matches(wanted, likely, n=3))

    def tokens_found(self, words: tuple[str, ...], at: datetime) -> tuple[list[WorkflowToken], int]:
        """
        The tokens that contain every word: those valid at a time first, of both the newest first.

        Returns:
            The tokens, and how many of them are valid.
        """
        found = _remembered(self._tokens_found, words, lambda: self._scan_tokens(words))
        marks = [one.is_valid(at) for one in found]
        valid = list(compress(found, marks))
        return valid + list(compress(found, map(not_, marks))), len(valid)

    def _scan_tokens(self, words: tuple[str, ...]) -> Sequence[WorkflowToken]:
        found = [one for one in self.tokens.values() if _token_holds(one, words)]
        return sorted(found, key=age_order, reverse=True)


def _remembered(known: dict[K, V], key: K, make: Callable[[], V]) -> V:
    """Look a result up, or compute it: it is valid until the snapshot changes, which drops it."""
    found = known.get(key)
    if found is None:
        if len(known) >= _MOST_FILTERS:
            known.clear()
        found = known[key] = make()
    return found


def _name_order(integration: Integration) -> str:
    """How integrations are sorted: by name key."""
    return integration.key


def age_order(token: WorkflowToken) -> tuple[datetime, str]:
    """How tokens are sorted: by when they were created, then by id."""
    return token.created_at, token.id


def target_order(target: Target) -> tuple[int, str]:
    """How targets are sorted: by kind (project, environment, image), then name."""
    return _KIND_ORDER[target.kind], target.name


def _dependency_order(value: Dependency | Bar) -> tuple[int, str]:
    """How dependencies and bars are sorted: as their targets."""
    return target_order(value.target)


def _token_holds(token: WorkflowToken, words: Sequence[str]) -> bool:
    text = f"{token.target.kind.value} {token.target.name} {token.id} {token.created_by}".casefold()
    return all(word in text for word in words)


def _first_row(keys: Sequence[str], window: Window) -> int:
    """Where a page begins: never past the last page that has a row, never before the first."""
    if window.before is not None:
        return max(0, bisect_left(keys, window.before) - window.size)
    start = bisect_right(keys, window.after) if window.after is not None else 0
    return start if start < len(keys) else max(0, len(keys) - window.size)
