"""Sentences that more than one message shows: a history's entry, where a dependency came from, its last use.

An event carries facts; the sentence is made here, when it is shown.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.core.audit import Action, AuditEntry, Event, Result
from bot.core.model import Dependency, Integration, Source, WorkflowToken
from bot.core.queries import ENDING_WITHIN
from handlers.blocks import code, escape, mention, when

_DID = {
    Action.ADD: "added",
    Action.EDIT: "edited",
    Action.DELETE: "deleted",
    Action.TEST: "tested",
    Action.SEE: "looked at integrations",
    Action.TAGS: "read tags of",
    Action.LINK: "linked",
    Action.UNLINK: "unlinked",
    Action.NOTE: "noted a link to",
    Action.ALLOW: "allowed a link to",
    Action.RESTORE: "put back",
    Action.APPROVE_TOKEN: "approved a token",
    Action.DECLINE_TOKEN: "declined a token",
    Action.RENAME_TARGET: "renamed a target",
    Action.ALLOW_REALM: "allowed a token server for",
    Action.ASK_SECRET: "asked for the secret of",
    Action.ENTER_SECRET: "entered the secret of",
    Action.ROTATE: "rotated the credential of",
    Action.PREPARE: "prepared the next credential of",
    Action.MANAGE: "changed how new credentials are created for",
    Action.RETIRE: "retired the old credential of",
    Action.ROLL_BACK: "rolled back the credential of",
    Action.FETCH: "fetched",
    Action.CREATE_TOKEN: "created a token",
    Action.REVOKE_TOKEN: "revoked a token",
    Action.REVOKE_ALL: "revoked everything after a leak",
    Action.IMPORT: "imported",
    Action.FORGET: "dropped the lost secret of",
    Action.HEALTH: "checked the login of",
    Action.ENDS: "warned that the login expires soon for",
    Action.MUTE: "muted",
    Action.UNMUTE: "unmuted",
    Action.NOTIFY: "chose where news goes",
    Action.CONFIGURE: "changed the workspace's settings",
    Action.GIVE: "gave",
    Action.GIVE_ALL: "handed over everything somebody owned",
    Action.ORPHAN: "orphaned",
    Action.BLANK: "removed some text everywhere",
    Action.TYPE_SECRET: "typed a secret in a command",
}
"""What the history says about each action."""

_AFFECTING = " that affects"
"""What joins an integration to a leak."""
_ACCESS_KEY = re.compile(r"(AKIA|ASIA)[A-Z0-9]{12,}")

_TRIED = {
    Action.ADD: "add",
    Action.EDIT: "edit",
    Action.DELETE: "delete",
    Action.TEST: "test",
    Action.SEE: "look at integrations",
    Action.TAGS: "read tags of",
    Action.LINK: "link",
    Action.UNLINK: "unlink",
    Action.NOTE: "link",
    Action.ALLOW: "allow a link to",
    Action.RESTORE: "put back",
    Action.APPROVE_TOKEN: "approve a token",
    Action.DECLINE_TOKEN: "decline a token",
    Action.RENAME_TARGET: "rename a target",
    Action.ALLOW_REALM: "allow a token server for",
    Action.ROTATE: "rotate the credential of",
    Action.FETCH: "fetch",
    Action.CREATE_TOKEN: "create a token",
    Action.REVOKE_TOKEN: "revoke a token",
    Action.REVOKE_ALL: "revoke everything",
    Action.IMPORT: "import",
    Action.MUTE: "mute",
    Action.UNMUTE: "unmute",
    Action.NOTIFY: "choose where news goes",
    Action.CONFIGURE: "change the workspace's settings",
    Action.GIVE: "give",
    Action.GIVE_ALL: "hand over everything somebody owned",
}
"""What follows "tried to"."""


def made_name(name: str) -> str:
    """The name shown for a credential that Quaymaster created: of an AWS access key, only its ID's end."""
    return f"access key {code(f'…{name[-4:]}')}" if _ACCESS_KEY.fullmatch(name) else code(name)


def history_line(entry: AuditEntry) -> str:
    """An entry of the history: when, who, what, which integration."""
    return f"{when(entry.event.at)}  {event_line(entry.event)}"


def event_line(event: Event) -> str:
    """What happened: who, what, which integration."""
    name = f"{_AFFECTING * (event.action == Action.REVOKE_ALL)} {code(event.name)}" if event.name else ""
    facts = "; ".join(filter(None, (say(event) for say in _FACTS)))
    detail = f" ({facts})" if facts else ""
    return f"{mention(event.actor)} {_what(event)}{name}{detail}"


def _what(event: Event) -> str:
    refused = ":no_entry: " if event.result is Result.REFUSED else ""
    if event.action not in list(Action):
        return f"{refused}{escape(event.action)}"
    action = Action(event.action)
    is_tried = refused and action in _TRIED
    return f"{refused}tried to {_TRIED[action]}" if is_tried else f"{refused}{_DID[action]}"


def _token(event: Event) -> str:
    return (
        f"token {code(event.token_id)}" if event.token_id and not event.actor.endswith(event.token_id) else ""
    )


_FOR = frozenset(
    {
        Action.FETCH,
        Action.TAGS,
        Action.CREATE_TOKEN,
        Action.REVOKE_TOKEN,
        Action.APPROVE_TOKEN,
        Action.DECLINE_TOKEN,
    }
)
"""What is done for a target, not to it."""


def _target(event: Event) -> str:
    if event.target is None:
        return ""
    is_for = event.action in _FOR
    return f"{'for ' * is_for}{event.target.kind.value} {code(event.target.name)}"


def _changed(event: Event) -> str:
    was = f" (was {code(event.former_name)})"
    return ", ".join(f"{part}{was}" if part == "name" else part for part in event.changed)


def _more(event: Event) -> str:
    if not event.more or event.hour is None:
        return ""
    end = event.hour + timedelta(hours=1)
    times = "time" if event.more == 1 else "times"
    return f"{event.more} more {times} from {event.hour:%H:%M} to {end:%H:%M} UTC"


_PERSON = {
    Action.GIVE: "to {}",
    Action.GIVE_ALL: "to {}",
    Action.ORPHAN: "{} is no longer a full member",
    Action.ASK_SECRET: "from {}",
    Action.ENTER_SECRET: "asked by {}",
    Action.REVOKE_ALL: "for {}",
}
"""How the other person is involved."""


def _person(event: Event) -> str:
    known = event.action in list(_PERSON) and event.person
    return _PERSON[Action(event.action)].format(mention(event.person)) if known else ""


def _reason(event: Event) -> str:
    return escape(event.reason)


def _detail(event: Event) -> str:
    return escape(event.detail)


_FACTS: tuple[Callable[[Event], str], ...] = (_token, _target, _person, _changed, _more, _reason, _detail)
"""What an entry says in parentheses, in order."""


def origin(dependency: Dependency) -> str:
    """How a dependency came about: a person linked it, or a workflow fetched with a token of theirs."""
    who, at = mention(dependency.added_by), when(dependency.added_at)
    if dependency.is_note:
        return f"noted by {who} {at}; not approved yet"
    if dependency.source is Source.WORKFLOW:
        whose = f", token by {who}" if dependency.added_by else ""
        return f"fetched by a workflow since {at}{whose}"
    return f"linked by {who} {at}"


def made_by(token: WorkflowToken) -> str:
    """Who created a workflow token, and who took it over from them."""
    if token.taken_over_from is None:
        return f"by {mention(token.created_by)}"
    return f"created by {mention(token.taken_over_from)}, taken over by {mention(token.created_by)}"


def last_check(integration: Integration) -> str:
    """What the last check found: when, by whom, in which words."""
    check = integration.check
    if check is None:
        return "never"
    who = f"{when(check.at)} by {mention(check.by)}"
    return f"{check.outcome.word} ({check.stage.value}), {who}: {escape(check.reason)}"


def targets_depend(count: int) -> str:
    """``1 target depends``, ``3 targets depend``."""
    return f"{count} target depends" if count == 1 else f"{count} targets depend"


def due_in_words(integration: Integration, at: datetime) -> str:
    """When its login expires, or how old it is if that is unknown; empty if that is a long time away."""
    due = integration.due_on
    if due is None or due > at.date() + ENDING_WITHIN:
        return ""
    said = f"expires on {due}" if due == integration.first_end else age_in_words(integration, at)
    return f":hourglass: {said}"


def age_in_words(integration: Integration, at: datetime) -> str:
    """How many days the current credential has been in use, and whether its expiration date is unknown."""
    days = (at.date() - integration.in_use_since.date()).days
    unknown = "" if integration.has_known_end else ", no known expiration date"
    return f"in use for {days} day{'s' * (days != 1)}{unknown}"


def last_used(at: datetime | None) -> str:
    """When an integration, a dependency or a token was last used."""
    return f"last used {when(at)}" if at else "never used"
