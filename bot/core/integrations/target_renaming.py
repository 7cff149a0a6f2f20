"""Rename a target, or merge two: links, removals and workflow tokens move along."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.core.access import require
from bot.core.audit import Action, event
from bot.core.errors import InvalidInput
from bot.core.integrations.target_names import refuse_look_alike
from bot.core.link_and_use import with_link, with_use, without_link
from bot.core.model import NEVER_FETCHED, Actor, Bar, Dependency, Integration, Source, Target, WorkflowToken
from bot.core.ports import Ports
from bot.core.ports.store import Change, Reading
from bot.core.workflows.resolve import candidate_of, obstacle


@dataclass(frozen=True, slots=True)
class MovedToken:
    """A valid workflow token of either target, and what changes for it when the two are merged."""

    token: WorkflowToken
    moves: bool
    """True: it gets the new name; False: it has that already."""
    gains: tuple[Integration, ...]
    loses: tuple[Integration, ...]


@dataclass(frozen=True, slots=True)
class Renaming:
    """What giving a target another name comes to."""

    old: Target
    new: Target
    is_merge: bool
    """True: there is a target of the new name."""
    tokens: tuple[MovedToken, ...]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that differ when it comes to anything else."""
        rows = [
            " ".join([one.token.id, *(each.id for each in one.gains), "-", *(each.id for each in one.loses)])
            for one in self.tokens
        ]
        return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()[:16]


class _NotMeant(Exception):
    """Ends a change of which nothing is to be kept."""


def rename_target(
    ports: Ports, actor: Actor, old: Target, new: Target, seen: str = ""
) -> tuple[Renaming, bool]:
    """
    Give a target another name; where there is a target of that name, the two become one.

    What was removed from either stays removed, unless somebody linked the other.

    Args:
        ports: The ports.
        actor: An admin.
        old: The target.
        new: Its new name.
        seen: The fingerprint of what the actor saw; empty = nothing, and then two do not become one.

    Returns:
        What it came to and True; or what it would come to and False: it is not what the actor saw.

    Raises:
        NotPermitted: Not an admin.
        InvalidInput: There is no such target, it already has that name, or the new name mixes scripts.
    """
    require(ports, actor, Action.RENAME_TARGET)
    refuse_look_alike(new)
    if old == new:
        raise InvalidInput("It already has this name.", "Type the old name, then the new one.")
    try:
        with ports.store.change(actor.workspace) as change:
            found = _renamed(change, actor, old, new)
            if found.is_merge and found.fingerprint != seen:
                raise _NotMeant
    except _NotMeant:
        return found, False
    return found, True


def _renamed(change: Change, actor: Actor, old: Target, new: Target) -> Renaming:
    uses, tokens = change.dependencies.of_target(old), change.tokens.of_target(old)
    if not uses and not tokens:
        raise InvalidInput(f"There is no {old.in_words}.", "/integrations targets lists the known targets.")
    others, already = change.dependencies.of_target(new), change.tokens.of_target(new)
    barred = list(_barred(change, old, new))
    is_merge = bool(others or already or any(bar.target == new for _, bar in barred))
    about = {one.integration.id: one.integration for one in (*uses, *others)}
    about |= {one.id: one for one, _ in barred}
    before = _reach(change, (*tokens, *already), about)
    for use in uses:
        _move(change, use.dependency, new)
    for _, bar in barred:
        if bar.target == old:
            _move_bar(change, bar, new)
    for token in tokens:
        change.put(replace(token, target=new))
    moved = [replace(token, target=new) for token in tokens]
    after = _reach(change, (*moved, *already), about)
    change.record(event(actor, Action.RENAME_TARGET, target=new, reason=f"was {old.in_words}"))
    rows = [
        _moved(about, token, before[token.id], after[token.id], moves=token in tokens)
        for token in (*tokens, *already)
        if token.is_valid(actor.at)
    ]
    return Renaming(old, new, is_merge, tuple(rows))


def _barred(reading: Reading, *targets: Target) -> Iterator[tuple[Integration, Bar]]:
    """What any of the targets may not fetch until it is linked again."""
    for integration in reading.integrations.all():
        for target in targets:
            if bar := reading.dependencies.bar(integration.id, target):
                yield integration, bar


def _reach(
    reading: Reading, tokens: tuple[WorkflowToken, ...], about: dict[str, Integration]
) -> dict[str, set[str]]:
    """By a token's id, the ids of those integrations that it may fetch."""
    return {
        token.id: {
            one.id
            for one in about.values()
            if not obstacle(candidate_of(reading, one, token.target), token.target, token)
        }
        for token in tokens
    }


def _moved(
    about: dict[str, Integration], token: WorkflowToken, before: set[str], after: set[str], *, moves: bool
) -> MovedToken:
    gains = tuple(one for one in about.values() if one.id in after - before)
    loses = tuple(one for one in about.values() if one.id in before - after)
    return MovedToken(token, moves, gains, loses)


def _move(change: Change, dependency: Dependency, new: Target) -> None:
    """Give a dependency to another target; one that it has already keeps what either was granted."""
    known = change.dependencies.get(dependency.integration_id, new)
    change.remove(dependency)
    if known is None:
        change.put(replace(dependency, target=new))
    else:
        kept = _joined(known, dependency)
        if kept != known:
            change.put(kept)


def _joined(known: Dependency, other: Dependency) -> Dependency:
    """One dependency of two: what a person granted, noted, and what was fetched, of either."""
    # Of two that fetched, the one that is behind counts: its pipelines go on under the new name.
    numbers = [one.credential_number for one in (known, other) if one.last_used_at]
    fetched = [number for number in numbers if number != NEVER_FETCHED]
    kept = replace(known, credential_number=min(fetched, default=min(numbers, default=0)))
    if (other.granted_by and not known.granted_by) or (other.is_note and known.source is Source.WORKFLOW):
        kept = replace(
            with_link(kept, other.added_by, other.added_at, other.source),
            added_by=other.added_by,
            added_at=other.added_at,
            granted_by=known.granted_by or other.granted_by,
            settings_url=known.settings_url or other.settings_url,
        )
    if other.is_used:
        use = other if other.source is Source.WORKFLOW else without_link(other)
        kept = with_use(kept, use.added_by, use.added_at, use.unapproved_by)
    return kept


def _move_bar(change: Change, bar: Bar, new: Target) -> None:
    """Give a bar to another target, unless somebody with the right let that one fetch."""
    change.remove(bar)
    known = change.dependencies.get(bar.integration_id, new)
    if not (known and known.granted_by) and change.dependencies.bar(bar.integration_id, new) is None:
        removed = replace(bar.removed, target=new) if bar.removed else None
        change.put(replace(bar, target=new, removed=removed))
