"""Secrets that are entered on a page of ours instead of in Slack, by a link for one person.

make_link -> (the page, with what ``describe`` says) -> enter_secret -> add | edit | rotate

1. A link is for one person, one integration and its version, and 10 minutes. It belongs to a key pair: the
   public key travels in the link's fragment, which no server is sent; the private key is kept sealed here.
2. The page seals what is typed to the public key. What carries the request, and what ends its TLS, sees
   ciphertext only.
3. To read what the page must ask for, it proves that it has the link: with a hash of the public key.
4. What is entered goes the way of *Save*, with the same check. The link is bound to the integration's
   version, which the save itself raises: of two submissions one wins, and a refused one uses nothing up.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from bot.core.access import require
from bot.core.audit import Action, event
from bot.core.errors import (
    AlreadyDeleted,
    Changed,
    InvalidFields,
    InvalidInput,
    LinkRefused,
    NotFound,
)
from bot.core.integrations.edits import Sharing, edit_integration, plan_edit
from bot.core.integrations.inventory import add_integration, present
from bot.core.integrations.rotation import begin_rotation, plan_rotation
from bot.core.kinds import Field, Kind, Kinds, known_values, read_draft
from bot.core.model import NO_OPTIONS, Actor, Integration, Role, Setting, Workspace, new_id
from bot.core.news import record_news
from bot.core.ports import Ports
from bot.core.ports.keyring import Box
from bot.core.ports.slack import Person
from bot.core.ports.store import Change, Reading
from bot.core.secrets import SealContext, Sealed, Secret

_LIFETIME = timedelta(minutes=10)
_KEPT = timedelta(days=1)
"""How long a link that is over is remembered, so that the page can say why it is refused."""
_MOST_KEPT = 200
_PREFIX = "link "
_PRIVATE = "private"
_FACTS = "facts"
_TYPED = "typed "

ActorOf = Callable[[str], Actor]
"""Finds out who a person is at this moment, by their id. Raises ``Busy``."""


class Purpose(StrEnum):
    """What is done with what is entered; the value is what the page calls it."""

    ADD = "Add integration"
    EDIT = "New secret"
    ROTATE = "Rotate"


@dataclass(frozen=True, slots=True)
class EntryLink:
    """A link. It is kept sealed as a whole: a hand on the store makes none, and changes none."""

    id: str
    proof: str
    """What shows that somebody has the link: a hash of its public key."""
    purpose: Purpose
    person: str
    """Who may use it."""
    asked_by: str
    """Whose right it is used with: the person's own, or that of who asked them."""
    made_at: datetime
    kind: str
    integration_id: str = ""
    version: int = 0
    linked_only: bool = False
    ends_on: date | None = None
    note: str = ""
    used_at: datetime | None = None
    private: Secret = field(default_factory=lambda: Secret(""))
    typed: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    """What was typed in Slack beside the secret, by field key and ``name``."""


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link, and the public key that belongs into its fragment."""

    link: EntryLink
    public: str


@dataclass(frozen=True, slots=True)
class PageForm:
    """What the page asks for."""

    title: str
    name: str
    server: str
    fields: tuple[Field, ...]
    ends_at: datetime


def make_link(
    ports: Ports,
    actor: Actor,
    kind: Kind,
    purpose: Purpose,
    integration: Integration | None = None,
    typed: Mapping[str, str] = NO_OPTIONS,
    *,
    person: Person | None = None,
    linked_only: bool = False,
    ends_on: date | None = None,
    note: str = "",
) -> MadeLink:
    """
    Make a link.

    Args:
        ports: The ports.
        actor: Who may add, edit or rotate.
        kind: The kind of the integration.
        purpose: What is done with what is entered.
        integration: Which one; ``None`` = one that is added.
        typed: What was typed in Slack, by field key and ``name``; no secret.
        person: Who is asked to enter it; ``None`` = the actor.
        linked_only: For what is added: as the form said.
        ends_on: As the form said.
        note: As the form said.

    Raises:
        NotPermitted.
        InvalidInput: The person is not a full member.
    """
    action = {Purpose.ADD: Action.ADD, Purpose.EDIT: Action.EDIT, Purpose.ROTATE: Action.ROTATE}[purpose]
    require(ports, actor, action, integration)
    if person and (person.is_bot or person.is_guest or person.is_deleted):
        raise InvalidInput(
            "Guests, bots and deactivated people cannot enter secrets.",
            "Ask a full member of this workspace.",
        )
    box = ports.keyring.new_box()
    link = EntryLink(
        id=new_id(),
        proof=box.proof,
        purpose=purpose,
        person=person.user_id if person else actor.user_id,
        asked_by=actor.user_id,
        made_at=actor.at,
        kind=kind.id,
        integration_id=integration.id if integration else "",
        version=integration.version if integration else 0,
        linked_only=linked_only,
        ends_on=ends_on,
        note=note,
        private=box.private,
        typed=typed,
    )
    with ports.store.change(actor.workspace) as change:
        _drop_old(change, actor.at)
        change.put(_kept(ports, actor.workspace, link))
        change.record(event(actor, Action.ASK_SECRET, integration, person=link.person))
    return MadeLink(link, box.public)


def describe(ports: Ports, kinds: Kinds, workspace: Workspace, link_id: str, proof: str) -> PageForm:
    """
    Say what the page must ask for. Nothing is used up by it.

    Raises:
        LinkRefused: There is no such link, or it cannot be used any more; the message says why.
    """
    reading = ports.store.read(workspace)
    link = _usable(ports, reading, link_id, proof)
    kind = kinds[link.kind]
    found = reading.integrations.get(link.integration_id)
    name = found.name if found else link.typed.get("name", "")
    secrets = tuple(one for one in kind.fields if one.is_secret)
    server = found.server.address if found else link.typed.get("url", kind.label)
    return PageForm(link.purpose.value, name, server, secrets, link.made_at + _LIFETIME)


def enter_secret(
    ports: Ports,
    kinds: Kinds,
    workspace: Workspace,
    link_id: str,
    box: Box,
    actor_of: ActorOf,
) -> str:
    """
    Open what the page sealed, check it with the registry and keep it, exactly as *Save* does.

    Args:
        ports: The ports.
        kinds: Every kind.
        workspace: The one that the link is of.
        link_id: Which link.
        box: What the page sealed.
        actor_of: Finds out who somebody is at this moment.

    Returns:
        The integration's name.

    Raises:
        LinkRefused: The link cannot be used; the message says why.
        InvalidFields: What was entered is refused; the link can be used again.
        NotPermitted: Whose link it is may not do this any more.
    """
    link = _usable(ports, ports.store.read(workspace), link_id, box.proof)
    entered = _read_entered(ports.keyring.open_box(link.private, box, link.id))
    person = actor_of(link.person)
    if person.role is Role.NOBODY:
        raise LinkRefused("You are no longer a member of this workspace.", "Ask one of its admins.")
    actor = person if link.asked_by == link.person else actor_of(link.asked_by)
    actor = replace(actor, request_id=link.id)
    try:
        name = _save(ports, kinds, actor, link, entered)
    except Changed:
        # Somebody was faster: with this link, or with an edit.
        _usable(ports, ports.store.read(workspace), link_id, box.proof)
        raise
    _mark_used(ports, person, link)
    return name


def _save(
    ports: Ports,
    kinds: Kinds,
    actor: Actor,
    link: EntryLink,
    entered: Mapping[str, str],
) -> str:
    kind, typed = kinds[link.kind], link.typed
    secrets = {one.key: entered[one.key] for one in kind.fields if one.is_secret and one.key in entered}
    is_checked = entered.get("skip") != "yes"
    if link.purpose is Purpose.ADD:
        draft = read_draft(kind, typed.get("name", ""), {**typed, **secrets}, keeps_line_break=not is_checked)
        draft = replace(draft, note=link.note, ends_on=link.ends_on)
        added = add_integration(ports, actor, draft, is_checked=is_checked, linked_only=link.linked_only)
        return added.integration.name
    found = present(ports.store.read(actor.workspace), link.integration_id)
    values = {**known_values(found), **typed, **secrets}
    draft = read_draft(kind, found.name, values, keeps_secret=True, keeps_line_break=not is_checked)
    if not draft.credential:
        secret = kind.secret_field
        raise InvalidFields({secret.key if secret else "name": "Enter the secret."})
    if link.purpose is Purpose.ROTATE:
        plan = plan_rotation(ports, actor, link.integration_id, link.version)
        begin_rotation(ports, actor, plan, replace(draft, ends_on=link.ends_on), is_checked=is_checked)
        return found.name
    if found.version != link.version:
        raise Changed(found.name)
    edit = plan_edit(ports, actor, link.integration_id)
    kept = replace(draft, note=found.note, ends_on=found.ends_on)
    sharing = Sharing(found.is_default, found.linked_only)
    edit_integration(ports, actor, edit, kept, sharing, is_checked=is_checked)
    return found.name


def _mark_used(ports: Ports, person: Actor, link: EntryLink) -> None:
    """Note that a link was used, for the sentence about it; the save itself has made it useless already."""
    with ports.store.change(person.workspace) as change:
        change.put(_kept(ports, person.workspace, replace(link, used_at=person.at)))
        found = change.integrations.get(link.integration_id)
        done = event(person, Action.ENTER_SECRET, found, person=link.asked_by)
        record_news(change, done, (link.asked_by,))


def _usable(ports: Ports, reading: Reading, link_id: str, proof: str) -> EntryLink:
    """Find a link that can be used now. Raises ``LinkRefused`` with the reason."""
    again = "Ask for a new one in Slack."
    link = _link_of(ports, reading, link_id)
    if link is None or link.proof != proof:
        raise LinkRefused("This link is not known here, or it was not copied whole.", again)
    if link.used_at:
        raise LinkRefused("This link was used already.", again)
    if ports.now() >= link.made_at + _LIFETIME:
        raise LinkRefused("This link is older than 10 minutes.", again)
    if not link.integration_id:
        return link
    try:
        found = present(reading, link.integration_id)
    except (AlreadyDeleted, NotFound) as error:
        raise LinkRefused(error.message, "There is nothing to enter a secret for.") from error
    if found.version != link.version:
        raise LinkRefused(f"“{found.name}” was changed after this link was made.", again)
    return link


def _read_entered(plain: Secret) -> Mapping[str, str]:
    """What the page sealed: texts by field key."""
    try:
        fields = json.loads(plain.reveal())
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict) or not all(isinstance(one, str) for one in fields.values()):
        raise LinkRefused("What the page sent cannot be read.", "Reload the page and enter it again.")
    return fields


def _context(workspace: Workspace, link_id: str) -> SealContext:
    return SealContext(workspace.key, link_id, field="entry link")


def _kept(ports: Ports, workspace: Workspace, link: EntryLink) -> Setting:
    """A link as it is kept: when it was made, to be forgotten by, and everything else sealed."""
    facts = {one.name: getattr(link, one.name) for one in fields(link) if one.name not in (_PRIVATE, "typed")}
    written = {key: one.isoformat() if isinstance(one, date) else one for key, one in facts.items() if one}
    parts = {
        _PRIVATE: link.private,
        _FACTS: Secret(json.dumps(written)),
        **{_TYPED + key: Secret(text) for key, text in link.typed.items()},
    }
    sealed = ports.keyring.seal(_context(workspace, link.id), parts)
    return Setting(_PREFIX + link.id, f"{link.made_at.isoformat()} {sealed}")


def _link_of(ports: Ports, reading: Reading, link_id: str) -> EntryLink | None:
    kept = reading.settings.get(_PREFIX + link_id)
    if kept is None:
        return None
    parts = ports.keyring.open(_context(reading.workspace, link_id), Sealed(kept.partition(" ")[2]))
    facts = json.loads(parts[_FACTS].reveal())
    for key in ("made_at", "used_at"):
        if key in facts:
            facts[key] = datetime.fromisoformat(facts[key])
    if "ends_on" in facts:
        facts["ends_on"] = date.fromisoformat(facts["ends_on"])
    facts["purpose"] = Purpose(facts["purpose"])
    typed = {key.removeprefix(_TYPED): one.reveal() for key, one in parts.items() if key.startswith(_TYPED)}
    return EntryLink(**facts, private=parts[_PRIVATE], typed=typed)


def _drop_old(change: Change, at: datetime) -> None:
    """Forget links that were over long ago, and the oldest where there are too many."""
    kept = {name: text for name, text in change.settings.all().items() if name.startswith(_PREFIX)}
    newest_first = sorted(kept, key=lambda name: kept[name], reverse=True)
    for place, name in enumerate(newest_first):
        made_at = datetime.fromisoformat(kept[name].partition(" ")[0])
        if place >= _MOST_KEPT or at - made_at > _KEPT:
            change.remove(Setting(name, kept[name]))
