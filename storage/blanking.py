"""Copy a store without a text that should never have got in, such as a password typed as a target's name.

Each place gets the same word instead. An entry of the history that had the text is written again, and so each
entry after it gets another hash and seal; the last one says so. Nothing of the former hashes is kept: they
would tell a person who guesses the text that it was right.
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
    """Puts a word in the place of a text, and counts where."""

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
        Everything of a workspace without the text.

        Args:
            workspace: Whose.
            values: As it is; the audit entries come last and in order.
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
        """A value with the word in these fields: texts, targets, lists of texts."""
        found = {name: self._blanked(getattr(value, name)) for name in fields}
        return replace(value, **found)

    def _blanked(self, part: Any) -> Any:
        if isinstance(part, str):
            # What is typed of a StrEnum stays one: kinds are words of ours.
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
    Copy everything into a store that is empty, with a word in the place of a text.

    Args:
        source: Only read.
        target: Empty.
        keyring: The loaded keys.
        text: What must be gone: at least 4 characters, in any case.
        at: Now, for the entry that says so.

    Returns:
        What was done, in sentences without the text.

    Raises:
        InvalidInput: The text is too short.
        StoreDamaged: A history does not hold: it is not written again as if it did.
        StoreFailure: The target is not empty, or nothing contains the text. Nothing was copied.
    """
    text = visible(text).strip()
    if len(text) < _SHORTEST:
        raise InvalidInput(
            f"The text has fewer than {_SHORTEST} characters: too much would contain it.", "Type all of it."
        )
    _require_whole(source, keyring)
    require_empty(target)
    blanking = _Blanking(text, keyring, at)
    workspaces = list(source.workspaces())
    if not any(blanking.is_in(value) for one in workspaces for value in source.values(one)):
        raise StoreFailure("Nothing contains this text; nothing was copied.", "Type it as it was typed then.")
    contents = ((one, blanking.values(one, source.values(one))) for one in workspaces)
    target.fill(contents, source.installations.all())
    _require_whole(target, keyring)
    return (
        f"Each place has {blanking.word} instead. Records: {blanking.records}, entries of the history: "
        f"{blanking.entries}."
    )


def _require_whole(store: Store, keyring: Keyring) -> None:
    fault = next((one for one in verify(store, keyring) if one.fault), None)
    if fault:
        raise StoreDamaged(
            f"The history of {fault.workspace_key} does not hold: {fault.fault}",
            "Run `quaymaster audit verify`.",
        )
