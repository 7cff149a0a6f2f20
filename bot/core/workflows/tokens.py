"""Workflow tokens: create, list, revoke; and who is speaking when one arrives."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.access import Action, may, refused, require
from bot.core.audit import event
from bot.core.errors import InvalidInput, NotFound, NotPermitted, QuaymasterError
from bot.core.integrations.dependencies import in_words, may_link
from bot.core.model import Actor, Integration, Role, Source, Target, Workspace
from bot.core.ports.former_store import Store
from bot.core.queries import TokenPage
from bot.core.secrets import Secret
from bot.core.workflows.token_format import WorkflowToken, hash_of, is_same, new_token, public_id

DEFAULT_DAYS = 90
MOST_DAYS = 365
TOKENS_A_PAGE = 20
REMINDERS = (timedelta(days=7), timedelta(days=1))
"""How long before its end a token's creator is reminded."""


class TokenRefused(QuaymasterError):
    """Unknown, mistyped, expired, revoked: one and the same answer, so that a guess learns nothing."""

    def __init__(self) -> None:
        super().__init__(
            "This workflow token is not valid.",
            "It may be mistyped, expired or revoked: /integrations token list shows the tokens there are.",
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """A workflow that showed a valid token."""

    workspace: Workspace
    token: WorkflowToken
    at: datetime

    @property
    def target(self) -> Target:
        """The target the token speaks for."""
        return self.token.target

    @property
    def actor(self) -> Actor:
        """The caller as the history names it."""
        name = f"token {self.token.id}"
        return Actor(self.workspace, name, Role.VIEWER, self.at, Source.WORKFLOW)


def read_days(text: str) -> int:
    """
    Read how many days a token lasts; empty means 90.

    Raises:
        InvalidInput: Not a whole number from 1 to 365.
    """
    if not text:
        return DEFAULT_DAYS
    if not (re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= MOST_DAYS):
        raise InvalidInput(
            f"A token lasts 1 to {MOST_DAYS} days.",
            f"Leave the number out for {DEFAULT_DAYS}; put a name with spaces into quotation marks. "
            'Example: /integrations token create project "web shop" 30',
        )
    return int(text)


def create_token(store: Store, actor: Actor, target: Target, days: int) -> tuple[Secret, WorkflowToken]:
    """
    Make a token that speaks for a target.

    Returns:
        Its text, which is never kept and so can be shown only now, and what is kept of it.

    Raises:
        NotPermitted: Also when the target is linked to an integration for linked targets only that the actor
            may link nothing to: the token would open it.
    """
    require(store, actor, Action.ISSUE)
    for use in store.uses(actor.workspace, target):
        if not may_link(actor, use.integration):
            raise owners_issue(store, actor, target, use.integration)
    text = new_token()
    token = WorkflowToken(
        id=public_id(text.reveal()) or "",
        sha256=hash_of(text),
        target=target,
        created_by=actor.user_id,
        created_at=actor.at,
        expires_at=actor.at + timedelta(days=days),
        reminded=reminders_before(timedelta(days=days)),
    )
    with store.transaction(actor.workspace) as change:
        change.put_token(token)
        change.record(event(actor, Action.ISSUE, detail=token_in_words(token)))
    return text, token


def owners_issue(store: Store, actor: Actor, target: Target, integration: Integration) -> NotPermitted:
    """Record that somebody tried to make a token for a closed integration's target, and give the error."""
    error = refused(store, actor, Action.ISSUE, integration)
    error.message = (
        f"{in_words(target)} is linked to “{integration.name}”, which is for linked targets "
        "only: its owner or an admin makes the tokens of those."
    )
    error.hint, error.people = "Ask its owner.", (integration.owner, *actor.admins)
    return error


def token_in_words(token: WorkflowToken) -> str:
    """``1234abcd for project web-shop``."""
    return f"{token.id} for {in_words(token.target)}"


def list_tokens(store: Store, actor: Actor, words: Iterable[str] = (), number: int = 0) -> TokenPage:
    """
    Give a page of the workspace's tokens: those that work first, of both the newest first.

    Args:
        store: The store.
        actor: Anybody who may see integrations.
        words: Each must occur in a token's target, its id or its creator's id, whatever the case.
        number: The page, from 0; past the end gives the last.

    Raises:
        NotPermitted.
    """
    require(store, actor, Action.SEE)
    folded = tuple(word.casefold() for word in words)
    return store.tokens(actor.workspace, actor.at, words=folded, number=number, size=TOKENS_A_PAGE)


def tokens_of(store: Store, actor: Actor, target: Target) -> tuple[WorkflowToken, ...]:
    """Give the valid tokens that speak for a target, of 1,000 at most. Raises ``NotPermitted``."""
    require(store, actor, Action.SEE)
    page = store.tokens(actor.workspace, actor.at, words=(target.name.casefold(),), size=1000)
    return tuple(one for one in page.rows if one.target == target and one.is_valid(actor.at))


def revoke_token(store: Store, actor: Actor, token_id: str) -> WorkflowToken:
    """
    Revoke a token, at once and for good. Revoking it twice is no error.

    Raises:
        NotFound: This workspace has no token of this id.
        NotPermitted: Neither its creator nor an admin.
    """
    require(store, actor, Action.SEE)
    found = store.holder_of(token_id)
    known = found[1] if found and found[0] == actor.workspace else None
    if known is None:
        raise NotFound(
            "There is no token with this id.", "/integrations token list shows the ids, 8 characters each."
        )
    if not may(actor, Action.REVOKE, known.created_by):
        error = refused(store, actor, Action.REVOKE, None, token_in_words(known))
        error.hint, error.people = "Ask its creator or a workspace admin.", (known.created_by, *actor.admins)
        raise error
    with store.transaction(actor.workspace) as change:
        present = change.token(token_id) or known
        if present.revoked_at is None:
            present = replace(present, revoked_at=actor.at)
            change.put_token(present)
            change.record(event(actor, Action.REVOKE, detail=token_in_words(present)))
    return present


def caller_of(store: Store, text: str, at: datetime) -> Caller:
    """
    Find out who speaks.

    Args:
        store: The store.
        text: What stood behind ``Authorization: Bearer``.
        at: Now.

    Raises:
        TokenRefused: The same for every reason, after the same work.
    """
    token_id = public_id(text)
    found = store.holder_of(token_id) if token_id else None
    token = found[1] if found else None
    if not is_same(Secret(text), token) or found is None or not found[1].is_valid(at):
        raise TokenRefused
    return Caller(found[0], found[1], at)


def due_reminders(store: Store, at: datetime) -> tuple[tuple[Workspace, WorkflowToken], ...]:
    """Tokens whose creator must be reminded now, each once 7 days and once 1 day before its end."""
    due = {}
    for number, left in enumerate(REMINDERS, start=1):
        for workspace, token in store.ending_tokens(at, at + left, number):
            due[workspace, token.id] = (workspace, token)
    return tuple(due.values())


def reminders_before(left: timedelta) -> int:
    """How many reminders lie behind a token with so much time left; one made that short-lived gets none."""
    return sum(left <= before for before in REMINDERS)


def keep_reminder(store: Store, workspace: Workspace, token: WorkflowToken, at: datetime) -> None:
    """Note that a token's creator was reminded, so that they are not told twice."""
    passed = reminders_before(token.expires_at - at)
    with store.transaction(workspace) as change:
        present = change.token(token.id)
        if present is not None:
            change.put_token(replace(present, reminded=passed))
