"""Link targets to integrations and take links back, from either side.

A person with the right over an integration grants: its owner, or an admin. A link by anybody else is a note,
which the owner may allow. A link that is taken back bars the target until somebody grants it again.
"""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from bot.core.access import may, refuse, require
from bot.core.audit import Action, event
from bot.core.errors import InvalidInput, NotPermitted, UnknownDependency, UnknownIntegration, quoted
from bot.core.integrations.inventory import present
from bot.core.model import Actor, Dependency, Integration, Source, Target, TargetKind
from bot.core.ports import Ports
from bot.core.ports.store import Reading
from bot.core.queries import Use
from bot.core.visible_text import visible
from bot.core.workflows.token_format import WorkflowToken

_TARGET_NAME = re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,198}[^\s\x00-\x1f\x7f])?")

_KIND_WORDS = {
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
    tokens: tuple[WorkflowToken, ...] = ()
    """The valid tokens that a link to a closed integration lets in."""


def read_target(kind: str, name: str) -> Target:
    """
    Read a target as people type it.

    Args:
        kind: ``project``, ``environment`` (or ``env``), ``image``, in any case.
        name: 1 to 200 printable characters; invisible ones among them make no difference.

    Raises:
        InvalidInput: With what to write instead.
    """
    known = _KIND_WORDS.get(kind.lower())
    if known is None:
        raise InvalidInput(
            "Say what kind of target it is: project, environment or image.",
            "Example: /integrations link my_registry project web-shop",
        )
    name = visible(name).strip()
    if not _TARGET_NAME.fullmatch(name) or not name.isprintable():
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
    ports: Ports, actor: Actor, name: str, target: Target, settings_url: str | None = None
) -> Linked:
    """
    Record that a target depends on an integration. Linking twice records it once.

    Raises:
        NotPermitted, UnknownIntegration.
    """
    require(ports, actor, Action.LINK)
    reading = ports.store.read(actor.workspace)
    shown = _named(reading, name)
    _require_link(ports, actor, shown)
    with ports.store.change(actor.workspace) as change:
        integration = present(change, shown.id)
        known = change.dependencies.get(integration.id, target)
        dependency = _linked(actor, integration, target, known)
        if settings_url:
            dependency = replace(dependency, settings_url=settings_url)
        if dependency != known:
            change.put(dependency)
            change.record(event(actor, Action.LINK, integration, target=target))
        let_in = change.tokens.of_target(target) if integration.linked_only else ()
    was_new = known is None or known.source is not dependency.source
    return Linked(integration, dependency, was_new, tuple(one for one in let_in if one.is_valid(actor.at)))


def _named(reading: Reading, name: str) -> Integration:
    """The integration with this name. Raises ``UnknownIntegration``."""
    found = reading.integrations.named(name)
    if found is None:
        raise UnknownIntegration(name, reading.integrations.nearest(name))
    return found


def _linked(actor: Actor, integration: Integration, target: Target, known: Dependency | None) -> Dependency:
    """The dependency that a person's link makes. One that a workflow's use made becomes theirs."""
    granted_by = actor.user_id if may(actor, Action.EDIT, integration.owner) else None
    if known is None:
        return Dependency(
            integration.id, target, actor.user_id, actor.at, actor.source, granted_by=granted_by
        )
    if known.source is not Source.WORKFLOW:
        return replace(known, granted_by=known.granted_by or granted_by)
    return replace(
        known, added_by=actor.user_id, added_at=actor.at, source=actor.source, granted_by=granted_by
    )


def may_link(actor: Actor, integration: Integration) -> bool:
    """Any member may link, but "linked targets only" would protect nothing if any member could."""
    return not integration.linked_only or may(actor, Action.EDIT, integration.owner)


def _require_link(ports: Ports, actor: Actor, integration: Integration) -> None:
    """Let pass who may link to it, or record the refusal and raise ``NotPermitted``."""
    if not may_link(actor, integration):
        message = f"“{integration.name}” is for linked targets only: its owner or an admin links them."
        error = NotPermitted(message, "Ask its owner.", (integration.owner, *actor.admins))
        refuse(ports, actor, Action.LINK, error, integration)


def unlink_named(ports: Ports, actor: Actor, name: str, target: Target) -> Dependency:
    """
    Take back that a target depends on the integration with this name.

    Raises:
        UnknownIntegration, and as ``unlink_target``.
    """
    require(ports, actor, Action.SEE)
    return unlink_target(ports, actor, _named(ports.store.read(actor.workspace), name).id, target)


def unlink_target(ports: Ports, actor: Actor, integration_id: str, target: Target) -> Dependency:
    """
    Take back that a target depends on an integration.

    The integration's owner and admins may, and whoever recorded the dependency.

    Returns:
        The dependency as it was.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        UnknownDependency: It does not depend on it (any more).
    """
    require(ports, actor, Action.SEE)
    with ports.store.change(actor.workspace) as change:
        integration = present(change, integration_id)
        known = change.dependencies.get(integration_id, target)
        if known is None:
            raise _not_linked(change, integration, target)
        is_allowed = _may_unlink(actor, integration, known)
        if is_allowed:
            change.remove(known)
            change.record(event(actor, Action.UNLINK, integration, target=target))
    if not is_allowed:
        require(ports, actor, Action.UNLINK, integration)
    return known


def unlink_if_linked(ports: Ports, actor: Actor, integration_id: str, target: Target) -> str | None:
    """
    Take back what a person was shown. Where a colleague was faster, that is no error.

    Returns:
        ``None`` when it was taken back now, otherwise a sentence.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    try:
        unlink_target(ports, actor, integration_id, target)
    except UnknownDependency as error:
        return error.message
    return None


def _may_unlink(actor: Actor, integration: Integration, dependency: Dependency) -> bool:
    """True for the integration's owner, for admins, and for the member who recorded the dependency."""
    return may(actor, Action.UNLINK, integration.owner) or may(actor, Action.UNLINK, dependency.added_by)


def _not_linked(reading: Reading, integration: Integration, target: Target) -> UnknownDependency:
    """Say that a target does not depend on an integration, with the nearest that do."""
    page = reading.dependencies.page(integration.id, 0, 1000)
    names = [row.target.name for row in page.rows if row.target.kind is target.kind]
    nearest = tuple(get_close_matches(target.name, names, n=3))
    hint = f"Did you mean {quoted(nearest)}?" if nearest else "There is nothing to remove."
    return UnknownDependency(f"{target.in_words} does not depend on “{integration.name}”.", hint)


@dataclass(frozen=True, slots=True)
class TargetUses:
    """Every integration that a target uses; when it uses none, the names of targets like it."""

    target: Target
    uses: tuple[Use, ...]
    nearest: tuple[str, ...] = ()


def find_uses(ports: Ports, actor: Actor, target: Target) -> TargetUses:
    """Look up every integration that a target uses. Raises ``NotPermitted``."""
    require(ports, actor, Action.SEE)
    dependencies = ports.store.read(actor.workspace).dependencies
    uses = dependencies.of_target(target)
    if uses:
        return TargetUses(target, uses)
    names = [row.name for row in dependencies.targets(target.kind, size=1000).rows]
    return TargetUses(target, (), tuple(get_close_matches(target.name, names, n=3, cutoff=0.5)))
