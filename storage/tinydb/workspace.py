"""One workspace of the embedded store: its file, its view, and one change at a time."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime

from bot.core.errors import StoreDamaged, StoreFailure, StoreFull
from bot.core.model import Target, Workspace
from storage.records import AUDIT, HEAD, TOKENS, Fields
from storage.sealing import Keyring
from storage.tinydb.archive import FULL_AT, SEGMENT, Archive
from storage.tinydb.directory import workspace_path
from storage.tinydb.durable_files import Volume, previous_of
from storage.tinydb.file_format import damaged
from storage.tinydb.last_used import Noted
from storage.tinydb.loading import Loading
from storage.tinydb.snapshot import View
from storage.tinydb.tables import Database
from storage.tinydb.transaction import Draft
from storage.tinydb.use_folding import fold

Clock = Callable[[], datetime]
Holders = dict[str, "OpenWorkspace"]
"""The workspace of each token, by public id. Never walked through, so readers need no lock."""

log = logging.getLogger(__name__)


class OpenWorkspace:
    """A workspace that is held in memory. Reads take ``view``; changes go through ``change``."""

    def __init__(self, volume: Volume, key: str, keyring: Keyring, clock: Clock, holders: Holders) -> None:
        """
        Load a workspace; one without a file is empty. Its tokens are entered among the holders.

        Raises:
            StoreDamaged: Its file is not as it was written.
        """
        self.key = key
        self.workspace = workspace_of(key)
        self.archive = Archive(volume, key)
        self.keyring = keyring
        self._clock = clock
        self._lock = threading.Lock()
        self._noting = threading.Lock()
        """Held while something is noted, and while a view is published with what of it is left."""
        self._holders = holders
        self._changing: int | None = None
        self._damage: StoreDamaged | None = None
        self._database = Database(volume, workspace_path(volume.directory, key), key)
        self._view = self._load()
        self._enter(self._view.tokens)

    @property
    def view(self) -> View:
        """What the workspace holds now. Raises ``StoreDamaged`` when damage was met after the start."""
        if self._damage:
            raise self._damage
        return self._view

    @property
    def is_damaged(self) -> bool:
        """True when damage was met after the start, so that nothing of it is shown."""
        return self._damage is not None

    @property
    def head(self) -> Fields | None:
        """The seal of the newest entry's hash: its sequence, the key's id and the seal."""
        return self._database.rows(HEAD).row(AUDIT)

    @contextmanager
    def change(self) -> Iterator[Draft]:
        """
        Begin a change: others wait, and see it once it is on disk.

        Raises:
            StoreFull, StoreReadOnly, StoreDamaged, StoreFailure: Nothing was changed.
        """
        if self._changing == threading.get_ident():
            raise RuntimeError(f"A change of {self.key} is under way on this thread already.")
        with self._lock:
            self._changing = threading.get_ident()
            try:
                draft = Draft(self.view, self.workspace, self.archive, self._clock())
                yield draft
                if draft.rows:
                    self._keep(draft)
            finally:
                self._changing = None

    def touch(self, integration_id: str, target: Target, token_id: str, at: datetime) -> None:
        """Note a use. Reads show it at once; the next change writes it, or ``flush``."""
        with self._noting:
            self._view.noted.note(integration_id, target, token_id, at)

    def flush(self) -> None:
        """Write what was noted. When that fails it is logged, and everything stays noted."""
        if not self._view.noted.tokens:
            return
        try:
            with self.change() as draft:
                fold(draft, self._noted())
        except StoreFailure as error:
            log.warning(
                "%s: last uses could not be written and are kept in memory: %s", self.key, error.message
            )

    def _noted(self) -> Noted:
        with self._noting:
            return self._view.noted.copy()

    def seal_head_anew(self) -> None:
        """Seal the newest entry's hash under the primary key, if it is sealed under another."""
        head = self.head
        if head and head["kid"] != self.keyring.primary:
            with self.change() as draft:
                draft.seal_head(self.keyring)

    def _keep(self, draft: Draft) -> None:
        self._archive_oldest(draft)
        settled = fold(draft, self._noted())
        draft.seal_head(self.keyring)
        try:
            with self._database.file.transaction(makes_room=draft.makes_room):
                for name, rows in draft.rows.items():
                    self._database.rows(name).put(rows)
        except BaseException:
            if self._database.file.is_stale:
                self._reload()
            raise
        self._publish(draft.view(), settled)
        self._enter(draft.rows.get(TOKENS, {}))

    def _publish(self, view: View, settled: Noted) -> None:
        """Show a new view, with the notes that are not settled by it."""
        with self._noting:
            self._view = replace(view, noted=self._view.noted.without(settled))

    def _enter(self, tokens: Mapping[str, object | None]) -> None:
        """
        Enter tokens among the holders, or take out those that are ``None``.

        Ids are random: should two workspaces ever draw the same one, the older token goes on working.
        """
        for token_id, token in tokens.items():
            if token is not None:
                self._holders.setdefault(token_id, self)
            elif self._holders.get(token_id) is self:
                del self._holders[token_id]

    def _archive_oldest(self, draft: Draft) -> None:
        """Move the oldest entries once there are many; on a full disk they stay until there is room."""
        oldest = self._view.history[:SEGMENT]
        if len(self._view.history) >= FULL_AT:
            with suppress(StoreFull):
                self.archive.keep(oldest)
                draft.forget_history(len(oldest))

    def _reload(self) -> None:
        """Read the file again, because nobody knows how a write ended."""
        try:
            self._publish(self._load(), Noted())
            self._enter(self._view.tokens)
        except StoreDamaged as error:
            self._damage = error
        except StoreFailure as error:
            self._damage = StoreDamaged(error.message, error.hint)

    def _load(self) -> View:
        file = self._database.file
        loading = Loading()
        if not file.load(loading.take) and previous_of(file.path).exists():
            raise damaged(file.path, self.key, "it is missing, and the version before is there")
        return loading.view()


def workspace_of(key: str) -> Workspace:
    """The workspace with this key."""
    enterprise_id, _, team_id = key.rpartition("-")
    return Workspace(team_id, enterprise_id or None)
