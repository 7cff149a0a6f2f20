"""One workspace of the embedded store: its file, its view, and one change at a time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from bot.core.errors import StoreDamaged, StoreFailure, StoreFull
from storage.directory import workspace_path
from storage.draft import Draft
from storage.files import Database
from storage.history import FULL_AT, SEGMENT, Archive
from storage.keyring import Keyring
from storage.layout import damaged
from storage.loading import Loading
from storage.records import AUDIT, HEAD
from storage.view import View
from storage.volume import Volume, previous_of

Clock = Callable[[], datetime]


class OpenWorkspace:
    """A workspace that is held in memory. Reads take ``view``; changes go through ``change``."""

    def __init__(self, volume: Volume, key: str, keyring: Keyring, clock: Clock) -> None:
        """
        Load a workspace; one without a file is empty.

        Raises:
            StoreDamaged: Its file is not as it was written.
        """
        self.key = key
        self.archive = Archive(volume, key)
        self.keyring = keyring
        self._clock = clock
        self._lock = threading.Lock()
        self._changing: int | None = None
        self._damage: StoreDamaged | None = None
        self._database = Database(volume, workspace_path(volume.directory, key), key)
        self._view = self._load()

    @property
    def view(self) -> View:
        """What the workspace holds now. Raises ``StoreDamaged`` when damage was met after the start."""
        if self._damage:
            raise self._damage
        return self._view

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
                draft = Draft(self.view, self.key, self._clock())
                yield draft
                if draft.rows:
                    self._keep(draft)
            finally:
                self._changing = None

    def seal_head_anew(self) -> None:
        """Seal the newest entry's hash under the primary key, if it is sealed under another."""
        head = self._database.rows(HEAD).row(AUDIT)
        if head and head["kid"] != self.keyring.primary:
            with self.change() as draft:
                draft.seal_head(self.keyring)

    def _keep(self, draft: Draft) -> None:
        self._archive_oldest(draft)
        draft.seal_head(self.keyring)
        try:
            with self._database.file.transaction(makes_room=draft.makes_room):
                for name, rows in draft.rows.items():
                    self._database.rows(name).put(rows)
        except BaseException:
            if self._database.file.is_stale:
                self._reload()
            raise
        self._view = draft.view()

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
            self._view = self._load()
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
