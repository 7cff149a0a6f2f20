"""Link targets to integrations and remove links, from either side.

A person with permission over an integration grants: its owner, or an admin. A link by anybody else is a note,
which the owner may allow. A link that is removed bars the target until somebody grants it again.
"""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from bot.core.access import may, refuse, require
from bot.core.audit import Action, Event, event
from bot.core.errors import InvalidInput, NotPermitted, UnknownDependency
from bot.core.integrations.inventory import find_permitted, present, present_named
from bot.core.integrations.target_names import refuse_look_alike
from bot.core.link_and_use import with_link, without_link
from bot.core.model import (
    Actor,
    Bar,
    Dependency,
    Integration,
    Source,
    Target,
    WorkflowToken,
)
from bot.core.news import record_and_tell, tell
from bot.core.ports import Ports
from bot.core.ports.store import Candidate, Change, Reading
from bot.core.texts import quoted
from bot.core.workflows.logins import Loss, kept_out_of, losses, owners_to_ask, refuse_losses, who_lost

STILL_USED = (
    "Your note was removed. {} still depends on the integration because it has fetched it; "
    "only the integration's owner or an admin can remove it."
)
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Linked:
    """What ``link`` did, or asks about."""

    integration: Integration
    dependency: Dependency
    was_new: bool
    """False when people had linked the target already."""
    tokens: tuple[WorkflowToken, ...] = ()
    """The valid tokens that a link to a closed integration lets in."""
    replaces: Integration | None = None
    """What is used for the target now, and would no longer be."""
    asks: tuple[str, ...] = ()
    """The ids of those who were asked to allow it: until then the link is a note."""
    is_kept: bool = True
    """False: it would change which login the target gets, and the actor has not said that this is meant."""


def read_settings_url(text: str) -> str | None:
    """
    Read the address of a target's settings page; an empty text means that there is none.

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
        raise InvalidInput("The settings link contains a user name or password, so it was not saved.", hint)
    return text


def link_target(
    ports: Ports,
    actor: Actor,
    name: str,
    target: Target,
    settings_url: str | None = None,
    *,
    is_sure: bool = False,
) -> Linked:
    """
    Link a target to an integration. Linking twice records it once.

    A person without permission over the integration, or over what is used for the target now, leaves a
    note, and the owner is asked.

    Args:
        ports: The ports.
        actor: Anybody who may add integrations.
        name: The integration's.
        target: What depends on it.
        settings_url: Where the target's settings are.
        is_sure: True: it may change which login the target gets.

    Raises:
        NotPermitted, UnknownIntegration.
        InvalidInput: Its name could be taken for another target's.
    """
    require(ports, actor, Action.NOTE)
    refuse_look_alike(target)
    with ports.store.change(actor.workspace) as change:
        integration = present_named(change, name)
        known = change.dependencies.get(integration.id, target)
        lost = _lost_by(change, actor, integration, target, known)
        lacking = owners_to_ask(actor, integration, lost)
        replaces = lost[0].integration if lost else None
        granted_by = None if lacking else actor.user_id
        # What was granted before needs nobody's permission, and nobody without permission grants it again.
        asks = () if known and known.granted_by else lacking
        dependency = _linked(actor, integration, target, known, granted_by)
        # The link is shown under the name of the person who linked: only somebody who may grant replaces it.
        if settings_url and (granted_by or dependency.added_by == actor.user_id):
            dependency = replace(dependency, settings_url=settings_url)
        was_new = known is None or known.source is Source.WORKFLOW
        if granted_by and replaces and not is_sure:
            return Linked(integration, dependency, was_new, replaces=replaces, is_kept=False)
        is_barred = change.dependencies.bar(integration.id, target) is not None
        is_let_in = _is_kept_out(change, actor, integration, target) or is_barred
        if dependency != known or (granted_by and is_let_in):
            done = event(actor, Action.LINK if granted_by else Action.NOTE, integration, target=target)
            _keep_link(change, dependency, done, lost, asks)
        tokens = _let_in(change, actor, integration, target) if granted_by else ()
    return Linked(integration, dependency, was_new, tokens, replaces, asks)


def _keep_link(
    change: Change,
    dependency: Dependency,
    done: Event,
    lost: tuple[Loss, ...],
    asks: tuple[str, ...],
) -> None:
    """Keep a link with its entry and the news of it; one that is granted lifts the bar."""
    is_granted = done.action == Action.LINK
    change.put(dependency)
    if is_granted:
        _lift_bar(change, dependency.integration_id, dependency.target)
    record_and_tell(change, done, who_lost(change, dependency.target, lost) if is_granted else ())
    tell(change, done, asks)


def _lift_bar(change: Change, integration_id: str, target: Target) -> None:
    bar = change.dependencies.bar(integration_id, target)
    if bar:
        change.remove(bar)


def _lost_by(
    reading: Reading, actor: Actor, integration: Integration, target: Target, known: Dependency | None
) -> tuple[Loss, ...]:
    """What the target's workflows get at this server now, and would no longer get after a grant."""
    granted = _linked(actor, integration, target, known, actor.user_id)
    return losses(reading, Candidate(integration, granted), actor.at)


def allow_link(ports: Ports, actor: Actor, integration_id: str, target: Target) -> Linked:
    """
    Grant what somebody noted.

    Args:
        ports: The ports.
        actor: The owner of the integration or of what is used for the target now, or an admin.
        integration_id: Which one.
        target: What was noted.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
        UnknownDependency: The note was removed.
    """
    require(ports, actor, Action.NOTE)
    with ports.store.change(actor.workspace) as change:
        integration = present(change, integration_id)
        known = change.dependencies.get(integration_id, target)
        if known is None:
            raise _not_linked(change, integration, target)
        lost = _lost_by(change, actor, integration, target, known)
        lacking = owners_to_ask(actor, integration, lost)
        others = [one.integration for one in lost if one.integration.owner in lacking]
        replaces = others[0] if others else None
        # The person who noted it decides about what they own, so only the other owner's permission is needed.
        noted_by = known.added_by if known.source is not Source.WORKFLOW else ""
        needed = {integration.owner, *(one.integration.owner for one in lost)}
        theirs = [one for one in needed if may(actor, Action.ALLOW, one)]
        is_allowed = bool(theirs) and set(lacking) <= {noted_by}
        has_right = may(actor, Action.ALLOW, integration.owner)
        is_news = not known.granted_by or _is_kept_out(change, actor, integration, target)
        tokens = _let_in(change, actor, integration, target) if is_allowed and has_right else ()
        if is_allowed and is_news:
            known = replace(known, granted_by=known.granted_by or actor.user_id)
            let_in = "tokens " + ", ".join(one.id for one in tokens[:_MOST_NAMED]) if tokens else ""
            done = event(
                actor, Action.ALLOW, integration, target=target, person=known.added_by, detail=let_in
            )
            change.put(known)
            record_and_tell(change, done, (known.added_by, integration.owner))
            _lift_bar(change, integration.id, target)
            if not has_right:
                _ask_for_tokens(change, actor, integration, target)
    if not is_allowed:
        require(ports, actor, Action.ALLOW, integration)
        _refuse_replacing(ports, actor, replaces, target)
    return Linked(integration, known, was_new=False, tokens=tokens, replaces=replaces)


def _ask_for_tokens(change: Change, actor: Actor, integration: Integration, target: Target) -> None:
    """Keep others' tokens out of what is closed: giving up a different login lets nobody into this one."""
    for token in kept_out_of(change, integration, target, actor.at):
        change.put(replace(token, kept_from=(*token.kept_from, integration.id)))
        by = replace(actor, user_id=token.created_by)
        asked = event(by, Action.CREATE_TOKEN, integration, token_id=token.id, target=target)
        tell(change, asked, (integration.owner,))


def _refuse_replacing(ports: Ports, actor: Actor, replaces: Integration | None, target: Target) -> None:
    """Raise ``NotPermitted``: only somebody else may take that login away from the target."""
    if replaces:
        message = f"{target.in_words} now gets its login from “{replaces.name}”, which somebody else owns."
        error = NotPermitted(message, "Ask a workspace admin to allow it.", (*actor.admins, replaces.owner))
        refuse(ports, actor, Action.ALLOW, error, replaces, target=target)


def _let_in(
    change: Change, actor: Actor, integration: Integration, target: Target
) -> tuple[WorkflowToken, ...]:
    """Let the valid tokens in that were kept out before; returns those that a granted link lets in."""
    found = []
    for token in _working_tokens(change, actor, target):
        is_kept_out = integration.id in token.kept_from
        if is_kept_out:
            kept_from = tuple(one for one in token.kept_from if one != integration.id)
            change.put(replace(token, kept_from=kept_from))
        if is_kept_out or integration.linked_only or not token.approved_by:
            found.append(token)
    return tuple(found)


def _is_kept_out(reading: Reading, actor: Actor, integration: Integration, target: Target) -> bool:
    """True when a link that is there already does not let every token of the target in."""
    return any(integration.id in one.kept_from for one in _working_tokens(reading, actor, target))


def _working_tokens(reading: Reading, actor: Actor, target: Target) -> list[WorkflowToken]:
    return [one for one in reading.tokens.of_target(target) if one.is_valid(actor.at)]


def _linked(
    actor: Actor,
    integration: Integration,
    target: Target,
    known: Dependency | None,
    granted_by: str | None,
) -> Dependency:
    """The dependency that a person's link makes. A use that is known of it stays known."""
    if known is None:
        return Dependency(
            integration.id, target, actor.user_id, actor.at, actor.source, granted_by=granted_by
        )
    linked = with_link(known, actor.user_id, actor.at, actor.source)
    return replace(linked, granted_by=known.granted_by or granted_by)


def unlink_target(
    ports: Ports, actor: Actor, integration_id: str, target: Target, *, name: str = ""
) -> Dependency | None:
    """
    Remove a target from an integration, and let it fetch that only after it is linked again.

    The integration's owner and admins may. The person who noted it may remove only the note: a
    target that has fetched it still depends on it.

    Args:
        ports: The ports.
        actor: The owner, an admin, or the person who noted it.
        integration_id: Which integration, as a button names it.
        target: What depends on it.
        name: Which integration, as it is typed; then there is no id.

    Returns:
        What is left of it: the use, when only the note was taken back; otherwise ``None``.

    Raises:
        NotPermitted, UnknownIntegration, AlreadyDeleted, NotFound.
        UnknownDependency: It does not depend on it, or no longer.
    """
    require(ports, actor, Action.SEE)
    with ports.store.change(actor.workspace) as change:
        integration = present_named(change, name) if name else present(change, integration_id)
        known = change.dependencies.get(integration.id, target)
        if known is None:
            raise _not_linked(change, integration, target)
        is_allowed = may_unlink(actor, integration, known)
        if is_allowed:
            take_away(change, actor, integration, known)
            left = change.dependencies.get(integration.id, target)
    if not is_allowed:
        require(ports, actor, Action.UNLINK, integration)
    return left


def shut_out(ports: Ports, actor: Actor, integration_id: str, target: Target) -> None:
    """
    Forbid a target to fetch an integration until it is linked again, whether it has used it or not.

    Raises:
        NotPermitted: Neither its owner nor an admin.
        AlreadyDeleted, NotFound.
    """
    find_permitted(ports, actor, Action.UNLINK, integration_id)
    with ports.store.change(actor.workspace) as change:
        integration = present(change, integration_id)
        known = change.dependencies.get(integration_id, target)
        if known:
            take_away(change, actor, integration, known)
        elif not change.dependencies.bar(integration_id, target):
            change.put(Bar(integration_id, target, actor.user_id, actor.at))
            change.record(event(actor, Action.UNLINK, integration, target=target))


def take_away(change: Change, actor: Actor, integration: Integration, known: Dependency) -> None:
    """
    Remove a dependency, with its entry, and bar the target.

    A person without permission over the integration removes only their note; a known use stays.
    """
    done = event(actor, Action.UNLINK, integration, target=known.target, person=known.added_by)
    record_and_tell(change, done, () if known.source is Source.WORKFLOW else (known.added_by,))
    has_right = may(actor, Action.UNLINK, integration.owner)
    if known.is_used and not has_right:
        change.put(without_link(known))
    else:
        change.remove(known)
    if has_right:
        change.put(Bar(integration.id, known.target, actor.user_id, actor.at, known))


def restore_target(ports: Ports, actor: Actor, integration_id: str, target: Target) -> bool:
    """
    Put back what was removed, as it was.

    Returns:
        False when there is no longer anything to put back.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    find_permitted(ports, actor, Action.RESTORE, integration_id)
    with ports.store.change(actor.workspace) as change:
        integration = present(change, integration_id)
        bar = change.dependencies.bar(integration_id, target)
        if bar is None:
            return False
        known = change.dependencies.get(integration_id, target)
        # A default is used for targets that do not depend on it, too, and no note shows what they would lose.
        if integration.is_default:
            refuse_losses(change, actor, Candidate(integration, known), target)
        change.remove(bar)
        if bar.removed and known is None:
            change.put(ask_again(change, actor, integration, bar.removed))
            _keep_out_new(change, actor, integration, bar)
        change.record(event(actor, Action.RESTORE, integration, target=target))
    return True


def ask_again(change: Change, actor: Actor, integration: Integration, dependency: Dependency) -> Dependency:
    """
    What a dependency from before is now, where it would change which login others' workflows get.

    A grant is a note, and the owners are asked; a use says nothing about what others' tokens are to get.
    """
    lost = losses(change, Candidate(integration, dependency), actor.at)
    asks = owners_to_ask(actor, integration, lost)
    if not asks:
        return dependency
    if not dependency.granted_by:
        return replace(dependency, unapproved_by=(integration.owner,))
    done = event(actor, Action.NOTE, integration, target=dependency.target)
    change.record(done)
    tell(change, done, asks)
    return replace(dependency, granted_by=None)


def _keep_out_new(change: Change, actor: Actor, integration: Integration, bar: Bar) -> None:
    """A token that was made in the meantime is let in by nobody: what is put back was granted before it."""
    for token in kept_out_of(change, integration, bar.target, actor.at):
        if token.created_at >= bar.at:
            change.put(replace(token, kept_from=(*token.kept_from, integration.id)))


def unlink_if_linked(ports: Ports, actor: Actor, integration_id: str, target: Target) -> str | None:
    """
    Take back what a person was shown. If a colleague was faster, that is not an error.

    Returns:
        ``None`` when it was taken back now, otherwise a sentence.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    try:
        left = unlink_target(ports, actor, integration_id, target)
    except UnknownDependency as error:
        return error.message
    return STILL_USED.format(target.in_words) if left else None


def may_unlink(actor: Actor, integration: Integration, dependency: Dependency) -> bool:
    """True for the integration's owner, for admins, and of a note for the member who left it."""
    is_own_note = dependency.is_note and may(actor, Action.UNLINK, dependency.added_by)
    return is_own_note or may(actor, Action.UNLINK, integration.owner)


def _not_linked(reading: Reading, integration: Integration, target: Target) -> UnknownDependency:
    """Say that a target does not depend on an integration, with the nearest that do."""
    page = reading.dependencies.page(integration.id, 0, 1000)
    names = [row.target.name for row in page.rows if row.target.kind is target.kind]
    nearest = tuple(get_close_matches(target.name, names, n=3))
    hint = f"Did you mean {quoted(nearest)}?" if nearest else "There is nothing to remove."
    return UnknownDependency(f"{target.in_words} does not depend on “{integration.name}”.", hint)
