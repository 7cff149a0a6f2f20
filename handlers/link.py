"""Record that a target depends on an integration, or remove that link.

payload -> link_typed -> link_target -> linked | _replacing -> ack
payload -> link_surely -> link_target -> linked -> replace
payload -> unlink_typed -> unlink_target -> unlinked -> ack
payload -> ask | ask_pressed | ask_unlink -> _form -> open
payload -> save | save_unlink -> as typed -> ack
"""

from dataclasses import dataclass

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.errors import InvalidFields, InvalidInput
from bot.core.integrations.dependencies import (
    STILL_USED,
    Linked,
    link_target,
    read_settings_url,
    unlink_target,
)
from bot.core.integrations.inventory import get_integration
from bot.core.integrations.target_names import find_similar, is_in_doubt, read_target, seal_name, unseal_name
from bot.core.model import Actor, Dependency, Integration, Target
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    View,
    actions,
    bold,
    button,
    code,
    context,
    escape,
    labelled,
    link,
    mention,
    message,
    modal,
    notice,
    pack,
    plain,
    read_value,
    section,
    text_input,
)
from handlers.form import state_value
from handlers.name_question import name_question
from handlers.picker import (
    chosen_integration,
    chosen_target,
    integration_input,
    new_target_inputs,
    target_input,
    typed_name,
)
from handlers.requests import let_in
from handlers.routes import COMMAND, Form, Press, Routes, Verb, Words
from handlers.surfaces import Surface, as_modal

OPEN = "link.open"
_SAVE = "link.save"
_UNLINK = "unlink.save"
_URL, _VALUE = "settings_url", "value"
TARGET = "project|environment|image TARGET"
_SURE = "link.sure"
_CANCEL = "link.cancel"
_ALIKE = "link.alike"
_NEW = "link.new"
_NAMED = "link.named"


def register(routes: Routes) -> None:
    """Add both verbs."""
    example = "my_registry project web-shop"
    records = "records that a target depends on it"
    more = "A target is a project, an environment or an image. `settings-url` is its page in your CI system."
    usage, opens = f"NAME {TARGET} [settings-url]", {"": ask}
    routes.verb(Verb("link", link_typed, usage, example, records, (), opens, more, typed_name))
    example, opens = "my_registry project web-shop", {"": ask_unlink}
    routes.verb(Verb("unlink", unlink_typed, f"NAME {TARGET}", example, "removes a link", (), opens))
    routes.action(OPEN, ask_pressed, does=Action.SEE)
    routes.form(_SAVE, save)
    routes.form(_UNLINK, save_unlink)
    routes.action(_SURE, link_surely, changes=True)
    routes.action(_CANCEL, cancel)
    routes.action(_ALIKE, link_alike, changes=True)
    routes.action(_NEW, link_alike, changes=True)
    routes.action(_NAMED, link_named, changes=True)


def link_typed(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``link NAME kind TARGET [settings-url]``."""
    words.at_most(4)
    target = _typed_target(words)
    try:
        settings_url = read_settings_url(words.optional(3))
    except InvalidInput as error:
        quotes = "Put a name of several words in quotation marks; the settings link comes after it."
        raise InvalidInput(error.message, f"{error.hint} {quotes}") from error
    name = words.at(0, "The integration's name")
    ack(**_answer(services, actor, name, target, settings_url))


def ask(surface: Surface) -> None:
    """Open the form that links."""
    surface.open(_form())


def ask_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Open the form that links to the integration of a button."""
    surface.open(_form(get_integration(services.ports, actor, press.value)))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Link what was chosen."""
    target = chosen_target(form)
    try:
        url = read_settings_url(state_value(form.values, _URL, _VALUE).strip())
    except InvalidInput as error:
        raise InvalidFields({_URL: str(error)}) from error
    name = get_integration(services.ports, actor, chosen_integration(form)).name
    ack(response_action="update", view=as_modal(_answer(services, actor, name, target, url)))


def ask_unlink(surface: Surface) -> None:
    """Open the form that removes a link."""
    blocks = [integration_input(), target_input()]
    surface.open(modal("Unlink", blocks, callback_id=_UNLINK, submit=plain("Unlink"), close="Cancel"))


def save_unlink(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Remove the link that was chosen."""
    target = chosen_target(form)
    integration = get_integration(services.ports, actor, chosen_integration(form))
    left = unlink_target(services.ports, actor, integration.id, target)
    ack(response_action="update", view=as_modal(unlinked(integration.name, target, left)))


def _form(chosen: Integration | None = None) -> View:
    """The form that links; it may start with an integration."""
    address = text_input(_VALUE, "", "https://ci.example.com/web-shop/settings", max_length=1000)
    blocks = [
        integration_input(chosen),
        target_input(optional=True),
        *new_target_inputs(),
        labelled("The target's settings page", address, _URL, optional=True),
    ]
    return modal("Link", blocks, callback_id=_SAVE, submit=plain("Link"), close="Cancel")


def _answer(services: Services, actor: Actor, name: str, target: Target, settings_url: str | None) -> Message:
    if is_in_doubt(services.ports, actor, target):
        sealed = seal_name(services.ports, actor, target)
        return name_question(_NAMED, pack(_Sure(name, target.kind.value, sealed, settings_url or "")))
    return _answer_named(services, actor, name, target, settings_url)


def _answer_named(
    services: Services, actor: Actor, name: str, target: Target, settings_url: str | None
) -> Message:
    similar = find_similar(services.ports, actor, target)
    if similar:
        return _alike(target, similar, name, settings_url)
    done = link_target(services.ports, actor, name, target, settings_url)
    return linked(done) if done.is_kept else _replacing(done, settings_url)


def link_named(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Link the target whose name looks like a password but is a name."""
    sure = read_value(_Sure, press.value, "link")
    target = read_target(sure.kind, unseal_name(services.ports, actor, sure.target))
    surface.replace(_answer_named(services, actor, sure.name, target, read_settings_url(sure.settings_url)))


def link_surely(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Link even though the target then gets a different login."""
    sure = read_value(_Sure, press.value, "link")
    target = read_target(sure.kind, sure.target)
    url = read_settings_url(sure.settings_url)
    surface.replace(linked(link_target(services.ports, actor, sure.name, target, url, is_sure=True)))


def link_alike(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Link the target that was meant."""
    sure = read_value(_Sure, press.value, "link")
    target, url = read_target(sure.kind, sure.target), read_settings_url(sure.settings_url)
    done = link_target(services.ports, actor, sure.name, target, url)
    surface.replace(linked(done) if done.is_kept else _replacing(done, url))


def cancel(surface: Surface) -> None:
    """Link nothing."""
    surface.replace(notice("Canceled: nothing was linked."))


@dataclass(frozen=True, slots=True)
class _Sure:
    """What the button carries that links even though the login changes."""

    name: str
    kind: str
    target: str
    settings_url: str = ""


def unlink_typed(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``unlink NAME kind TARGET``."""
    words.at_most(3)
    target = _typed_target(words)
    name = words.at(0, "The integration's name")
    left = unlink_target(services.ports, actor, "", target, name=name)
    ack(**unlinked(name, target, left))


def _typed_target(words: Words) -> Target:
    """Read the target that follows the integration's name."""
    words.at(0, "The integration's name")
    return read_target(words.at(1, "The kind of target"), words.plain_at(2, "The target's name"))


def linked(done: Linked) -> Message:
    """Say that the link is recorded, or was already; for a closed integration, name the tokens it lets in."""
    settings = done.dependency.settings_url
    name, target = bold(done.integration.name), code(done.dependency.target.in_words)
    verb = "now depends" if done.was_new else "already depends"
    more = f"  ({link(settings, 'Settings')})" if settings else ""
    text = f":link: {target} {verb} on {name}.{more}"
    blocks = [section(text), *_asked(done), *let_in(done.tokens), context(_what_next(done))]
    return message(f"{done.dependency.target.in_words} {verb} on {done.integration.name}.", blocks)


def _what_next(done: Linked) -> str:
    """How a pipeline of the target gets the login, and how to remove the link."""
    target, host = done.dependency.target, done.integration.server.address
    fetches = (
        f"Pipelines of {code(target.in_words)} can get this login for {code(host)} with a workflow token: "
    )
    create = f"`{COMMAND} token create` creates one. "
    back = f"`{COMMAND} unlink` removes the link."
    return back if done.dependency.is_note else fetches + create + back


def _asked(done: Linked) -> list[Block]:
    """Say that a note grants nothing yet, and who was asked."""
    if not done.asks:
        return []
    people = " and ".join(mention(one) for one in done.asks)
    why = "the target's login would change" if done.replaces else "you do not own it"
    allow = "allows" if len(done.asks) == 1 else "allow"
    return [context(f"This link is only a note, because {why}. It takes effect once {people} {allow} it.")]


def _alike(target: Target, similar: Target, name: str, settings_url: str | None) -> Message:
    """Ask which of two targets that look alike is meant."""
    text = f"There is already {code(similar.in_words)}. Is {code(target.in_words)} a different one?"
    kind, url = target.kind.value, settings_url or ""
    buttons = actions(
        button(f"Link {similar.name}"[:75], _ALIKE, pack(_Sure(name, kind, similar.name, url)), "primary"),
        button(f"{target.name} is a different one"[:75], _NEW, pack(_Sure(name, kind, target.name, url))),
        button("Cancel", _CANCEL),
    )
    return message(f"Is {target.in_words} different from {similar.in_words}?", [section(text), buttons])


def _replacing(done: Linked, settings_url: str | None) -> Message:
    """Ask before a link changes which login a target gets."""
    target, former = done.dependency.target, done.replaces
    name = former.name if former else ""
    value = pack(_Sure(done.integration.name, target.kind.value, target.name, settings_url or ""))
    text = (
        f":warning: {code(target.in_words)} now gets the login from {bold(name)}. With this link it would "
        f"get the one from {bold(done.integration.name)} instead."
    )
    buttons = actions(button("Link", _SURE, value, style="primary"), button("Cancel", _CANCEL))
    return message(f"{target.in_words} would get a different login.", [section(text), buttons])


def unlinked(name: str, target: Target, left: Dependency | None = None) -> Message:
    """Say that the link is gone, or that only the note is."""
    if left:
        return notice(escape(STILL_USED.format(target.in_words)))
    text = f"{escape(target.in_words)} no longer depends on {bold(name)}."
    return message(f"{target.in_words} no longer depends on {name}.", [section(text)])
