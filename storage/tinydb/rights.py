"""Which changes take a right or a credential away: the place of their workspace is written at once.

That of other changes is written within a minute. Until it is, the file as it was before could be put back
unnoticed.
"""

from bot.core.audit import News
from bot.core.model import Bar, Dependency, Integration, Setting, WorkflowToken
from bot.core.ports.store import Stored
from storage.tinydb.snapshot import Snapshot

_RULES = "rules."
"""What the settings are called that say who is an admin or an editor."""


def ends_by_putting(before: Snapshot, value: Stored) -> bool:
    """True when keeping a value in the place of the one of its key may take a right or a credential away."""
    if isinstance(value, WorkflowToken):
        token = before.tokens.get(value.id)
        return token is not None and _of_token(token) != _of_token(value)
    if isinstance(value, Integration):
        integration = before.by_id.get(value.id)
        return integration is not None and _of_integration(integration) != _of_integration(value)
    if isinstance(value, Dependency):
        link = before.dependency(value.integration_id, value.target)
        return link is not None and link.granted_by is not None and link.granted_by != value.granted_by
    return isinstance(value, Bar) or _is_rule(value)


def ends_by_removing(value: Stored) -> bool:
    """True when removing a value may take a right or a credential away."""
    return not isinstance(value, Bar | News | Setting) or _is_rule(value)


def _is_rule(value: Stored) -> bool:
    return isinstance(value, Setting) and value.name.startswith(_RULES)


def _of_token(one: WorkflowToken) -> tuple[object, ...]:
    """What a token may rests on these; some only ever give, which costs a write more and is rare."""
    person = (one.created_by, one.taken_over_from, one.approved_by, one.declined_by)
    return (one.revoked_at, one.held_at, one.expires_at, one.target, one.kept_from, *person)


def _of_integration(one: Integration) -> tuple[object, ...]:
    """Who may fetch it, where its credential is sent, and what opens: what was replaced may have leaked."""
    credentials = (one.secret, one.former, one.management)
    return (one.owner, one.linked_only, one.server, one.trusted_realms, one.ca, *credentials)
