"""Add, find, list and show integrations, and read their history.

A login is checked before the change and kept inside it: a registry is never waited for while a workspace is
locked, and what the check relied on is looked at again before anything is kept.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from difflib import get_close_matches
from typing import NoReturn

from bot.core.access import require
from bot.core.audit import Action, AuditEntry, event
from bot.core.errors import (
    AlreadyDeleted,
    AlreadyDone,
    InvalidFields,
    InvalidInput,
    NameTaken,
    NotFound,
    UnknownIntegration,
)
from bot.core.integrations.credentials import check_login, end_of_credential, seal_credential
from bot.core.kinds import Draft, Kind, read_draft
from bot.core.model import Actor, Dependency, Integration, WorkflowToken, new_id
from bot.core.news import channel_of
from bot.core.ports import Ports
from bot.core.ports.keyring import CredentialKeyring
from bot.core.ports.store import Also, Reading
from bot.core.queries import (
    DependencyPage,
    Filter,
    HistoryPage,
    HistoryQuery,
    IntegrationPage,
    Mark,
    Unused,
    Window,
)
from bot.core.texts import name_key
from bot.core.workflows.resolve import is_undecided, refuse_taken_host

_DEFAULT_DAYS = 90
_MOST_UNUSED = 20
_MOST_ON_HOME = 3
"""Rows of each thing that needs attention: with all of them, and 30 of the list, Slack takes the Home tab."""
_MOST_GONE = 100
_TOKENS_END_SOON = timedelta(days=7)
_EXPORTED_AT_ONCE = 500
_READ_AT_ONCE = 1000
_MOST_ALIKE = 100
"""As many as a menu in Slack takes."""
_MOST_SAME = 10
_ANY_NAME = "new"


@dataclass(frozen=True, slots=True)
class Details:
    """Everything ``show`` shows."""

    integration: Integration
    dependencies: DependencyPage
    history: HistoryPage
    alike: tuple[Integration, ...]
    """The others of the same server and user."""
    default: Integration | None = None
    """The other one of its server that answers targets without a link of their own."""
    is_undecided: bool = False
    """True when those targets get an error, because several of its server could answer."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the Home tab shows. Of what needs attention, the first few rows and how many there are."""

    page: IntegrationPage
    """A page of the list, narrowed as the person has it."""
    broken: IntegrationPage
    ending: IntegrationPage
    rotating: IntegrationPage
    orphaned: IntegrationPage
    unchecked: int
    mine: IntegrationPage
    ending_tokens: tuple[WorkflowToken, ...]
    channel: str
    """The id of the channel that news goes to; empty = none."""


@dataclass(frozen=True, slots=True)
class Saved:
    """An integration as it was kept."""

    integration: Integration
    is_undecided: bool
    """True when a target that depends on none of its server's integrations gets an error for their number."""
    alike: tuple[Integration, ...]
    """The others of the same server and user."""


def as_saved(reading: Reading, integration: Integration) -> Saved:
    """Say of an integration that was kept what its server's others mean for it."""
    there = reading.integrations.at(integration.server)
    return Saved(integration, is_undecided(there), same_login(there, integration))


def list_integrations(ports: Ports, actor: Actor, narrowed: Filter, window: Window) -> IntegrationPage:
    """Return one page of the integrations that a filter lets through. Raises ``NotPermitted``."""
    require(ports, actor, Action.SEE)
    return ports.store.read(actor.workspace).integrations.page(narrowed, window)


def every_integration(reading: Reading, narrowed: Filter) -> Iterator[Integration]:
    """Every integration that a filter lets through, sorted by name key, read in large pages."""
    after = None
    while True:
        page = reading.integrations.page(narrowed, Window(after=after, size=_READ_AT_ONCE))
        yield from (row.integration for row in page.rows)
        if not page.has_next:
            return
        after = page.rows[-1].integration.key


def every_dependency(reading: Reading, integration_id: str) -> Iterator[Dependency]:
    """Everything that depends on an integration, sorted by target, read in large pages."""
    number, is_more = 0, True
    while is_more:
        page = reading.dependencies.page(integration_id, number, _READ_AT_ONCE)
        yield from page.rows
        number, is_more = number + 1, page.has_next


def look_over(ports: Ports, actor: Actor, narrowed: Filter, window: Window) -> Overview:
    """Collect what the Home tab shows, all from one moment. Raises ``NotPermitted``."""
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    few = Window(size=_MOST_ON_HOME)
    today = actor.at.date()

    def marked(mark: Mark) -> IntegrationPage:
        return reading.integrations.page(Filter(marks=frozenset({mark}), today=today), few)

    return Overview(
        page=reading.integrations.page(narrowed, window),
        broken=marked(Mark.BROKEN),
        ending=marked(Mark.ENDING),
        rotating=marked(Mark.ROTATING),
        orphaned=marked(Mark.ORPHANED),
        unchecked=marked(Mark.UNCHECKED).total,
        mine=reading.integrations.page(Filter(owner=actor.user_id), few),
        ending_tokens=reading.tokens.ending(actor.at, actor.at + _TOKENS_END_SOON)[:_MOST_ON_HOME],
        channel=channel_of(reading),
    )


def find_integration(ports: Ports, actor: Actor, name: str) -> Integration:
    """
    Find an integration by its name, whatever its case.

    Raises:
        NotPermitted.
        AlreadyDeleted: With who deleted the last one of this name.
        UnknownIntegration: With the nearest names.
    """
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    return present_named(reading, name)


def find_like(ports: Ports, actor: Actor, text: str) -> tuple[Integration, ...]:
    """
    Find at most 100 integrations whose name, server or type contains each word, the one of this name first.

    Raises:
        NotPermitted.
    """
    require(ports, actor, Action.SEE)
    integrations = ports.store.read(actor.workspace).integrations
    words = tuple(text.casefold().split())
    page = integrations.page(Filter(words=words), Window(size=_MOST_ALIKE))
    named = integrations.named(text.strip()) if words else None
    first = (named,) if named else ()
    return (*first, *(row.integration for row in page.rows if row.integration != named))[:_MOST_ALIKE]


def get_integration(ports: Ports, actor: Actor, integration_id: str) -> Integration:
    """
    Get the integration a button was made for.

    Raises:
        NotPermitted.
        AlreadyDeleted: With who deleted it.
        NotFound: This workspace never had it.
    """
    require(ports, actor, Action.SEE)
    return present(ports.store.read(actor.workspace), integration_id)


def find_permitted(
    ports: Ports, actor: Actor, action: Action, integration_id: str = "", *, name: str = ""
) -> tuple[Reading, Integration]:
    """
    Find an integration, and refuse an actor who may not do this to it.

    Args:
        ports: The ports.
        actor: Who acts.
        action: What they are about to do; a refusal is recorded.
        integration_id: Which one, as a button names it.
        name: Which one, as it is typed; then there is no id.

    Returns:
        The state that it was read from, and the integration.

    Raises:
        NotPermitted, AlreadyDeleted.
        NotFound: There never was one of this id.
        UnknownIntegration: There is none of this name.
    """
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    found = present_named(reading, name) if name else present(reading, integration_id)
    require(ports, actor, action, found)
    return reading, found


def present(reading: Reading, integration_id: str) -> Integration:
    """The integration as a reading or a change has it. Raises ``AlreadyDeleted``, ``NotFound``."""
    return reading.integrations.get(integration_id) or _raise_missing(reading, integration_id)


def present_named(reading: Reading, name: str) -> Integration:
    """
    The integration of this name, whatever its case.

    Raises:
        AlreadyDeleted: With who deleted the last one of this name.
        UnknownIntegration: With the nearest names.
    """
    found = reading.integrations.named(name)
    if found is not None:
        return found
    entry = reading.history.deletion_named(name)
    if entry:
        raise AlreadyDeleted(entry.event.name, entry.event.actor, entry.event.at)
    raise UnknownIntegration(name, reading.integrations.nearest(name))


def _raise_missing(reading: Reading, integration_id: str) -> NoReturn:
    """Say why there is no integration with this id. Raises ``AlreadyDeleted``, ``NotFound``."""
    entry = reading.history.deletion(integration_id)
    if entry is None:
        raise NotFound(
            "This integration does not exist in this workspace.",
            "/integrations list shows every integration.",
        )
    raise AlreadyDeleted(entry.event.name, entry.event.actor, entry.event.at)


def show_integration(ports: Ports, actor: Actor, *, name: str = "", integration_id: str = "") -> Details:
    """
    Collect what there is to see of an integration: its dependencies and its history's last lines.

    Args:
        ports: The ports.
        actor: Anybody who may see integrations.
        name: Which one, as it is typed.
        integration_id: Which one, as a button names it; used when there is no name.

    Raises:
        NotPermitted, UnknownIntegration, AlreadyDeleted, NotFound.
    """
    reading, found = find_permitted(ports, actor, Action.SEE, integration_id, name=name)
    there = reading.integrations.at(found.server)
    return Details(
        found,
        reading.dependencies.page(found.id, 0, 10),
        reading.history.page(HistoryQuery(about=found.id, size=5)),
        same_login(there, found),
        next((one for one in there if one.is_default and one.id != found.id), None),
        is_undecided(there),
    )


def add_integration(
    ports: Ports,
    actor: Actor,
    draft: Draft,
    *,
    is_checked: bool,
    linked_only: bool = False,
    also: Also | None = None,
) -> Saved:
    """
    Check a login and keep it as a new integration.

    The same request sent twice adds once.

    Args:
        ports: The ports.
        actor: Becomes the owner.
        draft: The form's content.
        is_checked: False stores it without asking the registry.
        linked_only: True: only targets that are linked may fetch it.
        also: What else belongs to the same change.

    Raises:
        NotPermitted.
        InvalidFields: The name is taken, the registry did not accept the login, or targets of others would
            get this login; nothing is kept.
    """
    require(ports, actor, Action.ADD)
    holder = ports.store.read(actor.workspace).integrations.named(draft.name)
    integration = draft_integration(actor, ports.keyring, draft, linked_only=linked_only)
    # A taken name may be this very request's, sent again: then the change below says so before it is asked
    # for, and the registry is not asked twice.
    if is_checked and not holder:
        check = check_login(ports, actor, draft, integration, draft.credential)
        integration = replace(integration, check=check)
    how = f"check: {integration.check.outcome.word}" if integration.check else "not checked"
    try:
        with ports.store.change(actor.workspace) as change:
            change.remember(actor.request_id, integration.id)
            if holder:
                raise NameTaken(holder.name)
            refuse_taken_host(change, actor, integration)
            change.put(integration)
            change.record(event(actor, Action.ADD, integration, reason=how))
            if also:
                also(change, integration)
            return as_saved(change, integration)
    except NameTaken as error:
        raise InvalidFields({"name": str(error)}) from error
    except AlreadyDone as error:
        reading = ports.store.read(actor.workspace)
        return as_saved(reading, present(reading, error.outcome))


def same_login(there: Sequence[Integration], integration: Integration) -> tuple[Integration, ...]:
    """Return those of an integration's server that have the same user, sorted by name key, at most 10."""
    return _of_user(there, integration.username, but=integration.id)


def find_same_login(
    ports: Ports, actor: Actor, kind: Kind, typed: Mapping[str, str]
) -> tuple[Integration, ...]:
    """
    Return the integrations of the server and user that a form says so far, sorted by name key, at most 10.

    Args:
        ports: The ports.
        actor: Somebody who fills it in.
        kind: The form's.
        typed: Its values by field key, without secrets. Where they name no server yet, there are none.

    Raises:
        NotPermitted.
    """
    require(ports, actor, Action.ADD)
    try:
        draft = read_draft(kind, _ANY_NAME, typed, keeps_secret=True)
    except InvalidFields:
        return ()
    return _of_user(ports.store.read(actor.workspace).integrations.at(draft.server), draft.username)


def _of_user(there: Sequence[Integration], username: str, but: str = "") -> tuple[Integration, ...]:
    if not username:
        return ()
    return tuple([one for one in there if one.username == username and one.id != but][:_MOST_SAME])


def refuse_taken_name(reading: Reading, name: str, own_id: str = "") -> None:
    """Raise ``InvalidFields`` at the name when another integration has it."""
    holder = reading.integrations.named(name)
    if holder and holder.id != own_id:
        raise InvalidFields({"name": str(NameTaken(holder.name))})


def draft_integration(
    actor: Actor, keyring: CredentialKeyring, draft: Draft, *, linked_only: bool = False
) -> Integration:
    """Make a new integration of a draft, its credential sealed for it."""
    ends = end_of_credential(draft.credential)
    made = Integration(
        id=new_id(),
        name=draft.name,
        kind=draft.kind.id,
        server=draft.server,
        username=draft.username,
        secret=None,
        owner=actor.user_id,
        created_at=actor.at,
        created_by=actor.user_id,
        updated_at=actor.at,
        options=draft.options,
        ca=draft.ca,
        linked_only=linked_only,
        note=draft.note,
        ends_on=draft.ends_on,
        secret_ends=ends,
    )
    return seal_credential(keyring, actor.workspace, made, draft.credential)


def read_unused_days(text: str) -> int:
    """Read a number of days; empty means 90. Raises ``InvalidInput``."""
    if not text:
        return _DEFAULT_DAYS
    if not (re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= 3650):
        raise InvalidInput("Give a number of days from 1 to 3650.", "Example: /integrations unused 30")
    return int(text)


def list_unused(ports: Ports, actor: Actor, days: int) -> tuple[int, tuple[Unused, ...]]:
    """Count the integrations that nothing has used for so many days, and return the first 20."""
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    return reading.integrations.unused(actor.at - timedelta(days=days), _MOST_UNUSED)


def read_history(ports: Ports, actor: Actor, query: HistoryQuery) -> HistoryPage:
    """
    Read a page of entries, newest first: refused attempts too, and those of integrations that are gone.

    Raises:
        NotPermitted.
    """
    require(ports, actor, Action.SEE)
    return ports.store.read(actor.workspace).history.page(query)


def read_whole_history(ports: Ports, actor: Actor, query: HistoryQuery, most: int) -> tuple[AuditEntry, ...]:
    """Read every entry that fits, the newest ``most`` of them. Raises ``NotPermitted``."""
    require(ports, actor, Action.SEE)
    history = ports.store.read(actor.workspace).history
    found: list[AuditEntry] = []
    before: int | None = None
    while len(found) < most:
        page = history.page(replace(query, before=before, size=_EXPORTED_AT_ONCE))
        found += page.entries
        before = page.older
        if before is None:
            break
    return tuple(found[:most])


def names_in_history(ports: Ports, actor: Actor, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Find at most three names that look like it or contain its words.

    Returns:
        The names of integrations, then those of deleted ones; none when an integration is called so.

    Raises:
        NotPermitted.
    """
    require(ports, actor, Action.SEE)
    reading = ports.store.read(actor.workspace)
    if reading.integrations.named(name):
        return (), ()
    living = reading.integrations.nearest(name)[:3]
    gone = dict.fromkeys(one.event.name for one in reading.history.deletions(_MOST_GONE))
    words = name_key(name).split()
    containing = [one for one in gone if all(word in name_key(one) for word in words)]
    alike = get_close_matches(name, gone, n=3)
    deleted = [one for one in dict.fromkeys([*containing, *alike]) if not reading.integrations.named(one)]
    return living, tuple(deleted[: 3 - len(living)])
