"""Events and their chain: each entry's hash covers the one before it, so that a change in the middle shows.

``hash = SHA-256(previous hash (32 bytes, zeros before the first) | canonical JSON of the entry)``
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.core.model import Actor, Integration, Role, Source, Target, Workspace

BEFORE_THE_FIRST = "0" * 64


class Action(StrEnum):
    """Every kind of action, as the history keeps it. ``bot/core/access.py`` says who may do which."""

    SEE = "integration.see"
    TEST = "integration.test"
    TAGS = "integration.tags"
    ADD = "integration.add"
    EDIT = "integration.edit"
    DELETE = "integration.delete"
    IMPORT = "integration.import"
    FORGET = "integration.forget"
    """The operator dropped a secret whose key is lost."""
    ASK_SECRET = "secret.ask"  # noqa: S105 - the name of an action
    """A link to the page for secrets was made."""
    ENTER_SECRET = "secret.enter"  # noqa: S105 - the same
    ALLOW_REALM = "realm.allow"
    ROTATE = "credential.rotate"
    """A new credential became the current one; the former is kept."""
    PREPARE = "credential.prepare"
    """The next credential was asked for at its registry, made there, or dropped."""
    MANAGE = "credential.manage"
    """Its management credential was kept or forgotten, or how often the clock rotates it was chosen."""
    RETIRE = "credential.retire"
    ROLL_BACK = "credential.roll_back"
    LINK = "dependency.link"
    NOTE = "dependency.note"
    """Somebody without the right over an integration noted that a target depends on it."""
    ALLOW = "dependency.allow"
    """Somebody with the right allowed what was noted."""
    UNLINK = "dependency.unlink"
    RESTORE = "dependency.restore"
    CREATE_TOKEN = "token.create"  # noqa: S105 - the name of an action
    REVOKE_TOKEN = "token.revoke"  # noqa: S105 - the same
    REVOKE_ALL = "token.revoke_all"
    """Every token that a leak exposes was ended, and its integrations are to be rotated."""
    APPROVE_TOKEN = "token.approve"  # noqa: S105 - the same
    DECLINE_TOKEN = "token.decline"  # noqa: S105 - the same
    RENAME_TARGET = "target.rename"
    FETCH = "credential.hand_out"
    HEALTH = "integration.health"
    """What the watch believes of an integration changed."""
    ENDS = "integration.ends"
    """The login of an integration ends soon."""
    MUTE = "integration.mute"
    UNMUTE = "integration.unmute"
    """Older entries are ``MUTE`` with the reason “taken back”."""
    GIVE = "integration.give"
    """An integration or a workflow token got another owner."""
    GIVE_ALL = "owner.give_all"
    ORPHAN = "integration.orphan"
    """Its owner is no longer a full member."""
    CONFIGURE = "workspace.configure"
    """The admins of a workspace chose its rules."""
    NOTIFY = "news.channel"
    """The channel that news goes to was chosen or switched off."""
    BLANK = "history.blank"
    """The operator blanked a text everywhere; entries from ``Event.rewritten_from`` on were written again."""
    TYPE_SECRET = "command.secret"  # noqa: S105 - the same
    """Somebody typed a secret after the command."""


CLOCK = "quaymaster"
"""The name by which the history calls the product itself."""

_RENAMED = re.compile(r"name \(was ([^)]+)\)")


class Result(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Event:
    """One attempt, as an operation reports it. The store turns it into an ``AuditEntry``."""

    action: str
    """``integration.add``, ``dependency.unlink``, …"""
    actor: str
    source: Source
    at: datetime
    integration_id: str | None = None
    name: str = ""
    """The integration's name at that moment."""
    detail: str = ""
    """A few words for people; never a secret. No code reads it but that of old entries' renamings."""
    result: Result = Result.DONE
    request_id: str = ""
    former_name: str = ""
    """What an edit renamed the integration from."""
    server: str = ""
    """The integration's address at that moment, ``host`` or ``host:port``."""
    target: Target | None = None
    """The project, environment or image it is about."""
    token_id: str = ""
    """The public id of the workflow token it is about."""
    changed: tuple[str, ...] = ()
    """The parts that an edit changed, in the words of the form."""
    reason: str = ""
    """Why an attempt was refused, or what a check found: a few words, cut and cleaned."""
    person: str = ""
    """The id of another person it concerns: a new owner, whose request was approved."""
    more: int = 0
    """How many fetches followed the first of the hour that begins at ``hour``."""
    hour: datetime | None = None
    rewritten_from: int = 0
    """The sequence of the first entry that a blanking wrote again; earlier versions kept it in ``more``."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An event with its place in the workspace's chain."""

    sequence: int
    event: Event
    hash: str
    """64 hexadecimal digits."""
    seal: str = ""
    """The hash, sealed by the store that keeps the entry: who has no key can add none."""


HISTORY_ENDS = "The history of %s ends with entry %d, %s."
"""What the log says once an hour of a history that grew: workspace, sequence, hash."""
HISTORY_DELETED = "deleted what was kept of %s: it removed the app"
"""What the log says when a workspace is forgotten, its history too: workspace."""


def canonical(fields: dict[str, object]) -> bytes:
    """Write fields as JSON with sorted keys, no spaces, UTF-8 unescaped."""
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def chain_hash(previous: str, fields: dict[str, object]) -> str:
    """
    Compute an entry's hash.

    Args:
        previous: The hash of the entry before, 64 hexadecimal digits.
        fields: All of the entry but its hash.

    Returns:
        64 hexadecimal digits.
    """
    return hashlib.sha256(bytes.fromhex(previous) + canonical(fields)).hexdigest()


def event_fields(event: Event) -> dict[str, object]:
    """Give an event as plain JSON values, empty ones left out."""
    fields: dict[str, object] = {
        "action": event.action,
        "actor": event.actor,
        "source": event.source.value,
        "at": timestamp(event.at),
        "target": event.integration_id,
        "name": event.name,
        "detail": event.detail,
        "result": event.result.value,
        "request": event.request_id,
        "former_name": event.former_name,
        "server": event.server,
        "to": [event.target.kind.value, event.target.name] if event.target else None,
        "token": event.token_id,
        "changed": list(event.changed),
        "reason": event.reason,
        "person": event.person,
        "more": event.more,
        "hour": timestamp(event.hour) if event.hour else None,
        "rewritten_from": event.rewritten_from,
    }
    return {key: value for key, value in fields.items() if value}


def timestamp(at: datetime) -> str:
    """Write a time as ``2026-01-01T00:00:00.000000Z``: always microseconds, so that times sort as text."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def next_entry(last: AuditEntry | None, workspace_key: str, event: Event) -> AuditEntry:
    """Give an event its place after ``last`` in a workspace's chain."""
    sequence = last.sequence + 1 if last else 1
    previous = last.hash if last else BEFORE_THE_FIRST
    return AuditEntry(sequence, event, entry_hash(previous, workspace_key, sequence, event))


def entry_hash(previous: str, workspace_key: str, sequence: int, event: Event) -> str:
    """Compute the hash that an event has at its place after the hash before."""
    return chain_hash(previous, {**event_fields(event), "seq": sequence, "workspace": workspace_key})


def clock_actor(workspace: Workspace, at: datetime, source: Source = Source.CLOCK) -> Actor:
    """Who acts when nobody asked: the watch, a reminder, an operator's command."""
    return Actor(workspace, CLOCK, Role.ADMIN, at, source)


def event(actor: Actor, action: Action, integration: Integration | None = None, **facts: Any) -> Event:
    """Describe what an actor did; ``facts`` are further fields of ``Event``."""
    return Event(
        action=action,
        actor=actor.user_id,
        source=actor.source,
        at=actor.at,
        integration_id=integration.id if integration else None,
        name=integration.name if integration else "",
        server=integration.server.address if integration else "",
        request_id=actor.request_id,
        **facts,
    )


def refusal(actor: Actor, action: Action, integration: Integration | None = None, **facts: Any) -> Event:
    """Describe what an actor was refused."""
    return event(actor, action, integration, result=Result.REFUSED, **facts)


def former_name_in_detail(event: Event) -> str | None:
    """The name that an edit of before ``Event.former_name`` took; ``None`` for every other event."""
    found = _RENAMED.match(event.detail) if event.action == "integration.edit" else None
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class News:
    """A message that must leave: kept in the transaction of what it tells, sent after it, then taken away."""

    id: str
    to: str
    """A channel's or a person's id; or a message that it replaces, as ``channel/time``."""
    at: datetime
    event: "Event"
    """What happened; the sentence is made when it is sent."""
    attempts: int = 0
