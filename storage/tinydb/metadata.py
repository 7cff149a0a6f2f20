"""``meta.db``: what the store knows about itself, authenticated like every file.

    store        its id and format
    keys         a check value for each key it was opened with
    workspaces   each known workspace, the number of its last write and of its newest audit entry: so a file
                 that was removed, or replaced with an earlier version, is reported. One that was forgotten
                 or given up leaves a number that no earlier file has reached
    marks        what was wrong with a workspace's history, for good
    installations  where the app is installed, with the sealed tokens

It is written when a workspace is new, with each change that removes a permission or a credential, every
minute in which something changed, and at the end: after a crash it may be behind a file, never ahead of one.
"""

import threading
from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.core.audit import timestamp
from bot.core.errors import KeyringFailure, StoreDamaged
from bot.core.model import new_id
from storage.records import INSTALLATIONS, Fields
from storage.sealing import Keyring
from storage.tinydb.conversion import Converted
from storage.tinydb.directory import META, workspace_keys
from storage.tinydb.durable_files import Volume
from storage.tinydb.file_format import FORMAT, Database, Sealer
from storage.tinydb.workspace import OpenWorkspace

_STORE = "store"
_KEYS = "keys"
_WORKSPACES = "workspaces"
_MARKS = "marks"
_MOST_UNKNOWN = 1_000_000
"""More writes than a minute has: by so many a file may be ahead of the place that is known of it."""


class Metadata:
    """What the store knows about itself. Safe to share between threads."""

    def __init__(self, volume: Volume, sealer: Sealer) -> None:
        """
        Read ``meta.db``; nothing is written yet.

        Raises:
            StoreDamaged: It is damaged, or missing although there are workspace files.
        """
        path = volume.directory / f"{META}.db"
        self._lock = threading.Lock()
        self._database = Database(volume, sealer, path, META)
        self._is_new = self._database.file.read() is None
        if self._is_new and workspace_keys(volume.directory):
            raise StoreDamaged(
                f"{path} is missing, although there are workspace files next to it.",
                f"Restore it from a backup, or run `quaymaster store repair {META}`.",
            )
        if not self._is_new:
            sealer.known_keys = self.kids

    @property
    def kids(self) -> frozenset[str]:
        """The ids of the keys that the store was used with, except those that nothing needs anymore."""
        return frozenset(str(row.doc_id) for row in self._database.rows(_KEYS))

    @property
    def kid(self) -> str:
        """The id of the key that authenticates the file."""
        return self._database.file.kid

    def drop_keys(self, kids: Iterable[str]) -> None:
        """Forget keys that nothing needs anymore: a file that names one is not ours."""
        gone = dict.fromkeys(kids)
        if gone:
            self._write({_KEYS: gone})

    @classmethod
    def write_new(cls, volume: Volume, sealer: Sealer, places: Iterable[Converted]) -> None:
        """Write ``meta.db`` from nothing but the loaded keys and the workspaces that are there."""
        made = cls.__new__(cls)
        made._database = Database(volume, sealer, volume.directory / f"{META}.db", META)
        made._database.file.begin_anew()
        made._is_new = True
        checks = sealer.keyring.check_values()
        rows = {one.key: {"sequence": one.sequence, "entries": one.entries} for one in places}
        marks = {one.key: {"fault": one.fault, "marks": []} for one in places if one.fault}
        made._write(
            {_KEYS: {kid: {"check": checks[kid]} for kid in checks}, _WORKSPACES: rows, _MARKS: marks}
        )

    def faults(self, opened: Mapping[str, OpenWorkspace], sealer: Sealer) -> dict[str, str]:
        """What is wrong with each workspace's history, by its key: nothing must be sealed on top of it."""
        found = {
            key: f"{key}.db is missing, although it was written before."
            for key in sorted(self.workspaces - opened.keys())
        }
        for key, one in opened.items():
            if fault := self._fault(one, sealer):
                found[key] = fault
        return found

    def _fault(self, opened: OpenWorkspace, sealer: Sealer) -> str:
        row = self._database.rows(_MARKS).row(opened.key)
        if row and row.get("fault"):
            return str(row["fault"])
        _, sequence, entries = opened.place
        known_sequence, known_entries = self.place_of(opened.key)
        if sequence <= known_sequence and self._is_gone(opened.key):
            return f"{opened.key}.db was put back, although that workspace was forgotten or given up."
        if sequence < known_sequence or entries < known_entries:
            had = f"it has {entries} audit entries and had at least {known_entries}"
            lacks = had if entries < known_entries else "a later change is missing"
            return f"{opened.key}.db was replaced with an earlier version: {lacks}."
        return opened.fault(sealer)

    def verify(self, keyring: Keyring) -> None:
        """Raise ``KeyringFailure`` when a loaded key is not the one whose id the store knows."""
        for kid in keyring.kids:
            row = self._database.rows(_KEYS).row(kid)
            if row and not keyring.is_check_value(row["check"]):
                raise KeyringFailure(
                    f"Key {kid} is not the one that this store knows. Nothing was changed.",
                    "Load the key that this store was used with, from its copy.",
                )

    def remember(self, keyring: Keyring) -> None:
        """Write the store's id when it is new, and the check values of keys it does not know yet."""
        keys = self._database.rows(_KEYS)
        unknown = [kid for kid in keyring.kids if keys.row(kid) is None]
        if unknown:
            checks = keyring.check_values()
            self._write({_KEYS: {kid: {"check": checks[kid]} for kid in unknown}})

    @property
    def workspaces(self) -> frozenset[str]:
        """The keys of every workspace that was ever written, except those that were forgotten or given up."""
        rows = self._database.rows(_WORKSPACES)
        return frozenset(str(row.doc_id) for row in rows if not row.get("is_gone"))

    def place_of(self, key: str) -> tuple[int, int]:
        """At least how often a workspace was written, and how many audit entries it has; 0 = not known."""
        row = self._database.rows(_WORKSPACES).row(key)
        return (row["sequence"], row["entries"]) if row else (0, 0)

    def keep_places(self, places: Iterable[tuple[str, int, int]]) -> None:
        """Store where each workspace is: its key, the number of its last write and of its newest entry."""
        with self._lock:
            moved = {
                key: {"sequence": sequence, "entries": entries}
                for key, sequence, entries in places
                if self.place_of(key) != (sequence, entries)
            }
            if moved:
                self._write({_WORKSPACES: moved})

    def marks(self, key: str) -> tuple[str, ...]:
        """What was wrong with a workspace's history, a sentence each, and when that was accepted."""
        row = self._database.rows(_MARKS).row(key)
        return tuple(row["marks"]) if row else ()

    def mark(self, key: str, fault: str, at: datetime, place: tuple[int, int] | None) -> None:
        """Mark a workspace's history for good, and accept its current place, or that it is gone."""
        mark = f"{fault} (accepted {timestamp(at)[:10]})"
        row = {"sequence": place[0], "entries": place[1]} if place else self._gone(key)
        marks = {"fault": "", "marks": [*self.marks(key), mark]}
        self._write({_MARKS: {key: marks}, _WORKSPACES: {key: row}})

    def note(self, keys: Iterable[str], fault: str, at: datetime) -> None:
        """Add a mark to the histories of workspaces, which must still pass verification."""
        rows = self._database.rows(_MARKS)
        mark = f"{fault} (accepted {timestamp(at)[:10]})"
        marked: dict[str, Fields | None] = {}
        for key in keys:
            marked[key] = {"fault": "", **(rows.row(key) or {}), "marks": [*self.marks(key), mark]}
        self._write({_MARKS: marked})

    def gone(self) -> tuple[str, ...]:
        """The keys of workspaces that were forgotten or given up."""
        rows = self._database.rows(_WORKSPACES)
        return tuple(sorted(str(row.doc_id) for row in rows if row.get("is_gone")))

    def installations(self) -> Mapping[str, Fields]:
        """The rows of the installations, by holder."""
        return {str(row.doc_id): row for row in self._database.rows(INSTALLATIONS)}

    def installation(self, holder: str) -> Fields | None:
        """The row of one installation."""
        return self._database.rows(INSTALLATIONS).row(holder)

    def keep_installation(self, holder: str, row: Fields | None) -> None:
        """Store or remove an installation's row; no old token stays in the previous version."""
        with self._lock:
            self._write({INSTALLATIONS: {holder: row}}, is_alone=True)

    def forget(self, key: str, *, is_leaving: bool = False) -> None:
        """Forget a workspace whose files are gone on purpose, or, while it is leaving, are about to be."""
        with self._lock:
            gone = self._gone(key)
            if gone and is_leaving:
                gone = {**gone, "is_leaving": True}
            self._write({_WORKSPACES: {key: gone}, _MARKS: {key: None}})

    def leaving(self) -> tuple[str, ...]:
        """The keys of workspaces that were being forgotten when the process ended."""
        rows = self._database.rows(_WORKSPACES)
        return tuple(str(row.doc_id) for row in rows if row.get("is_leaving"))

    def _is_gone(self, key: str) -> bool:
        row = self._database.rows(_WORKSPACES).row(key)
        return bool(row and row.get("is_gone"))

    def _gone(self, key: str) -> Fields | None:
        """What stays of a workspace that is gone: no file that was ever written for it may come back."""
        sequence, _ = self.place_of(key)
        if not sequence:
            return None
        if self._is_gone(key):
            return {"sequence": sequence, "entries": 0, "is_gone": True}
        return {"sequence": sequence + _MOST_UNKNOWN, "entries": 0, "is_gone": True}

    def write_again(self) -> None:
        """Write the file and its spare again, with the primary key."""
        self._write({}, is_alone=True)

    def _write(self, tables: Mapping[str, Mapping[str, Fields | None]], *, is_alone: bool = False) -> None:
        with self._database.file.transaction(drops_secret=is_alone):
            if self._is_new:
                self._database.rows(_STORE).put({_STORE: {"format": FORMAT, "id": new_id()}})
                self._is_new = False
            for name, rows in (tables or {_KEYS: {}}).items():
                self._database.rows(name).put(rows)
