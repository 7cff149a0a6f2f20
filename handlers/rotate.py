"""Replace a credential without a gap: a form for the new one, then a message until the old one is retired.

payload -> rotate | rotate_pressed -> plan_rotation -> _rotation_form | rotation_message -> open | show
payload -> save -> begin_rotation -> rotation_message -> ack (in the form's place)
payload -> retire | back | look | wait -> retire_there | roll_back_there | plan_rotation -> replace
"""

from dataclasses import replace

from slack_bolt import Ack

from bot.core.errors import InvalidInput
from bot.core.integrations.made_endings import Retired, retire_there, roll_back_there
from bot.core.integrations.rotation import (
    Progress,
    RotationPlan,
    begin_rotation,
    plan_rotation,
    who_fetched,
)
from bot.core.kinds import known_values
from bot.core.model import Actor
from bot.services import Services
from handlers.blocks import (
    Message,
    View,
    bold,
    code,
    context,
    notice,
    read_value,
    section,
)
from handlers.form import (
    end_input,
    form_view,
    inputs,
    is_check_wanted,
    skip_box,
    typed_credential,
)
from handlers.managed import choose_days, offer, prepared_message
from handlers.managed import register as register_managed
from handlers.picker import open_picker
from handlers.rotation_news import BACK, LOOK, RETIRE, SHOW, WAIT, Running, rolled_back, rotation_message
from handlers.routes import COMMAND, Ask, Form, Press, Routes, Verb, Words
from handlers.secret_links import FOR_ROTATION, entry_button, link_for_rotation
from handlers.surfaces import Surface, as_modal, with_facts

OPEN = "rotate.open"
_SAVE = "rotate.save"


def register(routes: Routes) -> None:
    """Add the verb, the button, the form and the buttons of the message."""
    summary = "replaces the login without breaking a pipeline"
    usage = "NAME | NAME every 90 days | NAME every off"
    opens = {"": open_picker("Rotate", OPEN)}
    routes.verb(Verb("rotate", rotate, usage, "my_registry", summary, ("renew",), opens), waits=True)
    routes.action(OPEN, rotate_pressed)
    routes.action(SHOW, rotate_pressed)
    routes.form(_SAVE, save)
    routes.action(RETIRE, retire, changes=True)
    routes.action(BACK, back, changes=True)
    routes.action(WAIT, wait)
    routes.action(LOOK, look)
    register_managed(routes)


def rotate(words: Words, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer ``rotate NAME`` with the form or the progress, and ``rotate NAME every 90 days``."""
    if words.rest[1:2] == ("every",):
        surface.show(choose_days(words, services, actor))
        return
    _begin_or_show(plan_rotation(services.ports, actor, name=words.name), surface, services)


def rotate_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer a Rotate button."""
    _begin_or_show(plan_rotation(services.ports, actor, press.value), surface, services)


def _begin_or_show(plan: RotationPlan, surface: Surface, services: Services) -> None:
    if plan.progress:
        surface.show(rotation_message(plan.progress))
    elif plan.integration.prepared:
        surface.show(prepared_message(plan.integration))
    else:
        surface.open(_rotation_form(plan, services))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Check the new credential, and make it the current one."""
    integration_id, version = form.facts.get("id"), form.facts.get("version")
    if not isinstance(integration_id, str) or not isinstance(version, int):
        raise InvalidInput("This form is out of date.", f"Close it and type {COMMAND} rotate again.")
    plan = plan_rotation(services.ports, actor, integration_id, version)
    if services.is_secret_entered_on_page:
        ack(response_action="update", view=as_modal(link_for_rotation(form, integration_id, services, actor)))
        return
    draft = typed_credential(form, services.kinds[plan.integration.kind], plan.integration)
    begun = begin_rotation(services.ports, actor, plan, draft, is_checked=is_check_wanted(form))
    ack(response_action="update", view=as_modal(rotation_message(_progress_of(begun))))


def _progress_of(plan: RotationPlan) -> Progress:
    return plan.progress or Progress(plan.integration, (), (), ())


def retire(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Delete the former credential."""
    asked = read_value(Running, press.value, "rotate")

    def end() -> None:
        retired = retire_there(services.ports, actor, asked.id, asked.number, pressed=press.place)
        surface.replace(_retired(retired))

    ask(end)


def _retired(retired: Retired) -> Message:
    """Say where the former credential was revoked, and where it was not."""
    name, place = bold(retired.integration.name), code(retired.integration.server.address)
    where = f"here. It still works at {place} until you revoke it there."
    if retired.is_ended:
        where = f"here and at the registry of {place}."
    elif not retired.was_there:
        where = (
            f"here. {place} does not show it to the management credential: it was revoked earlier, or it "
            "belongs to another account. Check there."
        )
    return notice(f":white_check_mark: The old credential of {name} is deleted {where}")


def back(press: Press, surface: Surface, services: Services, actor: Actor, ask: Ask) -> None:
    """Switch back to the former credential."""
    ask(lambda: surface.replace(_back(press, services, actor)))


def _back(press: Press, services: Services, actor: Actor) -> Message:
    asked = read_value(Running, press.value, "rotate")
    back = roll_back_there(services.ports, actor, asked.id, asked.number, pressed=press.place)
    left = prepared_message(back.integration, back.trouble)["blocks"] if back.integration.prepared else []
    fetched = who_fetched(services.ports, actor, asked.id, asked.number)
    return rolled_back(back, fetched, left)


def wait(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Leave both in place."""
    plan = plan_rotation(services.ports, actor, read_value(Running, press.value, "rotate").id)
    name = bold(plan.integration.name)
    text = (
        f"{name} keeps both credentials. You'll get a message when everything has the new one, and every "
        f"week until you retire the old one: `{COMMAND} rotate {plan.integration.name}`"
    )
    surface.replace(notice(text))


def look(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Show the progress."""
    plan = plan_rotation(services.ports, actor, read_value(Running, press.value, "rotate").id)
    over = notice(f"{bold(plan.integration.name)} has one credential: its rotation is finished.")
    surface.replace(rotation_message(plan.progress) if plan.progress else over)


def _rotation_form(plan: RotationPlan, services: Services) -> View:
    """The form for the new credential, with the former username in it, never the secret."""
    integration = plan.integration
    kind = services.kinds[integration.kind]
    # Where a secret is optional, a new one is not.
    new = (one if one != kind.secret_field else replace(one, is_required=True) for one in kind.login_fields)
    blocks = [
        section(f"A new credential for {bold(integration.name)}  {code(integration.server.address)}"),
        context(
            "Create it at the registry first, and leave the old one working there. After *Save*, pipelines "
            "get the new one. The old one is kept until you retire it."
        ),
        *offer(services, integration),
        *inputs(
            replace(kind, fields=tuple(new)),
            known_values(integration),
            without_secrets=services.is_secret_entered_on_page,
        ),
        *entry_button(services, kind, FOR_ROTATION, integration.id),
        end_input(),
        skip_box(),
    ]
    facts = {"id": integration.id, "version": integration.version}
    return with_facts(form_view(_SAVE, "Rotate", blocks), facts)
