"""Hand a credential out to a workflow. Using an integration is depending on it.

1. Find the integration: by name, or the one that answers for a server (``bot/core/workflows/resolve.py``).
2. Get what docker must send (for ECR that asks AWS).
3. A target's first fetch records the dependency, and each hour's first fetch an audit entry, on disk, before
   the answer is sent; later fetches only keep "last used" current.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from bot.core.access import Action
from bot.core.audit import event, refusal
from bot.core.errors import Busy, RegistryFailure
from bot.core.integrations.credentials import login_of, opened
from bot.core.integrations.dependencies import in_words
from bot.core.model import Dependency, Event, Integration, Result, Source, Workspace
from bot.core.ports.former_store import Store, Transaction
from bot.core.ports.keyring import Keyring
from bot.core.ports.registry import DockerLogin, Login, Registry, Tags
from bot.core.secrets import Credential
from bot.core.workflows.fetch_counts import HOUR, Tallies, Tally
from bot.core.workflows.resolve import LinkedOnly, missing
from bot.core.workflows.tokens import Caller, TokenRefused

HAND_OUT = "credential.hand_out"
DEADLINE_S = 8.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HandOut:
    """What a workflow gets."""

    integration: Integration
    login: DockerLogin
    credential: Credential
    """All secret fields; empty for kinds whose secret never leaves (ECR)."""


def hand_out(
    store: Store,
    keyring: Keyring,
    registry: Registry,
    tallies: Tallies,
    caller: Caller,
    integration: Integration,
    *,
    deadline_s: float = DEADLINE_S,
) -> HandOut:
    """
    Hand an integration's credential out.

    Raises:
        LinkedOnly, NotFound, Busy, TokenRefused, KeyringFailure, StoreFailure.
        RegistryFailure: AWS gave no password.
    """
    require_link(store, tallies, caller, integration)
    credential = opened(keyring, caller.workspace, integration)
    stored = login_for(caller, integration, credential)
    login = asked_of(integration, lambda: registry.docker_login(stored, deadline_s=deadline_s))
    note_use(store, tallies, caller, integration, HAND_OUT)
    return HandOut(integration, login, {} if login.expires_at else credential)


def hand_out_tags(
    store: Store,
    keyring: Keyring,
    registry: Registry,
    tallies: Tallies,
    caller: Caller,
    integration: Integration,
    repository: str,
) -> Tags:
    """
    Read a repository's tags for a workflow. The secret stays here; the workflow depends on it all the same.

    Raises:
        InvalidInput, LinkedOnly, NotFound, Busy, KeyringFailure, StoreFailure, RegistryFailure.
    """
    require_link(store, tallies, caller, integration)
    login = login_for(caller, integration, opened(keyring, caller.workspace, integration))
    tags = asked_of(integration, lambda: registry.tags(login, repository, deadline_s=DEADLINE_S))
    note_use(store, tallies, caller, integration, Action.TAGS)
    return tags


def login_for(caller: Caller, integration: Integration, credential: Credential) -> Login:
    """The login, with a name under which what AWS or a token server gives may be kept."""
    return login_of(integration, credential, f"{integration.id}:{integration.version}", caller.token.id)


def asked_of(integration: Integration, ask: Callable[[], T]) -> T:
    """Ask a registry. A failure names the integration: a pipeline may not know which one answers."""
    try:
        return ask()
    except RegistryFailure as error:
        error.message = f"“{integration.name}”: {error.message}"
        raise


def require_link(store: Store, tallies: Tallies, caller: Caller, integration: Integration) -> None:
    """Let the caller pass, or record the refusal (each hour's first) and raise ``LinkedOnly``."""
    if not integration.linked_only or store.is_linked(caller.workspace, integration.id, caller.target):
        return
    tally = tally_of(caller, integration, HAND_OUT)._replace(result=Result.REFUSED)
    if not tallies.count_more(tally):
        with store.transaction(caller.workspace) as change:
            detail = f"linked targets only: {in_words(caller.target)}"
            change.record(refusal(caller.actor, HAND_OUT, integration, detail))
        tallies.count(tally)
    raise LinkedOnly(integration, caller.target)


def note_use(store: Store, tallies: Tallies, caller: Caller, integration: Integration, action: str) -> None:
    """
    Record a use before it is answered: on disk if it is a first one, else in memory.

    Raises:
        NotFound, Busy, TokenRefused, LinkedOnly: It was deleted or changed, the token revoked or the target
            unlinked, while its registry was asked.
    """
    require_unchanged(store, caller, integration)
    tally = tally_of(caller, integration, action)
    is_known = store.is_linked(caller.workspace, integration.id, caller.target)
    if not (is_known and tallies.count_more(tally)):
        keep_use(store, tallies, caller, integration, tally)
        tallies.count(tally)
    store.touch(caller.workspace, integration.id, caller.target, caller.token.id, caller.at)


def require_unchanged(store: Store, caller: Caller, integration: Integration) -> None:
    """Let pass what is still as it was read. Raises ``NotFound``, ``Busy``, ``TokenRefused``."""
    held = store.holder_of(caller.token.id)
    if held is None or held[1].revoked_at:
        raise TokenRefused
    refuse_changed(store, caller, integration, store.integration(caller.workspace, integration.id))


def refuse_changed(store: Store, caller: Caller, read: Integration, present: Integration | None) -> None:
    """Refuse an integration that was deleted or changed since it was read. Raises ``NotFound``, ``Busy``."""
    if present is None:
        message, hint = f"“{read.name}” is gone.", "GET /v1/integrations lists those there are."
        raise missing(store, caller.workspace, read.name, message, hint)
    if present.version != read.version:
        raise Busy(f"“{read.name}” was changed at this moment; nothing was handed out.")


def tally_of(caller: Caller, integration: Integration, action: str) -> Tally:
    """The line of history this fetch belongs to."""
    hour = caller.at.replace(minute=0, second=0, microsecond=0)
    return Tally(
        caller.workspace, integration.id, integration.name, caller.target, caller.token.id, hour, action
    )


def keep_use(store: Store, tallies: Tallies, caller: Caller, integration: Integration, tally: Tally) -> None:
    """Record the dependency if it is new, and the hour's first use, in one transaction."""

    def change(transaction: Transaction) -> None:
        refuse_changed(store, caller, integration, transaction.integration(integration.id))
        token = transaction.token(caller.token.id)
        if token is None or token.revoked_at:
            raise TokenRefused
        is_first = transaction.dependency(integration.id, caller.target) is None
        if is_first and integration.linked_only:
            raise LinkedOnly(integration, caller.target)
        if is_first:
            transaction.put_dependency(first_use(caller, integration))
        if is_first or tallies.is_new(tally):
            detail = f"to {in_words(caller.target)}"
            transaction.record(event(caller.actor, tally.action, integration, detail))

    tallies.firsts.write(store, caller.workspace, (tally, integration.version), change)


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
    hour = f"{tally.hour:%H:%M} to {tally.hour + HOUR:%H:%M} UTC"
    detail = f"to {in_words(tally.target)}, {more} more {'time' if more == 1 else 'times'} from {hour}"
    actor = f"token {tally.token_id}"
    return Event(
        tally.action, actor, Source.WORKFLOW, at, tally.integration_id, tally.name, detail, tally.result
    )
