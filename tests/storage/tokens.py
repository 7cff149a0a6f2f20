"""Workflow tokens and uses for the store's tests, and a way to count the work of a look-up."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

from bot.core.audit import Event
from bot.core.model import Integration, Source, Target, WorkflowToken, Workspace
from bot.core.ports.store import Fetch, Store
from storage.tinydb.tinydb_store import TinyDBStore
from tests.storage.samples import NOON, PROJECT, T1, T2, add, dependency, integration, link

TOKEN_ID = "Ab3dEf7h"
FETCHED = "credential.hand_out"
BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
"""A time at which no token has ended."""
DAY = timedelta(days=1)
LATER = NOON + timedelta(hours=1)


def token(token_id: str = TOKEN_ID, target: Target = PROJECT, age: timedelta = timedelta()) -> WorkflowToken:
    """A token of 90 days that was made some time before noon."""
    made = NOON - age
    return WorkflowToken(token_id, "ab" * 32, target, "U1", made, made + 90 * DAY)


def full_token() -> WorkflowToken:
    """A token in which no field has its default."""
    decided = ("U3", "U4", NOON, "U5", ("0" * 32,))
    return WorkflowToken(TOKEN_ID, "cd" * 32, PROJECT, "U2", NOON, NOON + DAY, NOON, NOON, 2, *decided)


def keep(store: Store, *tokens: WorkflowToken, workspace: Workspace = T1) -> None:
    """Keep tokens in one change."""
    with store.change(workspace) as change:
        for one in tokens:
            change.put(one)


def used_integration(store: Store, workspace: Workspace = T1) -> Integration:
    """Keep an integration, a dependency on it and a token of its target."""
    one = integration("used", workspace=workspace)
    add(store, one, workspace=workspace)
    link(store, dependency(one), workspace=workspace)
    keep(store, token("T2oken00" if workspace == T2 else TOKEN_ID), workspace=workspace)
    return one


def fetch(store: Store, one: Integration, at: datetime = LATER, target: Target = PROJECT) -> Fetch:
    """A fetch of an integration by the token as it is now, on the first workspace."""
    held = store.token_holder(TOKEN_ID)
    known = held.token if held else token()
    first = replace(dependency(one, target), source=Source.WORKFLOW, last_used_at=at)
    happened = Event(FETCHED, f"token {TOKEN_ID}", Source.WORKFLOW, at, one.id, one.name, target=target)
    return Fetch(T1, one, replace(known, target=target), at, happened, first)


def use(store: Store, one: Integration, at: datetime = LATER) -> None:
    """Fetch an integration of the first workspace."""
    store.record_use(fetch(store, one, at))


def touch(store: TinyDBStore, one: Integration, at: datetime = LATER, target: Target = PROJECT) -> None:
    """Note that the token has used an integration of the first workspace."""
    store.note_use(T1, one.id, target, TOKEN_ID, at)


def last_use(store: Store, one: Integration, target: Target = PROJECT) -> datetime | None:
    """When a target last used an integration of the first workspace."""
    found = store.read(T1).dependencies.get(one.id, target)
    return found.last_used_at if found else None


def holder(store: Store, token_id: str = TOKEN_ID) -> tuple[Workspace, WorkflowToken] | None:
    """The workspace of a token, and the token."""
    held = store.token_holder(token_id)
    return (held.workspace, held.token) if held else None


def all_tokens(store: Store, workspace: Workspace = T1) -> tuple[WorkflowToken, ...]:
    """Every token of a workspace, the newest first; those that were revoked at the end."""
    return store.read(workspace).tokens.page(BEFORE_ALL, (), 0, 10_000).rows


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
