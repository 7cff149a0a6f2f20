"""The history of a workspace: its newest entries from memory, older ones from the archive.

The workspace's file holds the newest entries; whenever ``FULL_AT`` of them are reached, the oldest
``SEGMENT`` go to a file of their own, ``audit/<workspace>-<sequence of its first entry>.db``, which is never
written again. So a long history slows no change, and the file that holds an entry follows from its number.
The archive is written before the entries leave the workspace's file: a crash in between leaves some twice,
and whoever reads begins in the archive only below the oldest entry of the file.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from bot.core.audit import Action, former_name
from bot.core.errors import StoreDamaged
from bot.core.model import AuditEntry, Integration, Result, Server, name_key
from bot.core.queries import HistoryPage, HistoryQuery
from storage.records import AUDIT, entry_fields, entry_from
from storage.tinydb.durable_files import Volume
from storage.tinydb.file_format import decode, document_in, encode, line_of, lines_in
from storage.tinydb.snapshot import View

SEGMENT = 250
FULL_AT = 750
MOST_SEGMENTS = 40
"""How many archive files one page may read (about 10 ms); a page cut short says where to read on."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which entries are asked for: those of an integration, by its id or its name at that time or now."""

    needles: tuple[bytes, ...]
    """What the text of a file in lower case holds if it holds such an entry; none = any file does."""
    fits: Callable[[AuditEntry], bool]


class Archive:
    """The archived entries of one workspace."""

    def __init__(self, volume: Volume, workspace_key: str) -> None:
        """Name the archive; nothing is read yet."""
        self._volume = volume
        self._workspace_key = workspace_key
        self._deletions: dict[int, tuple[AuditEntry, ...]] = {}

    @property
    def is_there(self) -> bool:
        """True when a part of the history has been archived."""
        return self._workspace_key in archived_keys(self._volume.directory)

    def keep(self, entries: Sequence[AuditEntry]) -> None:
        """Write the file of these ``SEGMENT`` entries; writing it again changes nothing."""
        lines = [line_of(str(entry.sequence), entry_fields(entry)) for entry in entries]
        data = encode(self._workspace_key, 1, {AUDIT: lines})
        self._volume.replace(self._path(entries[0].sequence), data, keeps_previous=False)

    def page(self, before: int, question: Question, size: int) -> HistoryPage:
        """One page of the entries with a smaller sequence number, newest first."""
        found: list[AuditEntry] = []
        first = 1
        for first in list(firsts(before))[:MOST_SEGMENTS]:
            for entry in self._entries(first, before, question):
                if len(found) == size:
                    return HistoryPage(tuple(found), found[-1].sequence)
                found.append(entry)
        return HistoryPage(tuple(found), first if first > 1 else None)

    def newest(self, before: int, question: Question) -> AuditEntry | None:
        """The newest entry with a smaller sequence number."""
        found = (entry for first in firsts(before) for entry in self._entries(first, before, question))
        return next(found, None)

    def deletions(self, before: int) -> Iterator[AuditEntry]:
        """
        The deletions in the newest ``MOST_SEGMENTS`` files below a sequence number, newest first.

        Each file is read once: it never changes, and deletions are few.
        """
        for first in islice(firsts(before), MOST_SEGMENTS):
            if first not in self._deletions:
                self._deletions[first] = tuple(self._entries(first, first + SEGMENT, DELETIONS))
            yield from self._deletions[first]

    def oldest_first(self, before: int) -> Iterator[AuditEntry]:
        """Every entry with a smaller sequence number, the first one first."""
        for first in reversed(list(firsts(before))):
            for _, line in lines_in(self._body(first)):
                entry = entry_from(document_in(line)[1])
                if entry.sequence < before:
                    yield entry

    def _entries(self, first: int, before: int, question: Question) -> Iterator[AuditEntry]:
        """The entries of one file that are asked for, newest first."""
        body = self._body(first)
        text = body.lower()
        if question.needles and not any(needle in text for needle in question.needles):
            return
        for _, line in reversed(list(lines_in(body))):
            entry = entry_from(document_in(line)[1])
            if entry.sequence < before and question.fits(entry):
                yield entry

    def _body(self, first: int) -> bytes:
        path = self._path(first)
        data = self._volume.read(path)
        if data is None:
            raise StoreDamaged(f"{path}, a part of the history, is missing.", "Put it back from a backup.")
        try:
            return decode(path, self._workspace_key, data)[1]
        except StoreDamaged:
            raise StoreDamaged(
                f"{path}, a part of the history, is damaged.", "Put it back from a backup."
            ) from None

    def _path(self, first: int) -> Path:
        return self._volume.directory / "audit" / f"{self._workspace_key}-{first:09d}.db"


def archived_keys(directory: Path) -> set[str]:
    """The keys of the workspaces that have an archive."""
    return {path.stem.rpartition("-")[0] for path in (directory / "audit").glob("*.db")}


def firsts(before: int) -> Iterator[int]:
    """The first sequence numbers of the archive's files that hold entries before this one, newest first."""
    newest = before - 1
    return iter(range(newest - (newest - 1) % SEGMENT, 0, -SEGMENT))


def page_of(view: View, archive: Archive, query: HistoryQuery) -> HistoryPage:
    """
    Read a page of the history, newest first.

    The archive is read only by a page that finds nothing in memory: a shorter page before it ends where
    memory does, and says where to read on.
    """
    page = _page_of(view, archive, query)
    while not page.entries and page.older is not None:
        page = _page_of(view, archive, replace(query, before=page.older))
    return page


def _page_of(view: View, archive: Archive, query: HistoryQuery) -> HistoryPage:
    question = question_of(view, query)
    before, size = query.before, query.size
    recent = [
        entry
        for entry in reversed(view.history)
        if (before is None or entry.sequence < before) and question.fits(entry)
    ]
    if len(recent) > size:
        return HistoryPage(tuple(recent[:size]), recent[size - 1].sequence)
    oldest = view.history[0].sequence if view.history else 1
    if recent or oldest == 1:
        return HistoryPage(tuple(recent), oldest if oldest > 1 else None)
    return archive.page(min(before or oldest, oldest), question, size)


def question_of(view: View, query: HistoryQuery) -> Question:
    """Ask for the entries that fit everything of a query."""
    about = question_about(view, query.about)

    def fits(entry: AuditEntry) -> bool:
        event = entry.event
        return (
            about.fits(entry)
            and query.actor in (None, event.actor)
            and query.target in (None, event.target)
            and (query.since is None or event.at >= query.since)
            and (query.until is None or event.at < query.until)
        )

    is_plain = query == HistoryQuery(about=query.about, before=query.before, size=query.size)
    return about if is_plain else Question(about.needles, fits)


def question_about(view: View, about: str | None) -> Question:
    """
    Ask for the entries about an integration, by its id or its name, present or past.

    What is called otherwise today is found under its old name too, as long as an entry in memory has it.
    """
    if about is None:
        return Question((), lambda _: True)
    key = name_key(about)
    present = view.by_key.get(key)
    past = (one.event.integration_id for one in view.history if name_key(one.event.name) == key)
    ids = {about, present.id} if present else {about, *filter(None, past)}
    needles = tuple(text.lower().encode() for text in {key, *ids})
    return Question(
        needles, lambda entry: entry.event.integration_id in ids or name_key(entry.event.name) == key
    )


def deletion_of(view: View, archive: Archive, integration_id: str) -> AuditEntry | None:
    """The entry that says who deleted an integration."""
    question = Question((integration_id.lower().encode(),), lambda entry: is_deletion(entry, integration_id))
    recent = (entry for entry in reversed(view.history) if question.fits(entry))
    oldest = view.history[0].sequence if view.history else 1
    return next(recent, None) or archive.newest(oldest, question)


def deletion_named(view: View, archive: Archive, name: str) -> AuditEntry | None:
    """The newest entry that says who deleted an integration of this name."""
    key = name_key(name)
    return next((one for one in deletions(view, archive) if name_key(one.event.name) == key), None)


def deletion_at(view: View, archive: Archive, server: Server) -> AuditEntry | None:
    """The newest entry that says who deleted an integration of this server."""
    return next(
        (one for one in deletions(view, archive) if server.address in (one.event.server, one.event.detail)),
        None,
    )


def renaming_of(view: View, name: str) -> tuple[Integration, datetime] | None:
    """
    Say what the integration that gave this name up last is now, and since when it is called so.

    Only entries in memory are looked at. ``None`` too when that integration is gone, or when another that had
    the name since then is.
    """
    key = name_key(name)
    for entry in reversed(view.history):
        if is_any_deletion(entry) and name_key(entry.event.name) == key:
            return None
        old = former_name_in(entry)
        if old and name_key(old) == key:
            return last_renaming(view, entry.event.integration_id or "")
    return None


def renaming_entry(view: View, name: str) -> AuditEntry | None:
    """The newest entry in memory that says that an integration gave this name up."""
    key = name_key(name)
    recent = ((entry, former_name_in(entry)) for entry in reversed(view.history))
    return next((entry for entry, old in recent if old and name_key(old) == key), None)


def former_name_in(entry: AuditEntry) -> str | None:
    """The name that this entry's edit took from an integration."""
    return entry.event.former_name or former_name(entry.event)


def last_renaming(view: View, integration_id: str) -> tuple[Integration, datetime] | None:
    """An integration as it is, and when it got the name that it has; for one whose renaming is in memory."""
    present = view.by_id.get(integration_id)
    entries = (one for one in reversed(view.history) if one.event.integration_id == integration_id)
    times = (one.event.at for one in entries if former_name_in(one))
    return (present, next(times)) if present else None


def deletions(view: View, archive: Archive) -> Iterator[AuditEntry]:
    """
    The deletions in memory and in the newest 40 archive files, at least 10,000 entries, newest first.

    An older deletion is not among them. Asking again reads no file.
    """
    yield from filter(is_any_deletion, reversed(view.history))
    yield from archive.deletions(view.history[0].sequence if view.history else 1)


def is_deletion(entry: AuditEntry, integration_id: str) -> bool:
    """True when the entry says that this integration was deleted."""
    return entry.event.integration_id == integration_id and is_any_deletion(entry)


def is_any_deletion(entry: AuditEntry) -> bool:
    """True when the entry says that an integration was deleted."""
    return entry.event.action == Action.DELETE and entry.event.result is Result.DONE


DELETIONS = Question((Action.DELETE.value.encode(),), is_any_deletion)
