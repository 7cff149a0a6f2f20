"""A change of one workspace while it is being made: a copy of its snapshot, and the rows to be written."""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.audit import next_entry
from bot.core.errors import AlreadyDone, HasDependencies, NameTaken, NotFound, Outdated
from bot.core.model import AuditEntry, Bar, Dependency, Event, Integration, Target, Workspace
from bot.core.ports.store import Stored
from bot.core.workflows.token_format import WorkflowToken
from storage.identities import Identities
from storage.records import DEPENDENCIES, INTEGRATIONS, Fields, Request, Value, place_of, row_of
from storage.sealing import Keyring, kid_of
from storage.tinydb.archive import Archive, sealed_again
from storage.tinydb.last_used import LastUsed, UseKey
from storage.tinydb.reading import SnapshotReading
from storage.tinydb.snapshot import Snapshot

_REMEMBERED_FOR = timedelta(minutes=10)
_TOKENS_KEPT_FOR = timedelta(days=90)
"""How long a token is listed after it was revoked or has ended; the history keeps its events."""
_CLOCK_JUMP = timedelta(days=30)
"""A clock that is so far ahead of the newest entry may be wrong: nothing is dropped by it."""

Rows = dict[str, dict[str, Fields | None]]
"""What will be written: by table and key, ``None`` for what is taken away."""


class SnapshotChange(SnapshotReading):
    """Implements ``bot.core.ports.store.Change``. Nothing of it is seen by others before it is kept."""

    def __init__(
        self,
        workspace: Workspace,
        before: Snapshot,
        archive: Archive,
        used: LastUsed,
        keyring: Keyring,
        now: datetime,
    ) -> None:
        """Begin with a copy of a snapshot."""
        super().__init__(workspace, before.copy(), archive, used)
        self._keyring = keyring
        self._identities = Identities(keyring, workspace.key)
        self._now = now
        self.rows: Rows = {}
        self.drops_secret = False
        """True when a sealed secret is replaced or taken away."""
        self.gone: list[tuple[str, Target]] = []
        """The dependencies that were taken away, by integration id and target."""

    @property
    def snapshot(self) -> Snapshot:
        """The workspace as this change leaves it."""
        return self._snapshot

    @property
    def makes_room(self) -> bool:
        """True when something that people delete is taken away."""
        taken = [self.rows.get(table, {}).values() for table in (INTEGRATIONS, DEPENDENCIES)]
        return any(row is None for rows in taken for row in rows)

    def put(self, value: Stored) -> None:
        """Keep a value, or replace the one of its key, as ``Change.put`` says."""
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
        """Keep an integration whose key, name and version were looked at already."""
        if integration.secret is not None:
            kid_of(integration.secret)  # no plaintext reaches the disk
        before = self._snapshot.by_id.get(integration.id)
        kept = self._identities.sealed(integration)
        if before is not None:
            self.drops_secret |= before.secret not in (None, kept.secret)
            self.drops_secret |= before.identity not in (None, kept.identity)
        self._keep(kept)

    def remove(self, value: Stored) -> None:
        """Take a value away, as ``Change.remove`` says."""
        if isinstance(value, Integration):
            self._remove_integration(value)
        else:
            self._take(value)

    def _remove_integration(self, shown: Integration) -> None:
        present = self._snapshot.by_id.get(shown.id)
        if present is None or present.version != shown.version:
            raise Outdated(present)
        if dependents := self._snapshot.dependents.get(shown.id):
            raise HasDependencies(present.name, len(dependents))
        for bar in tuple(self._snapshot.bars.get(shown.id)):
            self._take(bar)
        self.drops_secret |= present.secret is not None or present.identity is not None
        self._take(present)

    def record(self, event: Event) -> None:
        """Append to the workspace's history."""
        history = self._snapshot.history
        entry = next_entry(history[-1] if history else None, self.workspace.key, event)
        self._keep(replace(entry, seal=self._keyring.seal_entry(entry.hash)))

    def remember(self, request_id: str, outcome: str) -> None:
        """Keep what this request came to, as ``Change.remember`` says."""
        if not request_id:
            return
        known = self._snapshot.requests.get(request_id)
        if known and not self._is_over(known):
            raise AlreadyDone(known.outcome)
        for old in [one for one in self._snapshot.requests.values() if self._is_over(one)]:
            self._take(old)
        self._keep(Request(request_id, outcome, self._now))

    def _is_over(self, request: Request) -> bool:
        # One that was remembered while the clock was ahead is over too, or it would be kept for days.
        return abs(self._now - request.at) > _REMEMBERED_FOR

    def put_last_used(self) -> dict[UseKey, datetime]:
        """Write what was noted of what is there; give everything that need not be noted any more."""
        noted = self._used.unwritten()
        for key in noted:
            known = (
                self._snapshot.tokens.get(key) if isinstance(key, str) else self._snapshot.dependency(*key)
            )
            if known is not None:
                by_now = self._used.by_now(known)
                if by_now is not known:
                    self._keep(by_now)
        return noted

    def forget_oldest(self, entries: list[AuditEntry]) -> None:
        """Take the oldest entries away, once they stand in the archive."""
        del self._snapshot.history[: len(entries)]
        for entry in entries:
            self._write(entry, None)

    def seal_again(self, trusted: str) -> None:
        """Have everything written again, each entry sealed under the primary key."""
        self.drops_secret = True
        for entry in tuple(self._snapshot.history):
            self._keep(sealed_again(self._keyring, entry, trusted))

    def restore(self, value: Value) -> None:
        """Keep a value as another store had it, whatever its version, hash and seal."""
        self._keep(self._identities.restored(value) if isinstance(value, Integration) else value)

    def _keep(self, value: Value) -> None:
        self._snapshot.add(value)
        self._write(value, row_of(value))

    def _take(self, value: Value) -> None:
        if self._snapshot.discard(value):
            self._write(value, None)
            if isinstance(value, Dependency):
                self.gone.append((value.integration_id, value.target))

    def _write(self, value: Value, row: Fields | None) -> None:
        table, key = place_of(value)
        self.rows.setdefault(table, {})[key] = row

    def _require_successor(self, integration: Integration) -> None:
        """Raise ``Outdated`` unless an integration is new, or follows the one that is there."""
        present = self._snapshot.by_id.get(integration.id)
        is_new = present is None and integration.version == 1
        if not is_new and (present is None or integration.version - present.version not in (0, 1)):
            raise Outdated(present)

    def _require_free_name(self, integration: Integration) -> None:
        holder = self._snapshot.by_key.get(integration.key)
        if holder and holder.id != integration.id:
            raise NameTaken(integration.name)

    def _require_integration(self, integration_id: str) -> None:
        if integration_id not in self._snapshot.by_id:
            raise NotFound("That integration is gone, so nothing was linked to it.", "Choose another.")

    def _drop_old_tokens(self, made_at: datetime) -> None:
        """Drop tokens that were over long before this one was made."""
        history = self._snapshot.history
        # Only their hashes are kept, so a token dropped by a wrong clock could never be brought back.
        if history and made_at - history[-1].event.at > _CLOCK_JUMP:
            return
        over_before = made_at - _TOKENS_KEPT_FOR
        tokens = self._snapshot.tokens.values()
        for token in [one for one in tokens if (one.revoked_at or one.expires_at) < over_before]:
            self._take(token)
