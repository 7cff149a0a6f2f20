"""Add, find, list and show integrations.

A login is checked before the transaction and kept inside it: a registry is never waited for while a
workspace is locked, and what the check relied on is looked at again before anything is kept.
"""

from dataclasses import dataclass, replace

from bot.core.access import Action, require
from bot.core.audit import event
from bot.core.errors import AlreadyDeleted, InvalidFields, NameTaken, NotFound, UnknownIntegration
from bot.core.integrations.credentials import checked, sealed
from bot.core.kinds import Draft
from bot.core.model import Actor, Integration, new_id
from bot.core.ports.former_store import Store
from bot.core.ports.keyring import Keyring
from bot.core.ports.registry import Registry
from bot.core.queries import DependencyPage, Filter, HistoryPage, Page, Window


@dataclass(frozen=True, slots=True)
class Details:
    """Everything ``show`` shows."""

    integration: Integration
    dependencies: DependencyPage
    history: HistoryPage


def list_integrations(store: Store, actor: Actor, narrowed: Filter, window: Window) -> Page:
    """Give one page of the integrations that a filter lets through."""
    require(store, actor, Action.SEE)
    page = store.page(actor.workspace, narrowed, window)
    is_past_an_end = not page.rows or (window.before is not None and not page.has_previous)
    return store.page(actor.workspace, narrowed, Window(size=window.size)) if is_past_an_end else page


def find_integration(store: Store, actor: Actor, name: str) -> Integration:
    """
    Find an integration by its name, whatever its case.

    Raises:
        UnknownIntegration: With the nearest names.
    """
    require(store, actor, Action.SEE)
    found = store.integration_named(actor.workspace, name)
    if found is None:
        raise UnknownIntegration(name, store.nearest_names(actor.workspace, name))
    return found


def get_integration(store: Store, actor: Actor, integration_id: str) -> Integration:
    """
    Get the integration a button was made for.

    Raises:
        AlreadyDeleted: With who deleted it.
        NotFound: This workspace never had it.
    """
    require(store, actor, Action.SEE)
    found = store.integration(actor.workspace, integration_id)
    if found is None:
        raise missing(store, actor, integration_id)
    return found


def missing(store: Store, actor: Actor, integration_id: str) -> NotFound:
    """Say why there is no integration with this id."""
    entry = store.deletion(actor.workspace, integration_id)
    if entry is None:
        return NotFound(
            "This integration does not exist in this workspace.", "/integrations list shows those there are."
        )
    return AlreadyDeleted(entry.event.name, entry.event.actor, entry.event.at)


def show_integration(store: Store, actor: Actor, integration: Integration) -> Details:
    """Collect what there is to see of an integration: its dependencies and its history's last lines."""
    require(store, actor, Action.SEE)
    return Details(
        integration,
        store.dependencies(actor.workspace, integration.id, 0, 10),
        store.history(actor.workspace, about=integration.id, size=5),
    )


def add_integration(
    store: Store, keyring: Keyring, registry: Registry, actor: Actor, draft: Draft, *, is_checked: bool
) -> Integration:
    """
    Check a login and keep it as a new integration.

    The same request sent twice adds once.

    Args:
        store, keyring, registry: The ports.
        actor: Becomes the owner.
        draft: The form's content.
        is_checked: False stores it without asking the registry.

    Raises:
        InvalidFields: The name is taken, or the registry did not accept the login; nothing is kept.
    """
    require(store, actor, Action.ADD)
    if done := earlier(store, actor):
        return done
    refuse_taken_name(store, actor, draft.name)
    integration = drafted(actor, keyring, draft)
    if is_checked:
        check = checked(store, registry, actor, draft, integration, draft.credential)
        integration = replace(integration, check=check)
    return keep_new(store, actor, integration)


def earlier(store: Store, actor: Actor) -> Integration | None:
    """Give what this very request has already added, if it has."""
    with store.transaction(actor.workspace) as change:
        made = change.outcome(actor.request_id) if actor.request_id else None
        return change.integration(made) if made else None


def refuse_taken_name(store: Store, actor: Actor, name: str, own_id: str = "") -> None:
    """Raise ``InvalidFields`` at the name when another integration has it."""
    holder = store.integration_named(actor.workspace, name)
    if holder and holder.id != own_id:
        raise InvalidFields({"name": str(NameTaken(holder.name))})


def drafted(actor: Actor, keyring: Keyring, draft: Draft) -> Integration:
    """Make a new integration of a draft, its credential sealed for the id it gets."""
    integration_id = new_id()
    return Integration(
        id=integration_id,
        name=draft.name,
        kind=draft.kind.id,
        server=draft.server,
        username=draft.username,
        secret=sealed(keyring, actor.workspace, integration_id, draft.credential),
        owner=actor.user_id,
        created_at=actor.at,
        created_by=actor.user_id,
        updated_at=actor.at,
        options=draft.options,
        ca=draft.ca,
    )


def keep_new(store: Store, actor: Actor, integration: Integration) -> Integration:
    """Keep a new integration and its audit entry in one transaction."""
    try:
        with store.transaction(actor.workspace) as change:
            if (made := change.outcome(actor.request_id)) and (done := change.integration(made)):
                return done
            change.put_integration(integration)
            change.record(event(actor, Action.ADD, integration, how_checked(integration)))
            if actor.request_id:
                change.remember(actor.request_id, integration.id)
    except NameTaken as error:
        raise InvalidFields({"name": str(error)}) from error
    return integration


def how_checked(integration: Integration) -> str:
    """A word for the history on whether the login was checked."""
    return f"check: {integration.check.outcome.value}" if integration.check else "not checked"
