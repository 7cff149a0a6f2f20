"""When a credential ends, as its registry's own API says: asked once a day, where its owner chose that.

find_askable -> ask_end (one integration at a time), each kept as it comes
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.audit import clock_actor
from bot.core.errors import RegistryFailure
from bot.core.integrations.credentials import login_of, open_credential
from bot.core.integrations.made_credentials import managed_order
from bot.core.kinds import ASKS_END, YES
from bot.core.model import Integration, Workspace
from bot.core.ports import Ports

_DEADLINE_S = 10.0
_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Askable:
    """An integration whose registry is to be asked."""

    workspace: Workspace
    integration_id: str


def find_askable(ports: Ports, at: datetime) -> Iterator[Askable]:
    """Every integration that is to be asked about, and was not today. Raises ``StoreFailure``."""
    for workspace in ports.store.workspaces():
        for one in ports.store.read(workspace).integrations.all():
            if _is_askable(one, at):
                yield Askable(workspace, one.id)


def _is_askable(integration: Integration, at: datetime) -> bool:
    if integration.options.get(ASKS_END) != YES or integration.secret is None:
        return False
    return integration.end_asked_at is None or at - integration.end_asked_at >= _EVERY


def ask_end(ports: Ports, askable: Askable) -> None:
    """
    Ask one registry, and keep what it says; one that does not say is asked again the next day.

    Raises:
        KeyringFailure, StoreFailure.
    """
    at = ports.now()
    asked = ports.store.read(askable.workspace).integrations.get(askable.integration_id)
    if asked is None or not _is_askable(asked, at):
        return
    try:
        ends = _asked(ports, askable.workspace, asked, at)
    except RegistryFailure:
        ends = asked.registry_ends
    with ports.store.change(askable.workspace) as change:
        now = change.integrations.get(asked.id)
        if (
            now is not None
            and now.credential_number == asked.credential_number
            and now.secret == asked.secret
        ):
            change.put(replace(now, registry_ends=ends, end_asked_at=at))


def _asked(ports: Ports, workspace: Workspace, asked: Integration, at: datetime) -> datetime | None:
    """Ask with the management credential if there is one, else with the login itself."""
    if asked.management:
        order = managed_order(ports, clock_actor(workspace, at), asked)
        return ports.drivers.describe(order, deadline_s=_DEADLINE_S).ends
    login = login_of(asked, open_credential(ports.keyring, workspace, asked))
    return ports.drivers.end_of(login, deadline_s=_DEADLINE_S)
