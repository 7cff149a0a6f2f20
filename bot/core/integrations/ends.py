"""When the login of an integration ends, as far as anybody can know, and when people are told.

People are told 30, 7 and 1 days before and on the day, once each; an end that moves begins again. Where the
owner chose that, the registry's own API is asked once a day.

tell_ends
find_askable -> ask_end (one integration at a time), each kept as it comes
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from bot.core.audit import Action, clock_actor, event
from bot.core.errors import RegistryFailure
from bot.core.integrations.credentials import login_of, open_credential
from bot.core.integrations.made_credentials import managed_order
from bot.core.kinds import ASKS_END, YES
from bot.core.model import Integration, Watch, Workspace
from bot.core.news import channel_of, record_and_tell
from bot.core.ports import Ports

_TOLD_BEFORE = (0, 1, 7, 30)
"""Days before an end."""
_ASKED_EVERY = timedelta(days=1)
_DEADLINE_S = 10.0


class _Ending(StrEnum):
    """What ends; the value is what people read."""

    TYPED = "the date that its owner entered"
    TOKEN = "the secret, which says so itself"  # noqa: S105 - a few words
    REGISTRY = "the registry's API"
    CERTIFICATE = "the registry's TLS certificate"
    CA = "the pasted CA certificate"


@dataclass(frozen=True, slots=True)
class _End:
    """An end that is known."""

    on: date
    of: _Ending


def known_ends(integration: Integration) -> tuple[_End, ...]:
    """Return every end that is known of an integration, the first to come first."""
    check = integration.check
    known = (
        (integration.ends_on, _Ending.TYPED),
        (integration.secret_ends, _Ending.TOKEN),
        (integration.registry_ends, _Ending.REGISTRY),
        (check and check.certificate_ends, _Ending.CERTIFICATE),
        (check and check.ca_ends, _Ending.CA),
    )
    ends = [_End(on.date() if isinstance(on, datetime) else on, of) for on, of in known if on]
    return tuple(sorted(ends, key=lambda end: end.on))


def tell_ends(ports: Ports) -> None:
    """Tell people of every login that ends soon, where they were not told yet. Raises ``StoreFailure``."""
    at = ports.now()
    for workspace in ports.store.workspaces():
        all_there = ports.store.read(workspace).integrations.all()
        if any(_next_telling(one, at.date()) for one in all_there):
            _tell(ports, workspace, at)


def _next_telling(integration: Integration, today: date) -> tuple[_End, int] | None:
    """The end that must be told now, and the step at which; ``None`` = nothing must be told."""
    ends = known_ends(integration)
    if not ends:
        return None
    left = (ends[0].on - today).days
    step = next((days for days in _TOLD_BEFORE if left <= days), None)
    watch = integration.watch
    is_told = watch.end_told == ends[0].on and step is not None and watch.end_told_days <= step
    return None if step is None or is_told else (ends[0], step)


def _tell(ports: Ports, workspace: Workspace, at: datetime) -> None:
    with ports.store.change(workspace) as change:
        channel, clock = channel_of(change), clock_actor(workspace, at)
        for integration in tuple(change.integrations.all()):
            found = _next_telling(integration, at.date())
            if found is None:
                continue
            end, step = found
            watch: Watch = replace(integration.watch, end_told=end.on, end_told_days=step)
            change.put(replace(integration, watch=watch))
            hour = datetime.combine(end.on, datetime.min.time(), at.tzinfo)
            told = event(clock, Action.ENDS, integration, reason=end.of.value, hour=hour)
            record_and_tell(change, told, (channel, integration.owner))


@dataclass(frozen=True, slots=True)
class Askable:
    """An integration whose registry is to be asked."""

    workspace: Workspace
    integration_id: str


def find_askable(ports: Ports, at: datetime) -> Iterator[Askable]:
    """Every integration that is to be asked about, and was not today. Raises ``StoreFailure``."""
    for workspace in ports.store.workspaces():
        for one in ports.store.read(workspace).integrations.all():
            if _is_askable(one, at):
                yield Askable(workspace, one.id)


def _is_askable(integration: Integration, at: datetime) -> bool:
    if integration.options.get(ASKS_END) != YES or integration.secret is None:
        return False
    return integration.end_asked_at is None or at - integration.end_asked_at >= _ASKED_EVERY


def ask_end(ports: Ports, askable: Askable) -> None:
    """
    Ask one registry, and keep what it says; one that does not say is asked again the next day.

    Raises:
        KeyringFailure, StoreFailure.
    """
    at = ports.now()
    asked = ports.store.read(askable.workspace).integrations.get(askable.integration_id)
    if asked is None or not _is_askable(asked, at):
        return
    try:
        ends = _asked(ports, askable.workspace, asked, at)
    except RegistryFailure:
        ends = asked.registry_ends
    with ports.store.change(askable.workspace) as change:
        now = change.integrations.get(asked.id)
        if (
            now is not None
            and now.credential_number == asked.credential_number
            and now.secret == asked.secret
        ):
            change.put(replace(now, registry_ends=ends, end_asked_at=at))


def _asked(ports: Ports, workspace: Workspace, asked: Integration, at: datetime) -> datetime | None:
    """Ask with the management credential if there is one, else with the login itself."""
    if asked.management:
        order = managed_order(ports, clock_actor(workspace, at), asked)
        return ports.drivers.describe(order, deadline_s=_DEADLINE_S).ends
    login = login_of(asked, open_credential(ports.keyring, workspace, asked))
    return ports.drivers.end_of(login, deadline_s=_DEADLINE_S)
