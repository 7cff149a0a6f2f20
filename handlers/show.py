"""Show an integration: every field but the secret, what depends on it, and its latest history.

payload -> show | show_pressed -> show_integration -> shown -> ack | show
payload -> unlink_pressed -> unlink_if_linked, show_integration -> shown -> replace
payload -> share_pressed -> show_integration -> share
"""

from slack_bolt import Ack

from bot.core.access import may
from bot.core.audit import Action
from bot.core.integrations.dependencies import may_unlink, unlink_if_linked
from bot.core.integrations.ends import known_ends
from bot.core.integrations.inventory import Details, show_integration
from bot.core.integrations.rotation import Progress, look_at_progress
from bot.core.kinds import Kind, Kinds
from bot.core.model import Actor, Dependency, FormerCredential, Integration
from bot.core.texts import shortened
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    context,
    divider,
    escape,
    header,
    link,
    mention,
    message,
    pack_link,
    paragraphs,
    plain,
    public,
    read_link,
    section,
    share_button,
    share_id,
    when,
)
from handlers.delete import ASK as DELETE
from handlers.edit import OPEN as EDIT
from handlers.form import MAKE_DEFAULT, alike_note, undecided_note
from handlers.history import OPEN as HISTORY
from handlers.link import OPEN as LINK
from handlers.notify import MUTE, UNMUTE
from handlers.owner_news import give_one, owned_id
from handlers.phrases import age_in_words, history_line, last_check, origin
from handlers.picker import open_picker
from handlers.revoke import OPEN as LEAKED
from handlers.rotate import OPEN as ROTATE
from handlers.rotation_news import how_far
from handlers.routes import Press, Routes, Verb, Words
from handlers.surfaces import Surface
from handlers.tags import OPEN as TAGS
from handlers.test import OPEN as TEST
from handlers.token import OPEN as TOKEN

OPEN = "show.open"
_UNLINK = "show.unlink"


def register(routes: Routes) -> None:
    """Add the verb, the row's button, Unlink and Share."""
    opens = {"": open_picker("Show", OPEN)}
    summary = "shows everything but the secret, and what you can do"
    routes.verb(Verb("show", show, "NAME", "my_registry", summary, ("view", "info"), opens), does=Action.SEE)
    routes.action(OPEN, show_pressed, does=Action.SEE)
    routes.action(_UNLINK, unlink_pressed, changes=True)
    routes.action(share_id("show"), share_pressed)


def show(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``show NAME``."""
    details = show_integration(services.ports, actor, name=words.name)
    rotation = look_at_progress(services.ports, actor, details.integration)
    ack(**shown(details, rotation, services.kinds, actor))


def show_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer a row's Show entry."""
    details = show_integration(services.ports, actor, integration_id=press.value)
    rotation = look_at_progress(services.ports, actor, details.integration)
    surface.show(shown(details, rotation, services.kinds, actor))


def unlink_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Remove a target, and show the integration as it is then."""
    integration_id, target = read_link(press.value, "show")
    note = unlink_if_linked(services.ports, actor, integration_id, target)
    details = show_integration(services.ports, actor, integration_id=integration_id)
    rotation = look_at_progress(services.ports, actor, details.integration)
    done = note or f"{target.in_words} no longer depends on it."
    surface.replace(shown(details, rotation, services.kinds, actor, done))


def share_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show the channel everything that is not secret."""
    details = show_integration(services.ports, actor, integration_id=press.value)
    surface.share(_for_others(details, services.kinds, actor))


def _for_others(details: Details, kinds: Kinds, actor: Actor) -> Message:
    """What everybody in a channel may read: no user name, no field of the kind, no history."""
    integration = details.integration
    lines = [("Type", escape(kinds[integration.kind].label)), ("Server", code(integration.server.origin))]
    lines += [("Default", "for its server")] if integration.is_default else []
    lines += [("Ends", f"{end.on} ({end.of.value})") for end in known_ends(integration)]
    lines += [("Note", escape(integration.note))] if integration.note else []
    lines += [("Owner", mention(integration.owner)), ("Last check", last_check(integration))]
    targets = [f"• {row.target.kind.value} {code(row.target.name)}" for row in details.dependencies.rows]
    fields = [f"*{label}:*  {value}" for label, value in lines]
    blocks = [
        header(integration.name),
        *paragraphs([*fields, _count_of(details), *targets, *_rest_of(details)]),
    ]
    return public(f"{integration.name}: {integration.server.address}", blocks, actor)


def shown(details: Details, rotation: Progress | None, kinds: Kinds, actor: Actor, note: str = "") -> Message:
    """Everything there is to see, and what this person can do with it, as a message."""
    integration = details.integration
    kind = kinds[integration.kind]
    noted = [context(escape(note))] if note else []
    blocks = [header(integration.name), *noted, *paragraphs(_fields_of(integration, kind, actor))]
    blocks += [section(how_far(rotation))] if rotation else []
    blocks += [
        _row_of_buttons(integration, actor),
        *_owners_row(integration, actor),
        *alike_note(details.alike),
        *_who_answers(details, actor),
        divider(),
        *_dependencies_of(details, actor),
        divider(),
        *_history_of(details),
    ]
    return message(f"{integration.name}: {kind.label}, {integration.server.address}", blocks)


def _who_answers(details: Details, actor: Actor) -> list[Block]:
    """Which of several at its server is used for targets that are linked to none of them."""
    integration = details.integration
    if details.default and not integration.is_default:
        default = bold(details.default.name)
        text = f"Targets that aren't linked to an integration for this server get the default, {default}."
        return [context(text)]
    if not details.is_undecided:
        return []
    is_theirs = may(actor, Action.EDIT, integration.owner)
    make = [actions(button("Make this the default", MAKE_DEFAULT, integration.id))] if is_theirs else []
    return [*undecided_note([integration.server]), *make]


def _fields_of(integration: Integration, kind: Kind, actor: Actor) -> list[str]:
    """Each field on its line; for a secret, only whether it is set."""
    unlocked = "   :unlock: not encrypted" if integration.server.is_plain else ""
    lines = [("Type", escape(kind.label)), ("Server", code(integration.server.origin) + unlocked)]
    lines += [("Username", code(integration.username))] if integration.username else []
    lines.append(("Secret", "set, sealed" if integration.secret else "none"))
    lines += [("Credential", age_in_words(integration, actor.at))] if integration.secret else []
    lines += [("Former secret", _kept_former(integration.former))] if integration.former else []
    lines += [("New credentials", _how_made(integration))] if integration.management else []
    lines += [(_label_of(kind, key), code(value)) for key, value in integration.options.items()]
    lines += [("CA certificate", "set")] if integration.ca else []
    lines += [("Allowed token server", code(realm)) for realm in integration.trusted_realms]
    lines += [("Default", "for its server")] if integration.is_default else []
    lines += [("Who may fetch it", "linked targets only")] if integration.linked_only else []
    lines += [("Ends", f"{end.on} ({end.of.value})") for end in known_ends(integration)]
    lines += [("Note", escape(integration.note))] if integration.note else []
    has_left = ", who has left" if integration.orphaned_at else ""
    lines.append(("Owner", mention(integration.owner) + has_left))
    lines.append(("Added", f"{when(integration.created_at)} by {mention(integration.created_by)}"))
    lines.append(("Last check", last_check(integration)))
    muted_until = integration.watch.muted_until
    lines += (
        [("Muted", f"until {when(muted_until)}")] if muted_until and _is_muted(integration, actor) else []
    )
    return [f"*{label}:*  {value}" for label, value in lines]


def _how_made(integration: Integration) -> str:
    """That Quaymaster creates the next credential, and when."""
    days = integration.rotate_every_days
    return f"created by Quaymaster, {f'every {days} days' if days else 'on request'}"


def _kept_former(former: FormerCredential) -> str:
    return f"kept (sealed) since {when(former.replaced_at)} by {mention(former.replaced_by)}"


def _label_of(kind: Kind, key: str) -> str:
    """The label a field has in the form."""
    field = kind.field(key)
    return field.label if field else key.replace("_", " ").capitalize()


def _row_of_buttons(integration: Integration, actor: Actor) -> Block:
    """What this person can do next."""
    value, is_theirs = integration.id, may(actor, Action.EDIT, integration.owner)
    buttons = [button("Edit", EDIT, value)] if is_theirs else []
    buttons += [button("Rotate", ROTATE, value)] if is_theirs and integration.secret else []
    buttons += [button("Test", TEST, value), button("Tags", TAGS, value)]
    buttons += [button("Link", LINK, value)] if may(actor, Action.NOTE) else []
    buttons += [button("Make a token", TOKEN, value)] if may(actor, Action.CREATE_TOKEN) else []
    buttons += [button("History", HISTORY, value), share_button("show", value)]
    return actions(*buttons)


def _owners_row(integration: Integration, actor: Actor) -> list[Block]:
    """What only its owner and admins can do: give it away, mute it, delete it."""
    if not may(actor, Action.GIVE, integration.owner):
        return []
    value = integration.id
    mute = (
        button("Unmute", UNMUTE, value) if _is_muted(integration, actor) else button("Mute 24 h", MUTE, value)
    )
    leaked = [button("Leaked", LEAKED, value)] if may(actor, Action.REVOKE_ALL) else []
    delete = button("Delete", DELETE, value, style="danger")
    return [actions(give_one(integration), mute, *leaked, delete, block_id=owned_id(integration))]


def _is_muted(integration: Integration, actor: Actor) -> bool:
    until = integration.watch.muted_until
    return until is not None and actor.at < until


def _dependencies_of(details: Details, actor: Actor) -> list[Block]:
    """How many depend on it, and the first of them: where each came from, and for those who may, Unlink."""
    rows = [_dependency_row(details.integration, row, actor) for row in details.dependencies.rows]
    return [section(_count_of(details)), *rows, *map(context, _rest_of(details))]


def _dependency_row(integration: Integration, row: Dependency, actor: Actor) -> Block:
    settings = f"  {link(row.settings_url, 'Settings')}" if row.settings_url else ""
    text = f"{row.target.kind.value} {code(row.target.name)}\n{origin(row)}{settings}"
    return section(
        text, _unlink_button(integration, row, actor) if may_unlink(actor, integration, row) else None
    )


def _unlink_button(integration: Integration, row: Dependency, actor: Actor) -> Block:
    """The button that removes a target, after Slack's own confirmation dialog."""
    name = row.target.in_words
    asked = f"{shortened(name)} can't fetch {integration.name} until somebody links it again."
    noted = f"{shortened(name)} no longer counts as depending on {integration.name}."
    question = asked if may(actor, Action.UNLINK, integration.owner) else noted
    asking = {
        "title": plain("Unlink?"),
        "text": plain(question),
        "confirm": plain("Unlink"),
        "deny": plain("Keep"),
    }
    value = pack_link(integration.id, row.target)
    return {**button("Unlink", _UNLINK, value, label=f"Unlink {name}"), "confirm": asking}


def _count_of(details: Details) -> str:
    return f"*Dependencies:*  {details.dependencies.total or 'none'}"


def _rest_of(details: Details) -> list[str]:
    """Where to find the targets that have no row here."""
    more = details.dependencies.total - len(details.dependencies.rows)
    hint = f"… and {more} more: `/integrations delete {details.integration.name}` lists them."
    return [hint] if more else []


def _history_of(details: Details) -> list[Block]:
    """The last entries, newest first."""
    lines = [history_line(entry) for entry in details.history.entries] or ["empty"]
    return [section("*History*"), *map(context, lines)]
