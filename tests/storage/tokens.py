"""Workflow tokens and uses for the store's tests, and a way to count the work of a look-up."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

from bot.core.model import Integration, Target, Workspace
from bot.core.ports.former_store import Store
from bot.core.workflows.token_format import WorkflowToken
from tests.storage.samples import NOON, PROJECT, T1, T2, add, dependency, integration, link

TOKEN_ID = "Ab3dEf7h"
DAY = timedelta(days=1)
LATER = NOON + timedelta(hours=1)


def token(token_id: str = TOKEN_ID, target: Target = PROJECT, age: timedelta = timedelta()) -> WorkflowToken:
    """A token of 90 days that was made some time before noon."""
    made = NOON - age
    return WorkflowToken(token_id, "ab" * 32, target, "U1", made, made + 90 * DAY)


def full_token() -> WorkflowToken:
    """A token in which no field has its default."""
    return WorkflowToken(TOKEN_ID, "cd" * 32, PROJECT, "U2", NOON, NOON + DAY, NOON, NOON, 2)


def keep(store: Store, *tokens: WorkflowToken, workspace: Workspace = T1) -> None:
    """Keep tokens in one change."""
    with store.transaction(workspace) as change:
        for one in tokens:
            change.put_token(one)


def used_integration(store: Store, workspace: Workspace = T1) -> Integration:
    """Keep an integration, a dependency on it and a token of its target."""
    one = integration("used", workspace=workspace)
    add(store, one, workspace=workspace)
    link(store, dependency(one), workspace=workspace)
    keep(store, token("T2oken00" if workspace == T2 else TOKEN_ID), workspace=workspace)
    return one


def use(store: Store, one: Integration, at: datetime = LATER, target: Target = PROJECT) -> None:
    """Note that the token has used an integration of the first workspace."""
    store.touch(T1, one.id, target, TOKEN_ID, at)


def last_use(store: Store, one: Integration, target: Target = PROJECT) -> datetime | None:
    """When a target last used an integration of the first workspace."""
    found = store.dependency(T1, one.id, target)
    return found.last_used_at if found else None


def instructions(ask: Callable[[], object]) -> int:
    """How many instructions of bytecode it takes to ask: the same on every machine."""
    count = 0

    def trace(frame: FrameType, kind: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += kind == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        ask()
    finally:
        sys.settrace(before)
    return count
