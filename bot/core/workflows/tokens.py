"""Workflow tokens: create, list, revoke; and who is speaking when one arrives."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.core.access import may, refuse, require
from bot.core.audit import Action, clock_actor, event
from bot.core.errors import (
    AlreadyDone,
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    TokenHeld,
    TokenRefused,
)
from bot.core.integrations.owners import GRACE, left_at
from bot.core.integrations.target_names import refuse_look_alike
from bot.core.model import Actor, Integration, Role, Server, Source, Target, WorkflowToken, Workspace
from bot.core.news import channel_of, record_and_tell, tell
from bot.core.ports import Ports
from bot.core.ports.slack import Person
from bot.core.ports.store import Candidate, Reading, Store
from bot.core.queries import TokenPage
from bot.core.secrets import Secret, hash_of, is_same, new_token, public_id

DEFAULT_DAYS = 90
MOST_DAYS = 365
_TOKENS_A_PAGE = 20
_MOST_LOOKED_AT = 200
_REMINDERS = (timedelta(days=7), timedelta(days=1))
"""How long before its end a token's creator is reminded."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A workflow that showed a valid token."""

    workspace: Workspace
    token: WorkflowToken
    at: datetime
    candidates: tuple[Candidate, ...] = ()
    """What it asks for, from the moment the token was looked up."""

    @property
    def actor(self) -> Actor:
        """The caller as the history names it."""
        name = f"token {self.token.id}"
        return Actor(self.workspace, name, Role.VIEWER, self.at, Source.WORKFLOW)


def read_days(text: str) -> int:
    """
    Read how many days a token lasts; empty means ``DEFAULT_DAYS``.

    Raises:
        InvalidInput: Not a whole number from 1 to ``MOST_DAYS``.
    """
    if not text:
        return DEFAULT_DAYS
    if not (re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= MOST_DAYS):
        raise InvalidInput(
            f"A token lasts 1 to {MOST_DAYS} days.",
            f"Leave the number out for the default, {DEFAULT_DAYS} days; put a name with spaces in quotation "
            'marks. Example: /integrations token create project "web shop" 30',
        )
    return int(text)


def create_token(ports: Ports, actor: Actor, target: Target, days: int) -> tuple[Secret, WorkflowToken]:
    """
    Make a token that speaks for a target.

    An admin's is approved; a member's asks the admins. Until one approves it, it reaches what its creator
    owns and what owners link to its target. What is closed and was linked to the target before opens to it
    only when somebody with the right says so: the owners are asked.

    Returns:
        Its text, which is never kept and so can be shown only now, and what is kept of it.

    Raises:
        NotPermitted.
        InvalidInput: The target's name could be taken for another target's.
        Conflict: This very request was sent before, and made a token then.
    """
    require(ports, actor, Action.CREATE_TOKEN)
    refuse_look_alike(target)
    text = new_token()
    token = WorkflowToken(
        id=public_id(text.reveal()) or "",
        sha256=hash_of(text),
        target=target,
        created_by=actor.user_id,
        created_at=actor.at,
        expires_at=actor.at + timedelta(days=days),
        reminded=_reminders_before(timedelta(days=days)),
        approved_by=actor.user_id if may(actor, Action.APPROVE_TOKEN) else None,
    )
    try:
        with ports.store.change(actor.workspace) as change:
            # Inside: an owner who links at this moment is told of the token, or it is kept out.
            closed = _closed_to(change, actor, target)
            token = replace(token, kept_from=tuple(one.id for one in closed))
            made = event(actor, Action.CREATE_TOKEN, token_id=token.id, target=target)
            change.remember(actor.request_id, token.id)
            change.put(token)
            change.record(made)
            told = () if token.approved_by else (*actor.admins, channel_of(change))
            tell(change, made, told)
            for one in closed:
                asked = event(actor, Action.CREATE_TOKEN, one, token_id=token.id, target=target)
                tell(change, asked, (one.owner,))
    except AlreadyDone as error:
        raise Conflict(
            f"This request already created token {error.outcome}, whose text was shown once.",
            "If nobody copied it, revoke it and create a new one: /integrations token revoke "
            f"{error.outcome}",
        ) from error
    return text, token


def _closed_to(reading: Reading, actor: Actor, target: Target) -> tuple[Integration, ...]:
    """What others let the target fetch, and is closed to the actor: a token must not open it to them."""
    uses = reading.dependencies.of_target(target)
    granted = [use.integration for use in uses if use.dependency.granted_by]
    return tuple(one for one in granted if not _may_link(actor, one))


def _may_link(actor: Actor, integration: Integration) -> bool:
    """True for anybody who may add, of what is open to all; for its owner and admins, of what is closed."""
    return not integration.linked_only or may(actor, Action.LINK, integration.owner)


def find_kept_out(ports: Ports, actor: Actor, token: WorkflowToken) -> tuple[Integration, ...]:
    """The closed integrations that are linked to a token's target and keep it out, sorted by name key."""
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    uses = reading.dependencies.of_target(token.target)
    return tuple(one.integration for one in uses if one.integration.id in token.kept_from)


def list_tokens(ports: Ports, actor: Actor, words: Iterable[str] = (), number: int = 0) -> TokenPage:
    """
    Return a page of the workspace's tokens: those that work first, of both the newest first.

    Args:
        ports: The ports.
        actor: Anybody who may see integrations.
        words: Each must occur in a token's target, its id or its creator's id, whatever the case.
        number: The page, from 0; past the end gives the last.

    Raises:
        NotPermitted.
    """
    require(ports, actor, Action.SEE)
    folded = tuple(word.casefold() for word in words)
    return ports.store.read(actor.workspace).tokens.page(actor.at, folded, number, _TOKENS_A_PAGE)


def revoke_token(ports: Ports, actor: Actor, token_id: str) -> WorkflowToken:
    """
    Revoke a token, at once and for good. Revoking it twice is not an error.

    Raises:
        NotFound: This workspace has no token of this id.
        NotPermitted: Neither its creator nor an admin.
    """
    require(ports, actor, Action.SEE)
    known = ports.store.read(actor.workspace).tokens.get(token_id)
    if known is None:
        raise _no_token()
    facts: dict[str, Any] = {"token_id": known.id, "target": known.target}
    if not may(actor, Action.REVOKE_TOKEN, known.created_by):
        people = (known.created_by, *actor.admins)
        message = "You can see other people's tokens, but you can't revoke them."
        error = NotPermitted(message, "Ask its creator or a workspace admin.", people)
        refuse(ports, actor, Action.REVOKE_TOKEN, error, **facts)
    with ports.store.change(actor.workspace) as change:
        token = change.tokens.get(token_id) or known
        if token.revoked_at is None:
            token = replace(token, revoked_at=actor.at)
            change.put(token)
            change.record(event(actor, Action.REVOKE_TOKEN, **facts))
    return token


def _no_token() -> NotFound:
    return NotFound(
        "There is no token with this id.", "/integrations token list shows the ids, 8 characters each."
    )


def approve_token(ports: Ports, actor: Actor, token_id: str) -> WorkflowToken:
    """
    Let a token fetch what is open to all workflows.

    Raises:
        NotPermitted: Not an admin.
        NotFound: This workspace has no token of this id.
    """
    return _decide_on(ports, actor, token_id, Action.APPROVE_TOKEN)


def decline_token(ports: Ports, actor: Actor, token_id: str) -> WorkflowToken:
    """Say that a token is not to fetch what is open to all workflows. Raises as ``approve_token``."""
    return _decide_on(ports, actor, token_id, Action.DECLINE_TOKEN)


def _decide_on(ports: Ports, actor: Actor, token_id: str, action: Action) -> WorkflowToken:
    require(ports, actor, action)
    with ports.store.change(actor.workspace) as change:
        token = change.tokens.get(token_id)
        if token is None:
            raise _no_token()
        by = actor.user_id
        is_approval = action is Action.APPROVE_TOKEN
        decided = replace(
            token, approved_by=by if is_approval else None, declined_by=None if is_approval else by
        )
        if bool(token.approved_by) != is_approval or not (token.approved_by or token.declined_by):
            done = event(actor, action, token_id=token.id, target=token.target, person=token.created_by)
            change.put(decided)
            record_and_tell(change, done, (token.created_by,))
            token = decided
    return token


def find_requests(ports: Ports, actor: Actor) -> tuple[WorkflowToken, ...]:
    """The valid tokens that wait for this admin, the newest first, of the newest 200; none for others."""
    if not may(actor, Action.APPROVE_TOKEN):
        return ()
    page = ports.store.read(actor.workspace).tokens.page(actor.at, (), 0, _MOST_LOOKED_AT)
    return tuple(one for one in page.rows if one.is_valid(actor.at) and is_asked(one))


def is_asked(token: WorkflowToken) -> bool:
    """True while a token waits for an admin's decision."""
    return not (token.approved_by or token.declined_by)


def identify_caller(store: Store, text: str, asked: Server | str | None, at: datetime) -> Caller:
    """
    Find out who speaks, and what they ask for, in one question to the store.

    Args:
        store: The store.
        text: What follows ``Authorization: Bearer``.
        asked: A server, an integration's name, or ``None`` for what the target depends on.
        at: Now.

    Raises:
        TokenRefused: The same for every reason, after the same work.
        TokenHeld: Its creator has left, and nobody took it over.
    """
    token_id = public_id(text)
    held = store.token_holder(token_id, asked) if token_id else None
    if (
        not is_same(Secret(text), held.token.sha256 if held else None)
        or held is None
        or not held.token.is_valid(at)
    ):
        raise TokenRefused
    if held.token.held_at:
        raise TokenHeld(held.token.id)
    return Caller(held.workspace, held.token, at, held.candidates)


def due_reminders(store: Store, at: datetime) -> tuple[tuple[Workspace, WorkflowToken], ...]:
    """Tokens whose creator must be reminded now, each once 7 days and once 1 day before its end."""
    return tuple(
        (workspace, token)
        for workspace in store.workspaces()
        for token in store.read(workspace).tokens.ending(at, at + _REMINDERS[0])
        if token.reminded < _reminders_before(token.expires_at - at)
    )


def working_tokens(store: Store, workspace: Workspace, at: datetime) -> tuple[WorkflowToken, ...]:
    """The valid tokens of a workspace, at most 1,000, those that end first before the others."""
    return store.read(workspace).tokens.ending(at, at + timedelta(days=MOST_DAYS + 1))


def review_token(
    ports: Ports, workspace: Workspace, token: WorkflowToken, creator: Person, admins: tuple[str, ...]
) -> None:
    """
    Hold a token against who its creator is today.

    A token of somebody who was deactivated, or is a guest now, ends when the grace is over, and the admins
    are told; what an admin made needs nobody's decision.

    Args:
        ports: The ports.
        workspace: Whose token it is.
        token: As it was looked up.
        creator: What Slack says of its creator.
        admins: The ids of the admins whom the settings name.
    """
    # A token that an admin took over is still what somebody else made: it waits for a decision.
    is_admins = (creator.is_admin or creator.user_id in admins) and token.is_own_of(creator.user_id)
    if not creator.is_outsider and not (is_admins and is_asked(token)):
        return
    clock = clock_actor(workspace, ports.now(), Source.COMMAND_LINE)
    facts: dict[str, Any] = {"token_id": token.id, "target": token.target, "person": token.created_by}
    with ports.store.change(workspace) as change:
        known = change.tokens.get(token.id)
        if known is None or not known.is_valid(clock.at):
            return
        if creator.is_outsider:
            left = left_at(change, creator.user_id)
            if left is None or clock.at < left + GRACE:
                return
            done = event(clock, Action.REVOKE_TOKEN, reason="its creator is no longer a full member", **facts)
            change.put(replace(known, revoked_at=clock.at))
            tell(change, done, admins)
        else:
            done = event(clock, Action.APPROVE_TOKEN, reason="an admin created it", **facts)
            change.put(replace(known, approved_by=creator.user_id))
        change.record(done)


def _reminders_before(left: timedelta) -> int:
    """How many reminders are due with so much time left; a token made that short-lived gets none."""
    return sum(left <= before for before in _REMINDERS)


def keep_reminder(store: Store, workspace: Workspace, token: WorkflowToken, at: datetime) -> None:
    """Note that a token's creator was reminded, so that they are not told twice."""
    with store.change(workspace) as change:
        known = change.tokens.get(token.id)
        if known is not None:
            change.put(replace(known, reminded=_reminders_before(token.expires_at - at)))
