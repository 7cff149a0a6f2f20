"""What is asked of one workspace, and a change of it while it is being made.

A reading answers every question from one snapshot. A change is a reading of a copy of the snapshot, with the
rows to be written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from heapq import nsmallest

from bot.core.audit import AuditEntry, Event, News, next_entry
from bot.core.errors import AlreadyDone, HasDependencies, NameTaken, NotFound, Outdated
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
from bot.core.ports.store import CLOCK_JUMP, MOST_NEWS, REMEMBERED_FOR, TOKENS_KEPT_FOR, Stored
from bot.core.queries import (
    DependencyPage,
    Filter,
    IntegrationPage,
    TargetPage,
    TokenPage,
    Unused,
    Use,
    Window,
    numbered_page,
)
from bot.core.texts import name_key
from storage.records import (
    DEPENDENCIES,
    INTEGRATIONS,
    DoneRequest,
    Fields,
    Identities,
    Value,
    kids_of,
    place_of,
    record_of,
    sealed_in,
)
from storage.tinydb.archive import Archive, SnapshotHistory, sealed_again
from storage.tinydb.snapshot import LastUsed, Snapshot, UseKey

_MOST_ENDING = 1000
_RULES = "rules."
"""What the settings are called that say who is an admin or an editor."""
Rows = dict[str, dict[str, Fields | None]]
"""What will be written: by table and key, ``None`` for what is taken away."""


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
        return self._snapshot.nearest(name)

    def page(self, narrowed: Filter, window: Window) -> IntegrationPage:
        return self._snapshot.page(narrowed, window)

    def at(self, server: Server) -> tuple[Integration, ...]:
        return tuple(self._snapshot.servers.get(server.endpoint))

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
        page = numbered_page(mine, number, size)
        return DependencyPage(tuple(map(self._used.on, page.rows)), page.number, page.total, size)

    def of_target(self, target: Target) -> tuple[Use, ...]:
        return tuple(
            Use(one, self._used.on(dependency))
            for one in self._snapshot.used_by(target)
            if (dependency := self._snapshot.dependency(one.id, target))
        )

    def targets(
        self, kind: TargetKind | None = None, words: tuple[str, ...] = (), number: int = 0, size: int = 100
    ) -> TargetPage:
        found = self._snapshot.targets
        if kind or words:
            found = [one for one in found if kind in (None, one.kind) and _holds_all(one.name, words)]
        page = numbered_page(found, number, size)
        return TargetPage(page.rows, page.number, page.total, size)


class _Tokens(_Part):
    """Implements ``Tokens``."""

    def get(self, token_id: str) -> WorkflowToken | None:
        found = self._snapshot.tokens.get(token_id)
        return self._used.on_token(found) if found else None

    def page(self, at: datetime, words: tuple[str, ...], number: int, size: int) -> TokenPage:
        found, valid = self._snapshot.tokens_found(words, at)
        page = numbered_page(found, number, size)
        return TokenPage(tuple(map(self._used.on_token, page.rows)), page.number, page.total, size, valid)

    def of_target(self, target: Target) -> tuple[WorkflowToken, ...]:
        return tuple(map(self._used.on_token, reversed(self._snapshot.target_tokens.get(target))))

    def ending(self, at: datetime, until: datetime) -> tuple[WorkflowToken, ...]:
        tokens = self._snapshot.tokens.values()
        found = (one for one in tokens if one.expires_at <= until and one.is_valid(at))
        return tuple(nsmallest(_MOST_ENDING, found, key=lambda one: one.expires_at))


class _Settings:
    """Implements ``Settings``."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._settings = snapshot.settings

    def get(self, name: str) -> str | None:
        found = self._settings.get(name)
        return found.value if found else None

    def all(self) -> Mapping[str, str]:
        return {one.name: one.value for one in self._settings.values()}


class SnapshotReading:
    """Implements ``bot.core.ports.store.Reading`` over one snapshot."""

    def __init__(self, workspace: Workspace, snapshot: Snapshot, archive: Archive, used: LastUsed) -> None:
        self.workspace = workspace
        self.snapshot = snapshot
        """The workspace as this leaves it."""
        self._archive = archive
        self._used = used

    @property
    def integrations(self) -> _Integrations:
        """The integrations."""
        return _Integrations(self.snapshot, self._used)

    @property
    def dependencies(self) -> _Dependencies:
        """The dependencies and bars."""
        return _Dependencies(self.snapshot, self._used)

    @property
    def tokens(self) -> _Tokens:
        """The workflow tokens."""
        return _Tokens(self.snapshot, self._used)

    @property
    def history(self) -> SnapshotHistory:
        """The audit entries."""
        return SnapshotHistory(self.snapshot, self._archive)

    @property
    def settings(self) -> _Settings:
        """The workspace's settings."""
        return _Settings(self.snapshot)

    @property
    def news(self) -> tuple[News, ...]:
        """The news that was not sent yet, the oldest first, at most 100."""
        return tuple(nsmallest(MOST_NEWS, self.snapshot.news.values(), key=lambda one: one.at))


def _holds_all(name: str, words: tuple[str, ...]) -> bool:
    key = name.casefold()
    return all(word in key for word in words)


class SnapshotChange(SnapshotReading):
    """Implements ``bot.core.ports.store.Change``. Others see nothing of it before it is stored."""

    def __init__(
        self,
        workspace: Workspace,
        before: Snapshot,
        archive: Archive,
        used: LastUsed,
        identities: Identities,
        now: datetime,
    ) -> None:
        """Begin with a copy of a snapshot."""
        super().__init__(workspace, before.copy(), archive, used)
        self._identities = identities
        self._now = now
        self.rows: Rows = {}
        self.drops_secret = False
        """True when a sealed secret is replaced or removed."""
        self.ends_right = False
        """True when it may remove a permission or a credential."""
        self.gone: list[tuple[str, Target]] = []
        """The dependencies that were removed, by integration id and target."""

    @property
    def makes_room(self) -> bool:
        """True when something that people delete is removed."""
        taken = [self.rows.get(table, {}).values() for table in (INTEGRATIONS, DEPENDENCIES)]
        return any(row is None for rows in taken for row in rows)

    def put(self, value: Stored) -> None:
        """Store a value, or replace the one with its key, as ``Change.put`` says."""
        self.ends_right |= _ends_by_putting(self.snapshot, value)
        if isinstance(value, Integration):
            self._require_successor(value)
            self._require_free_name(value)
            self.put_sealed(value)
        else:
            if isinstance(value, Dependency | Bar):
                self._require_integration(value.integration_id)
            if isinstance(value, WorkflowToken):
                self._drop_old_tokens(value.created_at)
            self._keep(value)

    def put_sealed(self, integration: Integration) -> None:
        """Store an integration whose key, name and version were checked already."""
        kids_of(integration)  # no plaintext reaches the disk
        before = self.snapshot.by_id.get(integration.id)
        kept = self._identities.sealed(integration)
        if before is not None:
            self.drops_secret |= not sealed_in(before) <= sealed_in(kept)
        self._keep(kept)

    def remove(self, value: Stored) -> None:
        """Remove a value, as ``Change.remove`` says."""
        self.ends_right |= _ends_by_removing(value)
        if isinstance(value, Integration):
            self._remove_integration(value)
        else:
            self._take(value)

    def _remove_integration(self, shown: Integration) -> None:
        present = self.snapshot.by_id.get(shown.id)
        if present is None or present.version != shown.version:
            raise Outdated(present)
        if dependents := self.snapshot.dependents.get(shown.id):
            raise HasDependencies(present.name, len(dependents))
        for bar in tuple(self.snapshot.bars.get(shown.id)):
            self._take(bar)
        self.drops_secret |= bool(sealed_in(present))
        self._take(present)

    def record(self, event: Event) -> None:
        """Append to the workspace's history."""
        history = self.snapshot.history
        entry = next_entry(history[-1] if history else None, self._identities.workspace_key, event)
        self._keep(replace(entry, seal=self._identities.keyring.seal_entry(entry.hash)))

    def remember(self, request_id: str, outcome: str) -> None:
        """Store the outcome of this request, as ``Change.remember`` says."""
        if not request_id:
            return
        known = self.snapshot.requests.get(request_id)
        if known and not self._is_over(known):
            raise AlreadyDone(known.outcome)
        for old in [one for one in self.snapshot.requests.values() if self._is_over(one)]:
            self._take(old)
        self._keep(DoneRequest(request_id, outcome, self._now))

    def _is_over(self, request: DoneRequest) -> bool:
        # One that was remembered while the clock was ahead is over too, or it would be kept for days.
        return abs(self._now - request.at) > REMEMBERED_FOR

    def put_last_used(self) -> dict[UseKey, datetime]:
        """Write the notes about what is still there; return all notes, which are then no longer needed."""
        noted = self._used.unwritten()
        for key in noted:
            known = self.snapshot.tokens.get(key) if isinstance(key, str) else self.snapshot.dependency(*key)
            if known is not None:
                by_now = self._used.by_now(known)
                if by_now is not known:
                    self._keep(by_now)
        return noted

    def forget_oldest(self, entries: list[AuditEntry]) -> None:
        """Remove the oldest entries, once they are in the archive."""
        del self.snapshot.history[: len(entries)]
        for entry in entries:
            self._drop_row(entry)

    def seal_again(self, trusted: str) -> None:
        """Have everything written again, each entry sealed with the primary key."""
        self.drops_secret = True
        for entry in tuple(self.snapshot.history):
            self._keep(sealed_again(self._identities.keyring, entry, trusted))

    def restore(self, value: Value) -> None:
        """Store a value as a different store had it, whatever its version, hash and seal."""
        self._keep(self._identities.restored(value) if isinstance(value, Integration) else value)

    def _keep(self, value: Value) -> None:
        self.snapshot.add(value)
        table, key, row = record_of(value)
        self.rows.setdefault(table, {})[key] = row

    def _take(self, value: Value) -> None:
        if self.snapshot.discard(value):
            self._drop_row(value)
            if isinstance(value, Dependency):
                self.gone.append((value.integration_id, value.target))

    def _drop_row(self, value: Value) -> None:
        table, key = place_of(value)
        self.rows.setdefault(table, {})[key] = None

    def _require_successor(self, integration: Integration) -> None:
        """Raise ``Outdated`` unless an integration is new, or follows the one that is there."""
        present = self.snapshot.by_id.get(integration.id)
        is_new = present is None and integration.version == 1
        if not is_new and (present is None or integration.version - present.version not in (0, 1)):
            raise Outdated(present)

    def _require_free_name(self, integration: Integration) -> None:
        holder = self.snapshot.by_key.get(integration.key)
        if holder and holder.id != integration.id:
            raise NameTaken(integration.name)

    def _require_integration(self, integration_id: str) -> None:
        if integration_id not in self.snapshot.by_id:
            raise NotFound(
                "That integration is gone, so nothing was linked to it.", "Choose a different one."
            )

    def _drop_old_tokens(self, made_at: datetime) -> None:
        """Drop tokens that ended long before this one was created."""
        history = self.snapshot.history
        # Only their hashes are kept, so a token dropped by a wrong clock could never be brought back.
        if history and made_at - history[-1].event.at > CLOCK_JUMP:
            return
        over_before = made_at - TOKENS_KEPT_FOR
        tokens = self.snapshot.tokens.values()
        for token in [one for one in tokens if (one.revoked_at or one.expires_at) < over_before]:
            self._take(token)


def _ends_by_putting(before: Snapshot, value: Stored) -> bool:
    """
    Return whether storing a value instead of the one with its key may remove a permission or a credential.

    The place of a workspace is then written at once; that of other changes is written within a minute. Until
    it is, the file as it was before could be put back unnoticed.
    """
    if isinstance(value, WorkflowToken):
        token = before.tokens.get(value.id)
        return token is not None and _of_token(token) != _of_token(value)
    if isinstance(value, Integration):
        integration = before.by_id.get(value.id)
        return integration is not None and _of_integration(integration) != _of_integration(value)
    if isinstance(value, Dependency):
        link = before.dependency(value.integration_id, value.target)
        return link is not None and link.granted_by is not None and link.granted_by != value.granted_by
    return isinstance(value, Bar) or _is_rule(value)


def _ends_by_removing(value: Stored) -> bool:
    """Return whether removing a value may remove a permission or a credential."""
    return not isinstance(value, Bar | News | Setting) or _is_rule(value)


def _is_rule(value: Stored) -> bool:
    return isinstance(value, Setting) and value.name.startswith(_RULES)


def _of_token(one: WorkflowToken) -> tuple[object, ...]:
    """These determine what a token may do; some only ever grant, which costs one extra write and is rare."""
    person = (one.created_by, one.taken_over_from, one.approved_by, one.declined_by)
    return (one.revoked_at, one.held_at, one.expires_at, one.target, one.kept_from, *person)


def _of_integration(one: Integration) -> tuple[object, ...]:
    """Who may fetch it, where its credential is sent, and what opens: what was replaced may have leaked."""
    credentials = (one.secret, one.former, one.management)
    return (one.owner, one.linked_only, one.server, one.trusted_realms, one.ca, *credentials)
