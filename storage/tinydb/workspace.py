"""One workspace of the embedded store: its file, its snapshot, and changes that share a write.

1. A change's block runs under the workspace's lock, on the newest state, written or not.
2. A thread whose block has ended joins the batch. The first to join leads: it takes the batch and writes it,
   while other blocks continue and fill the next one. The others wait only for the outcome, never for a lock.
3. Once the batch is on disk its state is shown to readers, and everybody in it returns. A write that fails is
   a failure for everybody in it, and for the batch that was begun on top of it: that state is discarded.
4. The leader then makes the first thread of the next batch the new leader.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from bot.core.audit import AuditEntry
from bot.core.errors import KeyringFailure, StoreDamaged, StoreFailure, StoreFull
from bot.core.model import Bar, Dependency, Integration, Setting, Target, WorkflowToken, Workspace
from storage.records import TOKENS, Identities, Value
from storage.tinydb.archive import FULL_AT, SEGMENT, Archive
from storage.tinydb.directory import workspace_path
from storage.tinydb.durable_files import Volume, previous_of
from storage.tinydb.file_format import Database, Sealer, damaged
from storage.tinydb.snapshot import LastUsed, Snapshot, UseKey, age_order, target_order
from storage.tinydb.transaction import Rows, SnapshotChange, SnapshotReading

Clock = Callable[[], datetime]
Place = tuple[str, int, int]
"""A workspace's key, the number of its last write, and of its newest audit entry."""
Holders = dict[str, "OpenWorkspace"]
"""The workspace of each token, by public id. Never walked through, so readers need no lock."""

log = logging.getLogger(__name__)


class Shared(NamedTuple):
    """What all workspaces of a store have in common."""

    volume: Volume
    sealer: Sealer
    clock: Clock
    holders: Holders
    keep_places: Callable[[list[Place]], None]
    """Called at once for a workspace's first write, and for each that removes a permission or credential."""


@dataclass(eq=False, slots=True)
class _Waiter:
    """A thread whose block has ended, and its outcome."""

    turn: threading.Event = field(default_factory=threading.Event)
    """Set when the outcome is known, or when it is to lead."""
    leads: bool = False
    error: BaseException | None = None


@dataclass(eq=False, slots=True)
class _Batch:
    """Changes that become one write."""

    waiters: list[_Waiter] = field(default_factory=list)
    rows: Rows = field(default_factory=dict)
    snapshot: Snapshot | None = None
    makes_room: bool = True
    drops_secret: bool = False
    ends_right: bool = False
    gone: list[tuple[str, Target]] = field(default_factory=list)
    written_uses: dict[UseKey, datetime] = field(default_factory=dict)

    def join(self, change: SnapshotChange, waiter: _Waiter, *, makes_room: bool) -> None:
        """Take in a change that was made on top of those that are in it."""
        self.waiters.append(waiter)
        for table, rows in change.rows.items():
            self.rows.setdefault(table, {}).update(rows)
        self.snapshot = change.snapshot
        self.makes_room &= makes_room
        self.drops_secret |= change.drops_secret
        self.ends_right |= change.ends_right
        self.gone += change.gone


class OpenWorkspace:
    """A workspace that is held in memory. Reads take ``snapshot``; changes go through ``change``."""

    def __init__(self, shared: Shared, key: str) -> None:
        """
        Load a workspace; one without a file is empty. Its tokens are entered among the holders.

        Raises:
            StoreDamaged: Its file was changed after it was written.
        """
        self.key = key
        self.workspace = Workspace.of_key(key)
        self.used = LastUsed()
        self._shared = shared
        self._identities = Identities(shared.sealer.keyring, key)
        self.archive = Archive(shared.volume, shared.sealer, key)
        path = workspace_path(shared.volume.directory, key)
        self._database = Database(shared.volume, shared.sealer, path, key)
        self._lock = threading.Lock()
        """Held while a block runs, and while a batch is taken or its outcome shown; never during a write."""
        self._changing: int | None = None
        self._damage: StoreDamaged | None = None
        self._snapshot = self._staged = self._load()
        self._batch = _Batch()
        self._has_leader = False
        for token_id in self._snapshot.tokens:
            shared.holders.setdefault(token_id, self)

    @property
    def snapshot(self) -> Snapshot:
        """What is in the workspace now. Raises ``StoreDamaged`` when damage was met after the start."""
        if self._damage:
            raise self._damage
        return self._snapshot

    @property
    def size(self) -> int:
        """How many integrations it has, or had before damage was met."""
        return len(self._snapshot.by_id)

    @property
    def place(self) -> Place:
        """How far it has come."""
        return self._place_of(self._snapshot)

    def begin_after(self, number: int) -> None:
        """Number the writes of one without a file from here on: any earlier file stays an older one."""
        self._database.file.numbered_after = number

    def _place_of(self, snapshot: Snapshot) -> Place:
        history = snapshot.history
        return self.key, self._database.file.sequence, history[-1].sequence if history else 0

    def read(self) -> SnapshotReading:
        """The state that is on disk now."""
        return SnapshotReading(self.workspace, self.snapshot, self.archive, self.used)

    @contextmanager
    def change(self) -> Iterator[SnapshotChange]:
        """
        Begin a change; when the block ends it is on disk, when it raises nothing of it is.

        Raises:
            StoreFull, StoreReadOnly, StoreDamaged, StoreFailure: Nothing was changed.
        """
        if self._changing == threading.get_ident():
            raise RuntimeError(f"A change of {self.key} is under way on this thread already.")
        with self._lock:
            self._changing = threading.get_ident()
            try:
                if self._damage:
                    raise self._damage
                change = SnapshotChange(
                    self.workspace,
                    self._staged,
                    self.archive,
                    self.used,
                    self._identities,
                    self._shared.clock(),
                )
                yield change
                waiter = self._stage(change) if change.rows else None
            finally:
                self._changing = None
        if waiter:
            self._settle(waiter)

    def fault(self, sealer: Sealer) -> str:
        """Say what is wrong with the part of the history that a start checks; empty = nothing."""
        history = self._snapshot.history
        first = self.archive.missing_below(history[0].sequence if history else 1)
        if first is not None:
            return f"The part of the archive that begins with entry {first} is missing."
        if not history:
            return ""
        newest = history[-1]
        is_lost = newest.seal.partition(".")[0] in sealer.lost_keys
        is_sealed = is_lost or sealer.keyring.is_entry(newest.hash, newest.seal)
        return "" if is_sealed else f"Entry {newest.sequence} is not sealed."

    def flush(self) -> None:
        """Write the uses that were noted. If that fails, it is logged, and everything stays noted."""
        if self.used.is_written:
            return
        try:
            with self.change() as change:
                noted = change.put_last_used()
            self.used.settle(noted)
        except StoreFailure as error:
            log.warning(
                "%s: last uses could not be written and are held in memory: %s", self.key, error.message
            )

    def seal_again(self, trusted: str) -> None:
        """Write the file and the archive again, and seal every entry again, with the primary key."""
        with self.change() as change:
            history = change.snapshot.history
            self.archive.seal_again(history[0].sequence if history else 1, trusted)
            change.seal_again(trusted)

    def seal_identities(self) -> None:
        """Seal what a file of format 2 has in plain text; it stays as ``.prev`` until the next change."""
        plain = [one for one in self._snapshot.by_id.values() if self._identities.needs_sealing(one)]
        if plain:
            with self.change() as change:
                for one in plain:
                    change.put_sealed(one)

    def _stage(self, change: SnapshotChange) -> _Waiter:
        """Add a finished change to the batch; the lock is held."""
        self._archive_oldest(change)
        makes_room = change.makes_room
        # On a full disk a deletion must not grow.
        if not self._batch.waiters and not makes_room and not self.used.is_written:
            self._batch.written_uses = change.put_last_used()
        waiter = _Waiter(leads=not self._has_leader)
        self._has_leader = True
        self._batch.join(change, waiter, makes_room=makes_room)
        self._staged = change.snapshot
        return waiter

    def _settle(self, waiter: _Waiter) -> None:
        """Wait until a change is on disk, or write it with all others that wait."""
        if not waiter.leads:
            waiter.turn.wait()
        if waiter.leads:
            self._lead()
        if waiter.error:
            raise waiter.error

    def _lead(self) -> None:
        with self._lock:
            batch, self._batch = self._batch, _Batch()
        error: BaseException | None = None
        try:
            self._write(batch)
        except BaseException as failure:  # noqa: BLE001 # whatever it was, everybody in the batch is told
            error = failure
        with self._lock:
            settled = batch.waiters
            if error is None:
                self._publish(batch)
            else:
                # What was staged in the meantime builds on what was not written: it fails with it.
                settled = settled + self._batch.waiters
                self._throw_away()
            heir = self._batch.waiters[0] if self._batch.waiters else None
            self._has_leader = heir is not None
        for waiter in settled:
            waiter.leads, waiter.error = False, error
            waiter.turn.set()
        if heir:
            heir.leads = True
            heir.turn.set()

    def _write(self, batch: _Batch) -> None:
        is_first = self._database.file.sequence == 0
        file = self._database.file
        # A right that was taken away must not come back with the version before, as a secret must not.
        is_alone = batch.drops_secret or batch.ends_right
        with file.transaction(makes_room=batch.makes_room, drops_secret=is_alone):
            for name, rows in batch.rows.items():
                self._database.rows(name).put(rows)
        if batch.snapshot and (is_first or batch.ends_right):
            # Before anybody in the batch is answered: from then on the earlier file counts as put back.
            self._shared.keep_places([self._place_of(batch.snapshot)])

    def _publish(self, batch: _Batch) -> None:
        """Show what is on disk to readers; the lock is held."""
        assert batch.snapshot  # noqa: S101 # somebody leads only with a change
        self._snapshot = batch.snapshot
        if batch.written_uses or batch.gone:
            self.used.settle(batch.written_uses)
            self.used.forget(batch.gone)
        holders = self._shared.holders
        for token_id, row in batch.rows.get(TOKENS, {}).items():
            # Ids are random: should two workspaces ever draw the same one, the older token goes on working.
            if row is not None:
                holders.setdefault(token_id, self)
            elif holders.get(token_id) is self:
                del holders[token_id]

    def _throw_away(self) -> None:
        """Go back to what is on disk; the lock is held."""
        self._batch = _Batch()
        if self._database.file.is_stale:
            self._reload()
        self._staged = self._snapshot

    def _reload(self) -> None:
        """Read the file again, because nobody knows how a write ended."""
        try:
            self._snapshot = self._load()
            for token_id in self._snapshot.tokens:
                self._shared.holders.setdefault(token_id, self)
        except StoreDamaged as error:
            self._damage = error
        except StoreFailure as error:
            self._damage = StoreDamaged(error.message, error.hint)

    def _archive_oldest(self, change: SnapshotChange) -> None:
        """Move the oldest entries once there are many; on a full disk they stay until there is room."""
        oldest = self._snapshot.history[:SEGMENT]
        # Only what is on disk already, and not a second time while a batch that took them out waits.
        if len(self._snapshot.history) < FULL_AT or change.snapshot.history[0] is not oldest[0]:
            return
        with suppress(StoreFull):
            # First the archive, then the workspace's file without them: a crash in between leaves both.
            self.archive.keep(oldest)
            change.forget_oldest(oldest)

    def _load(self) -> Snapshot:
        values: list[Value] = []

        def take(table: str, key: str, row: Any) -> None:
            try:
                value = self._identities.value_in(table, key, row)
            except KeyringFailure as error:
                raise ValueError from error  # the file says so: it is damaged
            if value is not None:
                values.append(value)

        file = self._database.file
        if not file.load(take) and previous_of(file.path).exists():
            raise damaged(file.path, self.key, "it is missing, and the previous version is there")
        snapshot = Snapshot()
        for value in sorted(values, key=_load_order):
            snapshot.add(value)
        return snapshot


def _load_order(value: Value) -> tuple[int, Any]:
    """In which order values are loaded fastest: each then goes to the end of its indexes."""
    if isinstance(value, Integration):
        return 0, value.key
    if isinstance(value, Dependency | Bar):
        return 1, target_order(value.target)
    if isinstance(value, WorkflowToken):
        return 2, age_order(value)
    if isinstance(value, AuditEntry):
        return 3, value.sequence
    if isinstance(value, Setting):
        return 4, value.name
    return 5, value.at
