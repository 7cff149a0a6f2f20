"""Let Quaymaster make credentials: a form for the management credential, then one button makes a new one.

payload -> open_form -> management_form -> _form_view -> open
payload -> save -> keep_management -> _ready -> ack (in the form's place)
payload -> make | check -> make_credential | use_when_it_works -> rotation_message | prepared_message -> show
payload -> end -> settle -> notice · forget -> forget_management -> notice
"""

from dataclasses import replace

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
    settle,
    use_when_it_works,
)
from bot.core.integrations.rotation import Progress, plan_rotation
from bot.core.kinds import Kind, read_draft
from bot.core.model import Actor, Integration
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
    message,
    notice,
    section,
    when,
)
from handlers.form import VALUE, form_view, inputs, state_value
from handlers.rotation_news import rotation_message
from handlers.routes import COMMAND, Form, Press, Routes, Words
from handlers.surfaces import Surface, as_modal, with_facts

OPEN = "managed.open"
_SAVE = "managed.save"
_MAKE = "managed.make"
_LOOK = "managed.look"
_CHECK = "managed.check"
_END = "managed.end"
_FORGET = "managed.forget"


def register(routes: Routes) -> None:
    """Add the form and the buttons; the verb is ``rotate``."""
    routes.action(OPEN, open_form)
    routes.form(_SAVE, save)
    routes.action(_LOOK, look)
    routes.action(_MAKE, make, changes=True)
    routes.action(_CHECK, check, changes=True)
    routes.action(_END, end, changes=True)
    routes.action(_FORGET, forget, changes=True)


def open_form(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Ask for the management credential."""
    found = plan_rotation(services.ports, actor, press.value).integration
    surface.open(_form_view(found, _form_of(services, found)))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Keep the management credential, once its registry takes it."""
    integration_id, version = form.facts.get("id"), form.facts.get("version")
    if not isinstance(integration_id, str) or not isinstance(version, int):
        raise InvalidInput("This form is too old.", f"Close it and type {COMMAND} rotate again.")
    found = plan_rotation(services.ports, actor, integration_id, version).integration
    kind = _form_of(services, found)
    typed = {one.key: state_value(form.values, one.key, VALUE) for one in kind.fields}
    kept = keep_management(
        services.ports, actor, integration_id, version, read_draft(kind, found.name, typed)
    )
    ack(response_action="update", view=as_modal(_ready(kept)))


def look(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Say what is at the registry."""
    surface.show(notice(escape(describe_managed(services.ports, actor, press.value).text)))


def make(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Have a new credential made."""
    surface.show(_made(make_credential(services.ports, actor, press.value)))


def check(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Ask again whether the new credential works."""
    surface.show(_made(use_when_it_works(services.ports, actor, press.value)))


def end(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """End at the registry what was made and is not in use."""
    ended = settle(services.ports, actor, press.value)
    names = ", ".join(map(code, ended))
    text = f"Ended at the registry: {names}." if ended else "The registry has nothing of it: none was made."
    surface.show(notice(f"{text} The credential in use was not touched."))


def forget(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Drop the management credential."""
    name = forget_management(services.ports, actor, press.value).name
    surface.show(
        notice(f"The management credential of {bold(name)} is deleted here. End it at the registry.")
    )


def choose_days(words: Words, services: Services, actor: Actor) -> Message:
    """Answer ``rotate NAME every 90 days``."""
    words.at_most(4)
    typed = words.at(2, "The number of days")
    days = 0 if typed.lower() in ("off", "never") else int(typed) if typed.isdecimal() else -1
    kept = rotate_every(services.ports, actor, words.rest[0], days)
    if not days:
        return notice(f"{bold(kept.name)} is rotated only when somebody says so.")
    return notice(
        f"{bold(kept.name)} gets a new credential whenever the one in use is {days} days old. You are told "
        "each time; the former is kept until you retire it."
    )


def offer(services: Services, integration: Integration) -> list[Block]:
    """What the rotation form offers where a registry makes credentials by API."""
    if management_form(services.ports, integration) is None:
        return []
    if integration.management:
        return [_row(integration)]
    if services.is_secret_entered_on_page:
        return [
            context(
                "Quaymaster cannot make it here: a management credential is typed in Slack, which is off."
            )
        ]
    return [actions(button("Let Quaymaster make it", OPEN, integration.id), block_id=OPEN)]


def prepared_message(integration: Integration, trouble: str = "") -> Message:
    """A credential that was asked for and is not in use: what may be at the registry, and what to do."""
    prepared = integration.prepared
    if prepared is None:
        return _ready(integration)
    unknown = "It was asked for, and nobody knows whether the registry made it."
    made = "The registry made it. It is not in use until it works."
    blocks = [
        section(f"The next credential of {bold(integration.name)}: {code(prepared.made_as)}"),
        section(escape(trouble) if trouble else made if prepared.sealed else unknown),
        context(f"Since {when(prepared.since)}. The credential in use was not touched."),
    ]
    check_button = [button("Check again", _CHECK, integration.id)] if prepared.sealed else []
    blocks.append(actions(*check_button, button("End it there", _END, integration.id, style="danger")))
    return message(f"The next credential of {integration.name}", blocks)


def _made(made: Made) -> Message:
    if made.plan is None:
        return prepared_message(made.integration, made.trouble)
    return rotation_message(made.plan.progress or Progress(made.integration, (), (), ()))


def _form_of(services: Services, integration: Integration) -> Kind:
    form = management_form(services.ports, integration)
    if form is None or services.is_secret_entered_on_page:
        raise InvalidInput("Quaymaster cannot make credentials here.", "Make one at the registry.")
    return form


def _form_view(integration: Integration, kind: Kind) -> View:
    explained = (
        "A login that may make and end credentials at the registry. It is used for nothing else, and no "
        "pipeline, export or colleague ever gets it."
    )
    shown = {"url": integration.server.origin, "username": ""}
    blocks = [
        section(f"The management credential of {bold(integration.name)}"),
        context(explained),
        *inputs(replace(kind, fields=kind.fields), shown),
    ]
    facts = {"id": integration.id, "version": integration.version}
    return with_facts(form_view(_SAVE, "Management", blocks), facts)


def _ready(integration: Integration) -> Message:
    text = f"Quaymaster can make credentials for {bold(integration.name)}."
    hint = f"By the clock: `{COMMAND} rotate {integration.name} every 90 days`"
    return message(text.replace("*", ""), [section(text), _row(integration), context(hint)])


def _row(integration: Integration) -> Block:
    return actions(
        button("Make a new one", _MAKE, integration.id, style="primary"),
        button("What is there", _LOOK, integration.id),
        button("Forget the management credential", _FORGET, integration.id),
        block_id="managed",
    )
