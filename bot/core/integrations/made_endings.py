"""End at its registry a credential that Quaymaster made there, or one that it replaced.

retire_there:     note -> suspend the former -> check the current -> delete it there -> retire it here
roll_back_there:  put the former into force there -> roll back here -> check it -> delete the new one there
find_leftovers -> settle:  what is not in use is shown, and exactly that is deleted there

No step ends the current credential, nor the former before the current one is known to work without it.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.core.audit import Action, event
from bot.core.errors import (
    Busy,
    DriverRefused,
    InvalidInput,
    KeyringFailure,
    QuaymasterError,
    RegistryFailure,
)
from bot.core.integrations.credentials import asked_by, login_of, open_credential, open_former
from bot.core.integrations.inventory import find_permitted, present
from bot.core.integrations.made_credentials import DEADLINE_S, WORKS, managed_order
from bot.core.integrations.prepared import drop_prepared
from bot.core.integrations.rotation import retire_former, roll_back
from bot.core.model import Actor, Integration
from bot.core.ports import Ports
from bot.core.ports.drivers import Ending, Leftover, Order
from bot.core.ports.registry import CheckResult

_DIGEST_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What is at the registry and not in use, as far as it came of what Quaymaster asked for."""

    integration: Integration
    rows: tuple[Leftover, ...]

    @property
    def digest(self) -> str:
        """A short text that differs when the credentials there differ."""
        names = "\n".join(sorted(one.made_as for one in self.rows))
        return hashlib.sha256(names.encode()).hexdigest()[:_DIGEST_LENGTH]


def find_leftovers(ports: Ports, actor: Actor, integration_id: str) -> Leftovers:
    """
    Look for what came of a credential that is prepared and not in use. Nothing is changed.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, KeyringFailure.
        InvalidInput: None is prepared, or there is no management credential.
        RegistryFailure: The registry did not say.
    """
    _, found = find_permitted(ports, actor, Action.ROTATE, integration_id)
    prepared = found.prepared
    if prepared is None:
        raise InvalidInput(f"No credential of “{found.name}” is being made.", "There is nothing to revoke.")
    order = replace(managed_order(ports, actor, found), since=prepared.since)
    if prepared.sealed or prepared.is_unwanted:
        # Its name is known exactly, so nobody need be asked.
        return Leftovers(found, (Leftover(prepared.made_as, prepared.made_as, prepared.since),))
    asked = replace(order, made_as=prepared.made_as)
    return Leftovers(found, ports.drivers.describe(asked, deadline_s=DEADLINE_S).leftovers)


def settle(ports: Ports, actor: Actor, integration_id: str, digest: str) -> tuple[str, ...]:
    """
    End at the registry exactly what the person was shown, and forget the prepared credential.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which integration.
        digest: Of what was shown.

    Returns:
        What was ended, as it was shown.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, KeyringFailure.
        InvalidInput: Something else is there now, or it is in use; nothing was ended.
        RegistryFailure: It may still be there, and stays noted here.
    """
    left = find_leftovers(ports, actor, integration_id)
    found = left.integration
    if left.digest != digest:
        raise InvalidInput(
            "What is at the registry has changed since you looked, so nothing was revoked.",
            f"Look again: /integrations rotate {found.name}",
        )
    if found.made_as in [one.made_as for one in left.rows]:
        raise InvalidInput(
            f"{found.made_as} is the credential in use, so it was not revoked.", "Check at the registry."
        )
    _delete(ports, managed_order(ports, actor, found), left.rows)
    drop_prepared(ports, actor, integration_id)
    return tuple(one.shown for one in left.rows)


def _delete(ports: Ports, order: Order, rows: Iterable[Leftover]) -> None:
    for row in rows:
        ports.drivers.retire(replace(order, made_as=row.made_as), Ending.DELETE, deadline_s=DEADLINE_S)


@dataclass(frozen=True, slots=True)
class Retired:
    """A former credential that was dropped."""

    integration: Integration
    is_ended: bool
    """True: it was ended at the registry as well."""
    was_there: bool = True
    """False: the registry had none of it, as far as the management credential can see."""


def retire_there(
    ports: Ports, actor: Actor, integration_id: str, number: int, *, pressed: str = ""
) -> Retired:
    """
    End the former credential at the registry, if the current one works without it, then here.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, KeyringFailure.
        InvalidInput: No former credential is kept, or the current one does not work without it.
        RegistryFailure: It was not ended there, and is still kept here.
    """
    _, found = find_permitted(ports, actor, Action.ROTATE, integration_id)
    if found.former is None or found.credential_number != number or found.management is None:
        retired = retire_former(ports, actor, integration_id, number, pressed=pressed)
        return Retired(retired, is_ended=False)
    order = _order_of_former(ports, actor, found)
    _note_suspended(ports, actor, found, is_suspended=True)
    is_there = ports.drivers.retire(order, Ending.SUSPEND, deadline_s=DEADLINE_S)
    try:
        result = _checked(ports, actor, found)
    except QuaymasterError:
        _take_suspension_back(ports, actor, found, order, is_there=is_there)
        raise
    if result.outcome not in WORKS:
        _take_suspension_back(ports, actor, found, order, is_there=is_there)
        raise InvalidInput(
            "The current credential does not work on its own, so the old one was not revoked. "
            f"{result.reason}",
            "Try again, or roll back.",
        )
    ports.drivers.retire(order, Ending.DELETE, deadline_s=DEADLINE_S)
    # One that an earlier try has suspended is ended, also if its registry has deleted it by now.
    was_there = is_there or found.former.is_suspended
    retired = retire_former(ports, actor, integration_id, number, pressed=pressed)
    return Retired(retired, was_there, was_there)


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A rotation that was undone."""

    integration: Integration
    """``prepared`` = the credential that was made is still at the registry."""
    is_schedule_off: bool = False
    """True: the clock makes no further ones until a person says so again."""
    is_ended: bool = False
    """True: the one that Quaymaster made was ended at the registry as well."""
    trouble: str = ""
    """Why the one that was made is still at the registry, in sentences."""


def roll_back_there(
    ports: Ports, actor: Actor, integration_id: str, number: int, *, pressed: str = ""
) -> RolledBack:
    """
    Make the former credential the current one again, there and here, and end the new one there.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, KeyringFailure.
        InvalidInput: No former credential is kept.
        DriverRefused: The registry does not have the former any more; nothing was changed.
        RegistryFailure: It is suspended there, and the registry did not take that back; nothing was changed.
    """
    _, found = find_permitted(ports, actor, Action.ROTATE, integration_id)
    if found.former and found.management and found.credential_number == number:
        _restore_former(ports, actor, found, is_needed=found.former.is_suspended)
    back = roll_back(ports, actor, integration_id, number, pressed=pressed)
    trouble = _end_rolled_back(ports, actor, back) if back.prepared else ""
    now = present(ports.store.read(actor.workspace), integration_id)
    is_ended = bool(back.prepared) and not trouble
    return RolledBack(now, bool(found.rotate_every_days), is_ended, trouble)


def _restore_former(ports: Ports, actor: Actor, found: Integration, *, is_needed: bool) -> None:
    """Take back at the registry that the former is suspended, as a killed *Retire* may have left it."""
    try:
        order = _order_of_former(ports, actor, found)
        ports.drivers.retire(order, Ending.RESTORE, deadline_s=DEADLINE_S)
    except DriverRefused as refused:
        message = f"The old credential cannot be used again. {refused.message}"
        raise DriverRefused(message, "Retire it, and rotate once more if the new one is bad.") from refused
    except RegistryFailure:
        # Where nothing was suspended, rolling back must not wait for the registry.
        if is_needed:
            raise


def _end_rolled_back(ports: Ports, actor: Actor, back: Integration) -> str:
    """End the one that was made, once the former is known to work; give what is in the way."""
    try:
        result = _checked(ports, actor, back)
        if result.outcome not in WORKS:
            return (
                "The old credential is not known to work, so the new one was not revoked at the registry. "
                f"{result.reason}"
            )
        left = find_leftovers(ports, actor, back.id)
        _delete(ports, managed_order(ports, actor, back), left.rows)
    except (RegistryFailure, Busy, KeyringFailure) as failure:
        return f"{failure.message} {failure.hint}"
    drop_prepared(ports, actor, back.id)
    return ""


def _take_suspension_back(
    ports: Ports, actor: Actor, found: Integration, order: Order, *, is_there: bool
) -> None:
    """Let the former credential work again, which was suspended to see whether the other works alone."""
    if is_there:
        ports.drivers.retire(order, Ending.RESTORE, deadline_s=DEADLINE_S)
    _note_suspended(ports, actor, found, is_suspended=False)


def _order_of_former(ports: Ports, actor: Actor, found: Integration) -> Order:
    former = open_former(ports.keyring, actor.workspace, found)
    was = replace(found, username=former.username, options=former.options)
    made_as = found.former.made_as if found.former else ""
    return replace(managed_order(ports, actor, was), made_as=made_as)


def _checked(ports: Ports, actor: Actor, kept: Integration) -> CheckResult:
    credential = open_credential(ports.keyring, actor.workspace, kept)
    return ports.registry.check(login_of(kept, credential, asked_by(actor, kept)), deadline_s=DEADLINE_S)


def _note_suspended(ports: Ports, actor: Actor, found: Integration, *, is_suspended: bool) -> None:
    """Keep that the former is about to be suspended, or works again, so that a restart knows."""
    with ports.store.change(actor.workspace) as change:
        now = present(change, found.id)
        if now.former is None or now.credential_number != found.credential_number:
            return
        change.put(replace(now, former=replace(now.former, is_suspended=is_suspended)))
        did = (
            "the old credential is suspended at the registry"
            if is_suspended
            else "the old credential is active again"
        )
        change.record(event(actor, Action.PREPARE, now, reason=did))
