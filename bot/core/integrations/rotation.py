"""Replace a credential without a gap: the new one beside the former, until everything has fetched it.

plan_rotation -> begin_rotation -> (each target fetches) -> progress_of -> retire_former | roll_back

1. The new credential is checked and becomes the current one in one change; the former stays sealed.
2. From then on every fetch gets the new one. What fetched it is noted on its dependency, once.
3. Retire drops the former for good. Roll back puts it in place again and drops the new one.

The registry accepts both until somebody ends the former there, so no pipeline fails in between.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.access import require
from bot.core.audit import Action, Event, clock_actor, event
from bot.core.errors import (
    Changed,
    InvalidFields,
    InvalidInput,
)
from bot.core.integrations.credentials import (
    PlainLogin,
    check_login,
    end_of_credential,
    open_credential,
    open_former,
    seal_credential,
    seal_former,
)
from bot.core.integrations.inventory import every_dependency, find_permitted, present
from bot.core.kinds import Draft
from bot.core.model import (
    Actor,
    Dependency,
    FormerCredential,
    Integration,
    PreparedCredential,
    Watch,
    Workspace,
)
from bot.core.news import channel_of, record_and_tell, take_shown
from bot.core.ports import Ports
from bot.core.ports.keyring import CredentialKeyring
from bot.core.ports.store import Also, Change, Reading

ALL_FETCHED = "everything has fetched the new credential"
_STILL_BOTH = "both credentials are still stored"
_REMIND_EVERY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is."""

    integration: Integration
    fetched: tuple[Dependency, ...]
    """What has fetched the new credential."""
    waiting: tuple[Dependency, ...]
    """What has fetched the former one and not the new one yet, the longest ago first."""
    unknown: tuple[Dependency, ...]
    """What was linked and never fetched anything here: nobody can know what it uses."""

    @property
    def total(self) -> int:
        """How many dependencies there are."""
        return len(self.fetched) + len(self.waiting) + len(self.unknown)


@dataclass(frozen=True, slots=True)
class RotationPlan:
    """What the form, or the message about a running rotation, is drawn from."""

    integration: Integration
    progress: Progress | None
    """``None`` = no rotation is running."""


def plan_rotation(
    ports: Ports, actor: Actor, integration_id: str = "", version: int | None = None, *, name: str = ""
) -> RotationPlan:
    """
    Look an integration up for the person who wants to replace its credential.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which one, as a button or a form names it.
        version: The version the person was shown; ``None`` before a form is shown.
        name: Which one, as it is typed; then there is no id.

    Raises:
        NotPermitted, UnknownIntegration, AlreadyDeleted, NotFound, Changed.
        InvalidInput: It is used without a login.
    """
    reading, found = find_permitted(ports, actor, Action.ROTATE, integration_id, name=name)
    if version is not None and version != found.version:
        raise Changed(found.name)
    if found.secret is None and found.former is None:
        raise InvalidInput(
            f"“{found.name}” has no secret, so there is nothing to replace.",
            "Edit it to give it a login.",
        )
    progress = _progress(reading, found) if found.former else None
    return RotationPlan(found, progress)


def begin_rotation(
    ports: Ports,
    actor: Actor,
    plan: RotationPlan,
    draft: Draft,
    *,
    is_checked: bool,
    also: Also | None = None,
) -> RotationPlan:
    """
    Make a new credential the current one, and keep the former.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        plan: As it was when the form was submitted.
        draft: The form's content: the same server, another username or secret.
        is_checked: False stores the new credential without asking the registry.
        also: What else belongs to the same change.

    Raises:
        InvalidFields: The check failed, or it is the credential that is stored already.
        InvalidInput: A former credential is still kept.
        Changed: Somebody else changed it in between.
    """
    old = plan.integration
    require(ports, actor, Action.ROTATE, old)
    refuse_running(old)
    current = open_credential(ports.keyring, actor.workspace, old)
    secret = draft.kind.secret_field
    if not draft.credential:
        raise InvalidFields({secret.key if secret else "name": "Enter the new secret."})
    if (draft.username, dict(draft.credential)) == (old.username, dict(current)):
        reason = "This one is already stored. Create a new one at the registry first."
        raise InvalidFields({secret.key if secret else "name": reason})
    login = PlainLogin(draft.username, {**old.options, **draft.options}, draft.credential)
    new = replace(with_login(ports.keyring, actor, old, login), ends_on=draft.ends_on)
    check = check_login(ports, actor, draft, new, draft.credential, Action.ROTATE) if is_checked else None
    with ports.store.change(actor.workspace) as change:
        now = present(change, old.id)
        if now.version != old.version:
            raise Changed(old.name)
        begun = keep_rotated(change, actor, replace(new, check=check, watch=_checked_soon(now)))
        if also:
            also(change, begun.integration)
        return begun


def with_login(
    keyring: CredentialKeyring,
    actor: Actor,
    old: Integration,
    login: PlainLogin,
    made: PreparedCredential | None = None,
) -> Integration:
    """Make a login the current one of an integration, and its own the former. Nothing is kept yet."""
    new = replace(
        old,
        username=login.username,
        options=login.options,
        ends_on=None,
        secret_ends=end_of_credential(login.credential),
        registry_ends=made.ends if made else None,
        end_asked_at=None,
        made_as=made.made_as if made else "",
        check=None,
        watch=_checked_soon(old),
        credential_number=old.credential_number + 1,
        updated_at=actor.at,
        version=old.version + 1,
        prepared=None,
        rotation_tried_at=None,
        rotation_trouble="",
        credential_since=actor.at,
        former=seal_former(keyring, actor, old, open_credential(keyring, actor.workspace, old)),
    )
    return seal_credential(keyring, actor.workspace, new, login.credential)


def _checked_soon(integration: Integration) -> Watch:
    """The watch checks the new login in its next round, so that what people were told is corrected."""
    return replace(integration.watch, next_at=None)


def keep_rotated(change: Change, actor: Actor, new: Integration) -> RotationPlan:
    """Keep a rotation that begins, and tell people."""
    change.put(new)
    record_and_tell(change, event(actor, Action.ROTATE, new), (channel_of(change), new.owner))
    return RotationPlan(new, _progress(change, new))


def refuse_running(integration: Integration) -> None:
    """Raise ``InvalidInput`` while a former credential is kept, or a next one is being made."""
    if integration.prepared:
        raise InvalidInput(
            f"The next credential of “{integration.name}” is being created at its registry.",
            f"To see its progress: /integrations rotate {integration.name}",
        )
    if integration.former:
        raise InvalidInput(
            f"“{integration.name}” still has the credential before this one.",
            f"Retire it or roll back first: /integrations rotate {integration.name}",
        )


def retire_former(
    ports: Ports, actor: Actor, integration_id: str, number: int, *, pressed: str = ""
) -> Integration:
    """
    Drop the former credential for good.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which integration.
        number: The number of its current credential, as the person was shown it.
        pressed: The message whose button was pressed, as ``channel/time``; the others are replaced.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        InvalidInput: No former credential is kept: somebody was faster.
    """
    find_permitted(ports, actor, Action.ROTATE, integration_id)
    with ports.store.change(actor.workspace) as change:
        found, _ = _running(present(change, integration_id), number)
        retired = replace(found, former=None, updated_at=actor.at, version=found.version + 1)
        change.put(retired)
        _tell_over(change, event(actor, Action.RETIRE, retired), retired, pressed)
    return retired


def roll_back(
    ports: Ports, actor: Actor, integration_id: str, number: int, *, pressed: str = ""
) -> Integration:
    """
    Make the former credential the current one again, and drop the new one.

    One that a driver made stays noted, without its secret, until it is ended at its registry. The clock makes
    no further one until a person says so again.

    The arguments are those of ``retire_former``.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, KeyringFailure.
        InvalidInput: No former credential is kept: somebody was faster.
    """
    find_permitted(ports, actor, Action.ROTATE, integration_id)
    with ports.store.change(actor.workspace) as change:
        found, kept = _running(present(change, integration_id), number)
        former = open_former(ports.keyring, actor.workspace, found)
        there = PreparedCredential(found.made_as, actor.at, actor.user_id, is_unwanted=True)
        back = replace(
            found,
            username=former.username,
            options=former.options,
            ends_on=kept.ends_on,
            secret_ends=end_of_credential(former.credential),
            registry_ends=kept.registry_ends,
            end_asked_at=None,
            made_as=kept.made_as,
            check=None,
            watch=_checked_soon(found),
            former=None,
            prepared=there if found.made_as and found.management else None,
            credential_since=kept.since,
            rotate_every_days=0,
            # A number of its own: what fetched the dropped one has not fetched what comes next.
            credential_number=found.credential_number + 1,
            updated_at=actor.at,
            version=found.version + 1,
        )
        back = seal_credential(ports.keyring, actor.workspace, back, former.credential)
        change.put(back)
        _tell_over(change, event(actor, Action.ROLL_BACK, back), back, pressed)
    return back


def _tell_over(change: Change, done: Event, over: Integration, pressed: str) -> None:
    """Tell that a rotation is over, and replace the messages whose buttons are about it."""
    shown = take_shown(change, over.id, pressed)
    record_and_tell(change, done, (channel_of(change), over.owner, *shown))


def who_fetched(ports: Ports, actor: Actor, integration_id: str, number: int) -> tuple[Dependency, ...]:
    """Return what has fetched one of an integration's credentials last, and has it until it fetches again."""
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    rows = every_dependency(reading, present(reading, integration_id).id)
    return tuple(row for row in rows if row.credential_number == number)


def _running(integration: Integration, number: int) -> tuple[Integration, FormerCredential]:
    if integration.former is None or integration.credential_number != number:
        raise InvalidInput(
            f"The rotation of “{integration.name}” that this button belongs to has ended.",
            f"To see its current state: /integrations rotate {integration.name}",
        )
    return integration, integration.former


def _progress(reading: Reading, integration: Integration) -> Progress:
    rows = tuple(every_dependency(reading, integration.id))
    number = integration.credential_number
    fetched = tuple(row for row in rows if row.credential_number == number)
    others = tuple(row for row in rows if row.credential_number != number)
    waiting = sorted((row for row in others if row.last_used_at), key=_last_used)
    return Progress(
        integration, fetched, tuple(waiting), tuple(row for row in others if not row.last_used_at)
    )


def _last_used(row: Dependency) -> datetime:
    return row.last_used_at or row.added_at


def look_at_progress(ports: Ports, actor: Actor, integration: Integration) -> Progress | None:
    """Return how far a rotation is, for anybody who may see integrations. Raises ``NotPermitted``."""
    require(ports, actor, Action.SEE)
    return _progress(ports.store.read(actor.workspace), integration) if integration.former else None


def find_progress(reading: Reading, integration_id: str) -> Progress | None:
    """How far an integration's rotation is; ``None`` = none is running."""
    found = reading.integrations.get(integration_id)
    return _progress(reading, found) if found and found.former else None


def tell_rotations(ports: Ports) -> None:
    """Remind people of rotations: when everything has fetched the new credential, and each 7 days."""
    at = ports.now()
    for workspace in ports.store.workspaces():
        reading = ports.store.read(workspace)
        running = [one for one in reading.integrations.all() if one.former]
        if any(_next_reminder(reading, one, at) for one in running):
            _remind(ports, workspace, [one.id for one in running], at)


def _next_reminder(reading: Reading, integration: Integration, at: datetime) -> str:
    """What people must be told of a rotation now; empty = nothing."""
    former = integration.former
    if former is None:
        return ""
    progress = _progress(reading, integration)
    is_over = bool(progress.fetched) and not progress.waiting
    if is_over and not former.is_told:
        return ALL_FETCHED
    return _STILL_BOTH if at - former.reminded_at >= _REMIND_EVERY else ""


def _remind(ports: Ports, workspace: Workspace, ids: list[str], at: datetime) -> None:
    with ports.store.change(workspace) as change:
        for found in filter(None, map(change.integrations.get, ids)):
            reason = _next_reminder(change, found, at)
            if not reason or found.former is None:
                continue
            told = replace(
                found.former, reminded_at=at, is_told=found.former.is_told or reason == ALL_FETCHED
            )
            change.put(replace(found, former=told))
            clock = clock_actor(change.workspace, at)
            reminder = event(clock, Action.ROTATE, found, reason=reason)
            record_and_tell(change, reminder, (channel_of(change), found.owner))
