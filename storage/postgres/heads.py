"""The newest entry of each workspace's history, as this process last saw it."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from bot.core.audit import BEFORE_THE_FIRST, entry_hash
from bot.core.model import AuditEntry, Event
from storage.postgres.connections import Row
from storage.postgres.rows import Parameters, entry_row
from storage.sealing import Keyring


@dataclass(frozen=True, slots=True)
class Head:
    """Where a workspace's history ends. A change goes through only if it still ends there."""

    revision: int = 0
    sequence: int = 0
    hash: str = BEFORE_THE_FIRST
    kid: str | None = None
    seal: str | None = None
    last_change: str | None = None
    """A random id, by which a change is known again."""

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Head | None":
        """Read the row of ``head``; ``None`` for a workspace that was never changed."""
        return cls(*rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class Extended:
    """Events with their places behind a head."""

    entries: tuple[AuditEntry, ...]
    seals: tuple[str, ...]
    """The sealed hash of each entry: who has no key can add none."""
    head: Head

    def rows(self, ws: str) -> list[Parameters]:
        """The parameters of ``append_entry``, for each."""
        pairs = zip(self.entries, self.seals, strict=True)
        return [{"ws": ws, "entry_seal": seal, **entry_row(entry)} for entry, seal in pairs]

    def advance(self, ws: str, before: Head) -> Parameters:
        """The parameters of ``advance``."""
        return {
            "ws": ws,
            "revision": before.revision,
            "change": self.head.last_change,
            "sequence": self.head.sequence,
            "hash": self.head.hash,
            "kid": self.head.kid,
            "seal": self.head.seal,
        }


def extend(head: Head, ws: str, events: Sequence[Event], keyring: Keyring) -> Extended:
    """
    Put events behind a head, and seal the new end. The key never reaches the database.

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
    kid, seal = (keyring.primary, keyring.seal_head(last)) if entries else (head.kid, head.seal)
    present = Head(head.revision + 1, sequence, last, kid, seal, secrets.token_hex(8))
    return Extended(tuple(entries), tuple(_seal(entry, keyring) for entry in entries), present)


def _seal(entry: AuditEntry, keyring: Keyring) -> str:
    return f"{keyring.primary}.{keyring.seal_head(entry.hash)}"
