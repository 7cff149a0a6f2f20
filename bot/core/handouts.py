"""Hand a credential out to a workflow. Using an integration is depending on it.

1. Find the integration: by name, or the one that answers for a server (``choose``).
2. Get what docker must send (for ECR that asks AWS).
3. A target's first fetch records the dependency, and each hour's first fetch an audit entry, on disk, before
   the answer is sent; later fetches only keep "last used" current.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.core.access import Action, require
from bot.core.audit import event, refusal
from bot.core.credentials import login_of, opened
from bot.core.errors import Conflict, NotFound, NotPermitted, QuaymasterError, quoted, shortened
from bot.core.model import Actor, Dependency, Event, Integration, Server, Source, Target, Workspace
from bot.core.ports import DockerLogin, Keyring, Registry, Store
from bot.core.secrets import Credential
from bot.core.tallies import HOUR, Tallies, Tally
from bot.core.workflows import Caller

HAND_OUT = "credential.hand_out"
DEADLINE_S = 8.0


class Ambiguous(Conflict):
    """Several integrations could answer for a server, and nothing says which."""

    def __init__(self, server: Server, target: Target | None, names: tuple[str, ...]) -> None:
        super().__init__(
            f"Several integrations could answer for {server.address}: {quoted(names)}.",
            f"Link one: /integrations link NAME {named_target(target)}; "
            "or tick one as the default: /integrations edit NAME",
        )
        self.names = names


class LinkedOnly(NotPermitted):
    """The integration is for linked targets only."""

    def __init__(self, integration: Integration, target: Target | None) -> None:
        super().__init__(
            f"“{integration.name}” is for linked targets only.",
            f"Ask its owner: /integrations link {integration.name} {named_target(target)}",
            (integration.owner,),
        )


def named_target(target: Target | None) -> str:
    """A target as it is typed; without one, what to type."""
    return f"{target.kind.value} {target.name}" if target else "project|environment|image TARGET"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which integration answers for a server, and why."""

    integration: Integration
    reason: str


@dataclass(frozen=True, slots=True)
class HandOut:
    """What a workflow gets."""

    integration: Integration
    login: DockerLogin
    credential: Credential
    """All secret fields; empty for kinds whose secret never leaves (ECR)."""


def choose(store: Store, caller: Caller, server: Server) -> Choice:
    """
    Decide which integration answers for a server: the target's own, else the default, else the only one.

    Raises:
        Ambiguous, LinkedOnly.
        NotFound: No integration of this server; the hint says who deleted the last one.
    """
    return decide(store, caller.workspace, server, caller.target)


def explain_choice(store: Store, actor: Actor, server: Server, target: Target | None) -> Choice:
    """Tell a person which integration answers for a server, for a target or for any. Raises as ``choose``."""
    require(store, actor, Action.SEE)
    return decide(store, actor.workspace, server, target)


def decide(store: Store, workspace: Workspace, server: Server, target: Target | None) -> Choice:
    """Apply the rule to the integrations of a server."""
    there = store.integrations_at(workspace, server)
    linked = [one for one in there if target and store.dependency(workspace, one.id, target)]
    open_to_all = [one for one in there if not one.linked_only]
    for candidates, reason in ((linked, "it is linked to this target"), (open_to_all, "")):
        if choice := chosen(candidates, reason):
            return choice
        if candidates:
            raise Ambiguous(server, target, tuple(one.name for one in candidates))
    if there:
        raise LinkedOnly(there[0], target)
    raise nothing_at(store, workspace, server)


def chosen(candidates: Sequence[Integration], reason: str) -> Choice | None:
    """Choose the only one, or the default among several."""
    if len(candidates) == 1:
        return Choice(candidates[0], reason or "it is the only one for this server")
    default = next((one for one in candidates if one.is_default), None)
    why = f"it is the default for this server{f' and {reason}' if reason else ''}"
    return Choice(default, why) if default else None


def nothing_at(store: Store, workspace: Workspace, server: Server) -> NotFound:
    """Say that nothing answers for a server, and who deleted what did."""
    error = NotFound(f"No integration answers for {shortened(server.address, 200)}.")
    error.hint = deletion_hint(store, workspace, server.address) or "Add one: /integrations add"
    return error


def named(store: Store, caller: Caller, name: str) -> Integration:
    """Find an integration by its name. Raises ``NotFound``; the hint says who deleted it."""
    found = store.integration_named(caller.workspace, name)
    if found is not None:
        return found
    error = NotFound(f"There is no integration named “{shortened(name)}”.")
    error.hint = deletion_hint(store, caller.workspace, name) or "GET /v1/integrations lists those there are."
    raise error


def deletion_hint(store: Store, workspace: Workspace, name_or_address: str) -> str:
    """Who deleted it, and when; empty when nobody did."""
    entry = store.deletion_named(workspace, name_or_address)
    if entry is None:
        return ""
    return f"“{entry.event.name}” was deleted by {entry.event.actor} on {entry.event.at:%Y-%m-%d %H:%M} UTC."


def hand_out(
    store: Store,
    keyring: Keyring,
    registry: Registry,
    tallies: Tallies,
    caller: Caller,
    integration: Integration,
) -> HandOut:
    """
    Hand an integration's credential out.

    Raises:
        LinkedOnly, NotFound, KeyringFailure, StoreFailure.
        RegistryFailure: AWS gave no password.
    """
    dependency = store.dependency(caller.workspace, integration.id, caller.target)
    if integration.linked_only and dependency is None:
        raise kept_refusal(store, caller, integration)
    credential = opened(keyring, caller.actor, integration)
    login = login_of(integration, credential, cache_key=f"{integration.id}:{integration.version}")
    docker_login = registry.docker_login(login, deadline_s=DEADLINE_S)
    tally = tally_of(caller, integration)
    if dependency is None or tallies.is_new(tally):
        keep_use(store, caller, integration)
    tallies.count(tally)
    store.touch(caller.workspace, integration.id, caller.target, caller.token.id, caller.at)
    return HandOut(integration, docker_login, {} if docker_login.expires_at else credential)


def kept_refusal(store: Store, caller: Caller, integration: Integration) -> QuaymasterError:
    """Record that a target was refused, and give the error."""
    with store.transaction(caller.workspace) as change:
        detail = f"linked targets only: {caller.target.kind.value} {caller.target.name}"
        change.record(refusal(caller.actor, HAND_OUT, integration, detail))
    return LinkedOnly(integration, caller.target)


def tally_of(caller: Caller, integration: Integration) -> Tally:
    """The line of history this fetch belongs to."""
    hour = caller.at.replace(minute=0, second=0, microsecond=0)
    return Tally(caller.workspace, integration.id, integration.name, caller.target, caller.token.id, hour)


def keep_use(store: Store, caller: Caller, integration: Integration) -> None:
    """Record the dependency if it is new, and the hand-out, in one transaction."""
    with store.transaction(caller.workspace) as change:
        present = change.integration(integration.id)
        if present is not None and present.version == integration.version:
            if change.dependency(integration.id, caller.target) is None:
                change.put_dependency(first_use(caller, integration))
            target = f"{caller.target.kind.value} {caller.target.name}"
            change.record(event(caller.actor, HAND_OUT, integration, f"to {target}"))
            return
    raise NotFound(f"“{integration.name}” was changed or deleted at this moment.", "Ask again.")


def first_use(caller: Caller, integration: Integration) -> Dependency:
    """The dependency that a target's first fetch brings about."""
    return Dependency(
        integration.id,
        caller.target,
        added_by=caller.token.created_by,
        added_at=caller.at,
        source=Source.WORKFLOW,
        last_used_at=caller.at,
    )


def keep_tallies(store: Store, done: Iterable[tuple[Tally, int]], at: datetime) -> None:
    """Write the counts of hours that are over into each workspace's history."""
    by_workspace: dict[Workspace, list[Event]] = {}
    for tally, more in done:
        by_workspace.setdefault(tally.workspace, []).append(counted(tally, more, at))
    for workspace, events in by_workspace.items():
        with store.transaction(workspace) as change:
            for one in events:
                change.record(one)


def counted(tally: Tally, more: int, at: datetime) -> Event:
    """One line for all fetches of an hour after its first."""
    target = f"{tally.target.kind.value} {tally.target.name}"
    detail = f"to {target}, {more} more times from {tally.hour:%H:%M} to {tally.hour + HOUR:%H:%M} UTC"
    actor = f"token {tally.token_id}"
    return Event(HAND_OUT, actor, Source.WORKFLOW, at, tally.integration_id, tally.name, detail)
