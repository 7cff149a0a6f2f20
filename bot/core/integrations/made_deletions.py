"""Delete an integration whose credentials Quaymaster made, and end them at the registry where that is chosen.

delete_with_made:  put the order together -> delete here, with every check -> end there what was made

What Quaymaster did not make is never touched there.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.access import require
from bot.core.audit import Action, event
from bot.core.errors import Busy, RegistryFailure
from bot.core.integrations.deletions import DeletionPlan, delete_integration
from bot.core.integrations.inventory import present
from bot.core.integrations.made_credentials import DEADLINE_S, managed_order
from bot.core.model import Actor, Integration
from bot.core.ports import Ports
from bot.core.ports.drivers import Ending, Order


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A deletion that is done, and what became of the credentials that Quaymaster made at the registry."""

    place: str
    there: tuple[str, ...]
    """What its registry calls those that may still work there."""
    ended: tuple[str, ...] = ()
    trouble: str = ""
    """Why one that was to be ended is still there, in sentences."""


def made_there(integration: Integration) -> tuple[str, ...]:
    """What the registry calls the credentials of an integration that Quaymaster made and has not ended."""
    former, prepared = integration.former, integration.prepared
    names = (integration.made_as, former.made_as if former else "", prepared.made_as if prepared else "")
    return tuple(dict.fromkeys(filter(None, names)))


def delete_with_made(
    ports: Ports,
    actor: Actor,
    integration_id: str,
    version: int,
    since: datetime | None = None,
    *,
    ends_there: bool,
) -> DeletionPlan | LeftBehind:
    """
    Delete an integration, and end what Quaymaster made for it at the registry if the person wants that.

    It is ended last: while anything may still fetch it, it works.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which one.
        version: The version the person was shown.
        since: As in ``plan_deletion``.
        ends_there: True ends at the registry what was made; nothing else is touched there.

    Returns:
        What is left at the registry; or the plan to confirm again, and nothing was deleted or ended.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, KeyringFailure: Nothing was deleted.
    """
    require(ports, actor, Action.SEE)
    found = present(ports.store.read(actor.workspace), integration_id)
    require(ports, actor, Action.DELETE, found)
    order = managed_order(ports, actor, found) if ends_there else None
    in_the_way = delete_integration(ports, actor, integration_id, version, since, known=found)
    if in_the_way:
        return in_the_way
    left = LeftBehind(found.server.address, made_there(found))
    return _end_all(ports, actor, found, order, left) if order else left


def _end_all(ports: Ports, actor: Actor, deleted: Integration, order: Order, left: LeftBehind) -> LeftBehind:
    """End what was made for an integration that is deleted, one after the other, and note each."""
    for name in _known_names(deleted):
        try:
            ports.drivers.retire(replace(order, made_as=name), Ending.DELETE, deadline_s=DEADLINE_S)
        except (RegistryFailure, Busy) as failure:
            return replace(left, trouble=f"{failure.message} {failure.hint}")
        there = tuple(one for one in left.there if one != name)
        left = replace(left, there=there, ended=(*left.ended, name))
        with ports.store.change(actor.workspace) as change:
            change.record(event(actor, Action.MANAGE, deleted, reason="ended at the registry"))
    return left


def _known_names(integration: Integration) -> tuple[str, ...]:
    """Those whose names are known exactly: of one whose answer never came, a registry may not use ours."""
    prepared = integration.prepared
    is_known = prepared is None or prepared.sealed is not None or prepared.is_unwanted
    return made_there(integration if is_known else replace(integration, prepared=None))
