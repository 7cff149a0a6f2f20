"""The watch: every integration is checked by the clock, and people are told when what is believed changes.

find_due -> ask_due (one integration at a time) -> keep_findings

1. ``find_due`` lists what is due, the longest waiting first.
2. ``ask_due`` asks the registry. Nothing is locked in the meantime.
3. ``keep_findings`` looks again at what was asked: an integration that was changed or deleted since keeps
   nothing. A host that does not answer says the same of each integration there, so that a dead host is asked
   once a round, not once for each of them.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.core.audit import CLOCK, Action, clock_actor, event
from bot.core.errors import KeyringFailure, StoreDamaged
from bot.core.integrations.credentials import check_from, login_of, open_credential
from bot.core.integrations.inventory import find_permitted, present
from bot.core.integrations.watch_rules import as_told, is_news, observe
from bot.core.model import Actor, Integration, Workspace
from bot.core.news import channel_of, record_and_tell
from bot.core.ports import Ports
from bot.core.ports.registry import CheckResult
from bot.core.ports.store import Change

_DEADLINE_S = 10.0
_SWITCH = "watch"
"""The setting that switches the watch off for a whole workspace: ``off``."""

_MUTED_FOR = timedelta(hours=24)
_BEFORE_EVERYTHING = datetime.min.replace(tzinfo=UTC)


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """An integration whose check is due."""

    workspace: Workspace
    integration: Integration


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check by the clock found."""

    asked: Integration
    result: CheckResult


def find_due(ports: Ports, at: datetime) -> list[Due]:
    """
    Return every integration whose check is due, the longest waiting first.

    A workspace with a row that cannot be believed or opened is skipped and logged; others go on.
    """
    due: list[Due] = []
    for workspace in ports.store.workspaces():
        try:
            due += _due_in(ports, workspace, at)
        except (StoreDamaged, KeyringFailure) as error:
            log.warning("workspace %s is not watched: %s", workspace.key, error.message)
    return sorted(due, key=lambda one: one.integration.watch.next_at or _BEFORE_EVERYTHING)


def ask_due(ports: Ports, due: Due) -> Finding | None:
    """
    Ask one registry, within 10 s.

    Returns:
        What it found; ``None`` when the integration is not due any more. Raises ``KeyringFailure``.
    """
    asked = ports.store.read(due.workspace).integrations.get(due.integration.id)
    if asked is None or asked.watch.is_off or asked.watch.next_at != due.integration.watch.next_at:
        return None
    credential = open_credential(ports.keyring, due.workspace, asked)
    return Finding(asked, ports.registry.check(login_of(asked, credential), deadline_s=_DEADLINE_S))


def keep_findings(ports: Ports, workspace: Workspace, findings: Iterable[Finding]) -> None:
    """Keep what checks found in one change, with the news of what changed. Raises ``StoreFailure``."""
    at = ports.now()
    with ports.store.change(workspace) as change:
        channel = channel_of(change)
        for finding in findings:
            for integration in _concerned(change, finding):
                _keep(change, integration, finding, at, channel)


def _due_in(ports: Ports, workspace: Workspace, at: datetime) -> Iterator[Due]:
    reading = ports.store.read(workspace)
    if reading.settings.get(_SWITCH) == "off":
        return
    for one in reading.integrations.all():
        if not one.watch.is_off and (one.watch.next_at is None or one.watch.next_at <= at):
            yield Due(workspace, one)


def _concerned(change: Change, finding: Finding) -> tuple[Integration, ...]:
    found = change.integrations.get(finding.asked.id)
    if found is None or found.version != finding.asked.version:
        return ()
    if not finding.result.is_of_the_host:
        return (found,)
    return tuple(one for one in change.integrations.at(found.server) if not one.watch.is_off)


def _keep(
    change: Change,
    integration: Integration,
    finding: Finding,
    at: datetime,
    channel: str,
) -> None:
    result = finding.result
    watch = observe(integration.watch, finding.result.health, at)
    is_told = is_news(watch, at)
    if is_told:
        watch = as_told(watch)
    check = check_from(result, at, CLOCK)
    change.put(replace(integration, watch=watch, check=check if finding.result.health else integration.check))
    clock = clock_actor(change.workspace, at)
    told = event(clock, Action.HEALTH, integration, reason=watch.health.value)
    if is_told:
        record_and_tell(change, told, (channel, integration.owner))
    elif watch.health is not integration.watch.health:
        change.record(told)


def mute_integration(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    """
    Tell nobody of an integration's health for 24 hours. It is still checked.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    find_permitted(ports, actor, Action.MUTE, integration_id)
    with ports.store.change(actor.workspace) as change:
        now = present(change, integration_id)
        muted = replace(now, watch=replace(now.watch, muted_until=actor.at + _MUTED_FOR))
        change.put(muted)
        change.record(event(actor, Action.MUTE, muted))
    return muted


def unmute_integration(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    """
    Tell people of an integration's health again; where it is not muted, nothing changes.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    find_permitted(ports, actor, Action.UNMUTE, integration_id)
    with ports.store.change(actor.workspace) as change:
        now = present(change, integration_id)
        heard = replace(now, watch=replace(now.watch, muted_until=None))
        if heard != now:
            change.put(heard)
            change.record(event(actor, Action.UNMUTE, heard))
    return heard
