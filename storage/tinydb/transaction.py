"""A change of one workspace while it is being made: a copy of its view, and the rows that will be written."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import takewhile
from typing import TypeVar

from bot.core.audit import next_entry
from bot.core.errors import AlreadyDone, HasDependencies, NameTaken, NotFound, Outdated
from bot.core.model import (
    AuditEntry,
    Bar,
    Dependency,
    Event,
    Integration,
    News,
    Setting,
    Target,
    Workspace,
)
from bot.core.ports.store import Stored
from bot.core.workflows.token_format import WorkflowToken
from storage.records import (
    AUDIT,
    BARS,
    DEPENDENCIES,
    HEAD,
    INTEGRATIONS,
    NEWS,
    REQUESTS,
    SETTINGS,
    TOKENS,
    Fields,
    Request,
    bar_fields,
    dependency_fields,
    dependency_key,
    entry_fields,
    integration_fields,
    news_fields,
    request_fields,
    setting_fields,
    token_fields,
)
from storage.sealing import Keyring, kid_of
from storage.tinydb.archive import Archive
from storage.tinydb.last_used import used
from storage.tinydb.reading import SnapshotReading
from storage.tinydb.snapshot import View, dependency_in, dependency_order, key_order, place_of, shared_key

REMEMBERED_FOR = timedelta(minutes=10)
TOKENS_KEPT_FOR = timedelta(days=90)
"""How long a token is listed after it was revoked or has ended; the history keeps its events."""

K = TypeVar("K")
V = TypeVar("V")


class Draft(SnapshotReading):
    """Implements ``bot.core.ports.store.Change``. Nothing of it is seen by others before it is kept."""

    def __init__(self, view: View, workspace: Workspace, archive: Archive, now: datetime) -> None:
        """Copy a view: 10,000 integrations take about 0.2 ms."""
        self._workspace = workspace
        self._workspace_key = workspace.key
        self._archive = archive
        self._noted = view.noted
        self._now = now
        self._by_id = dict(view.by_id)
        self._by_key = dict(view.by_key)
        self._keys = list(view.keys)
        self._dependents = dict(view.dependents)
        self._uses = dict(view.uses)
        self._servers = dict(view.servers)
        self._tokens = dict(view.tokens)
        self._history = list(view.history)
        self._requests = dict(view.requests)
        self._bars = dict(view.bars)
        self._settings = dict(view.settings)
        self._news = dict(view.news)
        self.rows: dict[str, dict[str, Fields | None]] = {}
        """What will be written: by table and key, ``None`` for what is taken away."""

    @property
    def makes_room(self) -> bool:
        """True when something that people delete is taken away."""
        taken = [self.rows.get(table, {}).values() for table in (INTEGRATIONS, DEPENDENCIES)]
        return any(fields is None for rows in taken for fields in rows)

    @property
    def _newest(self) -> AuditEntry | None:
        return self._history[-1] if self._history else None

    @property
    def _view(self) -> View:  # type: ignore[override] # what a reading holds, a change makes anew
        return self.view()

    def put(self, value: Stored) -> None:
        """Keep a value, or replace the one of its key, as ``Change.put`` says."""
        if isinstance(value, Integration):
            self._require_successor(value)
            self.put_integration(value)
        elif isinstance(value, Dependency):
            self.put_dependency(value)
        elif isinstance(value, WorkflowToken):
            self.put_token(value)
        else:
            self._put_small(value)

    def _put_small(self, value: Bar | Setting | News) -> None:
        if isinstance(value, Bar):
            if value.integration_id not in self._by_id:
                raise NotFound("That integration is gone, so nothing was barred from it.", "Choose another.")
            self._bars[value.integration_id, value.target] = value
            self._write(BARS, dependency_key(value.integration_id, value.target), bar_fields(value))
        elif isinstance(value, Setting):
            self._settings[value.name] = value.value
            self._write(SETTINGS, value.name, setting_fields(value))
        else:
            self._news[value.id] = value
            self._write(NEWS, value.id, news_fields(value))

    def remove(self, value: Stored) -> None:
        """Take a value away, as ``Change.remove`` says."""
        if isinstance(value, Integration):
            present = self._by_id.get(value.id)
            if present is None or present.version != value.version:
                raise Outdated(present)
            self.remove_integration(value.id)
        elif isinstance(value, Dependency):
            self.remove_dependency(value.integration_id, value.target)
        elif isinstance(value, Bar):
            self._remove_bar(value)
        else:
            self._remove_row(value)

    def _remove_bar(self, bar: Bar) -> None:
        if self._bars.pop((bar.integration_id, bar.target), None):
            self._write(BARS, dependency_key(bar.integration_id, bar.target), None)

    def _remove_row(self, value: WorkflowToken | Setting | News) -> None:
        if isinstance(value, Setting):
            self._take_row(SETTINGS, self._settings, value.name)
        elif isinstance(value, News):
            self._take_row(NEWS, self._news, value.id)
        else:
            self._take_row(TOKENS, self._tokens, value.id)

    def _take_row(self, table: str, rows: dict[str, V], key: str) -> None:
        if rows.pop(key, None) is not None:
            self._write(table, key, None)

    def _require_successor(self, integration: Integration) -> None:
        """Raise ``Outdated`` unless an integration is new, or follows the one that is there."""
        present = self._by_id.get(integration.id)
        known = present.version if present else 1
        is_new = present is None and integration.version == 1
        if not is_new and (present is None or integration.version - known not in (0, 1)):
            raise Outdated(present)

    def integration(self, integration_id: str) -> Integration | None:
        """The integration with this id."""
        return self._by_id.get(integration_id)

    def put_integration(self, integration: Integration) -> None:
        """
        Keep a new integration, or replace the one with its id.

        Raises:
            NameTaken: Another integration has its name.
            KeyringFailure: Its secret has not the form of a sealed one: no plaintext reaches the disk.
        """
        if integration.secret is not None:
            kid_of(integration.secret)
        key = shared_key(integration)
        holder = self._by_key.get(key)
        if holder and holder.id != integration.id:
            raise NameTaken(integration.name)
        before = self._by_id.get(integration.id)
        if before:
            self._leave_server(before)
        if before and before.key != key:
            self._forget_name(before.key)
        if key not in self._by_key:
            insort(self._keys, key)
        self._by_key[key] = self._by_id[integration.id] = integration
        self._join_server(integration)
        self._write(INTEGRATIONS, integration.id, integration_fields(integration))

    def remove_integration(self, integration_id: str) -> None:
        """
        Take an integration away; nothing happens when there is none.

        Raises:
            HasDependencies: Something depends on it.
        """
        integration = self._by_id.get(integration_id)
        if integration is None:
            return
        if count := self.dependency_count(integration_id):
            raise HasDependencies(integration.name, count)
        del self._by_id[integration_id]
        self._forget_name(integration.key)
        self._leave_server(integration)
        self._write(INTEGRATIONS, integration_id, None)
        for bar in [one for one in self._bars.values() if one.integration_id == integration_id]:
            self._remove_bar(bar)

    def _forget_name(self, key: str) -> None:
        del self._by_key[key]
        del self._keys[bisect_left(self._keys, key)]

    def _join_server(self, integration: Integration) -> None:
        place = place_of(integration.server)
        there = list(self._servers.get(place, ()))
        insort(there, integration, key=key_order)
        self._servers[place] = tuple(there)

    def _leave_server(self, integration: Integration) -> None:
        place = place_of(integration.server)
        rest = tuple(one for one in self._servers[place] if one.id != integration.id)
        put_or_drop(self._servers, place, rest)

    def dependency(self, integration_id: str, target: Target) -> Dependency | None:
        """The dependency of a target on an integration."""
        return dependency_in(self._dependents.get(integration_id, ()), target)

    def dependency_count(self, integration_id: str) -> int:
        """How many targets depend on an integration."""
        return len(self._dependents.get(integration_id, ()))

    def put_dependency(self, dependency: Dependency) -> None:
        """
        Keep a dependency, or replace the one of the same integration and target.

        Raises:
            NotFound: The integration is gone.
        """
        if dependency.integration_id not in self._by_id:
            raise NotFound("That integration is gone, so nothing was linked to it.", "Choose another.")
        self._take_dependency(dependency.integration_id, dependency.target)
        mine = list(self._dependents.get(dependency.integration_id, ()))
        insort(mine, dependency, key=dependency_order)
        self._dependents[dependency.integration_id] = tuple(mine)
        used = self._uses.get(dependency.target, ())
        self._uses[dependency.target] = (*used, dependency.integration_id)
        key = dependency_key(dependency.integration_id, dependency.target)
        self._write(DEPENDENCIES, key, dependency_fields(dependency))

    def remove_dependency(self, integration_id: str, target: Target) -> None:
        """Take a dependency away; nothing happens when there is none."""
        if self._take_dependency(integration_id, target):
            self._write(DEPENDENCIES, dependency_key(integration_id, target), None)

    def _take_dependency(self, integration_id: str, target: Target) -> bool:
        mine = self._dependents.get(integration_id, ())
        if dependency_in(mine, target) is None:
            return False
        rest = tuple(one for one in mine if one.target != target)
        put_or_drop(self._dependents, integration_id, rest)
        put_or_drop(self._uses, target, tuple(one for one in self._uses[target] if one != integration_id))
        return True

    def put_uses(self, integration_id: str, times: Mapping[Target, datetime]) -> None:
        """Keep last uses of an integration's dependencies; targets that do not depend are passed over."""
        before = self._dependents.get(integration_id, ())
        after = tuple(used(one, times) for one in before)
        changed = [new for new, old in zip(after, before, strict=True) if new is not old]
        if changed:
            self._dependents[integration_id] = after
        for one in changed:
            self._write(DEPENDENCIES, dependency_key(integration_id, one.target), dependency_fields(one))

    def token(self, token_id: str) -> WorkflowToken | None:
        """The workflow token with this public id, as the file has it."""
        return self._tokens.get(token_id)

    def put_token(self, token: WorkflowToken) -> None:
        """
        Keep a workflow token, or replace the one with its id.

        Those that were revoked or had ended ``TOKENS_KEPT_FOR`` before this one was made are dropped.
        """
        if TOKENS not in self.rows:  # once a change: it looks at every token
            self._drop_tokens(token.created_at - TOKENS_KEPT_FOR)
        self._tokens[token.id] = token
        self._write(TOKENS, token.id, token_fields(token))

    def _drop_tokens(self, over_before: datetime) -> None:
        over = [one.id for one in self._tokens.values() if (one.revoked_at or one.expires_at) < over_before]
        for token_id in over:
            del self._tokens[token_id]
            self._write(TOKENS, token_id, None)

    def record(self, event: Event) -> None:
        """Append to the workspace's history."""
        entry = next_entry(self._newest, self._workspace_key, event)
        self._history.append(entry)
        self._write(AUDIT, str(entry.sequence), entry_fields(entry))

    def outcome(self, request_id: str) -> str | None:
        """What an earlier request of this id (last 10 minutes) came to; a request without an id is new."""
        request = self._requests.get(request_id)
        return request.outcome if request and not self._is_over(request) else None

    def remember(self, request_id: str, outcome: str) -> None:
        """Keep what this request came to; nothing happens when it has no id."""
        if not request_id:
            return
        if known := self.outcome(request_id):
            raise AlreadyDone(known)
        self._forget_old_requests()
        self._requests.pop(request_id, None)
        request = self._requests[request_id] = Request(outcome, self._now)
        self._write(REQUESTS, request_id, request_fields(request))

    def _forget_old_requests(self) -> None:
        for request_id in list(takewhile(lambda one: self._is_over(self._requests[one]), self._requests)):
            del self._requests[request_id]
            self._write(REQUESTS, request_id, None)

    def _is_over(self, request: Request) -> bool:
        return self._now - request.at > REMEMBERED_FOR

    def forget_history(self, count: int) -> None:
        """Take the oldest entries away, once they stand in the archive."""
        for entry in self._history[:count]:
            self._write(AUDIT, str(entry.sequence), None)
        del self._history[:count]

    def seal_head(self, keyring: Keyring) -> None:
        """Write the seal of the newest entry's hash, if there is an entry."""
        if self._newest:
            seal = keyring.seal_head(self._newest.hash)
            self._write(
                HEAD, AUDIT, {"sequence": self._newest.sequence, "kid": keyring.primary, "seal": seal}
            )

    def _write(self, table: str, key: str, fields: Fields | None) -> None:
        self.rows.setdefault(table, {})[key] = fields

    def view(self) -> View:
        """The workspace as this change leaves it. The draft is not used after that."""
        return View(
            by_id=self._by_id,
            by_key=self._by_key,
            keys=self._keys,
            dependents=self._dependents,
            uses=self._uses,
            servers=self._servers,
            tokens=self._tokens,
            history=tuple(self._history),
            requests=self._requests,
            bars=self._bars,
            settings=self._settings,
            news=self._news,
            noted=self._noted,
        )


def put_or_drop(places: dict[K, tuple[V, ...]], key: K, values: tuple[V, ...]) -> None:
    """Keep a tuple under a key; an empty one is left out."""
    if values:
        places[key] = values
    else:
        del places[key]
