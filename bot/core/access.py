"""Who may do what: the one table, and the one question every operation asks.

Guests, bots, deactivated people and people of other workspaces are ``nobody``. Full members whom
``QUAYMASTER_EDITORS`` leaves out are viewers. Members change what they own; admins change everything.
"""

from enum import StrEnum

from bot.core.audit import refusal
from bot.core.errors import NotPermitted
from bot.core.model import Actor, Integration, Role
from bot.core.ports.former_store import Store
from bot.core.ports.slack import Person


class Action(StrEnum):
    """What an operation does; the value stands in the history."""

    SEE = "integration.see"
    TEST = "integration.test"
    TAGS = "integration.tags"
    ADD = "integration.add"
    EDIT = "integration.edit"
    DELETE = "integration.delete"
    LINK = "dependency.link"
    UNLINK = "dependency.unlink"
    ISSUE = "token.create"
    REVOKE = "token.revoke"


RANK = {Role.NOBODY: 0, Role.VIEWER: 1, Role.MEMBER: 2, Role.ADMIN: 3}

LEAST_ROLE = {
    Action.SEE: Role.VIEWER,
    Action.TEST: Role.VIEWER,
    Action.TAGS: Role.VIEWER,
    Action.ADD: Role.MEMBER,
    Action.LINK: Role.MEMBER,
    Action.ISSUE: Role.MEMBER,
    Action.REVOKE: Role.MEMBER,
    Action.EDIT: Role.MEMBER,
    Action.UNLINK: Role.MEMBER,
    Action.DELETE: Role.MEMBER,
}

OWNERS_ONLY = frozenset({Action.EDIT, Action.DELETE, Action.UNLINK, Action.REVOKE})
"""What a member may do only to a thing of their own."""

IN_WORDS = {
    Action.SEE: "see integrations",
    Action.TEST: "test integrations",
    Action.TAGS: "read image tags",
    Action.ADD: "add integrations",
    Action.LINK: "link integrations",
    Action.ISSUE: "create workflow tokens",
    Action.REVOKE: "revoke other people's tokens",
    Action.EDIT: "edit",
    Action.UNLINK: "remove dependencies of",
    Action.DELETE: "delete",
}


def role_of(person: Person, team_id: str, *, is_named_admin: bool, is_editor: bool) -> Role:
    """
    Decide a person's role in the workspace of a request.

    Args:
        person: What Slack says of them.
        team_id: The workspace the request came from.
        is_named_admin: ``QUAYMASTER_ADMINS`` names them.
        is_editor: ``QUAYMASTER_EDITORS`` is empty, or names them or a group of theirs.
    """
    if person.is_guest or person.is_bot or person.is_deleted or person.team_id != team_id:
        return Role.NOBODY
    if person.is_admin or is_named_admin:
        return Role.ADMIN
    return Role.MEMBER if is_editor else Role.VIEWER


def may(actor: Actor, action: Action, owner: str | None = None) -> bool:
    """Say whether an actor may do something, to a thing of ``owner`` if it is done to one."""
    if RANK[actor.role] < RANK[LEAST_ROLE[action]]:
        return False
    return action not in OWNERS_ONLY or actor.role is Role.ADMIN or owner == actor.user_id


def require(store: Store, actor: Actor, action: Action, integration: Integration | None = None) -> None:
    """
    Let the actor pass, or record the refusal and raise.

    Raises:
        NotPermitted: With the people who can help.
    """
    if not may(actor, action, integration.owner if integration else None):
        raise refused(store, actor, action, integration)


def refused(
    store: Store, actor: Actor, action: Action, integration: Integration | None, what: str = ""
) -> NotPermitted:
    """Record a refusal in the history and give the error that explains it. ``what`` names no integration."""
    with store.transaction(actor.workspace) as change:
        change.record(refusal(actor, action, integration, what or "not permitted"))
    error = explanation(actor, action, integration)
    error.is_recorded = True
    return error


def explanation(actor: Actor, action: Action, integration: Integration | None) -> NotPermitted:
    """Say why an actor may not, and who can help."""
    if actor.role is Role.NOBODY:
        return NotPermitted(
            "Guests, bots and people of other workspaces cannot use integrations.",
            "Ask a workspace admin.",
            actor.admins,
        )
    if action in OWNERS_ONLY and actor.role is Role.MEMBER and integration:
        return NotPermitted(
            f"Only its owner or a workspace admin may {IN_WORDS[action]} “{integration.name}”.",
            "Ask its owner.",
            (integration.owner, *actor.admins),
        )
    return NotPermitted(
        f"You may look, but not {IN_WORDS[action]}.",
        "Ask a workspace admin to add you to the editors.",
        actor.admins,
    )


_REMEMBERED = frozenset({Action.SEE})
"""What may rest on what Slack said up to five minutes ago. Nothing that changes, creates or reveals may."""


def asks_again(action: Action | None) -> bool:
    """Return whether an action needs the role of this moment; ``None`` = it may be any."""
    return action not in _REMEMBERED
