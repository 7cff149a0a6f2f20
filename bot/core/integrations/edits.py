"""Edit an integration: an empty secret keeps the stored one, a changed server needs it typed again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from bot.core.access import Action, may, require
from bot.core.audit import event, refusal, renamed_from
from bot.core.errors import Changed, InvalidFields, NameTaken
from bot.core.integrations.credentials import checked, opened, sealed
from bot.core.integrations.inventory import get_integration, missing, refuse_taken_name
from bot.core.kinds import Draft
from bot.core.model import Actor, Integration
from bot.core.ports.former_store import Store, Transaction
from bot.core.ports.keyring import Keyring
from bot.core.ports.registry import Registry
from bot.core.secrets import Credential, Secret


@dataclass(frozen=True, slots=True)
class Sharing:
    """What the edit form's ticks say about who gets the credential."""

    is_default: bool = False
    """It answers for its server when a target has no link of its own."""
    linked_only: bool = False
    """Only targets that are linked already may fetch it."""


@dataclass(frozen=True, slots=True)
class EditPlan:
    """What the form shows: the integration, and how many targets will use what is saved."""

    integration: Integration
    dependencies: int

    def outdated_by(self, edited: Integration) -> tuple[str, ...]:
        """By which of its name and its server pipelines no longer find it; none if nothing depends on it."""
        old = self.integration
        changed = {"name": old.key != edited.key, "server": old.server != edited.server}
        return tuple(part for part, is_changed in changed.items() if is_changed and self.dependencies)


def plan_edit(store: Store, actor: Actor, integration_id: str, version: int | None = None) -> EditPlan:
    """
    Look an integration up for the person who wants to edit it.

    Args:
        store: The store.
        actor: The owner or an admin.
        integration_id: Which one.
        version: The version the person was shown; ``None`` before a form is shown.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        InvalidFields: It was changed after the form was opened.
    """
    integration = get_integration(store, actor, integration_id)
    require(store, actor, Action.EDIT, integration)
    if version is not None and version != integration.version:
        raise InvalidFields({"name": "It was changed after you opened this form. Close it and edit again."})
    return EditPlan(integration, store.dependencies(actor.workspace, integration_id, 0, 1).total)


def edit_integration(
    store: Store,
    keyring: Keyring,
    registry: Registry,
    actor: Actor,
    integration: Integration,
    draft: Draft,
    sharing: Sharing,
    *,
    is_checked: bool,
) -> Integration:
    """
    Change an integration; what an empty secret field means is "keep it".

    Args:
        store, keyring, registry: The ports.
        actor: The owner or an admin.
        integration: As it was when the form was shown.
        draft: The form's content.
        sharing: The form's ticks.
        is_checked: False stores a changed login without asking the registry.

    Raises:
        InvalidFields: A changed server needs the secret again; the name is taken; the check failed.
        Changed: Somebody else changed it meanwhile.
    """
    require(store, actor, Action.EDIT, integration)
    refuse_taken_name(store, actor, draft.name, own_id=integration.id)
    refuse_moved_secret(integration, draft)
    credential = {**opened_if_kept(keyring, actor, integration, draft), **draft.credential}
    edited = merged(actor, keyring, integration, draft, credential)
    edited = replace(edited, is_default=sharing.is_default, linked_only=sharing.linked_only)
    refuse_foreign_default(store, actor, edited)
    if is_new_login(integration, edited, draft):
        check = None
        if is_checked:
            check = checked(store, registry, actor, draft, edited, credential)
        edited = replace(edited, check=check)
    return keep_edited(store, actor, integration, edited)


def refuse_moved_secret(integration: Integration, draft: Draft) -> None:
    """A stored secret goes to the server it was typed for, and to no other."""
    field = draft.kind.secret_field
    if integration.secret is None or draft.server == integration.server or field is None:
        return
    reason = f"The server changed, so type this again: it is kept for {integration.server.address} only."
    problems = {
        f.key: reason
        for f in draft.kind.fields
        if f.is_secret and f.is_required and f.key not in draft.credential
    }
    if not draft.credential and not problems:
        problems = {field.key: reason}
    if problems:
        raise InvalidFields(problems)


def opened_if_kept(
    keyring: Keyring, actor: Actor, integration: Integration, draft: Draft
) -> Mapping[str, Secret]:
    """Open the stored credential when at least one field of it is kept."""
    wanted = {field.key for field in draft.kind.fields if field.is_secret}
    if wanted <= set(draft.credential) or draft.server != integration.server:
        return {}
    return opened(keyring, actor.workspace, integration)


def merged(
    actor: Actor, keyring: Keyring, integration: Integration, draft: Draft, credential: Credential
) -> Integration:
    """The integration as it will be: re-sealed only when a secret was typed."""
    is_moved = draft.server != integration.server
    secret = (
        sealed(keyring, actor.workspace, integration.id, credential)
        if draft.credential
        else integration.secret
    )
    return replace(
        integration,
        name=draft.name,
        server=draft.server,
        username=draft.username,
        secret=secret,
        options=kept_options(integration, draft),
        ca=draft.ca,
        trusted_realms=() if is_moved else integration.trusted_realms,
        updated_at=actor.at,
        version=integration.version + 1,
    )


def kept_options(integration: Integration, draft: Draft) -> Mapping[str, str]:
    """The typed options; while the secret is kept, also what was read out of it when it was typed."""
    if draft.credential:
        return draft.options
    derived = {key: one for key, one in integration.options.items() if draft.kind.field(key) is None}
    return MappingProxyType({**derived, **draft.options})


def is_new_login(old: Integration, new: Integration, draft: Draft) -> bool:
    """True when what the registry would be asked has changed, so that the last check says nothing now."""
    before = (old.server, old.username, dict(old.options), old.ca)
    return bool(draft.credential) or before != (new.server, new.username, dict(new.options), new.ca)


def keep_edited(store: Store, actor: Actor, shown: Integration, edited: Integration) -> Integration:
    """Keep an edited integration and its audit entry, unless somebody was faster."""
    try:
        with store.transaction(actor.workspace) as change:
            present = change.integration(shown.id)
            if present is not None and present.version == shown.version:
                change.put_integration(edited)
                give_up_default(store, change, actor, edited)
                change.record(event(actor, Action.EDIT, edited, what_changed(shown, edited)))
                return edited
            change.record(refusal(actor, Action.EDIT, shown, "it was changed or deleted meanwhile"))
    except NameTaken as error:
        raise InvalidFields({"name": str(error)}) from error
    raise Changed(shown.name) if present else missing(store, actor, shown.id)


def other_defaults(store: Store, actor: Actor, edited: Integration) -> list[Integration]:
    """The integrations that answer for the same server by default now."""
    there = store.integrations_at(actor.workspace, edited.server) if edited.is_default else ()
    return [one for one in there if one.is_default and one.id != edited.id]


def refuse_foreign_default(store: Store, actor: Actor, edited: Integration) -> None:
    """Nobody takes a server's default away from an integration that they may not edit."""
    for holder in other_defaults(store, actor, edited):
        if not may(actor, Action.EDIT, holder.owner):
            reason = (
                f"“{holder.name}” is the default for this server; its owner or an admin must give that up."
            )
            raise InvalidFields({"name": reason})


def give_up_default(store: Store, change: Transaction, actor: Actor, edited: Integration) -> None:
    """A server has one default: the one that was chosen last, by somebody who may edit both."""
    refuse_foreign_default(store, actor, edited)
    for holder in other_defaults(store, actor, edited):
        present = change.integration(holder.id)
        if present is not None:
            change.put_integration(replace(present, is_default=False, version=present.version + 1))
            change.record(event(actor, Action.EDIT, present, f"default (now {edited.name})"))


def what_changed(old: Integration, new: Integration) -> str:
    """Name the parts that an edit changed, without their content where that could be sensitive."""
    parts = [renamed_from(old.name)] if old.name != new.name else []
    parts += ["server"] if old.server != new.server else []
    parts += ["username"] if old.username != new.username else []
    parts += ["secret"] if old.secret != new.secret else []
    parts += ["other fields"] if (dict(old.options), old.ca) != (dict(new.options), new.ca) else []
    parts += ["default"] if old.is_default != new.is_default else []
    parts += ["linked targets only"] if old.linked_only != new.linked_only else []
    return ", ".join(parts) or "nothing"
