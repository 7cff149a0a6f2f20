"""Delete an integration: show what depends on it, and delete only when nothing does."""

from dataclasses import dataclass

from bot.core.access import Action, require
from bot.core.audit import event, refusal
from bot.core.errors import Changed, HasDependencies, NotFound, QuaymasterError
from bot.core.integrations import get_integration, missing
from bot.core.model import Actor, DependencyPage, Integration
from bot.core.ports import Store, Transaction

DEPENDENCIES_A_PAGE = 12


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What a confirmation shows: the integration, and what would stop working without it."""

    integration: Integration
    dependencies: DependencyPage


def plan_deletion(store: Store, actor: Actor, integration_id: str, number: int = 0) -> DeletionPlan:
    """
    Look up what depends on an integration, for the person who wants to delete it.

    Args:
        store: The store.
        actor: The owner or an admin.
        integration_id: Which one.
        number: Which page of its dependencies, from 0.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    integration = get_integration(store, actor, integration_id)
    require(store, actor, Action.DELETE, integration)
    return DeletionPlan(
        integration,
        store.dependencies(actor.workspace, integration_id, number, DEPENDENCIES_A_PAGE),
    )


def delete_integration(store: Store, actor: Actor, integration_id: str, version: int) -> Integration:
    """
    Delete an integration that nothing depends on and nobody has changed.

    Everything is asked again inside the transaction that deletes. A refused attempt stands in the history.

    Args:
        store: The store.
        actor: The owner or an admin.
        integration_id: Which one.
        version: The version the person was shown.

    Returns:
        The integration as it was.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, HasDependencies, Changed: Nothing was deleted.
    """
    integration = get_integration(store, actor, integration_id)
    require(store, actor, Action.DELETE, integration)
    with store.transaction(actor.workspace) as change:
        obstacle = obstacle_to(change, integration, version)
        if obstacle is None:
            change.remove_integration(integration_id)
            change.record(event(actor, Action.DELETE, integration))
        elif not isinstance(obstacle, NotFound):
            change.record(refusal(actor, Action.DELETE, integration, obstacle.message))
    if isinstance(obstacle, NotFound):
        raise missing(store, actor, integration_id)
    if obstacle is not None:
        raise obstacle
    return integration


def obstacle_to(change: Transaction, shown: Integration, version: int) -> QuaymasterError | None:
    """Say what stands against a deletion now, or ``None``."""
    present = change.integration(shown.id)
    if present is None:
        return NotFound(f"“{shown.name}” is gone.")
    if present.version != version:
        return Changed(present.name)
    count = change.dependency_count(shown.id)
    return HasDependencies(present.name, count) if count else None
