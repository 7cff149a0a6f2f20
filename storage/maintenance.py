"""What an operator does to a whole store, whichever store it is: re-seal, count, forget a lost key, verify.

Each is a loop over ``workspaces()`` and ``change()``: it can be stopped and run again, and others can
read and change the store in the meantime.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot.core.audit import (
    BEFORE_THE_FIRST,
    HISTORY_DELETED,
    HISTORY_ENDS,
    Action,
    AuditEntry,
    Event,
    Result,
    entry_hash,
)
from bot.core.errors import KeyringFailure, StoreDamaged
from bot.core.installations import tokens_context
from bot.core.integrations.credentials import (
    former_context,
    management_context,
    prepared_context,
    seal_context,
)
from bot.core.model import Check, Integration, Outcome, Source, Stage, WorkflowToken, Workspace
from bot.core.ports.store import Change, Reading, Store
from bot.core.secrets import SealContext, Sealed
from storage.records import READ_ERRORS, kids_of
from storage.sealing import Keyring, kid_of

_BATCH = 100
_TOKENS_AT_ONCE = 500
_MOST_NAMED = 10
OPERATOR = "operator"
"""The actor in the history for what an operator did at the command line."""
_NEEDS_A_SECRET = "Its key was lost, and its secret with it: edit the integration and enter a new secret."  # noqa: S105
_NEEDS_A_LOGIN = (
    "Its key was lost, and its username, options and secret with it: edit the integration and enter them "
    "again."
)
_ALL_MISSING = "Every entry is missing."
_PUT_BACK = "The log lists entry {}, so an earlier state was restored."
_DELETED_LINE = re.compile(re.escape(HISTORY_DELETED).replace("%s", "([^ ]+)"))
_ENDS_LINE = re.compile(re.escape(HISTORY_ENDS).replace("%s", "([^ ]+)").replace("%d", "([0-9]{1,18})"))


def count_by_key(store: Store) -> dict[str, int]:
    """Return how many integrations and installations are sealed with each key, by key id."""
    kids = (
        kid
        for workspace in store.workspaces()
        for one in store.read(workspace).integrations.all()
        for kid in kids_of(one)
    )
    tokens = (kid_of(one.tokens) for one in store.installations.all() if one.tokens)
    return dict(Counter(kids) + Counter(tokens))


def reseal(store: Store, keyring: Keyring) -> int:
    """
    Seal every credential, identity and Slack token again that is not sealed with the primary key.

    It does not change versions, so no button becomes stale.

    Returns:
        How many were sealed again.

    Raises:
        KeyringFailure: Some need a key that is not loaded; the others were sealed again.
    """
    count = 0
    left: list[str] = []
    for workspace in store.workspaces():
        old = [one for one in store.read(workspace).integrations.all() if _needs_reseal(one, keyring)]
        ready = [one.id for one in old if kids_of(one) <= {*keyring.kids}]
        left += [f"{one.name} (key {kid})" for one in old for kid in sorted(kids_of(one) - {*keyring.kids})]
        for start in range(0, len(ready), _BATCH):
            with store.change(workspace) as change:
                count += sum(_reseal_one(change, keyring, one) for one in ready[start : start + _BATCH])
    for installation in store.installations.all():
        if installation.tokens and keyring.needs_reseal(installation.tokens):
            if keyring.has_key_for(installation.tokens):
                count += _reseal_tokens(store, keyring, installation.holder)
            else:
                left.append(f"the tokens of {installation.holder} (key {kid_of(installation.tokens)})")
    if left:
        named = ", ".join(left[:_MOST_NAMED]) + (", …" if len(left) > _MOST_NAMED else "")
        raise KeyringFailure(
            f"Sealed again: {count}. Left alone, because they are sealed with a key that is not loaded: "
            f"{named}.",
            "Add that key to the keyring and run this again, or enter those credentials again.",
        )
    return count


def _reseal_one(change: Change, keyring: Keyring, integration_id: str) -> bool:
    """Seal one integration again; False when it was deleted or given a new secret in the meantime."""
    present = change.integrations.get(integration_id)
    if present is None or not _needs_reseal(present, keyring):
        return False
    if present.secret:
        secret = _sealed_again(keyring, seal_context(change.workspace, present), present.secret)
        present = replace(present, secret=secret)
    if former := present.former:
        sealed = _sealed_again(keyring, former_context(change.workspace, present), former.sealed)
        present = replace(present, former=replace(former, sealed=sealed))
    if (prepared := present.prepared) and prepared.sealed:
        sealed = _sealed_again(keyring, prepared_context(change.workspace, present), prepared.sealed)
        present = replace(present, prepared=replace(prepared, sealed=sealed))
    if present.management:
        context = management_context(change.workspace, present)
        present = replace(present, management=_sealed_again(keyring, context, present.management))
    change.put(present)  # the store itself seals the identity with the primary key
    return True


def _sealed_again(keyring: Keyring, context: SealContext, sealed: Sealed) -> Sealed:
    if not keyring.needs_reseal(sealed):
        return sealed
    return keyring.seal(context, keyring.open(context, sealed))


def _reseal_tokens(store: Store, keyring: Keyring, holder: str) -> bool:
    """Seal the tokens of one installation again; False when they were exchanged in the meantime."""
    with store.installations.locked(holder) as row:
        if row.value is None or row.value.tokens is None or not keyring.needs_reseal(row.value.tokens):
            return False
        tokens = _sealed_again(keyring, tokens_context(holder), row.value.tokens)
        row.value = replace(row.value, tokens=tokens)
    return True


def _needs_reseal(integration: Integration, keyring: Keyring) -> bool:
    return not kids_of(integration) <= {keyring.primary}


def forget(store: Store, kid: str, at: datetime) -> int:
    """
    Continue without a lost key: delete every login that is partly sealed with it, one change per workspace.

    Args:
        store: The store.
        kid: The id of the lost key.
        at: Now.

    Returns:
        How many integrations need a new secret; each says so, and the history names it.
    """
    return sum(_forget_in(store, workspace, kid, at) for workspace in store.workspaces())


def forget_tokens(store: Store, kid: str) -> int:
    """
    Delete the Slack tokens that are sealed with a lost key.

    Returns:
        How many workspaces and organizations must install the app again; their data is still there.
    """
    count = 0
    for one in store.installations.all():
        if one.tokens and kid_of(one.tokens) == kid:
            with store.installations.locked(one.holder) as row:
                row.value = replace(one, tokens=None, ends_at=None)
            count += 1
    return count


def _forget_in(store: Store, workspace: Workspace, kid: str, at: datetime) -> int:
    with store.change(workspace) as change:
        lost = [one for one in change.integrations.all() if kid in kids_of(one)]
        for one in lost:
            kept = _without_current(_without_others(one, kid), kid, at)
            change.put(replace(kept, updated_at=at, version=one.version + 1))
            change.record(Event("integration.forget", OPERATOR, Source.COMMAND_LINE, at, one.id, one.name))
    return len(lost)


def _without_others(one: Integration, kid: str) -> Integration:
    """Drop former and prepared credentials that are sealed with a lost key."""
    if one.former and kid_of(one.former.sealed) == kid:
        one = replace(one, former=None)
    if one.prepared and one.prepared.sealed and kid_of(one.prepared.sealed) == kid:
        # Its registry may still have it: what it is called there is kept, so that a driver can revoke it.
        one = replace(one, prepared=replace(one.prepared, sealed=None))
    if one.management and kid_of(one.management) == kid:
        one = replace(one, management=None)
    return one


def _without_current(one: Integration, kid: str, at: datetime) -> Integration:
    """Drop the current credential if any part of it is sealed under a lost key."""
    if kid not in kids_of(one):
        return one
    is_whole = one.identity is None or kid_of(one.identity) != kid
    reason = _NEEDS_A_SECRET if is_whole else _NEEDS_A_LOGIN
    check = Check(Outcome.UNREACHABLE, Stage.LOGIN, reason, at, OPERATOR)
    return replace(one, secret=None, identity=one.identity if is_whole else None, check=check)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of one workspace's history."""

    workspace_key: str
    entries: int
    """How many entries, starting from the first, are unchanged."""
    fault: str = ""
    """What is wrong after them, in a sentence; empty = nothing."""


_Ends = Mapping[str, Mapping[int, str]]
"""Hashes by sequence by workspace: entries known from a log."""


def verify(
    store: Store, keyring: Keyring, known: _Ends | None = None, gone: Collection[str] = ()
) -> tuple[Verified, ...]:
    """
    Verify each workspace's history: each entry's hash covers the previous one and has a loaded key's seal.

    Args:
        store: The store.
        keyring: The loaded keys.
        known: What ``ends_in_log`` found. Without it, nobody can tell whether an earlier state of everything
            was restored.
        gone: Keys of workspaces that were forgotten or given up; the log may list them.
    """
    known = known or {}
    workspaces = {workspace.key: workspace for workspace in store.workspaces()}
    found = [
        _verified(store.read(workspace), keyring, known.get(key, {})) for key, workspace in workspaces.items()
    ]
    found += [
        Verified(key, 0, f"It is missing; the log lists entry {max(ends)}.")
        for key, ends in known.items()
        if key not in workspaces and key not in gone
    ]
    return tuple(sorted(found, key=lambda one: one.workspace_key))


def ends_in_log(lines: Iterable[str]) -> dict[str, dict[int, str]]:
    """Read from a log where histories ended that were not deleted since; other lines are skipped."""
    found: dict[str, dict[int, str]] = {}
    for line in lines:
        if deleted := _DELETED_LINE.search(line):
            found.pop(deleted[1], None)
        if end := _ENDS_LINE.search(line):
            found.setdefault(end[1], {})[int(end[2])] = end[3]
    return found


def _verified(reading: Reading, keyring: Keyring, ends: Mapping[int, str]) -> Verified:
    key = reading.workspace.key
    last: AuditEntry | None = None
    others: list[int] = []
    revoked: set[str] = set()
    deleted: set[str] = set()
    try:
        for entry in reading.history.oldest_first():
            if fault := _fault_in(key, last, entry, keyring):
                return Verified(key, last.sequence if last else 0, fault)
            others = _not_as_logged(others, entry, ends)
            revoked |= _revoked_by(entry.event)
            deleted |= _deleted_by(entry.event)
            last = entry
    except StoreDamaged as error:
        return Verified(key, last.sequence if last else 0, error.message)
    except READ_ERRORS:
        return Verified(key, last.sequence if last else 0, "The next entry cannot be read.")
    came_back = _came_back(reading, revoked, deleted)
    if others:
        return Verified(key, others[0] - 1, f"Entry {others[0]} is not the one that the log names.")
    if came_back:
        return Verified(key, last.sequence if last else 0, came_back)
    if last is None and _holds_anything(reading):
        return Verified(key, 0, _ALL_MISSING)
    sequence, logged = last.sequence if last else 0, max(ends, default=0)
    is_put_back = logged > sequence
    return Verified(key, sequence, _PUT_BACK.format(logged) if is_put_back else "")


def _revoked_by(event: Event) -> set[str]:
    """Return the token that an event revoked."""
    is_done = event.action in (Action.REVOKE_TOKEN, Action.REVOKE_ALL) and event.result is Result.DONE
    return {event.token_id} if is_done and event.token_id else set()


def _deleted_by(event: Event) -> set[str]:
    """Return the integration that an event deleted."""
    is_done = event.action == Action.DELETE and event.result is Result.DONE
    return {event.integration_id} if is_done and event.integration_id else set()


def _came_back(reading: Reading, revoked: set[str], deleted: set[str]) -> str:
    """Say what the history ended and the store still has; empty = nothing. An id is used only once."""
    try:
        tokens = _tokens(reading) if revoked else ()
        token_id = next((one.id for one in tokens if one.id in revoked and not one.revoked_at), "")
        present = reading.integrations.all() if deleted else ()
        again = next((one.id for one in present if one.id in deleted), "")
    except StoreDamaged as error:
        return error.message
    except READ_ERRORS:
        return "The record of a token or an integration cannot be read."
    if token_id:
        return f"Token {token_id} was revoked, but its row says that it was not."
    return f"Integration {again} was deleted but has reappeared." if again else ""


def _tokens(reading: Reading) -> Iterator[WorkflowToken]:
    """Yield every token, in large pages."""
    number, is_more, now = 0, True, datetime.now(UTC)
    while is_more:
        page = reading.tokens.page(now, (), number, _TOKENS_AT_ONCE)
        yield from page.rows
        number, is_more = number + 1, page.has_next


def _not_as_logged(found: list[int], entry: AuditEntry, ends: Mapping[int, str]) -> list[int]:
    """Return the entries up to this one whose hash differs in a log, except those that were blanked."""
    first = (entry.event.rewritten_from or entry.event.more) if entry.event.action == Action.BLANK else 0
    if first:
        found = [one for one in found if one < first]
    is_other = ends.get(entry.sequence, entry.hash) != entry.hash
    return [*found, entry.sequence] if is_other else found


def _fault_in(key: str, last: AuditEntry | None, entry: AuditEntry, keyring: Keyring) -> str:
    """Say what is wrong with an entry that follows another; empty = nothing."""
    expected = last.sequence + 1 if last else 1
    if entry.sequence != expected:
        return f"Entry {expected} is missing."
    previous = last.hash if last else BEFORE_THE_FIRST
    if entry.hash != entry_hash(previous, key, entry.sequence, entry.event):
        return f"Entry {entry.sequence} was changed after it was written."
    kid = entry.seal.partition(".")[0]
    if kid and kid not in keyring.kids:
        return f"Entry {entry.sequence} is sealed with key {kid}, which is not loaded."
    if not keyring.is_entry(entry.hash, entry.seal):
        return f"Entry {entry.sequence} is not sealed."
    return ""


def _holds_anything(reading: Reading) -> bool:
    everything: tuple[Iterator[object] | Sequence[object], ...] = (
        reading.integrations.all(),
        reading.dependencies.targets(size=1).rows,
    )
    return any(True for part in everything for _ in part)
