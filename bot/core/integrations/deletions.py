"""Delete an integration: show what depends on it, and delete only when nothing does."""

from dataclasses import dataclass, replace

from bot.core.access import require
from bot.core.audit import Action, event, refusal
from bot.core.errors import Changed, Conflict, HasDependencies, UnknownIntegration
from bot.core.integrations.dependencies import unlink_if_linked
from bot.core.integrations.inventory import present
from bot.core.model import Actor, Integration, Target
from bot.core.ports import Ports
from bot.core.ports.store import Reading
from bot.core.queries import DependencyPage

_DEPENDENCIES_A_PAGE = 12


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What a confirmation shows: the integration, and what would stop working without it."""

    integration: Integration
    dependencies: DependencyPage
    note: str = ""
    """What has just happened, or what has come in the way."""


def plan_deletion(
    ports: Ports, actor: Actor, integration_id: str = "", number: int = 0, *, name: str = ""
) -> DeletionPlan:
    """
    Look up what depends on an integration, for the person who wants to delete it.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which one, as a button names it.
        number: Which page of its dependencies, from 0.
        name: Which one, as it is typed; then there is no id.

    Raises:
        NotPermitted, UnknownIntegration, AlreadyDeleted, NotFound.
    """
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    found = reading.integrations.named(name) if name else present(reading, integration_id)
    if found is None:
        raise UnknownIntegration(name, reading.integrations.nearest(name))
    require(ports, actor, Action.DELETE, found)
    return _plan(reading, found, number)


def _plan(reading: Reading, integration: Integration, number: int = 0, note: str = "") -> DeletionPlan:
    page = reading.dependencies.page(integration.id, number, _DEPENDENCIES_A_PAGE)
    return DeletionPlan(integration, page, note)


def remove_dependency(
    ports: Ports, actor: Actor, integration_id: str, target: Target, number: int = 0
) -> DeletionPlan:
    """
    Take one dependency away and look up what is left. One that a colleague took away first is no error.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    note = unlink_if_linked(ports, actor, integration_id, target) or f"Removed {target.in_words}."
    return replace(plan_deletion(ports, actor, integration_id, number), note=note)


def delete_integration(ports: Ports, actor: Actor, integration_id: str, version: int) -> DeletionPlan | None:
    """
    Delete an integration that nothing depends on and nobody has changed.

    Everything is asked inside the change that deletes. A refused attempt is in the history.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which one.
        version: The version the person was shown.

    Returns:
        ``None`` when it is deleted; otherwise the new state, with the reason as its note.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound: Nothing was deleted.
    """
    require(ports, actor, Action.SEE)
    require(ports, actor, Action.DELETE, present(ports.store.read(actor.workspace), integration_id))
    with ports.store.change(actor.workspace) as change:
        found = present(change, integration_id)
        plan = _plan(change, found)
        obstacle = _obstacle_to(plan, version)
        if obstacle:
            change.record(refusal(actor, Action.DELETE, found, reason=obstacle.message))
            return replace(plan, note=str(obstacle))
        change.remove(found)
        change.record(event(actor, Action.DELETE, found))
    return None


def _obstacle_to(plan: DeletionPlan, version: int) -> Conflict | None:
    """Say what stands against a deletion now, or ``None``."""
    if plan.integration.version != version:
        return Changed(plan.integration.name)
    count = plan.dependencies.total
    return HasDependencies(plan.integration.name, count) if count else None
