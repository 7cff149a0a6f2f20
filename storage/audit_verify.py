"""Verifies a workspace's history: each entry's hash covers the one before, and the newest hash is sealed.

An entry that was changed, taken out or put in breaks the chain where it stands; a cut end does not fit the
seal. What the chain cannot show: a whole data directory put back as it was at an earlier time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from bot.core.audit import BEFORE_THE_FIRST, entry_hash
from bot.core.errors import StoreDamaged
from bot.core.model import AuditEntry
from storage.records import Fields
from storage.sealing import Keyring
from storage.tinydb.workspace import OpenWorkspace

ALL_MISSING = "Every entry is missing."


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of one workspace's history."""

    workspace_key: str
    entries: int
    """How many entries are as they were written, from the first on."""
    fault: str = ""
    """What is wrong behind them, in a sentence; empty = nothing."""


def verified(opened: OpenWorkspace, keyring: Keyring) -> Verified:
    """Verify the history of one workspace, archive and all."""
    recent = opened.view.history
    oldest = recent[0].sequence if recent else 1
    last: AuditEntry | None = None
    try:
        for entry in chain(opened.archive.oldest_first(oldest), recent):
            if fault := fault_in(opened.key, last, entry):
                return Verified(opened.key, last.sequence if last else 0, fault)
            last = entry
    except StoreDamaged as error:
        return Verified(opened.key, last.sequence if last else 0, error.message)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return Verified(opened.key, last.sequence if last else 0, "The entry behind it cannot be read.")
    if last is None and (opened.view.by_id or opened.view.tokens or opened.archive.is_there):
        return Verified(opened.key, 0, ALL_MISSING)
    return Verified(opened.key, last.sequence if last else 0, fault_at_end(last, opened.head, keyring))


def fault_in(workspace_key: str, last: AuditEntry | None, entry: AuditEntry) -> str:
    """Say what is wrong with an entry behind another; nothing = empty."""
    expected = last.sequence + 1 if last else 1
    if entry.sequence != expected:
        return f"Entry {expected} is missing."
    previous = last.hash if last else BEFORE_THE_FIRST
    if entry.hash != entry_hash(previous, workspace_key, entry.sequence, entry.event):
        return f"Entry {entry.sequence} is not as it was written."
    return ""


def fault_at_end(last: AuditEntry | None, head: Fields | None, keyring: Keyring) -> str:
    """Say why the newest entry is not the one that was sealed; nothing = empty."""
    if last is None:
        return ALL_MISSING if head else ""
    if head is None:
        return "The seal of the newest entry is missing."
    if head["kid"] not in keyring.kids:
        return f"The newest entry is sealed with key {head['kid']}, which is not loaded."
    if not keyring.is_head(head["kid"], last.hash, head["seal"]):
        return f"Entry {last.sequence} is not the one that was sealed last, which was {head['sequence']}."
    return ""


def verify_all(
    workspaces: Iterable[OpenWorkspace], archived: Iterable[str], keyring: Keyring
) -> tuple[Verified, ...]:
    """Verify every workspace's history, sorted by key; ``archived`` are the keys that have an archive."""
    found = {opened.key: verified(opened, keyring) for opened in workspaces}
    lost = {key: Verified(key, 0, ALL_MISSING) for key in archived if key not in found}
    return tuple(one for _, one in sorted((found | lost).items()))
