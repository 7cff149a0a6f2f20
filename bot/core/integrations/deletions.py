"""Delete an integration: show what depends on it, and delete only when nothing does."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.audit import Action, event, refusal
from bot.core.errors import Busy, Changed, Conflict, HasDependencies, RegistryFailure
from bot.core.integrations.checks import repositories_setting
from bot.core.integrations.dependencies import take_away, unlink_if_linked
from bot.core.integrations.inventory import find_permitted, present
from bot.core.integrations.made_credentials import DEADLINE_S, managed_order
from bot.core.model import Actor, Integration, Setting, Target
from bot.core.news import quiet_setting, record_and_tell, take_shown
from bot.core.ports import Ports
from bot.core.ports.drivers import Ending, Order
from bot.core.ports.store import Reading
from bot.core.queries import DependencyPage, HistoryQuery

_DEPENDENCIES_A_PAGE = 12
_MOST_REMOVED = 50
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What a confirmation shows: the integration, and what would stop working without it."""

    integration: Integration
    dependencies: DependencyPage
    swept: frozenset[Target] = frozenset()
    """Of those on the page, what was only ever fetched along with everything else."""
    removed: tuple[Target, ...] = ()
    """What this person removed here and may not fetch it now, the latest first."""
    note: str = ""
    """What has just happened, or what has come in the way."""
    opened_at: int = 0
    """When the person began, in whole seconds since 1970."""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A deletion that is done, and what became of the credentials that Quaymaster made at the registry."""

    place: str
    there: tuple[str, ...]
    """What its registry calls those that may still work there."""
    ended: tuple[str, ...] = ()
    trouble: str = ""
    """Why one that was to be ended is still there, in sentences."""


def plan_deletion(
    ports: Ports,
    actor: Actor,
    integration_id: str = "",
    number: int = 0,
    *,
    name: str = "",
    since: datetime | None = None,
) -> DeletionPlan:
    """
    Look up what depends on an integration, for the person who wants to delete it.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which one, as a button names it.
        number: Which page of its dependencies, from 0.
        name: Which one, as it is typed; then there is no id.
        since: When the person began: what they removed since then can be put back.

    Raises:
        NotPermitted, UnknownIntegration, AlreadyDeleted, NotFound.
    """
    reading, found = find_permitted(ports, actor, Action.DELETE, integration_id, name=name)
    return _plan(reading, actor, found, number, since)


def _plan(
    reading: Reading, actor: Actor, integration: Integration, number: int, since: datetime | None
) -> DeletionPlan:
    page = reading.dependencies.page(integration.id, number, _DEPENDENCIES_A_PAGE)
    swept = frozenset(row.target for row in page.rows if row.is_swept)
    removed = _removed_since(reading, actor, integration, since)
    return DeletionPlan(integration, page, swept, removed, opened_at=int((since or actor.at).timestamp()))


def _removed_since(
    reading: Reading, actor: Actor, integration: Integration, since: datetime | None
) -> tuple[Target, ...]:
    """What the actor removed from an integration since a moment, and what is still barred."""
    if since is None:
        return ()
    query = HistoryQuery(about=integration.id, actor=actor.user_id, since=since, size=_MOST_REMOVED)
    entries = reading.history.page(query).entries
    targets = dict.fromkeys(
        one.event.target for one in entries if one.event.action == Action.UNLINK and one.event.target
    )
    return tuple(one for one in targets if reading.dependencies.bar(integration.id, one))


def remove_dependency(ports: Ports, actor: Actor, integration_id: str, target: Target) -> str:
    """
    Take one dependency away, and the target's right to fetch.

    Returns:
        A sentence on what happened; one that a colleague took away first is not an error.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    late = unlink_if_linked(ports, actor, integration_id, target)
    if late:
        return late
    tokens = ports.store.read(actor.workspace).tokens.of_target(target)
    working = [one.id for one in tokens if one.is_valid(actor.at)][:_MOST_NAMED]
    whose = (
        f" These workflow tokens of the target will now get an error: {', '.join(working)}."
        if working
        else ""
    )
    return f"Removed {target.in_words}. It can't fetch this integration until somebody links it again.{whose}"


def remove_all(ports: Ports, actor: Actor, integration_id: str) -> int:
    """
    Take every dependency away in one change, at most 1,000.

    Returns:
        How many.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    find_permitted(ports, actor, Action.UNLINK, integration_id)
    with ports.store.change(actor.workspace) as change:
        integration = present(change, integration_id)
        rows = change.dependencies.page(integration_id, 0, 1000).rows
        for row in rows:
            take_away(change, actor, integration, row)
    return len(rows)


def delete_integration(
    ports: Ports,
    actor: Actor,
    integration_id: str,
    version: int,
    since: datetime | None = None,
    *,
    ends_there: bool = False,
) -> DeletionPlan | LeftBehind:
    """
    Delete an integration that nothing depends on and nobody has changed.

    Everything is asked again inside the change that deletes. A refused attempt is in the history. What
    Quaymaster made at the registry is ended last, if the person wants that: while anything may still fetch
    it, it works. What Quaymaster did not make is never touched there.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which one.
        version: The version the person was shown.
        since: As in ``plan_deletion``.
        ends_there: True ends at the registry what was made.

    Returns:
        What is left at the registry; or the new state, with the reason as its note, and nothing was deleted
        or ended.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, KeyringFailure: Nothing was deleted.
        InvalidInput: ``ends_there`` without a management credential; nothing was deleted.
    """
    _, known = find_permitted(ports, actor, Action.DELETE, integration_id)
    order = managed_order(ports, actor, known) if ends_there else None
    with ports.store.change(actor.workspace) as change:
        found = present(change, integration_id)
        if obstacle := _obstacle_to(change, found, version):
            change.record(refusal(actor, Action.DELETE, found, reason=obstacle.message))
            return replace(_plan(change, actor, found, 0, since), note=str(obstacle))
        change.remove(found)
        for name in (repositories_setting(found.id), quiet_setting(found.id)):
            change.remove(Setting(name, ""))
        shown = take_shown(change, found.id) if found.former else ()
        record_and_tell(change, event(actor, Action.DELETE, found), shown)
    left = LeftBehind(found.server.address, made_there(found))
    return _end_all(ports, actor, found, order, left) if order else left


def _obstacle_to(reading: Reading, integration: Integration, version: int) -> Conflict | None:
    """Say what prevents a deletion now, or ``None``."""
    if integration.version != version:
        return Changed(integration.name)
    count = reading.dependencies.page(integration.id, 0, 1).total
    return HasDependencies(integration.name, count) if count else None


def made_there(integration: Integration) -> tuple[str, ...]:
    """What the registry calls the credentials of an integration that Quaymaster made and has not ended."""
    former, prepared = integration.former, integration.prepared
    names = (integration.made_as, former.made_as if former else "", prepared.made_as if prepared else "")
    return tuple(dict.fromkeys(filter(None, names)))


def _end_all(ports: Ports, actor: Actor, deleted: Integration, order: Order, left: LeftBehind) -> LeftBehind:
    """End what was made for an integration that is deleted, one after the other, and note each."""
    for name in _known_names(deleted):
        try:
            ports.drivers.retire(replace(order, made_as=name), Ending.DELETE, deadline_s=DEADLINE_S)
        except (RegistryFailure, Busy) as failure:
            return replace(left, trouble=f"{failure.message} {failure.hint}")
        there = tuple(one for one in left.there if one != name)
        left = replace(left, there=there, ended=(*left.ended, name))
        with ports.store.change(actor.workspace) as change:
            change.record(event(actor, Action.MANAGE, deleted, reason="ended at the registry"))
    return left


def _known_names(integration: Integration) -> tuple[str, ...]:
    """Those whose names are known exactly: of one whose answer never came, a registry may not use ours."""
    prepared = integration.prepared
    is_known = prepared is None or prepared.sealed is not None or prepared.is_unwanted
    return made_there(integration if is_known else replace(integration, prepared=None))
