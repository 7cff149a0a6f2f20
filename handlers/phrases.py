"""Lines that more than one message shows: a history's entry, where a dependency came from, its last use."""

from datetime import datetime

from bot.core.model import AuditEntry, Dependency, Result, Source
from handlers.blocks import code, escape, mention, when

IN_WORDS = {
    "integration.add": "added",
    "integration.edit": "edited",
    "integration.delete": "deleted",
    "integration.test": "tested",
    "integration.see": "looked at integrations",
    "integration.tags": "read tags of",
    "dependency.link": "linked",
    "dependency.unlink": "unlinked",
    "realm.allow": "allowed a token server for",
    "credential.hand_out": "fetched",
    "token.create": "created token",
    "token.revoke": "revoked token",
    "integration.import": "imported",
    "integration.forget": "dropped the lost secret of",
    "command.secret": "typed a secret in a command",
}
"""What the history says of each action."""


def history_line(entry: AuditEntry) -> str:
    """An entry of the history: when, who, what, of which integration."""
    event = entry.event
    refused = ":no_entry: was refused: " if event.result is Result.REFUSED else ""
    name = f" {code(event.name)}" if event.name else ""
    detail = f" ({escape(event.detail)})" if event.detail else ""
    what = IN_WORDS.get(event.action, event.action)
    return f"{when(event.at)}  {mention(event.actor)} {refused}{what}{name}{detail}"


def origin(dependency: Dependency) -> str:
    """How a dependency came about: a person linked it, or a workflow fetched with a token of theirs."""
    who, at = mention(dependency.added_by), when(dependency.added_at)
    if dependency.source is Source.WORKFLOW:
        return f"fetched by a workflow since {at}, token by {who}"
    return f"linked by {who} {at}"


def targets_depend(count: int) -> str:
    """``1 target depends``, ``3 targets depend``."""
    return f"{count} target depends" if count == 1 else f"{count} targets depend"


def last_used(at: datetime | None) -> str:
    """When an integration, a dependency or a token was last used."""
    return f"last used {when(at)}" if at else "never used"
