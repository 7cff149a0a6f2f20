"""Delete an integration: show what depends on it, and delete only when nothing does."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.access import require
from bot.core.audit import Action, event, refusal
from bot.core.errors import Changed, Conflict, HasDependencies
from bot.core.integrations.checks import repositories_setting
from bot.core.integrations.dependencies import take_away, unlink_if_linked
from bot.core.integrations.inventory import present, present_named
from bot.core.model import Actor, Integration, Setting, Target
from bot.core.news import record_news, take_shown
from bot.core.ports import Ports
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
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    found = present_named(reading, name) if name else present(reading, integration_id)
    require(ports, actor, Action.DELETE, found)
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
    whose = f" Its workflow tokens get an error from now on: {', '.join(working)}." if working else ""
    return f"Removed {target.in_words}. It may not fetch this until it is linked again.{whose}"


def remove_all(ports: Ports, actor: Actor, integration_id: str) -> int:
    """
    Take every dependency away in one change, at most 1,000.

    Returns:
        How many.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    require(ports, actor, Action.SEE)
    require(ports, actor, Action.UNLINK, present(ports.store.read(actor.workspace), integration_id))
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
    known: Integration | None = None,
) -> DeletionPlan | None:
    """
    Delete an integration that nothing depends on and nobody has changed.

    Everything is asked inside the change that deletes. A refused attempt is in the history.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which one.
        version: The version the person was shown.
        since: As in ``plan_deletion``.
        known: What was read of it already.

    Returns:
        ``None`` when it is deleted; otherwise the new state, with the reason as its note.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound: Nothing was deleted.
    """
    require(ports, actor, Action.SEE)
    known = known or present(ports.store.read(actor.workspace), integration_id)
    require(ports, actor, Action.DELETE, known)
    with ports.store.change(actor.workspace) as change:
        found = present(change, integration_id)
        plan = _plan(change, actor, found, 0, since)
        obstacle = _obstacle_to(plan, version)
        if obstacle:
            change.record(refusal(actor, Action.DELETE, found, reason=obstacle.message))
            return replace(plan, note=str(obstacle))
        change.remove(found)
        change.remove(Setting(repositories_setting(found.id), ""))
        shown = take_shown(change, found.id) if found.former else ()
        record_news(change, event(actor, Action.DELETE, found), shown)
    return None


def _obstacle_to(plan: DeletionPlan, version: int) -> Conflict | None:
    """Say what prevents a deletion now, or ``None``."""
    if plan.integration.version != version:
        return Changed(plan.integration.name)
    count = plan.dependencies.total
    return HasDependencies(plan.integration.name, count) if count else None
