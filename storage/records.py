"""Values of the domain as plain JSON, and back.

What equals its default is left out; what is absent is read as its default. An unknown field is refused:
a newer form of the data has a higher format number, and is never read by halves.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from bot.core.audit import event_fields, timestamp
from bot.core.model import (
    AuditEntry,
    Check,
    Dependency,
    Event,
    Integration,
    Outcome,
    Refused,
    Result,
    Server,
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
HEAD = "head"
"""The tables of a workspace; the last holds the seal of the newest audit entry's hash."""

# fmt: off
INTEGRATION_FIELDS = frozenset({
    "name", "kind", "scheme", "host", "port", "username", "secret", "owner", "created_at", "created_by",
    "updated_at", "version", "options", "ca", "check", "trusted_realms", "linked_only", "is_default",
})
CHECK_FIELDS = frozenset({"outcome", "stage", "reason", "at", "by", "refused"})
DEPENDENCY_FIELDS = frozenset({
    "integration", "kind", "name", "added_by", "added_at", "source", "settings_url", "last_used_at",
})
ENTRY_FIELDS = frozenset({
    "sequence", "hash", "action", "actor", "source", "at", "target", "name", "detail", "result", "request",
})
REQUEST_FIELDS = frozenset({"outcome", "at"})
TOKEN_FIELDS = frozenset({
    "sha256", "kind", "name", "created_by", "created_at", "expires_at", "revoked_at", "last_used_at",
    "reminded",
})
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
    event = Event(
        action=sys.intern(fields["action"]),
        actor=sys.intern(fields["actor"]),
        source=Source(fields["source"]),
        at=datetime.fromisoformat(fields["at"]),
        integration_id=fields.get("target"),
        name=fields.get("name", ""),
        detail=fields.get("detail", ""),
        result=Result(fields["result"]),
        request_id=fields.get("request", ""),
    )
    return AuditEntry(fields["sequence"], event, fields["hash"])


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
