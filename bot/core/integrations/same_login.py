"""Integrations that log in to one server as one user: who changes one must think of the others."""

from bot.core.model import Integration
from bot.core.ports.store import Reading

_MOST = 10


def same_login(reading: Reading, integration: Integration) -> tuple[Integration, ...]:
    """Return the others of the same server and user, sorted by name key, at most 10."""
    if not integration.username:
        return ()
    there = reading.integrations.at(integration.server)
    found = (one for one in there if one.username == integration.username and one.id != integration.id)
    return tuple(found)[:_MOST]
