"""Link targets to integrations and take links back, from either side."""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from bot.core.access import Action, may, refused, require
from bot.core.audit import event
from bot.core.errors import InvalidInput, NotPermitted, UnknownDependency, quoted
from bot.core.integrations.inventory import find_integration, get_integration, missing
from bot.core.model import Actor, Dependency, Integration, Source, Target, TargetKind
from bot.core.ports.former_store import Store
from bot.core.queries import Use
from bot.core.visible_text import visible

TARGET_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,198}[^\s\x00-\x1f\x7f])?")

KIND_WORDS = {
    "project": TargetKind.PROJECT,
    "environment": TargetKind.ENVIRONMENT,
    "env": TargetKind.ENVIRONMENT,
    "image": TargetKind.IMAGE,
}


@dataclass(frozen=True, slots=True)
class Linked:
    """What ``link`` did. ``was_new`` is false when people had linked the target already."""

    integration: Integration
    dependency: Dependency
    was_new: bool


def read_target(kind: str, name: str) -> Target:
    """
    Read a target as people type it.

    Args:
        kind: ``project``, ``environment`` (or ``env``), ``image``, in any case.
        name: 1 to 200 printable characters; invisible ones among them make no difference.

    Raises:
        InvalidInput: With what to write instead.
    """
    known = KIND_WORDS.get(kind.lower())
    if known is None:
        raise InvalidInput(
            "Say what kind of target it is: project, environment or image.",
            "Example: /integrations link my_registry project web-shop",
        )
    name = visible(name).strip()
    if not TARGET_NAME.fullmatch(name) or not name.isprintable():
        raise InvalidInput(
            f"The {known.value}'s name is missing, too long or holds an invisible character.",
            "Use 1 to 200 characters on one line.",
        )
    return Target(known, name)


def read_settings_url(text: str) -> str | None:
    """
    Read the address of a target's settings page; empty is none.

    Raises:
        InvalidInput: Not http(s), too long, or with a password in it.
    """
    if not text:
        return None
    hint = "Example: https://ci.example.com/web-shop/settings"
    try:
        parts = urlsplit(text)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_web = False
    if not is_web or len(text) > 1000 or re.search(r"[\s<>|\x00-\x1f]", text):
        raise InvalidInput("The settings link is not a web address.", hint)
    if parts.username is not None:
        raise InvalidInput("The settings link holds a user name or password, so it was not used.", hint)
    return text


def link_target(
    store: Store, actor: Actor, name: str, target: Target, settings_url: str | None = None
) -> Linked:
    """
    Record that a target depends on an integration. Linking twice records it once.

    Raises:
        NotPermitted, UnknownIntegration, AlreadyDeleted.
    """
    require(store, actor, Action.LINK)
    integration = find_integration(store, actor, name)
    with store.transaction(actor.workspace) as change:
        present = change.integration(integration.id)
        is_allowed = present is None or may_link(actor, present)
        known = change.dependency(integration.id, target)
        dependency = linked(actor, integration, target, known)
        if settings_url:
            dependency = replace(dependency, settings_url=settings_url)
        if present is not None and is_allowed and dependency != known:
            change.put_dependency(dependency)
            change.record(event(actor, Action.LINK, integration, in_words(target)))
    if present is None:
        raise missing(store, actor, integration.id)
    if not is_allowed:
        raise owners_link(store, actor, integration)
    return Linked(integration, dependency, was_new=known is None or known.source is not dependency.source)


def linked(actor: Actor, integration: Integration, target: Target, known: Dependency | None) -> Dependency:
    """The dependency that a person's link makes. One that a workflow's use made becomes theirs."""
    if known is None:
        return Dependency(integration.id, target, actor.user_id, actor.at, actor.source)
    if known.source is not Source.WORKFLOW:
        return known
    return replace(known, added_by=actor.user_id, added_at=actor.at, source=actor.source)


def may_link(actor: Actor, integration: Integration) -> bool:
    """Any member may link, but "linked targets only" would protect nothing if any member could."""
    return not integration.linked_only or may(actor, Action.EDIT, integration.owner)


def owners_link(store: Store, actor: Actor, integration: Integration) -> NotPermitted:
    """Record that somebody tried to link to what is for linked targets only, and give the error."""
    error = refused(store, actor, Action.LINK, integration)
    error.message = f"“{integration.name}” is for linked targets only: its owner or an admin links them."
    error.hint, error.people = "Ask its owner.", (integration.owner, *actor.admins)
    return error


def in_words(target: Target) -> str:
    """``project web-shop``."""
    return f"{target.kind.value} {target.name}"


def as_typed(target: Target) -> str:
    """A target as it is typed in a command: ``project web-shop``, ``project "web shop"``."""
    name = target.name
    if re.search(r"[\s\"']", name):
        name = f"'{name}'" if '"' in name else f'"{name}"'
    return f"{target.kind.value} {name}"


def unlink_named(store: Store, actor: Actor, name: str, target: Target) -> Dependency:
    """Take back that a target depends on the integration with this name. Raises as ``unlink_target``."""
    return unlink_target(store, actor, find_integration(store, actor, name).id, target)


def unlink_target(store: Store, actor: Actor, integration_id: str, target: Target) -> Dependency:
    """
    Take back that a target depends on an integration.

    The integration's owner and admins may, and whoever recorded the dependency.

    Returns:
        The dependency as it was.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        UnknownDependency: It does not depend on it (any more).
    """
    integration = get_integration(store, actor, integration_id)
    with store.transaction(actor.workspace) as change:
        known = change.dependency(integration_id, target)
        is_allowed = known is not None and may_unlink(actor, integration, known)
        if known is not None and is_allowed:
            change.remove_dependency(integration_id, target)
            change.record(event(actor, Action.UNLINK, integration, in_words(target)))
    if known is None:
        raise not_linked(store, actor, integration, target)
    if not is_allowed:
        raise refused(store, actor, Action.UNLINK, integration)
    return known


def unlink_if_linked(store: Store, actor: Actor, integration_id: str, target: Target) -> str | None:
    """
    Take back what a person was shown. Where a colleague was faster, that is no error.

    Returns:
        ``None`` when it was taken back now, otherwise a sentence.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    try:
        unlink_target(store, actor, integration_id, target)
    except UnknownDependency as error:
        return error.message
    return None


def may_unlink(actor: Actor, integration: Integration, dependency: Dependency) -> bool:
    """True for the integration's owner, for admins, and for the member who recorded the dependency."""
    return may(actor, Action.UNLINK, integration.owner) or may(actor, Action.UNLINK, dependency.added_by)


def not_linked(store: Store, actor: Actor, integration: Integration, target: Target) -> UnknownDependency:
    """Say that a target does not depend on an integration, with the nearest that do."""
    page = store.dependencies(actor.workspace, integration.id, 0, 1000)
    names = [row.target.name for row in page.rows if row.target.kind is target.kind]
    nearest = tuple(get_close_matches(target.name, names, n=3))
    hint = f"Did you mean {quoted(nearest)}?" if nearest else "There is nothing to remove."
    return UnknownDependency(f"{in_words(target)} does not depend on “{integration.name}”.", hint)


def uses_of(store: Store, actor: Actor, target: Target) -> tuple[Use, ...]:
    """Give every integration a target uses. Raises ``NotPermitted``."""
    require(store, actor, Action.SEE)
    return store.uses(actor.workspace, target)


def nearest_targets(store: Store, actor: Actor, target: Target) -> tuple[str, ...]:
    """Names of targets of the same kind like this one, the nearest first. Raises ``NotPermitted``."""
    require(store, actor, Action.SEE)
    names = store.targets(actor.workspace, target.kind)
    return tuple(get_close_matches(target.name, names, n=3, cutoff=0.5))
