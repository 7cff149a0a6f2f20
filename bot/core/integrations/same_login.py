"""Integrations that log in to one server as one user: who changes one must think of the others."""

from collections.abc import Mapping

from bot.core.access import require
from bot.core.audit import Action
from bot.core.errors import InvalidFields
from bot.core.kinds import Kind, read_draft
from bot.core.model import Actor, Integration, Server
from bot.core.ports import Ports
from bot.core.ports.store import Reading

_MOST = 10
_ANY_NAME = "new"


def same_login(reading: Reading, integration: Integration) -> tuple[Integration, ...]:
    """Return the others of the same server and user, sorted by name key, at most 10."""
    return _users(reading, integration.server, integration.username, integration.id)


def find_same_login(
    ports: Ports, actor: Actor, kind: Kind, typed: Mapping[str, str]
) -> tuple[Integration, ...]:
    """
    Return the integrations of the server and user that a form says so far, sorted by name key, at most 10.

    Args:
        ports: The ports.
        actor: Somebody who fills it in.
        kind: The form's.
        typed: Its values by field key, without secrets. Where they name no server yet, there are none.

    Raises:
        NotPermitted.
    """
    require(ports, actor, Action.ADD)
    try:
        draft = read_draft(kind, _ANY_NAME, typed, keeps_secret=True)
    except InvalidFields:
        return ()
    return _users(ports.store.read(actor.workspace), draft.server, draft.username)


def _users(reading: Reading, server: Server, username: str, but: str = "") -> tuple[Integration, ...]:
    if not username:
        return ()
    found = (one for one in reading.integrations.at(server) if one.username == username and one.id != but)
    return tuple(found)[:_MOST]
