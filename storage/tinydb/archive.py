"""The history of a workspace: its newest entries from memory, older ones from the archive.

The workspace's file has the newest entries; whenever ``FULL_AT`` of them are reached, the oldest
``SEGMENT`` go to a file of their own, ``audit/<workspace>-<sequence of its first entry>.db``, which is
written again only when it is sealed under a new key. So a long history does not slow down changes, and an
entry's number tells which file it is in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from bot.core.audit import Action, AuditEntry, Result, former_name_in_detail
from bot.core.errors import StoreDamaged
from bot.core.model import Server
from bot.core.queries import HistoryPage, HistoryQuery
from bot.core.texts import name_key
from storage.records import AUDIT, row_of, value_in
from storage.sealing import Keyring
from storage.tinydb.durable_files import Volume
from storage.tinydb.file_format import Sealer, decode, document_in, encode, line_of, lines_in
from storage.tinydb.snapshot import Snapshot

SEGMENT = 250
FULL_AT = 750
EVERY_SEAL = "*"
"""Said of a history that the operator takes as it is."""
_MOST_REMEMBERED = 10_000
"""Deletions of an archive that are kept in memory, some 10 MB."""
_SET_BACK = timedelta(hours=1)
_MOST_SEGMENTS = 40
"""How many archive files a page reads once it has an entry (some 10 ms)."""


@dataclass(frozen=True, slots=True)
class _Question:
    """Which entries are asked for."""

    needles: tuple[bytes, ...]
    """What the text of a file in lower case holds if it holds such an entry; none = any file does."""
    fits: Callable[[AuditEntry], bool]


class Archive:
    """The archived entries of one workspace."""

    def __init__(self, volume: Volume, sealer: Sealer, workspace_key: str) -> None:
        """Name the archive; nothing is read yet."""
        self._volume = volume
        self._sealer = sealer
        self._workspace_key = workspace_key
        self._deletions: dict[int, tuple[AuditEntry, ...]] = {}
        """By the first sequence number of their file."""
        self._room = _MOST_REMEMBERED

    def keep(self, entries: Sequence[AuditEntry]) -> None:
        """Write the file of these ``SEGMENT`` entries; writing it again changes nothing."""
        lines = [line_of(str(entry.sequence), row_of(entry)) for entry in entries]
        data = encode(self._sealer, self._workspace_key, 1, {AUDIT: lines})
        self._volume.replace(self._path(entries[0].sequence), data)

    def missing_below(self, sequence: int) -> int | None:
        """The first sequence number of a file that ought to be there for the entries below a number."""
        return next((first for first in _firsts(sequence) if not self._path(first).exists()), None)

    def page(self, before: int, question: _Question, size: int) -> HistoryPage:
        """One page of the entries with a smaller sequence number, newest first; empty only if none exist."""
        found: list[AuditEntry] = []
        for place, first in enumerate(_firsts(before), start=1):
            for entry in self._entries(first, before, question):
                if len(found) == size:
                    return HistoryPage(tuple(found), found[-1].sequence)
                found.append(entry)
            if found and place >= _MOST_SEGMENTS and first > 1:
                return HistoryPage(tuple(found), first)
        return HistoryPage(tuple(found), None)

    def deletions(self, before: int) -> Iterator[AuditEntry]:
        """
        The deletions with a smaller sequence number, newest first.

        A file is read once, as long as what is remembered of all stays small: it never changes, and deletions
        are few.
        """
        for first in _firsts(before):
            known = self._deletions.get(first)
            if known is None:
                known = tuple(self._entries(first, first + SEGMENT, _DELETIONS))
                if len(known) <= self._room:
                    self._room -= len(known)
                    self._deletions[first] = known
            yield from known

    def oldest_first(self, before: int) -> Iterator[AuditEntry]:
        """Every entry with a smaller sequence number, the first one first."""
        for first in reversed(list(_firsts(before))):
            for _, line in lines_in(self._body(first)):
                entry = _entry_in(line)
                if entry.sequence < before:
                    yield entry

    def seal_again(self, before: int, trusted: str) -> None:
        """Write every file, and seal every entry, again with the primary key; what has it already stays."""
        for first in _firsts(before):
            data = self._volume.read(self._path(first))
            if trusted or data is None or not self._sealer.is_primary(data):
                entries = (_entry_in(line) for _, line in lines_in(self._body(first)))
                self.keep([sealed_again(self._sealer.keyring, entry, trusted) for entry in entries])

    def _entries(self, first: int, before: int, question: _Question) -> Iterator[AuditEntry]:
        """The entries of one file that are asked for, newest first."""
        body = self._body(first)
        text = body.lower()
        if question.needles and not any(needle in text for needle in question.needles):
            return
        for _, line in reversed(list(lines_in(body))):
            entry = _entry_in(line)
            if entry.sequence < before and question.fits(entry):
                yield entry

    def _body(self, first: int) -> bytes:
        path = self._path(first)
        data = self._volume.read(path)
        if data is None:
            raise StoreDamaged(f"{path}, a part of the history, is missing.", "Restore it from a backup.")
        try:
            body = decode(self._sealer, path, self._workspace_key, data)[1]
            # Another file of this workspace is authenticated too, and is not this part of its history.
            table, line = next(lines_in(body), ("", b""))
            if (table, document_in(line)[0]) != (AUDIT, str(first)):
                raise ValueError
            return body
        except (StoreDamaged, ValueError):
            raise StoreDamaged(
                f"{path}, a part of the history, is damaged.", "Restore it from a backup."
            ) from None

    def _path(self, first: int) -> Path:
        return _archive_path(self._volume.directory, self._workspace_key, first)


def _archive_path(directory: Path, workspace_key: str, first: int) -> Path:
    """The file of the archive that begins with an entry."""
    return directory / "audit" / f"{workspace_key}-{first:09d}.db"


def _firsts(before: int) -> Iterator[int]:
    """The first sequence numbers of the archive's files that hold entries before this one, newest first."""
    newest = before - 1
    return iter(range(newest - (newest - 1) % SEGMENT, 0, -SEGMENT))


def sealed_again(keyring: Keyring, entry: AuditEntry, trusted: str) -> AuditEntry:
    """
    An entry under the seal of the primary key, if its present seal holds.

    Args:
        keyring: Has the former key too.
        entry: Any entry.
        trusted: The id of a lost key whose seals nobody can check anymore, or ``EVERY_SEAL``; empty = none.
    """
    is_trusted = trusted in (EVERY_SEAL, entry.seal.partition(".")[0]) if trusted else False
    if not is_trusted and not keyring.is_entry(entry.hash, entry.seal):
        return entry
    return replace(entry, seal=keyring.seal_entry(entry.hash))


def _entry_in(line: bytes) -> AuditEntry:
    key, row = document_in(line)
    entry = value_in(AUDIT, key, row)
    assert isinstance(entry, AuditEntry)  # noqa: S101 # the table says so
    return entry


class SnapshotHistory:
    """Implements ``History``: the newest entries from a snapshot, older ones from the archive."""

    def __init__(self, snapshot: Snapshot, archive: Archive) -> None:
        self._snapshot = snapshot
        self._archive = archive

    def page(self, query: HistoryQuery) -> HistoryPage:
        """
        Read a page, newest first.

        The archive is read only by a page that finds nothing in memory: a shorter page before it ends where
        memory does, and says where to read on.
        """
        question, before, size = _question_of(self._snapshot, query), query.before, query.size
        recent = [
            entry
            for entry in reversed(self._snapshot.history)
            if (before is None or entry.sequence < before) and question.fits(entry)
        ]
        if len(recent) > size:
            return HistoryPage(tuple(recent[:size]), recent[size - 1].sequence)
        oldest = self._oldest
        if oldest == 1 or self._is_all_since(query.since):
            return HistoryPage(tuple(recent), None)
        if recent:
            return HistoryPage(tuple(recent), oldest)
        # Only below the oldest entry in memory: the archive is written before its entries leave the
        # workspace's file, so a crash in between leaves some in both.
        return self._archive.page(min(before or oldest, oldest), question, size)

    def _is_all_since(self, since: datetime | None) -> bool:
        """True when every entry since then is in memory, even if the clock was set back by up to an hour."""
        history = self._snapshot.history
        return since is not None and bool(history) and history[0].event.at < since - _SET_BACK

    @property
    def _oldest(self) -> int:
        """The number of the oldest entry in memory."""
        return self._snapshot.history[0].sequence if self._snapshot.history else 1

    def deletion(self, integration_id: str) -> AuditEntry | None:
        """The entry that says who deleted an integration."""
        return next((one for one in self._deletions() if one.event.integration_id == integration_id), None)

    def deletions(self, most: int) -> tuple[AuditEntry, ...]:
        """The newest entries that say who deleted an integration."""
        return tuple(islice(self._deletions(), most))

    def deletion_named(self, name: str) -> AuditEntry | None:
        """The newest entry that says who deleted an integration of this name."""
        key = name_key(name)
        return next((one for one in self._deletions() if name_key(one.event.name) == key), None)

    def deletion_at(self, server: Server) -> AuditEntry | None:
        """The newest entry that says who deleted an integration of this server."""
        found = self._deletions()
        return next((one for one in found if server.address in (one.event.server, one.event.detail)), None)

    def renaming(self, name: str) -> AuditEntry | None:
        """The newest entry in memory that says that an integration gave this name up."""
        key = name_key(name)
        for one in reversed(self._snapshot.history):
            old = one.event.former_name or former_name_in_detail(one.event)
            if old and name_key(old) == key:
                return one
        return None

    def oldest_first(self) -> Iterator[AuditEntry]:
        """Every entry."""
        yield from self._archive.oldest_first(self._oldest)
        yield from self._snapshot.history

    def _deletions(self) -> Iterator[AuditEntry]:
        """Every deletion, newest first. A second call reads no file again."""
        yield from filter(_is_deletion, reversed(self._snapshot.history))
        yield from self._archive.deletions(self._oldest)


def _question_of(snapshot: Snapshot, query: HistoryQuery) -> _Question:
    """Ask for the entries that fit everything of a query."""
    about = _question_about(snapshot, query.about)
    if query == HistoryQuery(about=query.about, before=query.before, size=query.size):
        return about

    def fits(entry: AuditEntry) -> bool:
        event = entry.event
        return (
            about.fits(entry)
            and query.actor in (None, event.actor)
            and query.target in (None, event.target)
            and (not query.actions or event.action in query.actions)
            and (not query.is_refused or event.result is Result.REFUSED)
            and (query.since is None or event.at >= query.since)
            and (query.until is None or event.at < query.until)
        )

    # A file that has none of these words has no such entry.
    words = about.needles or tuple(action.encode() for action in query.actions)
    return replace(about, needles=words, fits=fits)


def _question_about(snapshot: Snapshot, about: str | None) -> _Question:
    """
    Ask for the entries about an integration, by its id or its name, present or past.

    What is called otherwise today is found under its old name too, as long as an entry in memory has it.
    """
    if about is None:
        return _Question((), lambda _: True)
    if about in snapshot.by_id:
        return _Question((about.lower().encode(),), lambda entry: entry.event.integration_id == about)
    key = name_key(about)
    present = snapshot.by_key.get(key)
    past = (one.event.integration_id for one in snapshot.history if name_key(one.event.name) == key)
    ids = {about, present.id} if present else {about, *filter(None, past)}
    needles = tuple(text.lower().encode() for text in {key, *ids})
    return _Question(
        needles, lambda entry: entry.event.integration_id in ids or name_key(entry.event.name) == key
    )


def _is_deletion(entry: AuditEntry) -> bool:
    return entry.event.action == Action.DELETE and entry.event.result is Result.DONE


_DELETIONS = _Question((Action.DELETE.value.encode(),), _is_deletion)
