"""What tests ask a store that the product never asks in that way."""

from datetime import UTC, datetime

from bot.core.model import WorkflowToken, Workspace
from bot.core.ports.store import Store

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
"""A time at which no token has ended."""


def tokens_in(store: Store, workspace: Workspace) -> tuple[WorkflowToken, ...]:
    """Every workflow token of a workspace, the newest first; those that were revoked at the end."""
    return store.read(workspace).tokens.page(BEFORE_ALL, (), 0, 10_000).rows
