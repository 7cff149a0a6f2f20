"""Who may do what: the one table, and the one question every operation asks.

Guests, bots, deactivated people and people from other workspaces are ``nobody``. Full members whom
``QUAYMASTER_EDITORS`` leaves out are viewers. Members change what they own; admins change everything.
"""

from typing import Any, NoReturn

from bot.core.audit import Action, refusal
from bot.core.errors import NotPermitted
from bot.core.model import Actor, Integration, Role
from bot.core.ports import Ports
from bot.core.ports.slack import Person

_RANK = {Role.NOBODY: 0, Role.VIEWER: 1, Role.MEMBER: 2, Role.ADMIN: 3}

_LEAST_ROLE = {
    Action.SEE: Role.VIEWER,
    Action.TEST: Role.VIEWER,
    Action.TAGS: Role.VIEWER,
    Action.ADD: Role.MEMBER,
    Action.NOTE: Role.MEMBER,
    Action.LINK: Role.MEMBER,
    Action.ALLOW: Role.MEMBER,
    Action.RESTORE: Role.MEMBER,
    Action.APPROVE_TOKEN: Role.ADMIN,
    Action.DECLINE_TOKEN: Role.ADMIN,
    Action.RENAME_TARGET: Role.ADMIN,
    Action.CREATE_TOKEN: Role.MEMBER,
    Action.REVOKE_TOKEN: Role.MEMBER,
    Action.REVOKE_ALL: Role.MEMBER,
    Action.EDIT: Role.MEMBER,
    Action.ROTATE: Role.MEMBER,
    Action.UNLINK: Role.MEMBER,
    Action.DELETE: Role.MEMBER,
    Action.MUTE: Role.MEMBER,
    Action.UNMUTE: Role.MEMBER,
    Action.NOTIFY: Role.ADMIN,
    Action.CONFIGURE: Role.ADMIN,
    Action.GIVE: Role.MEMBER,
    Action.GIVE_ALL: Role.ADMIN,
}

_OWNERS_ONLY = frozenset(
    {
        Action.EDIT,
        Action.ROTATE,
        Action.DELETE,
        Action.LINK,
        Action.ALLOW,
        Action.UNLINK,
        Action.RESTORE,
        Action.REVOKE_TOKEN,
        Action.REVOKE_ALL,
        Action.MUTE,
        Action.UNMUTE,
        Action.GIVE,
    }
)
"""What a member may do only to a thing of their own."""

_IN_WORDS = {
    Action.SEE: "see integrations",
    Action.TEST: "test integrations",
    Action.TAGS: "read image tags",
    Action.ADD: "add integrations",
    Action.NOTE: "link integrations",
    Action.LINK: "link targets to",
    Action.ALLOW: "allow links to",
    Action.RESTORE: "restore targets of",
    Action.APPROVE_TOKEN: "approve workflow tokens",
    Action.DECLINE_TOKEN: "decline workflow tokens",
    Action.RENAME_TARGET: "rename targets",
    Action.CREATE_TOKEN: "create workflow tokens",
    Action.REVOKE_TOKEN: "revoke other people's tokens",
    Action.REVOKE_ALL: "revoke everything that belongs to others",
    Action.EDIT: "edit",
    Action.ROTATE: "replace the credential of",
    Action.UNLINK: "remove targets from",
    Action.DELETE: "delete",
    Action.MUTE: "mute",
    Action.UNMUTE: "unmute",
    Action.NOTIFY: "choose where news goes",
    Action.CONFIGURE: "change the workspace's settings",
    Action.GIVE: "give away",
    Action.GIVE_ALL: "give away what others own",
}


MEMORY_WILL_DO = frozenset({Action.SEE})
"""What may rest on what Slack said up to five minutes ago. Nothing that changes, creates or reveals may."""


def role_of(person: Person, team_id: str, *, is_named_admin: bool, is_editor: bool) -> Role:
    """
    Decide a person's role in the workspace of a request.

    Args:
        person: What Slack says of them.
        team_id: The workspace the request came from.
        is_named_admin: ``QUAYMASTER_ADMINS`` names them.
        is_editor: ``QUAYMASTER_EDITORS`` is empty, or names them or a group of theirs.
    """
    if person.is_outsider or person.team_id != team_id:
        return Role.NOBODY
    if person.is_admin or is_named_admin:
        return Role.ADMIN
    return Role.MEMBER if is_editor else Role.VIEWER


def may(actor: Actor, action: Action, owner: str | None = None) -> bool:
    """Say whether an actor may do something, to a thing of ``owner`` if it is done to one."""
    if _RANK[actor.role] < _RANK[_LEAST_ROLE[action]]:
        return False
    return action not in _OWNERS_ONLY or actor.role is Role.ADMIN or owner == actor.user_id


def require(ports: Ports, actor: Actor, action: Action, integration: Integration | None = None) -> None:
    """
    Let the actor pass, or record the refusal and raise.

    Raises:
        NotPermitted: With the people who can help.
    """
    if not may(actor, action, integration.owner if integration else None):
        refuse(ports, actor, action, _explanation(actor, action, integration), integration)


def refuse(
    ports: Ports,
    actor: Actor,
    action: Action,
    error: NotPermitted,
    integration: Integration | None = None,
    **facts: Any,
) -> NoReturn:
    """Record that the actor was refused, with further fields of ``Event``, and raise ``error``."""
    with ports.store.change(actor.workspace) as change:
        change.record(refusal(actor, action, integration, reason="not permitted", **facts))
    raise error


def _explanation(actor: Actor, action: Action, integration: Integration | None) -> NotPermitted:
    """Say why an actor may not, and who can help."""
    if actor.role is Role.NOBODY:
        return NotPermitted(
            "Guests, bots and people from other workspaces cannot use integrations.",
            "Ask a workspace admin.",
            actor.admins,
        )
    if _LEAST_ROLE[action] is Role.ADMIN:
        return NotPermitted(
            f"Only a workspace admin may {_IN_WORDS[action]}.", "Ask a workspace admin.", actor.admins
        )
    if action in _OWNERS_ONLY and actor.role is Role.MEMBER and integration:
        return NotPermitted(
            f"Only its owner or a workspace admin may {_IN_WORDS[action]} “{integration.name}”.",
            "Ask its owner.",
            (integration.owner, *actor.admins),
        )
    to_what = " them" if action in _OWNERS_ONLY - {Action.REVOKE_TOKEN, Action.REVOKE_ALL} else ""
    return NotPermitted(
        f"You can view integrations, but you can't {_IN_WORDS[action]}{to_what}.",
        "Ask a workspace admin to add you to the editors.",
        actor.admins,
    )
