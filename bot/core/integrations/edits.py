"""Edit an integration: an empty secret keeps the stored one, a changed server needs it typed again."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bot.core.access import may, require
from bot.core.audit import Action, Event, event, refusal
from bot.core.errors import Changed, InvalidFields, NameTaken
from bot.core.integrations.credentials import (
    check_login,
    end_of_credential,
    open_credential,
    rebind_credential,
    rebind_management,
    seal_credential,
)
from bot.core.integrations.dependencies import ask_again
from bot.core.integrations.inventory import (
    Saved,
    as_saved,
    find_permitted,
    present,
    refuse_taken_name,
    same_login,
)
from bot.core.integrations.owners import tokens_by
from bot.core.kinds import Draft
from bot.core.model import Actor, Dependency, Integration, Target
from bot.core.ports import Ports
from bot.core.ports.keyring import CredentialKeyring
from bot.core.ports.store import Also, Change, Reading
from bot.core.secrets import Secret
from bot.core.workflows.resolve import refuse_taken_host

_MOST_REMAINING = 20


@dataclass(frozen=True, slots=True)
class Sharing:
    """What the form says about who gets the credential."""

    is_default: bool = False
    """It answers for its server when a target has no link of its own."""
    linked_only: bool = False
    """Only targets that are linked may fetch it."""


@dataclass(frozen=True, slots=True)
class EditPlan:
    """What the form shows: the integration, and how many targets will use what is saved."""

    integration: Integration
    dependencies: int
    alike: tuple[Integration, ...]
    """The others of the same server and user."""
    reading: Reading = field(repr=False, compare=False)
    """The state that it is from: what is submitted is held against it before anything is changed."""

    def outdated_by(self, edited: Integration) -> tuple[str, ...]:
        """By which of its name and its server pipelines no longer find it; none if nothing depends on it."""
        old = self.integration
        changed = {"name": old.key != edited.key, "server": old.server != edited.server}
        return tuple(part for part, is_changed in changed.items() if is_changed and self.dependencies)


def plan_edit(
    ports: Ports, actor: Actor, integration_id: str = "", version: int | None = None, *, name: str = ""
) -> EditPlan:
    """
    Look an integration up for the person who wants to edit it.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which one, as a button or a form names it.
        version: The version the person was shown; ``None`` before a form is shown.
        name: Which one, as it is typed; then there is no id.

    Raises:
        NotPermitted, UnknownIntegration, AlreadyDeleted, NotFound.
        InvalidFields: It was changed after the form was opened.
    """
    reading, found = find_permitted(ports, actor, Action.EDIT, integration_id, name=name)
    if version is not None and version != found.version:
        raise InvalidFields({"name": "It was changed after you opened this form. Close it and edit again."})
    alike = same_login(reading.integrations.at(found.server), found)
    return EditPlan(found, reading.dependencies.page(found.id, 0, 1).total, alike, reading)


def make_default(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    """
    Let an integration answer for its server from now on, for targets without a link of their own.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, Changed.
        InvalidFields: It would change which login others' targets get.
    """
    plan = plan_edit(ports, actor, integration_id)
    shown = plan.integration
    edited = replace(shown, is_default=True, updated_at=actor.at, version=shown.version + 1)
    _refuse_foreign_default(plan.reading, actor, shown, edited)
    return _keep_edited(ports, actor, shown, edited, None).integration


@dataclass(frozen=True, slots=True)
class Remaining:
    """Who may fetch a closed integration."""

    integration: Integration
    rows: tuple[Dependency, ...]
    """Those that were linked, at most 20."""
    total: int
    """How many targets, with those of the owner's own tokens."""
    tokens: Mapping[Target, tuple[str, ...]]
    """The ids of the valid tokens of each."""
    own: Mapping[Target, tuple[str, ...]]
    """The targets that nobody linked, with the ids of the owner's own tokens, which let them in."""
    note: str = ""


def who_remains(ports: Ports, actor: Actor, integration_id: str) -> Remaining:
    """
    Look up who may fetch an integration that is for linked targets only, of 1,000 dependencies at most.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    reading, integration = find_permitted(ports, actor, Action.EDIT, integration_id)
    granted = [row for row in reading.dependencies.page(integration_id, 0, 1000).rows if row.granted_by]
    rows = tuple(granted[:_MOST_REMAINING])
    tokens = {
        row.target: tuple(
            one.id
            for one in reading.tokens.of_target(row.target)
            if one.is_valid(actor.at)
            and (integration.id not in one.kept_from or one.is_own_of(integration.owner))
        )
        for row in rows
    }
    own = _let_in_by_owner(reading, actor, integration, {row.target for row in granted})
    shown = dict(list(own.items())[: _MOST_REMAINING - len(rows)])
    return Remaining(integration, rows, len(granted) + len(own), tokens, shown)


def _let_in_by_owner(
    reading: Reading, actor: Actor, integration: Integration, linked: Set[Target]
) -> dict[Target, tuple[str, ...]]:
    """The targets that only the owner's own tokens let in, with the ids of these."""
    found: dict[Target, tuple[str, ...]] = {}
    for token in tokens_by(reading, integration.owner, actor.at):
        target = token.target
        if not token.is_own_of(integration.owner):
            continue
        if target not in linked and not reading.dependencies.bar(integration.id, target):
            found[target] = (*found.get(target, ()), token.id)
    return found


def edit_integration(
    ports: Ports,
    actor: Actor,
    plan: EditPlan,
    draft: Draft,
    sharing: Sharing,
    *,
    is_checked: bool,
    also: Also | None = None,
) -> Saved:
    """
    Change an integration; an empty secret field means "keep it".

    When nothing differs, nothing is written and no registry is asked.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        plan: As it was when the form was submitted.
        draft: The form's content.
        sharing: The form's ticks.
        is_checked: False stores a changed login without asking the registry.
        also: What else belongs to the same change.

    Raises:
        InvalidFields: A changed server needs the secret again; the name is taken; the check failed.
        Changed: Somebody else changed it in the meantime.
    """
    integration = plan.integration
    require(ports, actor, Action.EDIT, integration)
    refuse_taken_name(plan.reading, draft.name, own_id=integration.id)
    _refuse_moved_secret(integration, draft)
    credential = {**_kept_credential(ports.keyring, actor, integration, draft), **draft.credential}
    edited = _merge_draft(actor, integration, draft)
    edited = replace(edited, is_default=sharing.is_default, linked_only=sharing.linked_only)
    if draft.credential:
        edited = seal_credential(ports.keyring, actor.workspace, edited, credential)
    _refuse_foreign_default(plan.reading, actor, integration, edited)
    _refuse_running_rotation(integration, edited, draft)
    if not also and not _changed_parts(integration, edited):
        return as_saved(plan.reading, integration)
    if _is_new_login(integration, edited, draft):
        check = check_login(ports, actor, draft, edited, credential) if is_checked else None
        edited = replace(edited, check=check)
    return _keep_edited(ports, actor, integration, edited, also)


def _refuse_moved_secret(integration: Integration, draft: Draft) -> None:
    """A stored secret goes to the server it was typed for, and to no other."""
    secret_field = draft.kind.secret_field
    if integration.secret is None or draft.server == integration.server or secret_field is None:
        return
    reason = (
        f"The server changed, so enter this again: the stored one is only for {integration.server.address}."
    )
    problems = {
        f.key: reason
        for f in draft.kind.fields
        if f.is_secret and f.is_required and f.key not in draft.credential
    }
    if not draft.credential and not problems:
        problems = {secret_field.key: reason}
    if problems:
        raise InvalidFields(problems)


def _refuse_running_rotation(integration: Integration, edited: Integration, draft: Draft) -> None:
    """While two credentials are kept, a third would make it unclear which one to go back to."""
    is_running = integration.former or integration.prepared
    if is_running and _is_new_login(integration, replace(edited, ca=integration.ca), draft):
        secret_field = draft.kind.secret_field
        reason = (
            "A rotation is in progress, so you can't change the login. Retire the old credential or roll "
            f"back first: /integrations rotate {integration.name}"
        )
        raise InvalidFields({secret_field.key if secret_field else "name": reason})


def _kept_credential(
    keyring: CredentialKeyring, actor: Actor, integration: Integration, draft: Draft
) -> Mapping[str, Secret]:
    """Open the stored credential when at least one field of it is kept."""
    wanted = {one.key for one in draft.kind.fields if one.is_secret}
    if wanted <= set(draft.credential) or draft.server != integration.server:
        return {}
    return open_credential(keyring, actor.workspace, integration)


def _merge_draft(actor: Actor, integration: Integration, draft: Draft) -> Integration:
    """The integration as it will be, with the secret that it has."""
    is_moved = draft.server != integration.server
    return replace(
        integration,
        name=draft.name,
        server=draft.server,
        username=draft.username,
        options=_kept_options(integration, draft),
        ca=draft.ca,
        note=draft.note,
        ends_on=draft.ends_on,
        secret_ends=end_of_credential(draft.credential) if draft.credential else integration.secret_ends,
        trusted_realms=() if is_moved else integration.trusted_realms,
        registry_ends=None if draft.credential or is_moved else integration.registry_ends,
        end_asked_at=None,
        made_as="" if draft.credential else integration.made_as,
        credential_since=actor.at if draft.credential else integration.credential_since,
        updated_at=actor.at,
        version=integration.version + 1,
    )


def _kept_options(integration: Integration, draft: Draft) -> Mapping[str, str]:
    """The typed options; while the secret is kept, also what was read out of it when it was typed."""
    if draft.credential:
        return draft.options
    derived = {key: one for key, one in integration.options.items() if draft.kind.field(key) is None}
    return MappingProxyType({**derived, **draft.options})


def _is_new_login(old: Integration, new: Integration, draft: Draft) -> bool:
    """True when what the registry would be asked has changed, so that the last check says nothing now."""
    before = (old.server, old.username, dict(old.options), old.ca)
    return bool(draft.credential) or before != (new.server, new.username, dict(new.options), new.ca)


def _keep_edited(
    ports: Ports, actor: Actor, shown: Integration, edited: Integration, also: Also | None
) -> Saved:
    """Keep an edited integration and its audit entry, unless somebody was faster."""
    try:
        with ports.store.change(actor.workspace) as change:
            is_unchanged = present(change, shown.id).version == shown.version
            if is_unchanged:
                is_kept = edited.secret == shown.secret
                bound = (
                    rebind_credential(ports.keyring, actor.workspace, shown, edited) if is_kept else edited
                )
                bound = rebind_management(ports.keyring, actor.workspace, shown, bound)
                rows = _rows_to_decide_again(change, shown, edited)
                decided = [(one, ask_again(change, actor, edited, one)) for one in rows]
                change.put(bound)
                for one, asked in decided:
                    if asked != one:
                        change.put(asked)
                _give_up_default(change, actor, shown, bound)
                refuse_taken_host(change, actor, bound, shown)
                change.record(_what_changed(actor, shown, edited))
                if also:
                    also(change, bound)
                return as_saved(change, bound)
            reason = "it was changed in the meantime"
            change.record(refusal(actor, Action.EDIT, shown, reason=reason))
    except NameTaken as error:
        raise InvalidFields({"name": str(error)}) from error
    raise Changed(shown.name)


def _rows_to_decide_again(
    reading: Reading, former: Integration, edited: Integration
) -> tuple[Dependency, ...]:
    """All that depends on it if it moved to another server; if it was opened, what nobody granted."""
    if former.server != edited.server:
        return _every_row(reading, former)
    if former.linked_only and not edited.linked_only:
        return tuple(one for one in _every_row(reading, former) if not one.granted_by)
    return ()


def _every_row(reading: Reading, integration: Integration) -> tuple[Dependency, ...]:
    total = reading.dependencies.page(integration.id, 0, 1).total
    return reading.dependencies.page(integration.id, 0, max(total, 1)).rows


def _other_defaults(reading: Reading, edited: Integration) -> Iterator[Integration]:
    """The integrations that answer for the same server by default now."""
    there = reading.integrations.at(edited.server) if edited.is_default else ()
    return (one for one in there if one.is_default and one.id != edited.id)


def _refuse_foreign_default(reading: Reading, actor: Actor, former: Integration, edited: Integration) -> None:
    """Nobody may change which login others' targets get, whether they use the default or not."""
    for holder in _other_defaults(reading, edited):
        if not may(actor, Action.EDIT, holder.owner):
            reason = (
                f"“{holder.name}” is the default for this server; "
                "its owner or an admin has to turn that off first."
            )
            raise InvalidFields({"name": reason})
    for used in _used_without_default(reading, former, edited):
        if not may(actor, Action.EDIT, used.owner):
            reason = (
                f"Some unlinked targets use “{used.name}” for this server and would get this login instead: "
                "ask the owner of that integration or an admin."
            )
            raise InvalidFields({"name": reason})


def _used_without_default(
    reading: Reading, former: Integration, edited: Integration
) -> Iterator[Integration]:
    """The integrations whose unlinked targets would get another login by a new default."""
    # A closed default answers for few: once it is open, it is new to all the others.
    is_opened = former.linked_only and not edited.linked_only
    is_old = former.is_default and former.server == edited.server and not is_opened
    there = reading.integrations.at(edited.server) if edited.is_default and not is_old else ()
    for one in there:
        if one.id != edited.id and any(not row.granted_by for row in _every_row(reading, one)):
            yield one


def _give_up_default(change: Change, actor: Actor, former: Integration, edited: Integration) -> None:
    """A server has one default: the one that was chosen last, by somebody who may edit both."""
    _refuse_foreign_default(change, actor, former, edited)
    for holder in list(_other_defaults(change, edited)):
        given_up = replace(holder, is_default=False, version=holder.version + 1)
        change.put(given_up)
        reason = f"now {edited.name}"
        change.record(event(actor, Action.EDIT, given_up, changed=("default",), reason=reason))


def _what_changed(actor: Actor, old: Integration, new: Integration) -> Event:
    """Name the parts that an edit changed, without their content where that could be sensitive."""
    former_name = old.name if old.name != new.name else ""
    return event(actor, Action.EDIT, new, changed=_changed_parts(old, new), former_name=former_name)


def _changed_parts(old: Integration, new: Integration) -> tuple[str, ...]:
    parts = {
        "name": old.name != new.name,
        "server": old.server != new.server,
        "username": old.username != new.username,
        "secret": old.secret != new.secret,
        "other fields": (dict(old.options), old.ca) != (dict(new.options), new.ca),
        "default": old.is_default != new.is_default,
        "linked targets only": old.linked_only != new.linked_only,
        "note": old.note != new.note,
        "end": old.ends_on != new.ends_on,
    }
    return tuple(part for part, is_changed in parts.items() if is_changed)
