"""The embedded store: one TinyDB file for each workspace, read at the start and answered from memory.

data/                 0700
  .lock               held by the one process that uses the directory
  .reserve            ballast for a full disk
  meta.db             0600, the store's id and key check values
  T0BBB.db            0600, one for each workspace (E0AAA-T0BBB.db on Enterprise Grid)
  T0BBB.db.prev       the version before, for ``quaymaster store repair``
  audit/              older history
"""

import heapq
import threading
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from bot.core.errors import KeyringFailure
from bot.core.model import (
    AuditEntry,
    Dependency,
    Integration,
    Server,
    Target,
    TargetKind,
    Workspace,
    name_key,
)
from bot.core.ports.former_store import Transaction
from bot.core.ports.store import Change, Fetch, Held, Reading
from bot.core.queries import (
    DependencyPage,
    Filter,
    HistoryPage,
    HistoryQuery,
    Page,
    TokenPage,
    Unused,
    Use,
    Window,
)
from bot.core.workflows.token_format import WorkflowToken
from storage.audit_verify import Verified, verify_all
from storage.forget import forget_all
from storage.maintenance import reseal_all
from storage.sealing import Keyring, kid_of
from storage.tinydb.archive import (
    Archive,
    archived_keys,
    deletion_at,
    deletion_named,
    deletion_of,
    page_of,
    renaming_of,
)
from storage.tinydb.directory import lock, prepare, sweep, workspace_keys
from storage.tinydb.disk import REAL_DISK, Disk
from storage.tinydb.durable_files import Volume
from storage.tinydb.metadata import Meta
from storage.tinydb.reading import SnapshotReading, candidates
from storage.tinydb.snapshot import View
from storage.tinydb.use_counts import UseCounts
from storage.tinydb.workspace import Clock, Holders, OpenWorkspace

EMPTY = View()
MOST_ENDING = 1000


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class TinyDBStore:
    """Implements ``bot.core.ports.Store``. Safe to share between threads; hold one for each directory."""

    def __init__(
        self,
        directory: Path,
        keyring: Keyring,
        *,
        clock: Clock = now,
        disk: Disk = REAL_DISK,
        lost_keys: Collection[str] = (),
    ) -> None:
        """
        Open a data directory, or begin one, and load every workspace in it.

        Args:
            directory: Made with mode 0700 when there is none.
            keyring: Must hold every key that a record is sealed under.
            clock: Gives the time in UTC.
            disk: Another disk than the real one, for tests.
            lost_keys: Ids of keys that are gone for good: records under them do not stop the start.

        Raises:
            StoreInUse: Another process holds the directory.
            StoreDamaged: A file is not as it was written; the message names the repairing command.
            KeyringFailure: A key that records need is not loaded. Nothing was changed.
            StoreFailure: The directory cannot be used, or a newer Quaymaster wrote it.
        """
        self._keyring = keyring
        self._clock = clock
        self._opening = threading.Lock()
        self._holders: Holders = {}
        self._counts = UseCounts(clock)
        prepare(directory, disk)
        self._held = lock(directory)
        try:
            sweep(directory, disk)
            self._volume = Volume(directory, disk)
            self._load(lost_keys)
        except BaseException:
            self._held.close()
            raise

    def close(self) -> None:
        """Write what ``touch`` has noted and let go of the directory. Every change is on disk already."""
        try:
            self._counts.end()
            self.flush()
        finally:
            self._held.close()

    def health(self) -> str | None:
        """Say in one sentence why changes are refused; ``None`` when they are not."""
        return self._volume.health()

    def transaction(self, workspace: Workspace) -> AbstractContextManager[Transaction]:
        """
        Begin a change; when the block ends it is on disk, when it raises nothing of it is.

        Raises:
            StoreFull, StoreReadOnly, StoreDamaged, StoreFailure: Nothing was changed.
        """
        return self._workspace(workspace).change()

    def read(self, workspace: Workspace) -> Reading:
        """One consistent state of a workspace. A workspace that was never changed is empty."""
        opened = self._open.get(workspace.key)
        if opened is None:
            return SnapshotReading(workspace, EMPTY, Archive(self._volume, workspace.key))
        return SnapshotReading(workspace, opened.view, opened.archive)

    def change(self, workspace: Workspace) -> AbstractContextManager[Change]:
        """Begin a change: all of it is on disk when the block ends, or nothing."""
        return self._workspace(workspace).change()

    def workspaces(self) -> Iterator[Workspace]:
        """Every workspace that was ever changed."""
        return iter([opened.workspace for opened in list(self._open.values())])

    def token_holder(self, token_id: str, asked: Server | str | None = None) -> Held | None:
        """Find who holds a workflow token, and what it asks for."""
        opened = self._holders.get(token_id)
        if opened is None:
            return None
        view = opened.view
        token = view.tokens.get(token_id)
        if token is None:
            return None
        return Held(opened.workspace, view.noted.on_token(token), candidates(view, token.target, asked))

    def record_use(self, use: Fetch) -> None:
        """Record a fetch, before it is answered."""
        self._counts.record(self._workspace(use.workspace), use)

    def _workspace(self, workspace: Workspace) -> OpenWorkspace:
        with self._opening:
            opened = self._open.get(workspace.key)
            if opened is None:
                opened = self._open[workspace.key] = self._opened(workspace.key)
        return opened

    def integration(self, workspace: Workspace, integration_id: str) -> Integration | None:
        """The integration with this id."""
        return self._view(workspace).by_id.get(integration_id)

    def integration_named(self, workspace: Workspace, name: str) -> Integration | None:
        """The integration with this name, whatever its case."""
        return self._view(workspace).by_key.get(name_key(name))

    def nearest_names(self, workspace: Workspace, name: str) -> tuple[str, ...]:
        """At most three names that look like ``name``, the nearest first."""
        return self._view(workspace).nearest_names(name)

    def page(self, workspace: Workspace, narrowed: Filter, window: Window) -> Page:
        """One page of the filtered list, sorted by name key, with each row's number of dependencies."""
        return self._view(workspace).page(narrowed, window)

    def dependencies(
        self, workspace: Workspace, integration_id: str, number: int, size: int
    ) -> DependencyPage:
        """One page of an integration's dependencies; ``number`` from 0, past the end gives the last page."""
        return self._view(workspace).dependency_page(integration_id, number, size)

    def dependency(self, workspace: Workspace, integration_id: str, target: Target) -> Dependency | None:
        """The dependency of a target on an integration."""
        return self._view(workspace).dependency(integration_id, target)

    def is_linked(self, workspace: Workspace, integration_id: str, target: Target) -> bool:
        """True when the target depends on the integration."""
        return self._view(workspace).is_linked(integration_id, target)

    def uses(self, workspace: Workspace, target: Target) -> tuple[Use, ...]:
        """Every integration a target uses, sorted by name key."""
        return self._view(workspace).used_by(target)

    def targets(self, workspace: Workspace, kind: TargetKind) -> tuple[str, ...]:
        """The names of at most 1,000 targets of a kind that use anything, sorted."""
        return self._view(workspace).targets(kind)

    def integrations_at(self, workspace: Workspace, server: Server) -> tuple[Integration, ...]:
        """Every integration of this host and effective port, whatever the scheme, sorted by name key."""
        return self._view(workspace).integrations_at(server)

    def unused(self, workspace: Workspace, since: datetime, size: int) -> tuple[int, tuple[Unused, ...]]:
        """How many integrations were added before ``since`` and not used after it, and the first of them."""
        return self._view(workspace).unused(since, size)

    def touch(
        self, workspace: Workspace, integration_id: str, target: Target, token_id: str, at: datetime
    ) -> None:
        """Note that a target's token has used an integration, in memory; reads show it at once."""
        opened = self._open.get(workspace.key)
        if opened:
            opened.touch(integration_id, target, token_id, at)

    def flush(self) -> None:
        """
        Write what ``touch`` has noted, in one change of each workspace that has something.

        Raises no ``StoreFailure``: it is logged, and what could not be written stays noted.
        """
        for opened in list(self._open.values()):
            self._counts.write_over(opened)
            opened.flush()

    def holder_of(self, token_id: str) -> tuple[Workspace, WorkflowToken] | None:
        """Find a workflow token, as it was last written, and its workspace by the token's public id."""
        opened = self._holders.get(token_id)
        token = opened.view.tokens.get(token_id) if opened else None
        return (opened.workspace, token) if opened and token else None

    def tokens(
        self, workspace: Workspace, at: datetime, *, words: tuple[str, ...] = (), number: int = 0, size: int
    ) -> TokenPage:
        """One page of workflow tokens. Each word, in lower case, occurs in target, id or creator's id."""
        return self._view(workspace).token_page(at, words, number, size)

    def ending_tokens(
        self, at: datetime, until: datetime, reminders: int
    ) -> tuple[tuple[Workspace, WorkflowToken], ...]:
        """At most 1,000 tokens that are valid and end soon, those that end first before the others."""
        ending = (
            (opened.workspace, token)
            for opened in list(self._open.values())
            if not opened.is_damaged
            for token in opened.view.tokens.values()
            if token.expires_at <= until and token.reminded < reminders and token.is_valid(at)
        )
        return tuple(heapq.nsmallest(MOST_ENDING, ending, key=lambda found: found[1].expires_at))

    def history(
        self, workspace: Workspace, *, about: str | None = None, before: int | None = None, size: int = 10
    ) -> HistoryPage:
        """Audit entries, newest first. ``about`` is an integration's name (present or past) or id."""
        opened = self._open.get(workspace.key)
        query = HistoryQuery(about, before=before, size=size)
        return page_of(opened.view, opened.archive, query) if opened else HistoryPage((), None)

    def deletion(self, workspace: Workspace, integration_id: str) -> AuditEntry | None:
        """The entry that says who deleted the integration with this id."""
        opened = self._open.get(workspace.key)
        return deletion_of(opened.view, opened.archive, integration_id) if opened else None

    def deletion_named(self, workspace: Workspace, name: str) -> AuditEntry | None:
        """The newest entry that says who deleted an integration of this name, whatever its case."""
        opened = self._open.get(workspace.key)
        return deletion_named(opened.view, opened.archive, name) if opened else None

    def deletion_at(self, workspace: Workspace, server: Server) -> AuditEntry | None:
        """The newest entry that says who deleted an integration of this server, by its address."""
        opened = self._open.get(workspace.key)
        return deletion_at(opened.view, opened.archive, server) if opened else None

    def renaming(self, workspace: Workspace, name: str) -> tuple[Integration, datetime] | None:
        """What the integration that was called so is now, and since when; answered from memory alone."""
        return renaming_of(self._view(workspace), name)

    def sealed_counts(self) -> dict[str, int]:
        """How many records are sealed under each key, by key id."""
        views = [opened.view for opened in list(self._open.values())]
        secrets = (one.secret for view in views for one in view.by_id.values())
        return dict(Counter(kid_of(secret) for secret in secrets if secret))

    def reseal(self, keyring: Keyring) -> int:
        """
        Seal every credential anew that is not under the primary key of ``keyring``, which seals from now on.

        It may be stopped and run again; others read and change meanwhile.

        Returns:
            How many records were sealed anew.

        Raises:
            KeyringFailure: Some records need a key that is not loaded; the others were sealed anew.
        """
        self._keyring = keyring
        return reseal_all(list(self._open.values()), keyring)

    def forget(self, kid: str) -> int:
        """Drop every secret under a key that is lost for good; give how many integrations need a new one."""
        return forget_all(list(self._open.values()), kid, self._clock())

    def verify_history(self) -> tuple[Verified, ...]:
        """Verify each workspace's chain of audit entries, and the seal of its newest."""
        return verify_all(list(self._open.values()), archived_keys(self._volume.directory), self._keyring)

    def _view(self, workspace: Workspace) -> View:
        opened = self._open.get(workspace.key)
        return opened.view if opened else EMPTY

    def _opened(self, key: str) -> OpenWorkspace:
        return OpenWorkspace(self._volume, key, self._keyring, self._clock, self._holders)

    def _load(self, lost_keys: Collection[str]) -> None:
        """Read everything, and write only once nothing stands against the start."""
        meta = Meta(self._volume)
        self._open = {key: self._opened(key) for key in workspace_keys(self._volume.directory)}
        meta.verify(self._keyring)
        self._refuse_missing_keys(lost_keys)
        meta.remember(self._keyring)

    def _refuse_missing_keys(self, lost_keys: Collection[str]) -> None:
        """Refuse to start beside records that no loaded key opens."""
        needed = sorted(self.sealed_counts().keys() - {*self._keyring.kids, *lost_keys})
        if needed:
            raise KeyringFailure(
                f"This store is sealed with {in_words(needed)}; the {given_in_words(self._keyring.kids)}. "
                "Nothing was changed.",
                "Load the missing key too; if it is lost for good, run `quaymaster keys forget KEY_ID`.",
            )


def in_words(kids: Sequence[str]) -> str:
    """Name keys by their ids: ``key a``, ``keys a, b``."""
    return f"key{'s' if len(kids) > 1 else ''} {', '.join(kids)}"


def given_in_words(kids: Sequence[str]) -> str:
    """Name the loaded keys: ``key given is a``, ``keys given are a, b``."""
    return f"{'keys given are' if len(kids) > 1 else 'key given is'} {', '.join(kids)}"
