"""Secrets that are entered on a page of ours instead of in Slack, by a link for one person.

make_link -> (the page, with what ``describe`` says) -> enter_secret -> add | edit | rotate | keep_management

1. A link is for one person, one integration and its version, and 10 minutes. It belongs to a key pair: the
   public key travels in the link's fragment, which no server is sent; the private key is kept sealed here.
2. The page seals what is typed to the public key. What carries the request, and what ends its TLS, sees
   ciphertext only.
3. To read what the page must ask for, it proves that it has the link: with a hash of the public key.
4. What is entered goes the way of *Save*, with the same check. The save and the end of the link are one
   change: of two submissions one wins, and a refused one uses nothing up.
5. A link that was used or is over keeps no key: what was sealed to it opens nowhere from then on.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from hmac import compare_digest

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
from bot.core.integrations.made_credentials import keep_management, management_form
from bot.core.integrations.rotation import begin_rotation, plan_rotation
from bot.core.kinds import Field, Kind, Kinds, known_values, read_draft
from bot.core.model import NO_OPTIONS, Actor, Integration, Role, Setting, Workspace, new_id
from bot.core.news import record_and_tell
from bot.core.ports import Ports
from bot.core.ports.keyring import Box
from bot.core.ports.slack import Person
from bot.core.ports.store import Also, Change, Reading
from bot.core.secrets import SealContext, Sealed, Secret

_LIFETIME = timedelta(minutes=10)
_KEPT = timedelta(days=1)
"""How long a link that has ended is remembered, so that the page can say why it is refused."""
_MOST_ENDED = 200
_MOST_OF_ONE = 20
"""How many usable links one person may have made; the oldest of theirs end first."""
_USED = "used"
_OVER = "over"
_AGAIN = "Ask for a new one in Slack."
_ENDED = {_USED: "This link was already used.", _OVER: "This link is older than 10 minutes."}
"""What is kept of a link that has ended, in the place of everything sealed; and what is said of it."""
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
    MANAGE = "Management credential"


_ACTIONS = {
    Purpose.ADD: Action.ADD,
    Purpose.EDIT: Action.EDIT,
    Purpose.ROTATE: Action.ROTATE,
    Purpose.MANAGE: Action.ROTATE,
}


@dataclass(frozen=True, slots=True)
class EntryLink:
    """A link. It is sealed as a whole, so write access to the store can neither create nor change one."""

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
    is_default: bool = False
    ends_on: date | None = None
    note: str = ""
    private: Secret = field(default_factory=lambda: Secret(""))
    typed: Mapping[str, str] = field(default_factory=lambda: NO_OPTIONS)
    """What was typed in Slack beside the secret, by field key and ``name``; empty = there was no form."""


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link, and the public key that goes into its fragment."""

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
    can_skip_check: bool = True


def make_link(
    ports: Ports,
    actor: Actor,
    kind: Kind,
    purpose: Purpose,
    integration: Integration | None = None,
    typed: Mapping[str, str] = NO_OPTIONS,
    *,
    person: Person | None = None,
    sharing: Sharing | None = None,
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
        sharing: As the form said.
        ends_on: As the form said.
        note: As the form said.

    Raises:
        NotPermitted.
        InvalidInput: The person is not a full member.
    """
    require(ports, actor, _ACTIONS[purpose], integration)
    if person and person.is_outsider:
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
        linked_only=bool(sharing and sharing.linked_only),
        is_default=bool(sharing and sharing.is_default),
        ends_on=ends_on,
        note=note,
        private=box.private,
        typed=typed,
    )
    asked = event(actor, Action.ASK_SECRET, integration, person=link.person)
    with ports.store.change(actor.workspace) as change:
        _end_old(change, actor.at)
        _make_room(change, actor.user_id)
        change.put(_kept(ports, actor.workspace, link))
        change.record(asked if integration else replace(asked, name=typed.get("name", "")))
    return MadeLink(link, box.public)


def describe(ports: Ports, kinds: Kinds, workspace: Workspace, link_id: str, proof: str) -> PageForm:
    """
    Say what the page must ask for. Nothing is used up by it.

    Raises:
        LinkRefused: There is no such link, or it cannot be used any more; the message says why.
    """
    reading = ports.store.read(workspace)
    link = _usable(ports, reading, link_id, proof)
    found = reading.integrations.get(link.integration_id)
    kind = _kind_of(ports, kinds, link, found)
    secrets = tuple(one for one in kind.fields if one.is_secret)
    can_skip = link.purpose is not Purpose.MANAGE
    known = known_values(found) if found and can_skip else {}
    values = {"name": found.name if found else "", **known, **link.typed}
    draft = read_draft(kind, values["name"], values, keeps_secret=True)
    ends_at = link.made_at + _LIFETIME
    return PageForm(link.purpose.value, draft.name, draft.server.address, secrets, ends_at, can_skip)


def _kind_of(ports: Ports, kinds: Kinds, link: EntryLink, found: Integration | None) -> Kind:
    """The fields that a link asks for. Raises ``LinkRefused`` where there is no management credential."""
    if link.purpose is not Purpose.MANAGE or found is None:
        return kinds[link.kind]
    form = management_form(ports, found)
    if form is None:
        raise LinkRefused("Quaymaster cannot create credentials here.", "Create one at the registry.")
    return form


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
    actor = person if link.asked_by == link.person else replace(actor_of(link.asked_by), at=person.at)
    if actor.role is Role.NOBODY:
        raise LinkRefused("The person who asked you for this has left.", "Ask a workspace admin.")
    try:
        return _save(ports, kinds, actor, link, entered, _use_up(person, link))
    except (Changed, InvalidFields):
        # Perhaps somebody was faster: with this link, or with an edit. Looked up as a change sees it, because
        # a reading may not have yet what the faster one is about to keep.
        with ports.store.change(workspace) as change:
            _usable(ports, change, link_id, box.proof)
        raise


def end_old_links(ports: Ports) -> None:
    """Drop the keys of all links that are over, of every workspace: for the clock."""
    at = ports.now()
    for workspace in ports.store.workspaces():
        if any(_is_due(text, at) for text in _links_in(ports.store.read(workspace)).values()):
            with ports.store.change(workspace) as change:
                _end_old(change, at)


def _save(
    ports: Ports,
    kinds: Kinds,
    actor: Actor,
    link: EntryLink,
    entered: Mapping[str, str],
    also: Also,
) -> str:
    kind, typed = kinds[link.kind], link.typed
    secrets = {one.key: entered[one.key] for one in kind.fields if one.is_secret and one.key in entered}
    is_checked = entered.get("skip") != "yes"
    if link.purpose is Purpose.ADD:
        draft = read_draft(kind, typed.get("name", ""), {**typed, **secrets}, keeps_line_break=not is_checked)
        draft = replace(draft, note=link.note, ends_on=link.ends_on)
        closed = link.linked_only
        added = add_integration(ports, actor, draft, is_checked=is_checked, linked_only=closed, also=also)
        return added.integration.name
    found = present(ports.store.read(actor.workspace), link.integration_id)
    if link.purpose is Purpose.MANAGE:
        return _manage(ports, actor, link, _kind_of(ports, kinds, link, found), entered, also)
    values = {**known_values(found), **typed, **secrets}
    name = typed.get("name", found.name)
    draft = read_draft(kind, name, values, keeps_secret=True, keeps_line_break=not is_checked)
    if not draft.credential:
        secret = kind.secret_field
        raise InvalidFields({secret.key if secret else "name": "Enter the secret."})
    if link.purpose is Purpose.ROTATE:
        plan = plan_rotation(ports, actor, link.integration_id, link.version)
        draft = replace(draft, name=found.name, ends_on=link.ends_on)
        begin_rotation(ports, actor, plan, draft, is_checked=is_checked, also=also)
        return found.name
    if found.version != link.version:
        raise Changed(found.name)
    edit = plan_edit(ports, actor, link.integration_id)
    beside = link if typed else found
    draft = replace(draft, note=beside.note, ends_on=beside.ends_on)
    sharing = Sharing(beside.is_default, beside.linked_only)
    edited = edit_integration(ports, actor, edit, draft, sharing, is_checked=is_checked, also=also)
    return edited.integration.name


def _manage(
    ports: Ports, actor: Actor, link: EntryLink, kind: Kind, entered: Mapping[str, str], also: Also
) -> str:
    """Keep what was entered as an integration's management credential."""
    secrets = {one.key: entered.get(one.key, "") for one in kind.fields if one.is_secret}
    name = present(ports.store.read(actor.workspace), link.integration_id).name
    draft = read_draft(kind, name, {**link.typed, **secrets})
    return keep_management(ports, actor, link.integration_id, link.version, draft, also=also).name


def _use_up(person: Actor, link: EntryLink) -> Also:
    """End a link in the very change that keeps what was entered; of two, the second is refused there."""

    def use_up(change: Change, integration: Integration) -> None:
        name = _PREFIX + link.id
        kept = change.settings.get(name)
        if kept is None or _state_of(kept) in _ENDED:
            raise LinkRefused(_ENDED[_USED], _AGAIN)
        change.put(_ended(name, kept, _USED))
        done = event(person, Action.ENTER_SECRET, integration, person=link.asked_by)
        record_and_tell(change, done, (link.asked_by,))

    return use_up


def _usable(ports: Ports, reading: Reading, link_id: str, proof: str) -> EntryLink:
    """Find a link that can be used now. Raises ``LinkRefused`` with the reason."""
    kept = reading.settings.get(_PREFIX + link_id) or ""
    if (state := _state_of(kept)) in _ENDED:
        raise LinkRefused(_ENDED[state], _AGAIN)
    link = _opened(ports, reading.workspace, link_id, state) if kept else None
    if link is None or not compare_digest(link.proof.encode(), proof.encode()):
        raise LinkRefused("This link is unknown or was not copied completely.", _AGAIN)
    if ports.now() >= link.made_at + _LIFETIME:
        raise LinkRefused(_ENDED[_OVER], _AGAIN)
    if not link.integration_id:
        return link
    try:
        found = present(reading, link.integration_id)
    except (AlreadyDeleted, NotFound) as error:
        raise LinkRefused(error.message, "There is nothing to enter a secret for.") from error
    if found.version != link.version:
        raise LinkRefused(f"“{found.name}” was changed after this link was created.", _AGAIN)
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
    """A link as it is kept: when it was made and by whom, to be ended by, and everything else sealed."""
    facts = {one.name: getattr(link, one.name) for one in fields(link) if one.name not in (_PRIVATE, "typed")}
    written = {key: one.isoformat() if isinstance(one, date) else one for key, one in facts.items() if one}
    parts = {
        _PRIVATE: link.private,
        _FACTS: Secret(json.dumps(written)),
        **{_TYPED + key: Secret(text) for key, text in link.typed.items()},
    }
    sealed = ports.keyring.seal(_context(workspace, link.id), parts)
    return Setting(_PREFIX + link.id, f"{link.made_at.isoformat()} {link.asked_by} {sealed}")


def _opened(ports: Ports, workspace: Workspace, link_id: str, sealed: str) -> EntryLink:
    parts = ports.keyring.open(_context(workspace, link_id), Sealed(sealed))
    facts = json.loads(parts[_FACTS].reveal())
    facts["made_at"] = datetime.fromisoformat(facts["made_at"])
    if "ends_on" in facts:
        facts["ends_on"] = date.fromisoformat(facts["ends_on"])
    facts["purpose"] = Purpose(facts["purpose"])
    typed = {key.removeprefix(_TYPED): one.reveal() for key, one in parts.items() if key.startswith(_TYPED)}
    return EntryLink(**facts, private=parts[_PRIVATE], typed=typed)


def _links_in(reading: Reading) -> dict[str, str]:
    """Every link that is kept, by the name of its setting."""
    return {name: text for name, text in reading.settings.all().items() if name.startswith(_PREFIX)}


def _state_of(kept: str) -> str:
    """How a link has ended; or, sealed, all that belongs to it."""
    return kept.rpartition(" ")[2]


def _made_at(kept: str) -> datetime:
    return datetime.fromisoformat(kept.partition(" ")[0])


def _ended(name: str, kept: str, state: str) -> Setting:
    return Setting(name, f"{_made_at(kept).isoformat()} {state}")


def _is_due(kept: str, at: datetime) -> bool:
    """True for a link that is over and keeps its key, and for one that ended long ago."""
    return at >= _made_at(kept) + (_KEPT if _state_of(kept) in _ENDED else _LIFETIME)


def _end_old(change: Change, at: datetime) -> None:
    """Drop the keys of links that are over, and forget those that ended long ago or are too many."""
    kept = _links_in(change)
    for name, text in kept.items():
        if _state_of(text) not in _ENDED and _is_due(text, at):
            change.put(_ended(name, text, _OVER))
    ended = [name for name, text in kept.items() if _state_of(text) in _ENDED]
    newest_first = sorted(ended, key=lambda name: kept[name], reverse=True)
    for place, name in enumerate(newest_first):
        if place >= _MOST_ENDED or _is_due(kept[name], at):
            change.remove(Setting(name, kept[name]))


def _make_room(change: Change, maker: str) -> None:
    """End the oldest links of somebody who has made many, and nobody else's."""
    links = _links_in(change)
    theirs = sorted((text, name) for name, text in links.items() if text.split(" ")[1] == maker)
    for text, name in theirs[: max(0, len(theirs) - _MOST_OF_ONE + 1)]:
        change.put(_ended(name, text, _OVER))
