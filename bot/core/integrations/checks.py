"""Test a stored integration: ask its registry, keep the answer; allow a token server on another host."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from bot.core.access import may, refuse, require
from bot.core.addresses import server_of_image
from bot.core.audit import Action, event
from bot.core.errors import Changed, InvalidInput, NotPermitted, StoreFailure
from bot.core.integrations.credentials import (
    asked_by,
    check_of,
    former_login,
    login_of,
    open_credential,
    rebind_credential,
)
from bot.core.integrations.inventory import present
from bot.core.model import Actor, Integration, Setting, TargetKind
from bot.core.ports import Ports
from bot.core.ports.registry import CheckResult, Login, Repositories, Step, TagFacts, Tags, ignore_step

_DEADLINE_S = 10.0
_MOST_KNOWN = 20
_MOST_DATED = 20
"""Tags whose age is asked for at once: a page of them. Each costs up to three questions."""
_MOST_LOOKED_AT = 100
_REPOSITORY = re.compile(r"[\w.-]+(?:/[\w.-]+)*", re.ASCII)
_ORIGIN = re.compile(r"(https?)://[a-z0-9.-]{1,253}(:[0-9]{1,5})?")


def ask_registry(
    ports: Ports,
    actor: Actor,
    integration: Integration,
    repository: str | None = None,
    on_step: Callable[[Step], None] = ignore_step,
) -> CheckResult:
    """
    Ask the registry whether a stored login works, within 10 s, and keep the answer.

    Args:
        ports: The ports.
        actor: Anybody who may see integrations.
        integration: Which one.
        repository: A repository to prove the login with.
        on_step: Called with each step as it finishes.

    Raises:
        NotPermitted, KeyringFailure. What a registry does is in the result.
    """
    require(ports, actor, Action.TEST)
    if repository:
        _refuse_closed(ports, actor, Action.TEST, integration)
    credential = open_credential(ports.keyring, actor.workspace, integration)
    login = login_of(integration, credential, asked_by(actor, integration))
    result = ports.registry.check(login, deadline_s=_DEADLINE_S, repository=repository, on_step=on_step)
    keep_test(ports, actor, integration, result)
    return result


def ask_about_former(ports: Ports, actor: Actor, integration: Integration) -> CheckResult | None:
    """
    Ask the registry whether the former credential still works, within 10 s; ``None`` = none is kept.

    Raises:
        NotPermitted, KeyringFailure.
    """
    require(ports, actor, Action.TEST)
    if integration.former is None:
        return None
    former = former_login(ports.keyring, actor.workspace, integration)
    credential = open_credential(ports.keyring, actor.workspace, former)
    login = login_of(former, credential, asked_by(actor, integration))
    return ports.registry.check(login, deadline_s=_DEADLINE_S)


def _refuse_closed(ports: Ports, actor: Actor, action: Action, integration: Integration) -> None:
    """What is for linked targets only opens nothing to others through the product either."""
    if integration.linked_only and not may(actor, Action.LINK, integration.owner):
        message = f"“{integration.name}” is for linked targets only: only its owner and admins may do this."
        error = NotPermitted(message, "Ask its owner.", (integration.owner, *actor.admins))
        refuse(ports, actor, action, error, integration)


def keep_test(ports: Ports, actor: Actor, tested: Integration, result: CheckResult) -> None:
    """Store a result as the last check, unless the integration was changed while it was tested."""
    with ports.store.change(actor.workspace) as change:
        now = change.integrations.get(tested.id)
        if now is not None and now.version == tested.version:
            change.put(replace(now, check=check_of(actor, result)))
        found = f"{result.outcome.word} at {result.stage.value}"
        change.record(event(actor, Action.TEST, tested, reason=found))


def allow_realm(ports: Ports, actor: Actor, integration_id: str, version: int, realm: str) -> Integration:
    """
    Let an integration's login be sent to a token server on another host, from now on.

    Args:
        ports: The ports.
        actor: The owner or an admin.
        integration_id: Which one.
        version: The version the person was shown.
        realm: The token server's origin, as the check named it.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound, Changed.
        InvalidInput: It is not an origin.
    """
    require(ports, actor, Action.SEE)
    shown = present(ports.store.read(actor.workspace), integration_id)
    origin = _ORIGIN.fullmatch(realm)
    if origin is None or (origin[1] == "http" and not shown.server.is_plain):
        raise InvalidInput("This is not the address of a token server.", "Run /integrations test again.")
    require(ports, actor, Action.EDIT, shown)
    with ports.store.change(actor.workspace) as change:
        now = present(change, integration_id)
        if now.version != version:
            raise Changed(shown.name)
        allowed = tuple(dict.fromkeys((*now.trusted_realms, realm)))
        edited = replace(now, trusted_realms=allowed, version=version + 1, updated_at=actor.at)
        edited = rebind_credential(ports.keyring, actor.workspace, now, edited)
        change.put(edited)
        change.record(event(actor, Action.ALLOW_REALM, edited, reason=realm))
    return edited


def known_repositories(ports: Ports, actor: Actor, integration_id: str) -> tuple[str, ...]:
    """
    Return at most 20 repositories of an integration: those read before, the newest first, then linked images.

    Raises:
        NotPermitted, AlreadyDeleted, NotFound.
    """
    require(ports, actor, Action.TAGS)
    reading = ports.store.read(actor.workspace)
    found = present(reading, integration_id)
    _refuse_closed(ports, actor, Action.TAGS, found)
    rows = reading.dependencies.page(found.id, 0, _MOST_LOOKED_AT).rows
    images = [row.target.name for row in rows if row.target.kind is TargetKind.IMAGE]
    linked = [_repository_of(one, found) for one in images]
    read = (reading.settings.get(repositories_setting(found.id)) or "").split()
    return tuple(dict.fromkeys(filter(None, [*read, *linked])))[:_MOST_KNOWN]


def repositories_setting(integration_id: str) -> str:
    """The name of the setting with the repositories whose tags were read with an integration."""
    return f"repositories {integration_id}"


def _repository_of(image: str, integration: Integration) -> str:
    """The repository of an image at an integration's server; empty for an image of another."""
    try:
        is_there = server_of_image(image).address == integration.server.address
    except InvalidInput:
        return ""
    path = image.removeprefix(f"{integration.server.address}/").partition("@")[0].partition(":")[0]
    return path if is_there and _REPOSITORY.fullmatch(path) else ""


def _remember_repository(ports: Ports, actor: Actor, integration: Integration, repository: str) -> None:
    """Offer a repository from now on; what is offered already costs no change."""
    name = repositories_setting(integration.id)
    known = (ports.store.read(actor.workspace).settings.get(name) or "").split()
    if repository in known or not _REPOSITORY.fullmatch(repository):
        return
    # What was asked for is there already: a store that is full does not stand before it.
    with suppress(StoreFailure), ports.store.change(actor.workspace) as change:
        if change.integrations.get(integration.id):
            known = (change.settings.get(name) or "").split()
            change.put(Setting(name, " ".join([repository, *known][:_MOST_KNOWN])))


def read_tag_facts(
    ports: Ports, actor: Actor, integration: Integration, repository: str, tags: Sequence[str]
) -> Mapping[str, TagFacts]:
    """
    Read digest and age of at most 20 tags with an integration's login, within 10 s.

    Raises:
        NotPermitted, KeyringFailure.
        RegistryFailure: The registry cannot be asked. What fails for one tag is in its facts.
    """
    login = _login_for_images(ports, actor, integration)
    return ports.registry.tag_facts(login, repository, tags[:_MOST_DATED], deadline_s=_DEADLINE_S)


def read_repositories(ports: Ports, actor: Actor, integration: Integration) -> Repositories:
    """
    Read the names of a registry's repositories with an integration's login, within 10 s.

    Raises:
        NotPermitted, KeyringFailure.
        RegistryFailure: It does not give them, or not to this login.
    """
    login = _login_for_images(ports, actor, integration)
    return ports.registry.repositories(login, deadline_s=_DEADLINE_S)


def _login_for_images(ports: Ports, actor: Actor, integration: Integration) -> Login:
    """What to look at images with, for a person who may."""
    require(ports, actor, Action.TAGS)
    _refuse_closed(ports, actor, Action.TAGS, integration)
    credential = open_credential(ports.keyring, actor.workspace, integration)
    cache_key = f"{integration.id}:{integration.version}"
    return login_of(integration, credential, asked_by(actor, integration), cache_key)


def read_tags(ports: Ports, actor: Actor, integration: Integration, repository: str) -> Tags:
    """
    Read the tags of a repository with an integration's login, within 10 s.

    Raises:
        NotPermitted, KeyringFailure.
        RegistryFailure: With the step that failed.
    """
    login = _login_for_images(ports, actor, integration)
    found = ports.registry.tags(login, repository, deadline_s=_DEADLINE_S)
    _remember_repository(ports, actor, integration, found.repository)
    return found
