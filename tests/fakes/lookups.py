"""What tests ask a store that the product never asks in that way."""

from bot.core.model import Dependency, Target, Workspace
from bot.core.ports import Store


def dependency_of(
    store: Store, workspace: Workspace, integration_id: str, target: Target
) -> Dependency | None:
    """The dependency of a target on an integration, as the target's uses show it."""
    uses = store.uses(workspace, target)
    return next((use.dependency for use in uses if use.integration.id == integration_id), None)
