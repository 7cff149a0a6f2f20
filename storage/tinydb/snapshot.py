"""One workspace in memory. A view is built, published by one assignment and never changed after that.

Readers need no lock: whoever holds a view sees one consistent state. The next change publishes a new one.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from itertools import compress
from operator import not_

from bot.core.addresses import DEFAULT_PORTS
from bot.core.model import (
    AuditEntry,
    Bar,
    Dependency,
    Integration,
    News,
    Server,
    Target,
    TargetKind,
    name_key,
)
from bot.core.queries import DependencyPage, Filter, Listed, Page, TokenPage, Unused, Use, Window
from bot.core.workflows.token_format import WorkflowToken
from storage.records import Request
from storage.tinydb.last_used import Noted

MOST_TARGETS = 1000
MOST_FILTERS = 16
"""How many filters' results a view remembers: people page through the same list."""
CANDIDATES = 60
ServerPlace = tuple[str, int]
"""A host and its effective port: two addresses of one registry are one place."""
KIND_ORDER = {kind: place for place, kind in enumerate(TargetKind)}


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one workspace holds, arranged for every question the store is asked."""

    by_id: Mapping[str, Integration] = field(default_factory=dict)
    by_key: Mapping[str, Integration] = field(default_factory=dict)
    keys: Sequence[str] = ()
    """All name keys, sorted."""
    dependents: Mapping[str, tuple[Dependency, ...]] = field(default_factory=dict)
    """By integration id, each sorted as confirmations list them."""
    uses: Mapping[Target, tuple[str, ...]] = field(default_factory=dict)
    """Integration ids by target."""
    servers: Mapping[ServerPlace, tuple[Integration, ...]] = field(default_factory=dict)
    """Integrations by their server's place, each sorted by name key."""
    tokens: Mapping[str, WorkflowToken] = field(default_factory=dict)
    """By public id."""
    history: tuple[AuditEntry, ...] = ()
    """The newest entries, oldest first; older ones are in the archive."""
    requests: Mapping[str, Request] = field(default_factory=dict)
    """By request id, oldest first."""
    bars: Mapping[tuple[str, Target], Bar] = field(default_factory=dict)
    """By integration id and target."""
    settings: Mapping[str, str] = field(default_factory=dict)
    news: Mapping[str, News] = field(default_factory=dict)
    """By id, the oldest first."""
    noted: Noted = field(default_factory=Noted)
    """Uses that are not written yet: the one part that changes under a reader, who only looks up in it."""
    _found: dict[Filter, Sequence[str]] = field(default_factory=dict)
    _targets: dict[TargetKind, tuple[str, ...]] = field(default_factory=dict)
    _tokens_found: dict[tuple[str, ...], Sequence[WorkflowToken]] = field(default_factory=dict)

    def page(self, narrowed: Filter, window: Window) -> Page:
        """One page of the filtered list. A window past either end gives the last or the first page."""
        keys = self.found(narrowed)
        start = first_row(keys, window)
        shown = [self.by_key[key] for key in keys[start : start + window.size]]
        rows = tuple(Listed(one, len(self.dependents.get(one.id, ()))) for one in shown)
        return Page(rows, start, total=len(keys), everything=len(self.keys))

    def found(self, narrowed: Filter) -> Sequence[str]:
        """The name keys a filter lets through, sorted."""
        if narrowed.kinds is None and not narrowed.words:
            return self.keys
        known = self._found.get(narrowed)
        if known is None:
            if len(self._found) >= MOST_FILTERS:
                self._found.clear()
            known = self._found[narrowed] = self._scan(narrowed)
        return known

    def _scan(self, narrowed: Filter) -> Sequence[str]:
        keys = self.keys
        for word in narrowed.words:
            keys = holding(name_key(word), keys)
        kinds, by_key = narrowed.kinds, self.by_key
        return keys if kinds is None else [key for key in keys if by_key[key].kind in kinds]

    def nearest_names(self, name: str) -> tuple[str, ...]:
        """At most three names that look like ``name``: of those that share the most letter pairs with it."""
        wanted = name_key(name)[:64]
        pairs = {wanted[place : place + 2] for place in range(0, max(1, len(wanted) - 1), 2)}

        def shared(key: str) -> int:
            return sum([pair in key for pair in pairs])

        likely = heapq.nlargest(CANDIDATES, self.keys, key=shared)
        return tuple(self.by_key[key].name for key in get_close_matches(wanted, likely, n=3))

    def dependency(self, integration_id: str, target: Target) -> Dependency | None:
        """The dependency of a target on an integration, with its last use by now."""
        found = dependency_in(self.dependents.get(integration_id, ()), target)
        return self.noted.on(found) if found else None

    def is_linked(self, integration_id: str, target: Target) -> bool:
        """True when the target depends on the integration."""
        return integration_id in self.uses.get(target, ())

    def dependency_page(self, integration_id: str, number: int, size: int) -> DependencyPage:
        """One page of an integration's dependencies; a number past the end gives the last page."""
        mine = self.dependents.get(integration_id, ())
        number = max(0, min(number, (len(mine) - 1) // size))
        shown = mine[number * size : (number + 1) * size]
        return DependencyPage(tuple(map(self.noted.on, shown)), number, len(mine), size)

    def used_by(self, target: Target) -> tuple[Use, ...]:
        """Every integration a target uses, sorted by name key."""
        mine = [self.by_id[integration_id] for integration_id in self.uses.get(target, ())]
        mine.sort(key=key_order)
        uses = ((one, self.dependency(one.id, target)) for one in mine)
        return tuple(Use(one, dependency) for one, dependency in uses if dependency)

    def targets(self, kind: TargetKind) -> tuple[str, ...]:
        """The names of at most 1,000 targets of a kind, sorted."""
        known = self._targets.get(kind)
        if known is None:
            names = [target.name for target in self.uses if target.kind is kind]
            known = self._targets[kind] = tuple(heapq.nsmallest(MOST_TARGETS, names))
        return known

    def integrations_at(self, server: Server) -> tuple[Integration, ...]:
        """Every integration of this host and effective port, sorted by name key."""
        return self.servers.get(place_of(server), ())

    def token_page(self, at: datetime, words: tuple[str, ...], number: int, size: int) -> TokenPage:
        """One page of workflow tokens: those that are valid first, of both the newest first."""
        found = self.tokens_found(words)
        marks = [one.is_valid(at) for one in found]
        valid, over = list(compress(found, marks)), list(compress(found, map(not_, marks)))
        number = max(0, min(number, (len(found) - 1) // size))
        shown = (valid + over)[number * size : (number + 1) * size]
        return TokenPage(tuple(map(self.noted.on_token, shown)), number, len(found), len(valid), size)

    def tokens_found(self, words: tuple[str, ...]) -> Sequence[WorkflowToken]:
        """The workflow tokens that hold every word, the newest first."""
        known = self._tokens_found.get(words)
        if known is None:
            if len(self._tokens_found) >= MOST_FILTERS:
                self._tokens_found.clear()
            found = [one for one in self.tokens.values() if holds_all(one, words)]
            known = self._tokens_found[words] = sorted(found, key=age_order, reverse=True)
        return known

    def unused(self, since: datetime, size: int) -> tuple[int, tuple[Unused, ...]]:
        """How many integrations were added before ``since`` and not used after it, and the first of them."""
        candidates = (self.by_key[key] for key in self.keys)
        old = [self._last_use(one) for one in candidates if one.created_at < since]
        idle = [one for one in old if one.last_used_at is None or one.last_used_at < since]
        return len(idle), tuple(idle[:size])

    def _last_use(self, integration: Integration) -> Unused:
        mine = self.dependents.get(integration.id, ())
        times = [by_now.last_used_at for by_now in map(self.noted.on, mine) if by_now.last_used_at]
        return Unused(integration, len(mine), max(times, default=None))


def shared_key(integration: Integration) -> str:
    """The name key, as the name's own text where the two are equal: thousands of copies would add up."""
    key = integration.key
    return integration.name if key == integration.name else key


def place_of(server: Server) -> ServerPlace:
    """Where a server is, whatever its scheme."""
    return server.host, server.port or DEFAULT_PORTS[server.scheme]


def by_server(by_key: Mapping[str, Integration]) -> dict[ServerPlace, tuple[Integration, ...]]:
    """Group integrations by their server's place, each group sorted by name key."""
    servers: dict[ServerPlace, list[Integration]] = {}
    for key in sorted(by_key):
        servers.setdefault(place_of(by_key[key].server), []).append(by_key[key])
    return {place: tuple(there) for place, there in servers.items()}


def key_order(integration: Integration) -> str:
    """How integrations are sorted: by name key."""
    return integration.key


def age_order(token: WorkflowToken) -> tuple[datetime, str]:
    """How tokens are sorted: by when they were made; those of one moment by id."""
    return token.created_at, token.id


def holds_all(token: WorkflowToken, words: Sequence[str]) -> bool:
    """True when each word occurs in a token's target, its id or its creator's id."""
    text = f"{token.target.kind.value} {token.target.name} {token.id} {token.created_by}".casefold()
    return all(word in text for word in words)


def holding(word: str, keys: Sequence[str]) -> Sequence[str]:
    """The keys that hold a word."""
    return [key for key in keys if word in key]


def first_row(keys: Sequence[str], window: Window) -> int:
    """Where a page begins: never past the last page that holds a row, never before the first."""
    if window.before is not None:
        return max(0, bisect_left(keys, window.before) - window.size)
    start = bisect_right(keys, window.after) if window.after is not None else 0
    return start if start < len(keys) else max(0, len(keys) - window.size)


def order_of(target: Target) -> tuple[int, str]:
    """How targets are sorted: by kind (project, environment, image), then name."""
    return KIND_ORDER[target.kind], target.name


def dependency_in(mine: Sequence[Dependency], target: Target) -> Dependency | None:
    """Find the dependency of a target in a sorted sequence."""
    place = bisect_left(mine, order_of(target), key=dependency_order)
    return mine[place] if place < len(mine) and mine[place].target == target else None


def dependency_order(dependency: Dependency) -> tuple[int, str]:
    """How dependencies are sorted: as their targets."""
    return order_of(dependency.target)
