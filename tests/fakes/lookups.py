"""What tests ask a store that the product never asks in that way."""

from datetime import UTC, datetime

from bot.core.model import Workspace
from bot.core.ports.former_store import Store
from bot.core.workflows.token_format import WorkflowToken

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
"""A time at which no token has ended."""


def tokens_in(store: Store, workspace: Workspace) -> tuple[WorkflowToken, ...]:
    """Every workflow token of a workspace, the newest first; those that were revoked at the end."""
    return store.tokens(workspace, BEFORE_ALL, size=10_000).rows
