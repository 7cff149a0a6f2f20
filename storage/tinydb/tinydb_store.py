"""The embedded store: one TinyDB file for each workspace, read at the start and answered from memory.

data/                 0700
  .lock               held by the one process that uses the directory
  .reserve            ballast for a full disk
  meta.db             0600, what the store knows of itself
  T0BBB.db            0600, one for each workspace (E0AAA-T0BBB.db on Enterprise Grid)
  T0BBB.db.prev       the version before, for ``quaymaster store repair``
  audit/              older history
"""

import logging
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from bot.core.errors import KeyringFailure, StoreFailure
from bot.core.installations import Installation
from bot.core.model import Server, Target, Workspace
from bot.core.ports.store import Change, Fetch, Held, Reading
from storage.maintenance import count_by_key
from storage.records import Value
from storage.sealing import Keyring
from storage.tinydb.archive import SEGMENT, Archive
from storage.tinydb.conversion import convert_workspaces, former_of, is_former
from storage.tinydb.directory import META, lock, prepare, sweep, workspace_keys, workspace_path
from storage.tinydb.durable_files import REAL_DISK, Disk, Volume
from storage.tinydb.file_format import Sealer, key_of, loaded_keys
from storage.tinydb.metadata import Metadata
from storage.tinydb.snapshot import LastUsed, Snapshot
from storage.tinydb.tinydb_installations import TinyDBInstallations
from storage.tinydb.transaction import SnapshotReading
from storage.tinydb.use_counts import UseCounts
from storage.tinydb.workspace import Clock, Holders, OpenWorkspace, Place, Shared
from storage.transfer import Contents

_EMPTY = Snapshot()
_NOBODY = LastUsed()

_MOST_WORKSPACES = 1_000
_MOST_INTEGRATIONS = 10_000
"""In one workspace: it is held in memory as a whole, and each change writes its file as a whole."""
_NEAR = 0.8

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class TinyDBStore:
    """Implements ``bot.core.ports.store.Store``. Safe to share between threads; use one per directory."""

    def __init__(
        self,
        directory: Path,
        keyring: Keyring,
        *,
        clock: Clock = _now,
        disk: Disk = REAL_DISK,
        lost_keys: Collection[str] = (),
        converts: bool = False,
    ) -> None:
        """
        Open a data directory, or begin one, and load every workspace in it.

        Args:
            directory: Made with mode 0700 when there is none.
            keyring: Must hold every key that a record or a file is sealed under.
            clock: Gives the time in UTC.
            disk: Another disk than the real one, for tests.
            lost_keys: Ids of keys that are gone for good: what is under them does not stop the start.
            converts: True converts a directory of format 1, in which no key authenticates anything.

        Raises:
            StoreInUse: Another process holds the directory.
            StoreDamaged: A file was changed after it was written; the message names the command to repair it.
            KeyringFailure: A key that records need is not loaded. Nothing was changed.
            StoreFailure: The directory cannot be used, or a newer Quaymaster wrote it.
        """
        self._keyring = keyring
        self._clock = clock
        self._opening = threading.Lock()
        self._is_near_limit = False
        self._unplaced: str | None = None
        """Why an older file would not be noticed at the next start; ``None`` = it would be."""
        self._holders: Holders = {}
        self._counts = UseCounts(clock)
        prepare(directory, disk)
        self._held = lock(directory)
        try:
            sweep(directory, disk)
            volume = Volume(directory, disk)
            self._shared = Shared(volume, Sealer(keyring, lost_keys), clock, self._holders, self._keep_places)
            self._load(lost_keys, converts=converts)
        except BaseException:
            self._held.close()
            raise

    def read(self, workspace: Workspace) -> Reading:
        """Return one consistent state of a workspace. A workspace that was never changed is empty."""
        opened = self._opened(workspace)
        if opened is None:
            archive = Archive(self._shared.volume, self._shared.sealer, workspace.key)
            return SnapshotReading(workspace, _EMPTY, archive, _NOBODY)
        return opened.read()

    def change(self, workspace: Workspace) -> AbstractContextManager[Change]:
        """Begin a change: all of it is on disk when the block ends, or nothing."""
        return self._workspace(workspace).change()

    def workspaces(self) -> Iterator[Workspace]:
        """Yield every workspace that was ever changed."""
        return iter([opened.workspace for opened in list(self._open.values())])

    def token_holder(self, token_id: str, asked: Server | str | None = None) -> Held | None:
        """Find a workflow token's holder and what is asked for."""
        opened = self._holders.get(token_id)
        if opened is None:
            return None
        snapshot, used = opened.snapshot, opened.used
        token = snapshot.tokens.get(token_id)
        if token is None:
            return None
        found = snapshot.candidates(used, token.target, asked)
        return Held(opened.workspace, used.on_token(token), found)

    def record_use(self, use: Fetch) -> None:
        """Record a fetch, before the answer is sent."""
        self._counts.record(self._workspace(use.workspace), use)

    def health(self) -> str | None:
        """Say in one sentence why changes are refused; ``None`` when they are not."""
        return self._shared.volume.health() or self._unplaced

    def notice(self) -> str | None:
        """Say that the directory is approaching its design limits; ``None`` while it is not."""
        return near_limit([opened.size for opened in list(self._open.values())])

    def is_leader(self) -> bool:
        """True: one process holds a directory."""
        return True

    def close(self) -> None:
        """Write what was noted, and release the directory. Every change is on disk already."""
        try:
            self._counts.end()
            self.flush()
        finally:
            self._held.close()

    def flush(self) -> None:
        """
        Write what was noted: last uses, counts of hours that are over, how far each workspace has come.

        Call it every minute. It raises no ``StoreFailure``: that is logged, and what could not be written
        stays noted.
        """
        for opened in list(self._open.values()):
            self._counts.write_over(opened)
            opened.flush()
        notice = self.notice()
        if notice and not self._is_near_limit:
            log.warning(notice)
        self._is_near_limit = notice is not None
        places = [opened.place for opened in list(self._open.values())]
        self._keep_places([place for place in places if place[1]])

    def note_use(
        self, workspace: Workspace, integration_id: str, target: Target, token_id: str, at: datetime
    ) -> None:
        """Note when a target and its token last used an integration, and nothing else about it."""
        self._workspace(workspace).used.note(integration_id, target, token_id, at)

    def values(self, workspace: Workspace) -> Iterator[Value]:
        """Yield everything in a workspace, from one state; the audit entries in order."""
        opened = self._workspace(workspace)
        opened.flush()
        snapshot, reading = opened.snapshot, opened.read()
        yield from snapshot.by_id.values()
        for integration_id in snapshot.by_id:
            yield from snapshot.dependents.get(integration_id)
            yield from snapshot.bars.get(integration_id)
        yield from snapshot.tokens.values()
        yield from snapshot.settings.values()
        yield from snapshot.news.values()
        yield from reading.history.oldest_first()

    def fill(self, contents: Contents, installations: Iterable[Installation] = ()) -> None:
        """Store everything unchanged, many values per change: an incomplete directory is deleted."""
        for workspace, values in contents:
            opened = self._workspace(workspace)
            remaining = iter(values)
            while batch := list(islice(remaining, SEGMENT)):
                with opened.change() as change:
                    for value in batch:
                        change.restore(value)
        for one in installations:
            with self.installations.locked(one.holder) as row:
                row.value = one

    def unbelieved(self, workspace: Workspace) -> tuple[str, ...]:
        """Return nothing: a file that was not signed with the key is not opened."""
        return ()

    @property
    def gone(self) -> tuple[str, ...]:
        """The keys of workspaces that were forgotten or given up, as far as the store knows."""
        return self._metadata.gone()

    def marks(self, workspace: Workspace) -> tuple[str, ...]:
        """What was wrong with a workspace's history once and was accepted, a sentence each."""
        return self._metadata.marks(workspace.key)

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong with the history of each workspace now, by its key; nothing is written to those."""
        return dict(self._faults)

    def seal_again(self, trusted: str = "") -> None:
        """
        Write every file again under the primary key, and seal each audit entry again.

        Args:
            trusted: The id of a lost key, whose seals are taken as right; this leaves a mark.
        """
        for opened in list(self._open.values()):
            opened.seal_again(trusted)
            if trusted:
                fault = f"Seals made with the lost key {trusted} were accepted without being checked."
                self._metadata.mark(opened.key, fault, self._clock(), opened.place[1:])
        self._metadata.write_again()
        self._metadata.drop_keys(self._metadata.kids - {self._keyring.primary, *count_by_key(self)})

    def _forget(self, workspace: Workspace) -> None:
        """Delete everything of a workspace. The next start deletes what a crash leaves."""
        with self._opening:
            opened = self._opened(workspace)
            if opened is not None:
                del self._open[opened.workspace]
                for token_id in opened.snapshot.tokens:
                    self._holders.pop(token_id, None)
            self._metadata.forget(workspace.key, is_leaving=True)
            self._remove_files(workspace.key)

    def _remove_files(self, key: str) -> None:
        """Remove the files of a workspace that is forgotten, and note that they are gone."""
        volume = self._shared.volume
        volume.remove(workspace_path(volume.directory, key))
        for archived in sorted((volume.directory / "audit").glob(f"{key}-*.db*")):
            volume.remove(archived)
        self._metadata.forget(key)

    def _workspace(self, workspace: Workspace) -> OpenWorkspace:
        with self._opening:
            opened = self._opened(workspace)
            if opened is None:
                opened = OpenWorkspace(self._shared, workspace.key)
                opened.begin_after(self._metadata.place_of(workspace.key)[0])
                self._open[opened.workspace] = opened
        return opened

    def _opened(self, workspace: Workspace) -> OpenWorkspace | None:
        # The second look is for one that was named in another way: no file is ever opened twice.
        return self._open.get(workspace) or self._open.get(Workspace.of_key(workspace.key))

    def _keep_places(self, places: list[Place]) -> None:
        """Tell the metadata how far workspaces have come; it may be outdated, so a failure stops nothing."""
        try:
            self._metadata.keep_places(places)
            self._unplaced = None
        except StoreFailure as error:
            log.warning("the metadata could not be written: %s", error.message)
            self._unplaced = f"The progress of the workspaces could not be recorded: {error.message}"

    def _load(self, lost_keys: Collection[str], *, converts: bool) -> None:
        """Read everything, and write only once nothing prevents the start."""
        volume, sealer = self._shared.volume, self._shared.sealer
        if is_former(volume):
            if not converts:
                raise StoreFailure(
                    f"{volume.directory} is in an earlier version's format, whose files have no signature.",
                    "If it is yours as that version left it, run `quaymaster store upgrade` once. If it was "
                    "upgraded before, somebody put old files back: restore a backup.",
                )
            self._convert()
        self._metadata = Metadata(volume, sealer)
        self._refuse_strange_keys(lost_keys)
        self.installations = TinyDBInstallations(self._metadata, self._forget)
        """Where the app is installed."""
        for key in self._metadata.leaving():
            self._remove_files(key)
        opened = {key: OpenWorkspace(self._shared, key) for key in workspace_keys(volume.directory)}
        self._open = {one.workspace: one for one in opened.values()}
        self._metadata.verify(self._keyring)
        self._refuse_missing_keys(lost_keys)
        self._refuse_unproven(lost_keys)
        self._faults = self._metadata.faults(opened, sealer)
        if self._faults:
            # Before anything is sealed on top of a history that fails verification.
            key, fault = next(iter(self._faults.items()))
            volume.stop_writing(
                f"the history of {key} fails verification: {fault} Run `quaymaster audit verify`, and once "
                f"you know what happened, `quaymaster store repair {key}`"
            )
        else:
            self._metadata.remember(self._keyring)
            self._drop_keys()
            for one in opened.values():
                one.seal_identities()

    def _convert(self) -> None:
        """Convert a directory of format 1; its own file comes last, so that a crash begins it again."""
        volume = self._shared.volume
        converted = convert_workspaces(volume, self._shared.sealer)
        path = volume.directory / f"{META}.db"
        former = volume.read(path) or b""
        Metadata.write_new(volume, self._shared.sealer, converted)
        volume.replace(former_of(path), [former])
        log.warning("The data directory was converted; the old files are kept as *.format1.")

    def _drop_keys(self) -> None:
        """Forget keys that are neither loaded nor needed by any file."""
        volume = self._shared.volume
        unused = self._metadata.kids - {*self._keyring.kids, *self._shared.sealer.lost_keys}
        if unused:
            files = [one for one in sorted(volume.directory.rglob("*.db*")) if one.is_file()]
            self._metadata.drop_keys(unused - {key_of(volume.read(one) or b"") for one in files})

    def _refuse_strange_keys(self, lost_keys: Collection[str]) -> None:
        """Refuse to give up a key that was never there: nothing that names it is ours."""
        strange = sorted({*lost_keys} - self._metadata.kids)
        if strange:
            raise KeyringFailure(
                f"This store does not use key {', '.join(strange)}. Nothing was changed.",
                "If a file names that key, it is an older file or somebody else's: restore a backup.",
            )

    def _refuse_unproven(self, lost_keys: Collection[str]) -> None:
        """Refuse to trust what would open logins if only a lost key vouches for it."""
        at_stake = sorted(count_by_key(self).keys() & {*self._keyring.kids})
        if self._metadata.kid in lost_keys and at_stake:
            raise KeyringFailure(
                f"{META}.db names the lost key {self._metadata.kid}, and logins are sealed with key "
                f"{', '.join(at_stake)}, which is loaded: there is no way to verify who may fetch them. "
                "Nothing was changed.",
                f"Restore a backup from before key {self._metadata.kid} was the first one.",
            )

    def _refuse_missing_keys(self, lost_keys: Collection[str]) -> None:
        """Refuse to start with records that no loaded key opens."""
        needed = sorted(count_by_key(self).keys() - {*self._keyring.kids, *lost_keys})
        if needed:
            raise KeyringFailure(
                f"This store is sealed with key{'s' if len(needed) > 1 else ''} {', '.join(needed)}; "
                f"{loaded_keys(self._keyring)}. Nothing was changed.",
                "Load the missing key too; if it is lost for good, run `quaymaster keys forget KEY_ID`.",
            )


def near_limit(sizes: Collection[int]) -> str | None:
    """
    Say that a directory is approaching its design limits; ``None`` while it is not.

    Args:
        sizes: How many integrations each workspace has.
    """
    largest = max(sizes, default=0)
    if largest >= _NEAR * _MOST_INTEGRATIONS:
        held = (
            f"{largest:,} integrations in one workspace, and is designed for at most {_MOST_INTEGRATIONS:,}"
        )
    elif len(sizes) >= _NEAR * _MOST_WORKSPACES:
        held = f"{len(sizes):,} workspaces, and is designed for at most {_MOST_WORKSPACES:,}"
    else:
        return None
    return f"The data directory contains {held}: move it to PostgreSQL with “quaymaster store copy”."
