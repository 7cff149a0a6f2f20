"""Test a stored integration: ask its registry, keep the answer; allow a token server on another host."""

import re
from collections.abc import Callable
from dataclasses import replace

from bot.core.access import Action, require
from bot.core.audit import event
from bot.core.errors import Changed, InvalidInput
from bot.core.integrations.credentials import check_of, login_of, opened
from bot.core.integrations.inventory import get_integration
from bot.core.model import Actor, Integration
from bot.core.ports.former_store import Store
from bot.core.ports.keyring import Keyring
from bot.core.ports.registry import CheckResult, Registry, Step, Tags, ignore_step

TEST_DEADLINE_S = 10.0
REALM_ALLOWED = "realm.allow"
ORIGIN = re.compile(r"(https?)://[a-z0-9.-]{1,253}(:[0-9]{1,5})?")


def ask_registry(
    store: Store,
    keyring: Keyring,
    registry: Registry,
    actor: Actor,
    integration_id: str,
    repository: str | None = None,
    on_step: Callable[[Step], None] = ignore_step,
) -> CheckResult:
    """
    Ask the registry whether a stored login works, within 10 s, and keep the answer.

    Args:
        store, keyring, registry: The ports.
        actor: Anybody who may see integrations.
        integration_id: Which one.
        repository: A repository to prove the login with.
        on_step: Called with each step as it finishes.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, KeyringFailure. What a registry does is in the result.
    """
    integration = get_integration(store, actor, integration_id)
    require(store, actor, Action.TEST)
    login = login_of(integration, opened(keyring, actor.workspace, integration))
    result = registry.check(login, deadline_s=TEST_DEADLINE_S, repository=repository, on_step=on_step)
    keep_result(store, actor, integration, result)
    return result


def keep_result(store: Store, actor: Actor, tested: Integration, result: CheckResult) -> None:
    """Store a result as the last check, unless the integration was changed while it was tested."""
    with store.transaction(actor.workspace) as change:
        present = change.integration(tested.id)
        if present is not None and present.version == tested.version:
            change.put_integration(replace(present, check=check_of(actor, result)))
        change.record(event(actor, Action.TEST, tested, f"{result.outcome.value} at {result.stage.value}"))


def allow_realm(store: Store, actor: Actor, integration_id: str, version: int, realm: str) -> Integration:
    """
    Let an integration's login be sent to a token server on another host, from now on.

    Args:
        store: The store.
        actor: The owner or an admin.
        integration_id: Which one.
        version: The version the person was shown.
        realm: The token server's origin, as the check named it.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, Changed.
    """
    integration = get_integration(store, actor, integration_id)
    origin = ORIGIN.fullmatch(realm)
    if origin is None or (origin[1] == "http" and not integration.server.is_plain):
        raise InvalidInput("This is not the address of a token server.", "Run /integrations test again.")
    require(store, actor, Action.EDIT, integration)
    with store.transaction(actor.workspace) as change:
        present = change.integration(integration_id)
        if present is None or present.version != version:
            raise Changed(integration.name)
        allowed = tuple(dict.fromkeys((*present.trusted_realms, realm)))
        edited = replace(present, trusted_realms=allowed, version=version + 1, updated_at=actor.at)
        change.put_integration(edited)
        change.record(event(actor, REALM_ALLOWED, integration, realm))
    return edited


def read_tags(
    store: Store,
    keyring: Keyring,
    registry: Registry,
    actor: Actor,
    integration: Integration,
    repository: str,
) -> Tags:
    """
    Read the tags of a repository with an integration's login, within 10 s.

    Raises:
        NotPermitted, KeyringFailure.
        RegistryFailure: With the step that failed.
    """
    require(store, actor, Action.TAGS)
    credential = opened(keyring, actor.workspace, integration)
    login = login_of(integration, credential, cache_key=f"{integration.id}:{integration.version}")
    return registry.tags(login, repository, deadline_s=TEST_DEADLINE_S)
