"""Copy a store without some text that should never have gotten in, such as a password in a target's name.

Each occurrence is replaced with the same word. An entry of the history that had the text is written again,
and so each entry after it gets a new hash and seal; the last one says so. The old hashes are not saved: they
would confirm a correct guess of the text.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from bot.core.audit import Action, AuditEntry, Event, News, next_entry
from bot.core.errors import InvalidInput, StoreDamaged, StoreFailure
from bot.core.model import Bar, Dependency, Integration, Setting, Source, WorkflowToken, Workspace
from bot.core.ports.store import Store
from bot.core.texts import visible
from storage.maintenance import OPERATOR, verify
from storage.records import Value
from storage.sealing import Keyring
from storage.transfer import Copied, require_empty

_SHORTEST = 4
_DEPENDENCY = ("target", "settings_url")


class _Kept(Copied, Store, Protocol):
    """A store that can be copied and read."""


class _Blanking:
    """Replaces a text with a word, and counts where."""

    def __init__(self, text: str, keyring: Keyring, at: datetime) -> None:
        self._text = re.compile(re.escape(text), re.IGNORECASE)
        self._keyring = keyring
        self._at = at
        self.word = f"blanked-{secrets.token_hex(4)}"
        self.records = self.entries = 0
        self._of: Mapping[type, Callable[[Any], Value]] = {
            Integration: self._integration,
            Dependency: partial(self._texts, fields=_DEPENDENCY),
            Bar: self._bar,
            WorkflowToken: partial(self._texts, fields=("target",)),
            Setting: partial(self._texts, fields=("value",)),
            News: self._told,
            AuditEntry: self._told,
        }

    def is_in(self, value: Value) -> bool:
        """True when a value contains the text."""
        return self._of[type(value)](value) != value

    def values(self, workspace: Workspace, values: Iterable[Value]) -> Iterator[Value]:
        """
        Return everything in a workspace without the text.

        Args:
            workspace: The workspace.
            values: Its original values; the audit entries come last and in order.
        """
        last: AuditEntry | None = None
        records = entries = first = 0
        for value in values:
            kept = self._of[type(value)](value)
            is_changed = kept != value
            if isinstance(kept, AuditEntry):
                entries += is_changed
                first = first or kept.sequence * is_changed
                last = kept = self._placed(last, workspace, kept.event) if first else kept
            else:
                records += is_changed
            yield kept
        if records or entries:
            yield self._placed(last, workspace, self._done(records, entries, first))
        self.records += records
        self.entries += entries

    def _done(self, records: int, entries: int, first: int) -> Event:
        since = f"; from entry {first} on, each is written again" if first else ""
        reason = f"records: {records}, entries of the history: {entries}{since}"
        done = Event(Action.BLANK, OPERATOR, Source.COMMAND_LINE, self._at, reason=reason)
        return replace(done, rewritten_from=first)

    def _placed(self, last: AuditEntry | None, workspace: Workspace, event: Event) -> AuditEntry:
        entry = next_entry(last, workspace.key, event)
        return replace(entry, seal=self._keyring.seal_entry(entry.hash))

    def _texts(self, value: Any, fields: Iterable[str]) -> Any:
        """Return a value with the word in these fields: texts, targets, lists of texts."""
        found = {name: self._blanked(getattr(value, name)) for name in fields}
        return replace(value, **found)

    def _blanked(self, part: Any) -> Any:
        if isinstance(part, str):
            # A StrEnum stays as it is: its values are our own words.
            return self._text.sub(self.word, part) if type(part) is str else part
        if isinstance(part, tuple):
            parts = [self._blanked(one) for one in part]
            return type(part)(*parts) if hasattr(part, "_fields") else tuple(parts)
        return part

    def _integration(self, one: Integration) -> Integration:
        check = self._texts(one.check, ("reason",)) if one.check else None
        found: Integration = self._texts(replace(one, check=check), ("name", "note", "rotation_trouble"))
        return found

    def _bar(self, one: Bar) -> Bar:
        removed = self._texts(one.removed, _DEPENDENCY) if one.removed else None
        found: Bar = self._texts(replace(one, removed=removed), ("target",))
        return found

    def _told(self, one: Any) -> Any:
        fields = ("name", "detail", "former_name", "server", "target", "changed", "reason")
        return replace(one, event=self._texts(one.event, fields))


def copy_blanked(source: _Kept, target: _Kept, keyring: Keyring, text: str, at: datetime) -> str:
    """
    Copy everything into an empty store, with a word in place of a text.

    Args:
        source: Only read.
        target: Empty.
        keyring: The loaded keys.
        text: What to remove: at least 4 characters, in upper or lower case.
        at: Now, for the entry that records it.

    Returns:
        What was done, in sentences without the text.

    Raises:
        InvalidInput: The text is too short.
        StoreDamaged: A history fails verification: a new copy must not hide that.
        StoreFailure: The target is not empty, or nothing contains the text. Nothing was copied.
    """
    text = visible(text).strip()
    if len(text) < _SHORTEST:
        raise InvalidInput(
            f"The text has fewer than {_SHORTEST} characters: too many values would contain it.",
            "Type all of it.",
        )
    _require_whole(source, keyring)
    require_empty(target)
    blanking = _Blanking(text, keyring, at)
    workspaces = list(source.workspaces())
    if not any(blanking.is_in(value) for one in workspaces for value in source.values(one)):
        raise StoreFailure(
            "Nothing contains this text; nothing was copied.", "Type it exactly as it was typed originally."
        )
    contents = ((one, blanking.values(one, source.values(one))) for one in workspaces)
    target.fill(contents, source.installations.all())
    _require_whole(target, keyring)
    return (
        f"Each occurrence was replaced with {blanking.word}. Records: {blanking.records}, entries of the "
        f"history: {blanking.entries}."
    )


def _require_whole(store: Store, keyring: Keyring) -> None:
    fault = next((one for one in verify(store, keyring) if one.fault), None)
    if fault:
        raise StoreDamaged(
            f"The history of {fault.workspace_key} fails verification: {fault.fault}",
            "Run `quaymaster audit verify`.",
        )
