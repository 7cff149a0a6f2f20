"""Values of the domain as plain JSON, and back.

What equals its default is left out; what is absent is read as its default. An unknown field is refused:
a newer form of the data has a higher format number, and is never read by halves.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from bot.core.audit import event_fields, timestamp
from bot.core.model import (
    AuditEntry,
    Bar,
    Check,
    Dependency,
    Event,
    Integration,
    News,
    Outcome,
    Refused,
    Result,
    Server,
    Setting,
    Source,
    Stage,
    Target,
    TargetKind,
)
from bot.core.secrets import Sealed
from bot.core.workflows.token_format import WorkflowToken

Fields = Mapping[str, Any]
"""A JSON object."""

INTEGRATIONS = "integrations"
DEPENDENCIES = "dependencies"
AUDIT = "audit"
REQUESTS = "requests"
TOKENS = "tokens"
BARS = "bars"
SETTINGS = "settings"
NEWS = "news"
HEAD = "head"
"""The tables of a workspace; the last holds the seal of the newest audit entry's hash."""

# fmt: off
INTEGRATION_FIELDS = frozenset({
    "name", "kind", "scheme", "host", "port", "username", "secret", "owner", "created_at", "created_by",
    "updated_at", "version", "options", "ca", "check", "trusted_realms", "linked_only", "is_default", "note",
    "ends_on",
})
CHECK_FIELDS = frozenset({"outcome", "stage", "reason", "at", "by", "refused"})
DEPENDENCY_FIELDS = frozenset({
    "integration", "kind", "name", "added_by", "added_at", "source", "settings_url", "last_used_at",
    "granted_by", "is_swept",
})
ENTRY_FIELDS = frozenset({
    "sequence", "hash", "action", "actor", "source", "at", "target", "name", "detail", "result", "request",
    "former_name", "server", "to", "token", "changed", "reason", "person", "more", "hour",
})
REQUEST_FIELDS = frozenset({"outcome", "at"})
TOKEN_FIELDS = frozenset({
    "sha256", "kind", "name", "created_by", "created_at", "expires_at", "revoked_at", "last_used_at",
    "reminded", "approved_by", "declined_by",
})
BAR_FIELDS = frozenset({"integration", "kind", "name", "by", "at", "removed"})
SETTING_FIELDS = frozenset({"value"})
NEWS_FIELDS = frozenset({"to", "at", "event", "attempts"})
# fmt: on


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was carried out, and what it came to."""

    outcome: str
    at: datetime


def integration_fields(integration: Integration) -> Fields:
    """Write an integration; its id is the key it is kept under."""
    return filled(
        name=integration.name,
        kind=integration.kind,
        **asdict(integration.server),
        username=integration.username,
        secret=integration.secret,
        owner=integration.owner,
        created_at=timestamp(integration.created_at),
        created_by=integration.created_by,
        updated_at=timestamp(integration.updated_at),
        version=integration.version,
        options=dict(integration.options),
        ca=integration.ca,
        check=check_fields(integration.check) if integration.check else None,
        trusted_realms=list(integration.trusted_realms),
        linked_only=integration.linked_only,
        is_default=integration.is_default,
        note=integration.note,
        ends_on=integration.ends_on.isoformat() if integration.ends_on else None,
    )


def integration_from(integration_id: str, fields: Fields) -> Integration:
    """Read what ``integration_fields`` wrote. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""
    refuse_unknown(fields, INTEGRATION_FIELDS)
    created, updated = fields["created_at"], fields["updated_at"]
    created_at = datetime.fromisoformat(created)
    return Integration(
        id=integration_id,
        name=fields["name"],
        kind=sys.intern(fields["kind"]),
        server=server(fields["scheme"], fields["host"], fields.get("port")),
        username=sys.intern(fields.get("username", "")),
        secret=Sealed(fields["secret"]) if "secret" in fields else None,
        owner=sys.intern(fields["owner"]),
        created_at=created_at,
        created_by=sys.intern(fields["created_by"]),
        updated_at=created_at if created == updated else datetime.fromisoformat(updated),
        **{name: read(fields[name]) for name, read in WITH_DEFAULTS.items() if name in fields},
    )


@lru_cache(maxsize=1024)
def server(scheme: str, host: str, port: int | None) -> Server:
    """Make a server once: thousands of integrations share a few, and memory counts."""
    return Server(scheme, host, port)


def check_fields(check: Check) -> Fields:
    """Write the result of a check."""
    always = {
        "outcome": check.outcome.value,
        "stage": check.stage.value,
        "reason": check.reason,
        "at": timestamp(check.at),
        "by": check.by,
    }
    return {**always, **filled(refused=check.refused.value if check.refused else None)}


def check_from(fields: Fields) -> Check:
    """Read what ``check_fields`` wrote."""
    refuse_unknown(fields, CHECK_FIELDS)
    return Check(
        outcome=Outcome(fields["outcome"]),
        stage=Stage(fields["stage"]),
        reason=fields["reason"],
        at=datetime.fromisoformat(fields["at"]),
        by=sys.intern(fields["by"]),
        refused=Refused(fields["refused"]) if "refused" in fields else None,
    )


WITH_DEFAULTS: Mapping[str, Callable[[Any], Any]] = {
    "version": int,
    "options": MappingProxyType,
    "ca": str,
    "check": check_from,
    "trusted_realms": tuple,
    "linked_only": bool,
    "is_default": bool,
    "note": str,
    "ends_on": date.fromisoformat,
}
"""How to read the fields of an integration that may be absent."""


def dependency_key(integration_id: str, target: Target) -> str:
    """The key a dependency is kept under: one for each integration and target."""
    return f"{integration_id}/{target.kind.value}/{target.name}"


def dependency_fields(dependency: Dependency) -> Fields:
    """Write a dependency."""
    return filled(
        integration=dependency.integration_id,
        kind=dependency.target.kind.value,
        name=dependency.target.name,
        added_by=dependency.added_by,
        added_at=timestamp(dependency.added_at),
        source=dependency.source.value,
        settings_url=dependency.settings_url,
        last_used_at=timestamp(dependency.last_used_at) if dependency.last_used_at else None,
        granted_by=dependency.granted_by,
        is_swept=dependency.is_swept,
    )


def dependency_from(fields: Fields) -> Dependency:
    """Read what ``dependency_fields`` wrote."""
    refuse_unknown(fields, DEPENDENCY_FIELDS)
    used = fields.get("last_used_at")
    return Dependency(
        integration_id=fields["integration"],
        target=Target(TargetKind(fields["kind"]), fields["name"]),
        added_by=sys.intern(fields["added_by"]),
        added_at=datetime.fromisoformat(fields["added_at"]),
        source=Source(fields["source"]),
        settings_url=fields.get("settings_url"),
        last_used_at=datetime.fromisoformat(used) if used else None,
        granted_by=fields.get("granted_by"),
        is_swept=fields.get("is_swept", False),
    )


def token_fields(token: WorkflowToken) -> Fields:
    """Write a workflow token; its id is the key it is kept under."""
    return filled(
        sha256=token.sha256,
        kind=token.target.kind.value,
        name=token.target.name,
        created_by=token.created_by,
        created_at=timestamp(token.created_at),
        expires_at=timestamp(token.expires_at),
        revoked_at=timestamp(token.revoked_at) if token.revoked_at else None,
        last_used_at=timestamp(token.last_used_at) if token.last_used_at else None,
        reminded=token.reminded,
        approved_by=token.approved_by,
        declined_by=token.declined_by,
    )


def token_from(token_id: str, fields: Fields) -> WorkflowToken:
    """Read what ``token_fields`` wrote."""
    refuse_unknown(fields, TOKEN_FIELDS)
    return WorkflowToken(
        id=token_id,
        sha256=fields["sha256"],
        target=Target(TargetKind(fields["kind"]), sys.intern(fields["name"])),
        created_by=sys.intern(fields["created_by"]),
        created_at=datetime.fromisoformat(fields["created_at"]),
        expires_at=datetime.fromisoformat(fields["expires_at"]),
        revoked_at=time_in(fields, "revoked_at"),
        last_used_at=time_in(fields, "last_used_at"),
        reminded=fields.get("reminded", 0),
        approved_by=fields.get("approved_by"),
        declined_by=fields.get("declined_by"),
    )


def time_in(fields: Fields, name: str) -> datetime | None:
    """Read a time that may be absent."""
    return datetime.fromisoformat(fields[name]) if name in fields else None


def entry_fields(entry: AuditEntry) -> Fields:
    """Write an audit entry."""
    return {"sequence": entry.sequence, "hash": entry.hash, **event_fields(entry.event)}


def entry_from(fields: Fields) -> AuditEntry:
    """Read what ``entry_fields`` wrote."""
    refuse_unknown(fields, ENTRY_FIELDS)
    return AuditEntry(fields["sequence"], event_from(fields), fields["hash"])


def event_from(fields: Fields) -> Event:
    """Read what ``event_fields`` wrote."""
    to = fields.get("to")
    return Event(
        action=sys.intern(fields["action"]),
        actor=sys.intern(fields["actor"]),
        source=Source(fields["source"]),
        at=datetime.fromisoformat(fields["at"]),
        integration_id=fields.get("target"),
        name=fields.get("name", ""),
        detail=fields.get("detail", ""),
        result=Result(fields["result"]),
        request_id=fields.get("request", ""),
        former_name=fields.get("former_name", ""),
        server=fields.get("server", ""),
        target=Target(TargetKind(to[0]), to[1]) if to else None,
        token_id=fields.get("token", ""),
        changed=tuple(fields.get("changed", ())),
        reason=fields.get("reason", ""),
        person=fields.get("person", ""),
        more=fields.get("more", 0),
        hour=time_in(fields, "hour"),
    )


def bar_fields(bar: Bar) -> Fields:
    """Write a bar."""
    return filled(
        integration=bar.integration_id,
        kind=bar.target.kind.value,
        name=bar.target.name,
        by=bar.by,
        at=timestamp(bar.at),
        removed=dependency_fields(bar.removed) if bar.removed else None,
    )


def bar_from(fields: Fields) -> Bar:
    """Read what ``bar_fields`` wrote."""
    refuse_unknown(fields, BAR_FIELDS)
    target = Target(TargetKind(fields["kind"]), fields["name"])
    removed = dependency_from(fields["removed"]) if "removed" in fields else None
    at = datetime.fromisoformat(fields["at"])
    return Bar(fields["integration"], target, fields["by"], at, removed)


def setting_fields(setting: Setting) -> Fields:
    """Write a setting; its name is the key it is kept under."""
    return {"value": setting.value}


def setting_from(fields: Fields) -> str:
    """Read the value of what ``setting_fields`` wrote."""
    refuse_unknown(fields, SETTING_FIELDS)
    return str(fields["value"])


def news_fields(news: News) -> Fields:
    """Write a message that must leave; its id is the key it is kept under."""
    event = event_fields(news.event)
    return filled(to=news.to, at=timestamp(news.at), event=event, attempts=news.attempts)


def news_from(news_id: str, fields: Fields) -> News:
    """Read what ``news_fields`` wrote."""
    refuse_unknown(fields, NEWS_FIELDS)
    at = datetime.fromisoformat(fields["at"])
    return News(news_id, fields["to"], at, event_from(fields["event"]), fields.get("attempts", 0))


def request_fields(request: Request) -> Fields:
    """Write a remembered request."""
    return {"outcome": request.outcome, "at": timestamp(request.at)}


def request_from(fields: Fields) -> Request:
    """Read what ``request_fields`` wrote."""
    refuse_unknown(fields, REQUEST_FIELDS)
    return Request(fields["outcome"], datetime.fromisoformat(fields["at"]))


def filled(**fields: object) -> Fields:
    """Leave out what is empty."""
    return {name: value for name, value in fields.items() if value}


def refuse_unknown(fields: Fields, known: frozenset[str]) -> None:
    """Raise ``ValueError`` when a field is not one of the known ones."""
    if not fields.keys() <= known:
        raise ValueError(f"unknown fields {sorted(fields.keys() - known)}")
