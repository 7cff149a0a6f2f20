"""The clock has credentials made where people want a new one every so many days.

rotate_due -> make_credential | use_when_it_works -> (its owner hears what is in the way, once)
           -> find_leftovers, where no answer came -> (its owner hears what may be there, and ends it)

The clock ends nothing at a registry.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.audit import Action, clock_actor, refusal
from bot.core.errors import Busy, InvalidInput, KeyringFailure, NotFound, RegistryFailure
from bot.core.integrations.made_credentials import make_credential, use_when_it_works
from bot.core.integrations.made_endings import Leftovers, find_leftovers
from bot.core.integrations.prepared import drop_prepared
from bot.core.model import Actor, Integration, PreparedCredential, Workspace
from bot.core.news import channel_of, record_and_tell
from bot.core.ports import Ports

_AGAIN_NEXT_DAY = timedelta(days=1)
_AGAIN_SOON = timedelta(minutes=1)
"""A registry may refuse a new credential for some seconds after it has made it."""
_SOON_TRIES = 5
_SETTLED_AFTER = timedelta(minutes=10)
"""How long a registry gets to show what it has made: IAM shows a new key only after a while."""
_IN_THE_WAY = (RegistryFailure, InvalidInput, NotFound, KeyringFailure)


@dataclass(frozen=True, slots=True)
class Managed:
    """An integration that the clock may have to do something about."""

    workspace: Workspace
    integration_id: str


def find_managed(ports: Ports) -> tuple[Managed, ...]:
    """Every integration that Quaymaster makes credentials of. Raises ``StoreFailure``."""
    return tuple(
        Managed(workspace, one.id)
        for workspace in ports.store.workspaces()
        for one in ports.store.read(workspace).integrations.all()
        if one.management
    )


def rotate_due(ports: Ports, among: Iterable[Managed] | None = None) -> None:
    """
    Have new credentials made where the one in use is old enough, and settle what no answer came for.

    One that was made and does not work yet is asked about again each minute, five times. What fails is
    tried again the next day, and told once for each reason. Raises ``StoreFailure``.

    ``among``: where it may be due; ``None`` = anywhere.
    """
    for one in find_managed(ports) if among is None else among:
        with suppress(Busy):  # Its registry is being asked, or many are: the next round tries again.
            _look_after(ports, clock_actor(one.workspace, ports.now()), one.integration_id)


def _look_after(ports: Ports, actor: Actor, integration_id: str) -> None:
    """Do what is due of one integration, as it is now: the round may have taken a while."""
    found = ports.store.read(actor.workspace).integrations.get(integration_id)
    if found and _is_unsettled(found, actor.at):
        _settle(ports, actor, found)
    elif found and _is_due(found, actor.at):
        _rotate(ports, actor, found)


def _is_due(integration: Integration, at: datetime) -> bool:
    """Whether the clock has a new credential made now, or asks about one that was made."""
    days, tried_at, prepared = (
        integration.rotate_every_days,
        integration.rotation_tried_at,
        integration.prepared,
    )
    if not days or integration.management is None or integration.former:
        return False
    if prepared and not prepared.sealed:
        return False
    if tried_at and at - tried_at < (_AGAIN_SOON if _is_fresh(prepared) else _AGAIN_NEXT_DAY):
        return False
    return at - (integration.credential_since or integration.created_at) >= timedelta(days=days)


def _is_fresh(prepared: PreparedCredential | None) -> bool:
    return prepared is not None and prepared.tries < _SOON_TRIES


def _is_unsettled(integration: Integration, at: datetime) -> bool:
    """Whether nobody knows what came of a credential that was asked for, and it is time to look."""
    prepared, tried_at = integration.prepared, integration.rotation_tried_at
    if prepared is None or prepared.sealed or prepared.is_unwanted or integration.management is None:
        return False
    if prepared.tries and tried_at:
        return at - tried_at >= _AGAIN_NEXT_DAY
    return at - prepared.since >= _SETTLED_AFTER


def _rotate(ports: Ports, actor: Actor, found: Integration) -> None:
    try:
        made = (use_when_it_works if found.prepared else make_credential)(ports, actor, found.id)
    except _IN_THE_WAY as error:
        _note(ports, actor, found.id, str(error))
    else:
        if made.plan is None:
            _note(ports, actor, found.id, made.trouble)


def _settle(ports: Ports, actor: Actor, found: Integration) -> None:
    try:
        left = find_leftovers(ports, actor, found.id)
        if not left.rows:
            drop_prepared(ports, actor, found.id)
            return
        trouble = _what_is_there(left)
    except _IN_THE_WAY as error:
        trouble = f"it is unknown whether the registry created one. {error}"
    _note(ports, actor, found.id, trouble, is_settling=True)


def _what_is_there(left: Leftovers) -> str:
    names = ", ".join(
        f"{one.shown}, created {one.made_at:%Y-%m-%d %H:%M} UTC" if one.made_at else one.shown
        for one in left.rows
    )
    return (
        f"the registry did not answer, and it now has what may be the new credential: {names}. Revoke it "
        "there, or forget it here if somebody else created it"
    )


def _note(
    ports: Ports, actor: Actor, integration_id: str, trouble: str, *, is_settling: bool = False
) -> None:
    """Keep that it was tried, and tell people what is new; nothing if somebody else was faster."""
    with ports.store.change(actor.workspace) as change:
        now = change.integrations.get(integration_id)
        if now is None or now.former:
            return
        if now.prepared and not now.prepared.sealed and not is_settling:
            return  # another process has just asked, or no answer came: that is looked into later
        prepared, is_told = now.prepared, now.rotation_trouble == trouble
        if prepared:
            prepared = replace(prepared, tries=prepared.tries + 1)
        if prepared and prepared.sealed:
            is_told = prepared.tries != _SOON_TRIES
        change.put(replace(now, rotation_tried_at=actor.at, rotation_trouble=trouble, prepared=prepared))
        if not is_told:
            failed = refusal(actor, Action.ROTATE, now, reason=f"no new credential: {trouble}")
            record_and_tell(change, failed, (channel_of(change), now.owner))
