"""Delete an integration: show what depends on it, and delete only when nothing does."""

from dataclasses import dataclass, replace

from bot.core.access import Action, require
from bot.core.audit import event, refusal
from bot.core.errors import Changed, Conflict, HasDependencies
from bot.core.integrations.dependencies import in_words, unlink_if_linked
from bot.core.integrations.inventory import get_integration, missing
from bot.core.model import Actor, Integration, Target
from bot.core.ports.former_store import Store, Transaction
from bot.core.queries import DependencyPage

DEPENDENCIES_A_PAGE = 12


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What a confirmation shows: the integration, and what would stop working without it."""

    integration: Integration
    dependencies: DependencyPage
    note: str = ""
    """What has just happened, or what has come in the way."""


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


def remove_dependency(
    store: Store, actor: Actor, integration_id: str, target: Target, number: int = 0
) -> DeletionPlan:
    """
    Take one dependency away and look up what is left. One that a colleague took away first is no error.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    note = unlink_if_linked(store, actor, integration_id, target) or f"Removed {in_words(target)}."
    return replace(plan_deletion(store, actor, integration_id, number), note=note)


def delete_integration(store: Store, actor: Actor, integration_id: str, version: int) -> DeletionPlan | None:
    """
    Delete an integration that nothing depends on and nobody has changed.

    Everything is asked again inside the transaction that deletes. A refused attempt stands in the history.

    Args:
        store: The store.
        actor: The owner or an admin.
        integration_id: Which one.
        version: The version the person was shown.

    Returns:
        ``None`` when it is deleted; otherwise the new state, with the reason as its note.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound: Nothing was deleted.
    """
    integration = get_integration(store, actor, integration_id)
    require(store, actor, Action.DELETE, integration)
    with store.transaction(actor.workspace) as change:
        present = change.integration(integration_id)
        obstacle = obstacle_to(change, present, version) if present else None
        if obstacle:
            change.record(refusal(actor, Action.DELETE, present, obstacle.message))
        elif present:
            change.remove_integration(integration_id)
            change.record(event(actor, Action.DELETE, present, present.server.address))
    if present is None:
        raise missing(store, actor, integration_id)
    return replace(plan_deletion(store, actor, integration_id), note=str(obstacle)) if obstacle else None


def obstacle_to(change: Transaction, present: Integration, version: int) -> Conflict | None:
    """Say what stands against a deletion now, or ``None``."""
    if present.version != version:
        return Changed(present.name)
    count = change.dependency_count(present.id)
    return HasDependencies(present.name, count) if count else None
