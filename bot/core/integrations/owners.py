"""Whose integrations and workflow tokens are: hand them over, and notice when their owner has left.

A person who is deactivated, or becomes a guest, leaves orphans: their integrations are marked; their tokens
fetch nothing until somebody takes them over, and end after a grace.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.core.access import require, role_of
from bot.core.audit import Action, clock_actor, event
from bot.core.errors import Changed, InvalidInput
from bot.core.integrations.inventory import every_integration, find_permitted, present
from bot.core.model import Actor, Integration, Role, Setting, Source, WorkflowToken, Workspace
from bot.core.news import channel_of, record_and_tell, tell
from bot.core.ports import Ports
from bot.core.ports.slack import Person
from bot.core.ports.store import Change, Reading
from bot.core.queries import Filter
from bot.core.workflows.logins import refuse_losses
from bot.core.workflows.resolve import candidate_of, obstacle

GRACE = timedelta(days=7)
"""How long somebody can take over the tokens of a person who has left before they end."""
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Belongings:
    """What belongs to a person at one moment."""

    person: str
    integrations: tuple[Integration, ...]
    tokens: tuple[WorkflowToken, ...]
    """The valid ones that they made or took over."""
    left_at: datetime | None = None
    """When it was noticed that the person is no longer a full member; ``None`` = they are."""
    losses: Mapping[str, tuple[Integration, ...]] = field(default_factory=dict)
    """By a token's id: what its target uses, and it reaches only as long as its maker has it."""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that differ when anything else belongs to the person."""
        return _fingerprint([one.id for one in self.integrations], [one.id for one in self.tokens])

    def __bool__(self) -> bool:
        return bool(self.integrations or self.tokens)


def _fingerprint(*ids: list[str]) -> str:
    """16 hexadecimal digits of lists of ids: what a person saw, to be held against the present."""
    return hashlib.sha256("\n".join(",".join(sorted(each)) for each in ids).encode()).hexdigest()[:16]


def belongings_of(reading: Reading, person: str, at: datetime) -> Belongings:
    """Collect what belongs to a person."""
    left = left_at(reading, person)
    return Belongings(
        person, tuple(every_integration(reading, Filter(owner=person))), tokens_by(reading, person, at), left
    )


def tokens_by(reading: Reading, person: str, at: datetime) -> tuple[WorkflowToken, ...]:
    """Every valid token that a person made or took over."""
    found: list[WorkflowToken] = []
    number, is_more = 0, True
    while is_more:
        page = reading.tokens.page(at, (person.casefold(),), number, _AT_ONCE)
        found += [one for one in page.rows if one.created_by == person and one.is_valid(at)]
        # Those that are valid stand first.
        is_more = page.has_next and (number + 1) * _AT_ONCE < page.valid
        number += 1
    return tuple(found)


def left_at(reading: Reading, person: str) -> datetime | None:
    """When it was noticed that a person is no longer a full member; ``None`` = they are."""
    noted = reading.settings.get(_left_name(person))
    return datetime.fromisoformat(noted) if noted else None


def _left_name(person: str) -> str:
    return f"left {person}"


def give_integration(ports: Ports, actor: Actor, name: str, to: Person) -> Integration:
    """
    Make somebody the owner of an integration. Both owners are told.

    Args:
        ports: The ports.
        actor: Its owner or an admin.
        name: The integration's.
        to: What Slack says of the new owner at this moment.

    Raises:
        NotPermitted: Neither the owner nor an admin, or the new owner's tokens would get another login.
        UnknownIntegration.
        InvalidInput: The new owner is not a full member, or owns it already.
        Changed: It was changed in the meantime.
    """
    _, shown = find_permitted(ports, actor, Action.GIVE, name=name)
    _refuse_no_member(actor, to)
    if shown.owner == to.user_id:
        raise InvalidInput(
            f"“{shown.name}” already belongs to this person.", "You don't need to do anything."
        )
    with ports.store.change(actor.workspace) as change:
        integration = present(change, shown.id)
        if integration.version != shown.version:
            raise Changed(shown.name)
        # The new owner's tokens follow what is theirs: nobody gives them another login.
        given = replace(integration, owner=to.user_id)
        for target in dict.fromkeys(one.target for one in tokens_by(change, to.user_id, actor.at)):
            refuse_losses(change, actor, candidate_of(change, given, target), target)
        given = _give(change, actor, integration, to.user_id)
        done = event(actor, Action.GIVE, given, person=to.user_id)
        record_and_tell(change, done, (channel_of(change), shown.owner, to.user_id))
    return given


def _give(change: Change, actor: Actor, integration: Integration, to: str) -> Integration:
    given = replace(
        integration, owner=to, orphaned_at=None, updated_at=actor.at, version=integration.version + 1
    )
    change.put(given)
    return given


def _refuse_no_member(actor: Actor, person: Person) -> None:
    """Raise ``InvalidInput`` for somebody who may own nothing."""
    role = role_of(person, actor.workspace.team_id, is_named_admin=False, is_editor=True)
    if role is Role.NOBODY:
        raise InvalidInput(
            "Guests, bots, deactivated people and people from other workspaces cannot own integrations.",
            "Choose a full member of this workspace.",
        )


def plan_giving(ports: Ports, actor: Actor, former: str, to: Person) -> Belongings:
    """
    Look up what ``give_all`` would give.

    Raises:
        NotPermitted: Only admins may.
        InvalidInput: The new owner is not a full member, or is the old one.
    """
    require(ports, actor, Action.GIVE_ALL)
    _refuse_no_member(actor, to)
    if former == to.user_id:
        raise InvalidInput("The old and the new owner are the same person.", "Choose a different person.")
    return _to_give(ports.store.read(actor.workspace), actor, former, to)


def _to_give(reading: Reading, actor: Actor, former: str, to: Person) -> Belongings:
    """What belongs to a person, and what their tokens lose when somebody takes them over."""
    found = belongings_of(reading, former, actor.at)
    lost = {one.id: _lost_by(reading, one, to.user_id) for one in found.tokens}
    return replace(found, losses={token_id: ids for token_id, ids in lost.items() if ids})


def _lost_by(reading: Reading, token: WorkflowToken, to: str) -> tuple[Integration, ...]:
    after = _taken_over(token, to)
    uses = reading.dependencies.of_target(token.target)
    rows = [candidate_of(reading, use.integration, token.target) for use in uses]
    return tuple(
        row.integration
        for row in rows
        if not obstacle(row, token.target, token) and obstacle(row, token.target, after)
    )


def give_all(ports: Ports, actor: Actor, former: str, to: Person, seen: str) -> tuple[Belongings, bool]:
    """
    Give every integration and valid workflow token of a person to another: all of it, or nothing.

    Args:
        ports: The ports.
        actor: An admin.
        former: The id of the person that it belongs to.
        to: What Slack says of the new owner at this moment.
        seen: The fingerprint of what the actor saw.

    Returns:
        What was given and True; or what there is now and False: it is not what the actor saw.

    Raises:
        NotPermitted, InvalidInput: As ``plan_giving``.
    """
    plan_giving(ports, actor, former, to)
    with ports.store.change(actor.workspace) as change:
        found = _to_give(change, actor, former, to)
        if found.fingerprint != seen:
            return found, False
        for integration in found.integrations:
            given = _give(change, actor, integration, to.user_id)
            change.record(event(actor, Action.GIVE, given, person=to.user_id))
        for token in found.tokens:
            change.put(_taken_over(token, to.user_id))
            facts: dict[str, Any] = {"token_id": token.id, "target": token.target, "person": to.user_id}
            change.record(event(actor, Action.GIVE, **facts))
        done = event(actor, Action.GIVE_ALL, person=to.user_id, reason=in_words(found))
        record_and_tell(change, done, ("" if found.left_at else former, to.user_id))
        if found.left_at:
            change.remove(Setting(_left_name(former), found.left_at.isoformat()))
    return found, True


def _taken_over(token: WorkflowToken, to: str) -> WorkflowToken:
    """
    A token as somebody else's.

    Who made it may have copied its text, so it gains nothing: what the new owner owns stays out of its reach.
    """
    made_by = token.taken_over_from or token.created_by
    return replace(token, created_by=to, held_at=None, taken_over_from=None if made_by == to else made_by)


def in_words(found: Belongings) -> str:
    """``3 integrations and 1 workflow token``."""
    integrations, tokens = len(found.integrations), len(found.tokens)
    return (
        f"{integrations} integration{'s' * (integrations != 1)} and "
        f"{tokens} workflow token{'s' * (tokens != 1)}"
    )


def note_departure(ports: Ports, workspace: Workspace, person: Person, admins: tuple[str, ...]) -> None:
    """
    Note that a person was deactivated or became a guest, or is back: once each, however often it is said.

    What belongs to somebody who has left is orphaned, and the admins are told, in one message each.

    Args:
        ports: The ports.
        workspace: Which.
        person: What Slack says of them at this moment.
        admins: The ids of the admins whom the settings name; without any, the channel for news is told.
    """
    is_noted = left_at(ports.store.read(workspace), person.user_id) is not None
    if is_noted is person.is_outsider:
        return
    clock = clock_actor(workspace, ports.now(), Source.COMMAND_LINE)
    with ports.store.change(workspace) as change:
        found = belongings_of(change, person.user_id, clock.at)
        if person.is_outsider and found and not found.left_at:
            _orphan(change, clock, found, admins)
        elif found.left_at and not person.is_outsider:
            _take_back(change, found, found.left_at)


def _orphan(change: Change, clock: Actor, found: Belongings, admins: tuple[str, ...]) -> None:
    change.put(Setting(_left_name(found.person), clock.at.isoformat()))
    for integration in found.integrations:
        change.put(replace(integration, orphaned_at=clock.at))
        change.record(event(clock, Action.ORPHAN, integration, person=found.person))
    for token in found.tokens:
        change.put(replace(token, held_at=clock.at))
    done = event(clock, Action.ORPHAN, person=found.person, reason=in_words(found))
    change.record(done)
    people = [one for one in admins if one.startswith(("U", "W")) and one != found.person]
    tell(change, done, people or (channel_of(change),))


def _take_back(change: Change, found: Belongings, left_at: datetime) -> None:
    change.remove(Setting(_left_name(found.person), left_at.isoformat()))
    for integration in found.integrations:
        change.put(replace(integration, orphaned_at=None))
    for token in found.tokens:
        change.put(replace(token, held_at=None))
