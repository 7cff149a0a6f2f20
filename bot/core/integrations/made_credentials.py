"""Credentials that Quaymaster has made at the registry: with a management credential that nothing hands out.

make_credential:  describe -> prepare -> mint -> keep -> check -> use      (each on disk before the next)
retire_there:     suspend the former -> check the current -> delete it there -> retire it here
settle:           what was asked for and not answered is looked for, ended there, and forgotten

No step ends the current credential, nor the former before the current one is known to work without it.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.access import require
from bot.core.audit import Action, clock_actor, event, refusal
from bot.core.errors import (
    Changed,
    DriverRefused,
    InvalidFields,
    InvalidInput,
    LoginRejected,
    NotFound,
    RegistryFailure,
    UnknownIntegration,
)
from bot.core.integrations.credentials import (
    PlainLogin,
    asked_by,
    check_of,
    login_of,
    open_credential,
    open_former,
    open_login,
    seal_login,
)
from bot.core.integrations.inventory import present
from bot.core.integrations.prepared import (
    drop_prepared,
    keep_prepared,
    open_prepared,
    prepare_credential,
    use_prepared,
)
from bot.core.integrations.rotation import RotationPlan, refuse_running, retire_former
from bot.core.kinds import Draft, Kind
from bot.core.model import Actor, Integration, Outcome, management_context
from bot.core.news import channel_of, record_news
from bot.core.ports import Ports
from bot.core.ports.drivers import Described, Ending, Order
from bot.core.ports.registry import Login

_DEADLINE_S = 20.0
_FORM_DEADLINE_S = 2.0
_WORKS = (Outcome.PROVED, Outcome.ACCEPTED)
_MOST_DAYS = 3650
_TRY_AGAIN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Made:
    """How far making a credential came."""

    integration: Integration
    plan: RotationPlan | None
    """The rotation that began; ``None`` = it did not."""
    trouble: str = ""
    """What is in the way, in sentences without a secret."""


def management_form(ports: Ports, integration: Integration) -> Kind | None:
    """The fields of an integration's management credential; ``None`` = its registry makes none by API."""
    form = ports.drivers.form(integration.kind)
    return replace(form, server=integration.server.origin) if form and integration.secret else None


def keep_management(
    ports: Ports, actor: Actor, integration_id: str, version: int, draft: Draft
) -> Integration:
    """
    Keep a management credential, once the registry has shown with it what there is.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, Changed.
        InvalidFields: The registry did not take it.
    """
    found = _permitted(ports, actor, integration_id)
    login = PlainLogin(draft.username, draft.options, draft.credential)
    try:
        ports.drivers.describe(_order(actor, found, login), deadline_s=_FORM_DEADLINE_S)
    except RegistryFailure as failure:
        field = draft.kind.secret_field
        raise InvalidFields({field.key if field else "name": str(failure)}) from failure
    with ports.store.change(actor.workspace) as change:
        now = present(change, integration_id)
        if now.version != version:
            raise Changed(now.name)
        sealed = seal_login(ports.keyring, management_context(actor.workspace, now), login)
        kept = replace(now, management=sealed, version=now.version + 1, updated_at=actor.at)
        change.put(kept)
        change.record(event(actor, Action.MANAGE, kept, reason="kept"))
    return kept


def forget_management(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    """Drop a management credential here; nothing is rotated by the clock any more."""
    _permitted(ports, actor, integration_id)
    with ports.store.change(actor.workspace) as change:
        now = present(change, integration_id)
        kept = replace(
            now, management=None, rotate_every_days=0, version=now.version + 1, updated_at=actor.at
        )
        change.put(kept)
        change.record(event(actor, Action.MANAGE, kept, reason="forgotten"))
    return kept


def describe_managed(ports: Ports, actor: Actor, integration_id: str) -> Described:
    """Look at the registry with the management credential. Raises ``RegistryFailure``."""
    found = _permitted(ports, actor, integration_id)
    return ports.drivers.describe(_managed_order(ports, actor, found), deadline_s=_DEADLINE_S)


def make_credential(ports: Ports, actor: Actor, integration_id: str) -> Made:
    """
    Have a credential made, checked, and become the current one.

    Returns:
        The rotation that began; or what is in the way, with what may be at the registry.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        InvalidInput: One is being made, or a former one is still kept; or there is no room for another.
        RegistryFailure: None was made.
    """
    found = _permitted(ports, actor, integration_id)
    refuse_running(found)
    order = _managed_order(ports, actor, found)
    there = ports.drivers.describe(order, deadline_s=_DEADLINE_S)
    if there.problem:
        raise DriverRefused(there.problem, "Nothing was made.")
    prepare_credential(ports, actor, integration_id, there.next_name)
    try:
        minted = ports.drivers.mint(replace(order, made_as=there.next_name), deadline_s=_DEADLINE_S)
    except (DriverRefused, LoginRejected):
        drop_prepared(ports, actor, integration_id)
        raise
    except RegistryFailure as failure:
        return Made(_present(ports, actor, integration_id), None, f"{failure.message} {_unknown(there)}")
    login = PlainLogin(minted.username, {**found.options, **minted.options}, minted.credential)
    keep_prepared(ports, actor, integration_id, login, minted.made_as)
    return use_when_it_works(ports, actor, integration_id)


def _unknown(there: Described) -> str:
    return (
        f"Nobody knows whether the registry made “{there.next_name}”; it may be there. The credential in use "
        "was not touched."
    )


def use_when_it_works(ports: Ports, actor: Actor, integration_id: str) -> Made:
    """Check the prepared credential, and make it the current one if its registry takes it."""
    found = _permitted(ports, actor, integration_id)
    login = open_prepared(ports.keyring, actor.workspace, found)
    made = replace(found, username=login.username, options=login.options)
    result = ports.registry.check(
        login_of(made, login.credential, asked_by(actor, found)), deadline_s=_DEADLINE_S
    )
    if result.outcome not in _WORKS:
        return Made(found, None, f"The new credential was made, but does not work yet. {result.reason}")
    plan = use_prepared(ports, actor, integration_id, check_of(actor, result))
    return Made(plan.integration, plan)


def settle(ports: Ports, actor: Actor, integration_id: str) -> tuple[str, ...]:
    """
    End at the registry whatever came of a credential that is not in use, and forget it.

    Returns:
        What was ended, by the registry's names.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        InvalidInput: None is prepared, or there is no management credential.
        RegistryFailure: It may still be there, and stays noted here.
    """
    found = _permitted(ports, actor, integration_id)
    prepared = found.prepared
    if prepared is None:
        raise InvalidInput(f"No credential of “{found.name}” is being made.", "There is nothing to end.")
    order = replace(_managed_order(ports, actor, found), made_as=prepared.made_as, since=prepared.since)
    names: tuple[str, ...] = (prepared.made_as,)
    if prepared.sealed is None:
        names = ports.drivers.describe(order, deadline_s=_DEADLINE_S).leftovers
    for name in names:
        if name and name == found.made_as:
            raise InvalidInput(f"{name} is the credential in use, so it was not ended.", "Look there.")
        ports.drivers.retire(replace(order, made_as=name), Ending.DELETE, deadline_s=_DEADLINE_S)
    drop_prepared(ports, actor, integration_id)
    return names


def retire_there(ports: Ports, actor: Actor, integration_id: str, number: int) -> Integration:
    """
    End the former credential at the registry, if the current one works without it, then here.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        InvalidInput: No former credential is kept, or the current one does not work without it.
        RegistryFailure: It was not ended there, and is still kept here.
    """
    found = _permitted(ports, actor, integration_id)
    if found.former is None or found.credential_number != number or found.management is None:
        return retire_former(ports, actor, integration_id, number)
    former = open_former(ports.keyring, actor.workspace, found)
    was = replace(found, username=former.username, options=former.options)
    order = replace(_managed_order(ports, actor, was), made_as=found.former.made_as)
    _end(ports, actor, found, order)
    return retire_former(ports, actor, integration_id, number)


def _end(ports: Ports, actor: Actor, kept: Integration, order: Order) -> None:
    """End a credential at the registry, unless what is kept stops working."""
    ports.drivers.retire(order, Ending.SUSPEND, deadline_s=_DEADLINE_S)
    credential = open_credential(ports.keyring, actor.workspace, kept)
    result = ports.registry.check(login_of(kept, credential, asked_by(actor, kept)), deadline_s=_DEADLINE_S)
    if result.outcome not in _WORKS:
        ports.drivers.retire(order, Ending.RESTORE, deadline_s=_DEADLINE_S)
        raise InvalidInput(
            f"The credential in use does not work alone, so the former was not ended. {result.reason}",
            "Try again, or roll back.",
        )
    ports.drivers.retire(order, Ending.DELETE, deadline_s=_DEADLINE_S)


def rotate_every(ports: Ports, actor: Actor, name: str, days: int) -> Integration:
    """
    Have the clock make a new credential whenever the current one is so many days old; 0 ends it.

    Raises:
        NotPermitted, NotFound.
        InvalidInput: There is no management credential, or no such number of days.
    """
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    named = reading.integrations.named(name)
    if named is None:
        raise UnknownIntegration(name, reading.integrations.nearest(name))
    found = _permitted(ports, actor, named.id)
    if not 0 <= days <= _MOST_DAYS:
        raise InvalidInput(f"{days} days is no time to rotate after.", f"Type 0 to {_MOST_DAYS}; 0 ends it.")
    if days and found.management is None:
        raise InvalidInput(
            f"Quaymaster cannot make credentials for “{name}” yet.",
            f"Let it: /integrations rotate {name}, if this type has “Let Quaymaster make it”.",
        )
    with ports.store.change(actor.workspace) as change:
        now = present(change, found.id)
        kept = replace(
            now,
            rotate_every_days=days,
            rotation_tried_at=None,
            version=now.version + 1,
            updated_at=actor.at,
        )
        change.put(kept)
        change.record(event(actor, Action.MANAGE, kept, reason=f"every {days} days" if days else "by hand"))
    return kept


def rotate_due(ports: Ports) -> None:
    """
    Have new credentials made where people want one every so many days, and the one in use is that old.

    One that is prepared and does not work yet is asked about again. What fails is told once, and tried again
    the next day. Raises ``StoreFailure``.
    """
    at = ports.now()
    for workspace in ports.store.workspaces():
        for found in tuple(ports.store.read(workspace).integrations.all()):
            if _is_due(found, at):
                _rotate_one(ports, clock_actor(workspace, at), found)


def _is_due(integration: Integration, at: datetime) -> bool:
    """Whether the clock has a new credential made now."""
    days, tried_at = integration.rotate_every_days, integration.rotation_tried_at
    if not days or integration.management is None or integration.former:
        return False
    if tried_at and at - tried_at < _TRY_AGAIN_AFTER:
        return False
    return at - (integration.credential_since or integration.created_at) >= timedelta(days=days)


def _rotate_one(ports: Ports, actor: Actor, found: Integration) -> None:
    try:
        is_made = found.prepared is not None and found.prepared.sealed is not None
        made = (use_when_it_works if is_made else make_credential)(ports, actor, found.id)
        trouble = made.trouble
    except (RegistryFailure, InvalidInput, NotFound) as error:
        trouble = str(error)
    if not trouble:
        return
    with ports.store.change(actor.workspace) as change:
        now = change.integrations.get(found.id)
        if now is None:
            return
        change.put(replace(now, rotation_tried_at=actor.at))
        if now.rotation_tried_at is None:
            failed = refusal(actor, Action.ROTATE, now, reason=f"no new credential: {trouble}")
            record_news(change, failed, (channel_of(change), now.owner))


def _permitted(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    require(ports, actor, Action.SEE)
    found = present(ports.store.read(actor.workspace), integration_id)
    require(ports, actor, Action.ROTATE, found)
    return found


def _present(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    return present(ports.store.read(actor.workspace), integration_id)


def _managed_order(ports: Ports, actor: Actor, integration: Integration) -> Order:
    if integration.management is None:
        raise InvalidInput(
            f"“{integration.name}” has no management credential.",
            f"Enter one: /integrations rotate {integration.name}",
        )
    context = management_context(actor.workspace, integration)
    return _order(actor, integration, open_login(ports.keyring, context, integration.management))


def _order(actor: Actor, integration: Integration, manager: PlainLogin) -> Order:
    login = login_of(integration, {}, asked_by(actor, integration))
    asks = Login(
        kind=integration.kind,
        server=integration.server,
        username=manager.username,
        credential=manager.credential,
        options=manager.options,
        ca=integration.ca,
        asker=login.asker,
    )
    return Order(login, asks, integration.made_as)
