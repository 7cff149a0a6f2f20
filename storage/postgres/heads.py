"""The newest entry of each workspace's history, as this process last saw it."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.core.audit import BEFORE_THE_FIRST, AuditEntry, Event, entry_hash
from storage.postgres.connections import Row
from storage.postgres.rows import Parameters, entry_row
from storage.sealing import Keyring

UNSEALED = (
    "Its rows are from a version that did not seal them. Run `quaymaster store seal` once; if you did so "
    "before, an earlier state was put back: restore a backup instead."
)
"""The fault of a workspace that no version with row seals has written to."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a workspace's history ends. A change goes through only if it still ends there."""

    revision: int = 0
    sequence: int = 0
    hash: str = BEFORE_THE_FIRST
    kid: str | None = None
    seal: str | None = None
    last_change: str | None = None
    """A random id by which a change is recognized."""
    is_missing: bool = False
    """True when there are rows and nobody signed an end: every change signs one."""

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Head | None":
        """Read the row of ``head``; ``None`` for a workspace that was never changed."""
        return cls(*rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class Extended:
    """Events with their places after a head."""

    entries: tuple[AuditEntry, ...]
    head: Head

    def rows(self, ws: str) -> list[Parameters]:
        """The parameters of ``append_entry``, for each."""
        return [{"ws": ws, **entry_row(entry)} for entry in self.entries]

    def advance(self, ws: str, before: Head) -> Parameters:
        """The parameters of ``advance``."""
        return {
            "ws": ws,
            "revision": before.revision,
            "before_hash": before.hash,
            "change": self.head.last_change,
            "sequence": self.head.sequence,
            "hash": self.head.hash,
            "kid": self.head.kid,
            "seal": self.head.seal,
        }


def extend(head: Head, ws: str, events: Sequence[Event], keyring: Keyring) -> Extended:
    """
    Put events after a head, and seal the new end. The key never reaches the database.

    Args:
        head: Where the history ends.
        ws: The workspace's key, which each hash covers.
        events: What happened, in order; none leaves the end as it is.
        keyring: Seals the end.
    """
    entries: list[AuditEntry] = []
    sequence, last = head.sequence, head.hash
    for event in events:
        sequence += 1
        last = entry_hash(last, ws, sequence, event)
        entries.append(AuditEntry(sequence, event, last, keyring.seal_entry(last)))
    kid, seal = keyring.primary, keyring.sign_file(end_of(ws, sequence, last))
    present = Head(head.revision + 1, sequence, last, kid, seal, secrets.token_hex(8))
    return Extended(tuple(entries), present)


def end_of(ws: str, sequence: int, last: str) -> str:
    """What is signed of a history's end, so that a cut or rewritten one shows; rows are sealed separately."""
    return f"postgres rows {ws} {sequence} {last}"


def is_before_row_seals(ws: str, head: Head, keyring: Keyring) -> bool:
    """Return whether a version that did not seal rows signed this end; only the key can make one."""
    text = f"postgres {ws} {head.sequence} {head.hash}"
    return keyring.is_file(head.kid or "", text, head.seal or "")


def fault_at(
    ws: str, head: Head, newest: Sequence[Row], keyring: Keyring, lost_keys: Collection[str] = ()
) -> str:
    """Say why the row of ``newest_entry`` is not the end that a key of ours signed; nothing = empty."""
    if (newest[0] if newest else (0, Head().hash)) != (head.sequence, head.hash):
        return f"The newest entry is not entry {head.sequence}, which was written last."
    if is_before_row_seals(ws, head, keyring):
        return UNSEALED
    if head.kid is None and (head.sequence or head.is_missing):
        return "The end of the history is not signed."
    if head.sequence == 0 or head.kid in lost_keys:
        return ""
    if head.kid not in keyring.kids:
        return f"The end of the history is signed with key {head.kid}, which is not loaded."
    is_signed = keyring.is_file(head.kid, end_of(ws, head.sequence, head.hash), head.seal or "")
    return "" if is_signed else "The end of the history was changed after it was signed."
