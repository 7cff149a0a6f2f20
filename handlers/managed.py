"""Let Quaymaster create credentials: a form for the management credential, then one button creates one.

payload -> open_form -> management_form -> _form_view -> open
payload -> save -> keep_management -> _ready -> ack (in the form's place)
payload -> enter_on_page -> link_for_management -> show
payload -> make | check -> make_credential | use_when_it_works -> rotation_message | prepared_message -> show
payload -> end -> find_leftovers -> _left_there -> replace · delete -> settle -> notice
payload -> forget -> forget_management -> notice · drop -> drop_prepared -> notice
"""

from collections.abc import Sequence
from dataclasses import dataclass

from slack_bolt import Ack

from bot.core.errors import InvalidInput
from bot.core.integrations.made_credentials import (
    Made,
    describe_managed,
    forget_management,
    keep_management,
    make_credential,
    management_form,
    rotate_every,
    use_when_it_works,
)
from bot.core.integrations.made_endings import Leftovers, find_leftovers, settle
from bot.core.integrations.prepared import drop_prepared
from bot.core.integrations.rotation import Progress, plan_rotation
from bot.core.kinds import Kind, read_draft
from bot.core.model import Actor, Integration, PreparedCredential
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
    marked,
    message,
    notice,
    pack,
    plain,
    read_value,
    section,
    when,
)
from handlers.form import VALUE, form_view, inputs, state_value
from handlers.rotation_news import rotation_message
from handlers.routes import COMMAND, Ask, Form, Press, Routes, Words
from handlers.secret_links import FOR_MANAGEMENT, entry_button, link_for_management
from handlers.surfaces import Surface, as_modal, with_facts

OPEN = "managed.open"
_SAVE = "managed.save"
_MAKE = "managed.make"
_LOOK = "managed.look"
_CHECK = "managed.check"
_END = "managed.end"
_DELETE = "managed.delete"
_DROP = "managed.drop"
_FORGET = "managed.forget"


def register(routes: Routes) -> None:
    """Add the form and the buttons; the verb is ``rotate``."""
    routes.action(OPEN, open_form)
    routes.form(_SAVE, save)
    routes.action(FOR_MANAGEMENT, enter_on_page)
    routes.action(_LOOK, look)
    routes.action(_MAKE, make, changes=True)
    routes.action(_CHECK, check, changes=True)
    routes.action(_END, end)
    routes.action(_DELETE, delete, changes=True)
    routes.action(_DROP, drop, changes=True)
    routes.action(_FORGET, forget, changes=True)


def open_form(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Ask for the management credential."""
    found = plan_rotation(services.ports, actor, press.value).integration
    surface.open(_form_view(found, _form_of(services, found), services))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Store the management credential once its registry accepts it."""
    integration_id, version = form.facts.get("id"), form.facts.get("version")
    if not isinstance(integration_id, str) or not isinstance(version, int):
        raise InvalidInput("This form is out of date.", f"Close it and type {COMMAND} rotate again.")
    found = plan_rotation(services.ports, actor, integration_id, version).integration
    kind = _form_of(services, found)
    if services.is_secret_entered_on_page:
        ack(response_action="update", view=as_modal(link_for_management(form, found, kind, services, actor)))
        return
    typed = {one.key: state_value(form.values, one.key, VALUE) for one in kind.fields}
    kept = keep_management(
        services.ports, actor, integration_id, version, read_draft(kind, found.name, typed)
    )
    ack(response_action="update", view=as_modal(_ready(kept)))


def enter_on_page(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer the form's button with a link for what was typed in it."""
    found = plan_rotation(services.ports, actor, press.value).integration
    form = Form(press.state, {})
    surface.show(link_for_management(form, found, _form_of(services, found), services, actor))


def look(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Say what is at the registry."""
    ask(lambda: surface.show(notice(escape(describe_managed(services.ports, actor, press.value).text))))


def make(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Have a new credential created."""
    ask(lambda: surface.show(_made(make_credential(services.ports, actor, press.value))))


def check(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Check again whether the new credential works."""
    ask(lambda: surface.show(_made(use_when_it_works(services.ports, actor, press.value))))


def end(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Show what would be revoked at the registry: what was created and is not in use."""
    ask(lambda: surface.replace(_left_there(find_leftovers(services.ports, actor, press.value))))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the button that deletes carries: of which integration, and what was shown."""

    id: str
    digest: str


def delete(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Revoke at the registry exactly what was shown."""
    asked = read_value(_Shown, press.value, "rotate")
    ask(lambda: surface.replace(_ended(settle(services.ports, actor, asked.id, asked.digest))))


def _ended(names: Sequence[str]) -> Message:
    named = ", ".join(map(escape, names))
    none = "The registry has no such credential: none was created."
    text = f"Revoked at the registry: {named}." if names else none
    return notice(f"{text} The credential in use was not touched.")


def drop(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Forget here what was requested, and leave the registry as it is."""
    name = drop_prepared(services.ports, actor, press.value).name
    surface.replace(
        notice(
            f"{bold(name)} can be rotated again. Nothing was revoked at the registry; check there yourself."
        )
    )


def forget(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Drop the management credential."""
    name = forget_management(services.ports, actor, press.value).name
    surface.show(
        notice(f"The management credential of {bold(name)} is deleted here. Revoke it at the registry too.")
    )


def choose_days(words: Words, services: Services, actor: Actor) -> Message:
    """Answer ``rotate NAME every 90 days``."""
    words.at_most(4)
    typed = words.at(2, "The number of days")
    days = 0 if typed.lower() in ("off", "never") else int(typed) if typed.isdecimal() else -1
    kept = rotate_every(services.ports, actor, services.kinds, words.rest[0], days)
    if not days:
        return notice(f"{bold(kept.name)} is rotated only on request.")
    return notice(
        f"{bold(kept.name)} gets a new credential whenever the current one is {days} days old. You are "
        "notified each time; the old one is kept until you retire it."
    )


def offer(services: Services, integration: Integration) -> list[Block]:
    """What the rotation form offers if a registry can create credentials through its API."""
    if management_form(services.ports, integration) is None:
        return []
    if integration.management:
        return [_row(integration)]
    return [actions(button("Let Quaymaster make it", OPEN, integration.id), block_id=OPEN)]


def prepared_message(integration: Integration, trouble: str = "") -> Message:
    """A credential that was requested and is not in use: what may be at the registry, and what to do."""
    prepared = integration.prepared
    if prepared is None:
        return _ready(integration)
    which = "rolled-back" if prepared.is_unwanted else "next"
    blocks = [
        section(f"The {which} credential of {bold(integration.name)}: {code(prepared.made_as)}"),
        section(escape(trouble or _state_of(prepared))),
        context(f"Since {when(prepared.since)}. The credential in use was not touched."),
    ]
    check_button = [button("Check again", _CHECK, integration.id)] if prepared.sealed else []
    end_button = [button("End it there", _END, integration.id)] if integration.management else []
    blocks.append(actions(*check_button, *end_button, _drop_button(integration)))
    return message(f"The {which} credential of {integration.name}", blocks)


def _state_of(prepared: PreparedCredential) -> str:
    if prepared.is_unwanted:
        return "It was rolled back but is still at the registry."
    if prepared.sealed:
        return "The registry created it. It will be used once it works."
    return "It was requested, but it is unknown whether the registry created it."


def _drop_button(integration: Integration) -> Block:
    """The button for a credential that somebody revoked at the registry by hand, or wants to keep there."""
    question = (
        "Quaymaster forgets the credential but does not revoke it. If the registry has it, it keeps working "
        "until somebody revokes it there."
    )
    asking = {
        "title": plain("Forget it here?"),
        "text": plain(question),
        "confirm": plain("Forget it"),
        "deny": plain("Cancel"),
    }
    return {**button("Forget it here", _DROP, integration.id), "confirm": asking}


def _left_there(left: Leftovers) -> Message:
    """What would be revoked at the registry: exactly this, and nothing before the press."""
    integration = left.integration
    value = pack(_Shown(integration.id, left.digest))
    if not left.rows:
        text = "The registry has no leftover credential."
        done = actions(button("Forget it here", _DELETE, value), block_id="managed.left")
        return message(text, [section(text), done])
    rows = [
        f"• {code(one.shown)}{f', created {when(one.made_at)}' if one.made_at else ''}" for one in left.rows
    ]
    blocks = [
        section(f"At the registry, but not in use by {bold(integration.name)}:\n" + "\n".join(rows)),
        context("If somebody created one of these by hand, do not press *Delete there*."),
        actions(
            button("Delete there", _DELETE, value, style="danger"),
            _drop_button(integration),
            block_id="managed.left",
        ),
    ]
    return message(f"Credentials of {integration.name} at the registry", blocks)


def _made(made: Made) -> Message:
    if made.plan is None:
        return prepared_message(made.integration, made.trouble)
    return rotation_message(made.plan.progress or Progress(made.integration, (), (), ()))


def _form_of(services: Services, integration: Integration) -> Kind:
    form = management_form(services.ports, integration)
    if form is None:
        raise InvalidInput(
            "Quaymaster can't create credentials for this type of integration.", "Create one at the registry."
        )
    return form


def _form_view(integration: Integration, kind: Kind, services: Services) -> View:
    explained = (
        "A login that is allowed to create and revoke credentials at the registry. It is used for nothing "
        "else, and no pipeline, export or colleague ever gets it."
    )
    shown = {"url": integration.server.origin, "username": ""}
    blocks = [
        section(f"The management credential of {bold(integration.name)}"),
        context(explained),
        *inputs(kind, shown, without_secrets=services.is_secret_entered_on_page),
        *entry_button(services, kind, FOR_MANAGEMENT, integration.id),
    ]
    facts = {"id": integration.id, "version": integration.version}
    return with_facts(form_view(_SAVE, "Management", blocks), facts)


def _ready(integration: Integration) -> Message:
    text = f"Quaymaster can create credentials for {bold(integration.name)}."
    hint = f"On a schedule: `{COMMAND} rotate {integration.name} every 90 days`"
    return marked(text, [section(text), _row(integration), context(hint)])


def _row(integration: Integration) -> Block:
    return actions(
        button("Make a new one", _MAKE, integration.id, style="primary"),
        button("Show what is there", _LOOK, integration.id),
        button("Forget the management credential", _FORGET, integration.id),
        block_id="managed",
    )
