"""Credentials that Quaymaster has made at the registry: with a management credential that nothing hands out.

make_credential:  describe -> prepare -> mint -> keep -> check -> use      (each on disk before the next)

No step ends a credential that may be in use; ``made_endings.py`` ends them.
"""

from dataclasses import dataclass, replace

from bot.core.audit import Action, event
from bot.core.errors import (
    Busy,
    Changed,
    DriverRefused,
    InvalidFields,
    InvalidInput,
    LoginRejected,
    NotFound,
    RegistryFailure,
    RightsRefused,
    TooManyRequests,
)
from bot.core.integrations.credentials import (
    PlainLogin,
    asked_by,
    check_of,
    form_left_s,
    login_of,
    management_context,
    open_login,
    seal_login,
)
from bot.core.integrations.inventory import find_permitted, present
from bot.core.integrations.prepared import (
    drop_prepared,
    keep_prepared,
    open_prepared,
    prepare_credential,
    use_prepared,
)
from bot.core.integrations.rotation import RotationPlan, refuse_running
from bot.core.kinds import Draft, Kind, Kinds
from bot.core.model import Actor, Integration, Outcome
from bot.core.ports import Ports
from bot.core.ports.drivers import Described, Ending, Order
from bot.core.ports.registry import NOBODY, Login
from bot.core.ports.store import Also

DEADLINE_S = 20.0
"""For one question to a registry, asked by a press or by the clock."""
WORKS = (Outcome.PROVED, Outcome.ACCEPTED)
"""What a check finds of a credential that may be used."""
_MOST_DAYS = 3650


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
    ports: Ports, actor: Actor, integration_id: str, version: int, draft: Draft, *, also: Also | None = None
) -> Integration:
    """
    Keep a management credential, once the registry has shown with it what there is.

    ``also``: what else belongs to the same change.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, Changed.
        InvalidFields: The registry did not take it.
    """
    _, found = find_permitted(ports, actor, Action.ROTATE, integration_id)
    login = PlainLogin(draft.username, draft.options, draft.credential)
    field = draft.kind.secret_field.key if draft.kind.secret_field else "name"
    try:
        there = ports.drivers.describe(_order(actor, found, login), deadline_s=form_left_s(ports))
    except RegistryFailure as failure:
        raise InvalidFields({field: str(failure)}) from failure
    if there.missing:
        raise InvalidFields(there.missing)
    with ports.store.change(actor.workspace) as change:
        now = present(change, integration_id)
        if now.version != version:
            raise Changed(now.name)
        sealed = seal_login(ports.keyring, management_context(actor.workspace, now), login)
        kept = replace(now, management=sealed, version=now.version + 1, updated_at=actor.at)
        change.put(kept)
        change.record(event(actor, Action.MANAGE, kept, reason="kept"))
        if also:
            also(change, kept)
    return kept


def forget_management(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    """Drop a management credential here; nothing is rotated by the clock any more."""
    find_permitted(ports, actor, Action.ROTATE, integration_id)
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
    _, found = find_permitted(ports, actor, Action.ROTATE, integration_id)
    return ports.drivers.describe(managed_order(ports, actor, found), deadline_s=DEADLINE_S)


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
    _, found = find_permitted(ports, actor, Action.ROTATE, integration_id)
    refuse_running(found)
    order = managed_order(ports, actor, found)
    there = ports.drivers.describe(order, deadline_s=DEADLINE_S)
    if problem := there.problem or " ".join(there.missing.values()):
        raise DriverRefused(problem, "Nothing was created.")
    prepare_credential(ports, actor, integration_id, there.next_name)
    try:
        minted = ports.drivers.mint(replace(order, made_as=there.next_name), deadline_s=DEADLINE_S)
    except (Busy, DriverRefused, LoginRejected, RightsRefused, TooManyRequests):
        drop_prepared(ports, actor, integration_id)
        raise
    except RegistryFailure as failure:
        return Made(_present(ports, actor, integration_id), None, f"{failure.message} {_unknown(there)}")
    login = PlainLogin(minted.username, {**found.options, **minted.options}, minted.credential)
    try:
        keep_prepared(ports, actor, integration_id, login, minted.made_as, minted.ends)
    except (NotFound, InvalidInput):
        # It was deleted, or the order was forgotten, just then: nothing else would know of the new one.
        # Nobody asks: it must not be refused because its person asks much.
        ended = replace(order, login=replace(order.login, asker=NOBODY), made_as=minted.made_as)
        ports.drivers.retire(ended, Ending.DELETE, deadline_s=DEADLINE_S)
        raise
    return use_when_it_works(ports, actor, integration_id)


def _unknown(there: Described) -> str:
    return (
        f"It is unknown whether the registry created “{there.next_name}”; it may be there. "
        "The current credential was not touched."
    )


def use_when_it_works(ports: Ports, actor: Actor, integration_id: str) -> Made:
    """Check the prepared credential, and make it the current one if its registry takes it."""
    _, found = find_permitted(ports, actor, Action.ROTATE, integration_id)
    login = open_prepared(ports.keyring, actor.workspace, found)
    made = replace(found, username=login.username, options=login.options)
    result = ports.registry.check(
        login_of(made, login.credential, asked_by(actor, found)), deadline_s=DEADLINE_S
    )
    if result.outcome not in WORKS:
        return Made(found, None, f"The new credential was created but does not work yet. {result.reason}")
    plan = use_prepared(ports, actor, integration_id, check_of(actor, result))
    return Made(plan.integration, plan)


def rotate_every(ports: Ports, actor: Actor, kinds: Kinds, name: str, days: int) -> Integration:
    """
    Have the clock make a new credential whenever the current one is so many days old; 0 ends it.

    Raises:
        NotPermitted, NotFound.
        InvalidInput: There is no management credential, or no such number of days.
    """
    _, found = find_permitted(ports, actor, Action.ROTATE, name=name)
    if not 0 <= days <= _MOST_DAYS:
        raise InvalidInput(
            f"{days} is not a valid number of days.",
            f"Enter a number from 0 to {_MOST_DAYS}; 0 turns the schedule off.",
        )
    if days and found.management is None:
        raise _unmanaged(ports, kinds, found)
    if days and found.prepared and found.prepared.is_unwanted:
        raise InvalidInput(
            f"The credential that “{name}” was rolled back from is still at the registry.",
            f"Revoke it there first: /integrations rotate {name}",
        )
    with ports.store.change(actor.workspace) as change:
        now = present(change, found.id)
        kept = replace(
            now,
            rotate_every_days=days,
            rotation_tried_at=None,
            rotation_trouble="",
            version=now.version + 1,
            updated_at=actor.at,
        )
        change.put(kept)
        change.record(event(actor, Action.MANAGE, kept, reason=f"every {days} days" if days else "by hand"))
    return kept


def _unmanaged(ports: Ports, kinds: Kinds, found: Integration) -> InvalidInput:
    """Say why the clock cannot rotate an integration, which types it can rotate, and what to do instead."""
    by_hand = f"/integrations rotate {found.name}"
    if management_form(ports, found):
        return InvalidInput(
            f"“{found.name}” has no management credential, so Quaymaster cannot create the next login.",
            f"Type {by_hand} and press “Let Quaymaster make it”, then type this again.",
        )
    can = ", ".join(kind.label for kind in kinds.values() if ports.drivers.form(kind.id))
    return InvalidInput(
        f"Quaymaster cannot create logins of the type {kinds[found.kind].label}, so it cannot rotate "
        f"“{found.name}” automatically. Types it can rotate: {can or 'none'}.",
        f"Create the new one at the registry and enter it: {by_hand}. Set “Ends on” in the form to be "
        "reminded.",
    )


def _present(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    return present(ports.store.read(actor.workspace), integration_id)


def managed_order(ports: Ports, actor: Actor, integration: Integration) -> Order:
    """
    Put together what a driver is asked about an integration.

    Raises:
        InvalidInput: It has no management credential.
        KeyringFailure.
    """
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
