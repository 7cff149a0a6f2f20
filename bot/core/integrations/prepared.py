"""A credential that a registry makes: kept before it is asked for, sealed when it is known, then used.

prepare_credential -> (the registry is asked) -> keep_prepared -> (it is checked) -> use_prepared
                                              -> drop_prepared, once it is gone there

Each is one change. A process that ends in between leaves on disk what its registry may have: what is prepared
and not sealed was asked for, and nobody knows whether it was made.
"""

from dataclasses import replace
from datetime import datetime

from bot.core.audit import Action, event
from bot.core.errors import InvalidInput
from bot.core.integrations.credentials import PlainLogin, open_login, prepared_context, seal_login
from bot.core.integrations.inventory import find_permitted, present
from bot.core.integrations.rotation import RotationPlan, keep_rotated, refuse_running, with_login
from bot.core.model import Actor, Check, Integration, PreparedCredential, Workspace
from bot.core.ports import Ports
from bot.core.ports.keyring import CredentialKeyring
from bot.core.ports.store import Change


def prepare_credential(ports: Ports, actor: Actor, integration_id: str, made_as: str) -> Integration:
    """
    Keep what a registry will call the credential that it is asked for next.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        InvalidInput: One is prepared already, or a former one is still kept.
    """
    find_permitted(ports, actor, Action.ROTATE, integration_id)
    with ports.store.change(actor.workspace) as change:
        found = present(change, integration_id)
        refuse_running(found)
        asked = PreparedCredential(made_as, actor.at, actor.user_id)
        return _kept(change, actor, found, asked, "asked for")


def keep_prepared(
    ports: Ports,
    actor: Actor,
    integration_id: str,
    login: PlainLogin,
    made_as: str = "",
    ends: datetime | None = None,
) -> Integration:
    """
    Seal the credential that a registry has made.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which integration.
        login: The new login, whole.
        made_as: What the registry calls it, if it chose another name than it was asked for.
        ends: When the registry ends it, if it said so.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        InvalidInput: None was asked for.
    """
    find_permitted(ports, actor, Action.ROTATE, integration_id)
    with ports.store.change(actor.workspace) as change:
        found = present(change, integration_id)
        prepared = _prepared(found)
        sealed = seal_login(ports.keyring, prepared_context(actor.workspace, found), login)
        made = replace(prepared, sealed=sealed, made_as=made_as or prepared.made_as, ends=ends)
        return _kept(change, actor, found, made, "made")


def open_prepared(keyring: CredentialKeyring, workspace: Workspace, integration: Integration) -> PlainLogin:
    """
    Open a prepared credential.

    Raises:
        InvalidInput: There is none, or it is not known whether it was made.
        KeyringFailure.
    """
    prepared = _prepared(integration)
    if prepared.sealed is None:
        raise InvalidInput(
            f"It is unknown whether the registry created the next credential of “{integration.name}”.",
            f"Look for {prepared.made_as} at the registry and revoke it, then rotate again.",
        )
    return open_login(keyring, prepared_context(workspace, integration), prepared.sealed)


def use_prepared(ports: Ports, actor: Actor, integration_id: str, check: Check | None) -> RotationPlan:
    """
    Make the prepared credential the current one; the one that was current is the former.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which integration.
        check: What its registry said of the prepared one, if it was asked.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, KeyringFailure.
        InvalidInput: None is prepared, or it is not known whether it was made.
    """
    find_permitted(ports, actor, Action.ROTATE, integration_id)
    with ports.store.change(actor.workspace) as change:
        found = present(change, integration_id)
        login = open_prepared(ports.keyring, actor.workspace, found)
        new = with_login(ports.keyring, actor, found, login, _prepared(found))
        return keep_rotated(change, actor, replace(new, check=check))


def drop_prepared(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    """
    Forget a prepared credential: its registry has none of that name any more.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        InvalidInput: None is prepared.
    """
    find_permitted(ports, actor, Action.ROTATE, integration_id)
    with ports.store.change(actor.workspace) as change:
        found = present(change, integration_id)
        _prepared(found)
        return _kept(change, actor, found, None, "dropped")


def _prepared(integration: Integration) -> PreparedCredential:
    if integration.prepared is None:
        raise InvalidInput(
            f"No credential of “{integration.name}” is being made.",
            f"Start again: /integrations rotate {integration.name}",
        )
    return integration.prepared


def _kept(
    change: Change, actor: Actor, found: Integration, prepared: PreparedCredential | None, did: str
) -> Integration:
    kept = replace(found, prepared=prepared, updated_at=actor.at, version=found.version + 1)
    change.put(kept)
    change.record(event(actor, Action.PREPARE, kept, reason=did))
    return kept
