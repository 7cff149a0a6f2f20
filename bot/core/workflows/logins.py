"""Which login each workflow of a target gets, before and after a change; and whose it would lose.

Whatever changes that (a link, Allow, Undo, another server) asks here, and the owners of what is lost are
asked before it counts.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.access import may
from bot.core.audit import Action
from bot.core.errors import Ambiguous, NotPermitted
from bot.core.model import Actor, Integration, Server, Target, WorkflowToken
from bot.core.ports.store import Candidate, Reading
from bot.core.workflows.resolve import candidates_at, decide


@dataclass(frozen=True, slots=True)
class Loss:
    """A login that a target gets now, and would not get any more."""

    integration: Integration
    token: WorkflowToken | None
    """Whose; ``None`` = an approved one that nobody made yet."""
    is_real: bool
    """False: nobody made such a token, and other tokens speak for the target."""


def losses(reading: Reading, then: Candidate, at: datetime, target: Target | None = None) -> tuple[Loss, ...]:
    """
    The logins that a target depends on, and that its workflows would not get any more.

    Each valid token of the target counts, and one that nobody made yet.

    Args:
        reading: As it is before the change.
        then: The integration that changes, and how the target will relate to it.
        at: Now.
        target: The target, where it need not depend on the integration.
    """
    target = then.dependency.target if then.dependency else target
    if target is None:
        return ()
    server = then.integration.server
    before = candidates_at(reading, server, target)
    there = {one.id for one in reading.integrations.at(server)} - {then.integration.id}
    after = (*(one for one in before if one.integration.id in there), then)
    tokens = [one for one in reading.tokens.of_target(target) if one.is_valid(at)]
    found = []
    for token in (None, *tokens):
        now = _answer(before, server, target, token)
        if now is None or now.dependency is None or now.integration.id == then.integration.id:
            continue
        if _id_of(_answer(after, server, target, _let_in(token, then))) != now.integration.id:
            found.append(Loss(now.integration, token, is_real=token is not None or not tokens))
    return tuple(found)


def _let_in(token: WorkflowToken | None, then: Candidate) -> WorkflowToken | None:
    """The token as a grant leaves it."""
    others = tuple(one for one in token.kept_from if one != then.integration.id) if token else ()
    return replace(token, kept_from=others) if token else None


def _answer(
    candidates: tuple[Candidate, ...], server: Server, target: Target, token: WorkflowToken | None
) -> Candidate | None:
    """What a server gives; ``None`` = nothing, or nobody can say."""
    if not candidates:
        return None
    try:
        return decide(candidates, server, target, token).candidate
    except (Ambiguous, NotPermitted):
        return None


def _id_of(candidate: Candidate | None) -> str:
    return candidate.integration.id if candidate else ""


def owners_to_ask(actor: Actor, integration: Integration, lost: Iterable[Loss]) -> tuple[str, ...]:
    """
    The owners whose right a grant needs and the actor has not.

    Nobody is asked for what the actor's own tokens get, nor for a link of theirs that no token makes use of:
    who only linked first could keep every other owner from the target.
    """
    owners = dict.fromkeys((integration.owner, *(one.integration.owner for one in _of_others(actor, lost))))
    return tuple(one for one in owners if not may(actor, Action.LINK, one))


def _of_others(actor: Actor, lost: Iterable[Loss]) -> Iterator[Loss]:
    """What others' tokens lose."""
    return (one for one in lost if one.is_real and not (one.token and one.token.is_own_of(actor.user_id)))


def refuse_losses(reading: Reading, actor: Actor, then: Candidate, target: Target) -> None:
    """
    Refuse a change by which a target's workflows would lose a login of somebody who was not asked.

    Args:
        reading: As it is before the change.
        actor: Who changes it.
        then: The integration that changes, and how the target will relate to it.
        target: The target.

    Raises:
        NotPermitted: With the owner who may do it.
    """
    for one in _of_others(actor, losses(reading, then, actor.at, target)):
        name, owner = one.integration.name, one.integration.owner
        if not may(actor, Action.LINK, owner):
            raise NotPermitted(
                f"{target.in_words} gets its login from “{name}”, and this change would take that away.",
                f"Ask the owner of “{name}” or an admin.",
                (owner,),
            )


def who_lost(reading: Reading, target: Target, lost: Iterable[Loss]) -> tuple[str, ...]:
    """Who linked or owns what a target does not get any more."""
    integrations = {one.integration.id: one.integration for one in lost}.values()
    former = [reading.dependencies.get(one.id, target) for one in integrations]
    people = [one.added_by for one in former if one] + [one.owner for one in integrations]
    return tuple(dict.fromkeys(people))


def kept_out_of(
    reading: Reading, integration: Integration, target: Target, at: datetime
) -> Iterator[WorkflowToken]:
    """A target's tokens that only who has the right lets into something closed, and that are not kept out."""
    for token in reading.tokens.of_target(target) if integration.linked_only else ():
        # Only an admin approves, so this is one that an admin made; not one that an admin took over.
        is_admins = token.approved_by == token.created_by and token.is_own_of(token.created_by)
        is_free = is_admins or token.is_own_of(integration.owner) or integration.id in token.kept_from
        if token.is_valid(at) and not is_free:
            yield token
