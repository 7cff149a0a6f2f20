"""Secrets that never pass through Slack: a link to our own page, for yourself from a form or for a colleague.

payload -> ask -> make_link -> chat.postMessage to the colleague, notice -> show
payload -> for_add | for_edit | for_rotation -> make_link -> link_message -> show
"""

from slack_sdk.errors import SlackApiError

from bot.core.audit import Action
from bot.core.errors import InvalidInput
from bot.core.integrations.edits import plan_edit
from bot.core.integrations.secret_entry import Purpose, make_link
from bot.core.model import Actor
from bot.services import Services
from handlers.blocks import bold, mention, notice, section
from handlers.form import KIND, chosen_kind, state_value
from handlers.routes import COMMAND, PERSON, Form, Press, Routes, Verb, Words
from handlers.secret_links import (
    FOLLOW,
    FOR_ADD,
    FOR_EDIT,
    FOR_ROTATION,
    link_for_edit,
    link_for_new,
    link_for_rotation,
    link_message,
    require_page,
)
from handlers.surfaces import Surface


def register(routes: Routes) -> None:
    """Add the verb, the buttons of the forms, and the link's own button."""
    summary = "asks a colleague for the secret, outside Slack"
    usage, example = "NAME @person", "my_registry @marco"
    routes.verb(Verb("ask", ask, usage, example, summary, ("request",)), waits=True)
    routes.action(FOR_ADD, for_add)
    routes.action(FOR_EDIT, for_edit)
    routes.action(FOR_ROTATION, for_rotation)
    routes.action(FOLLOW, follow, does=Action.SEE)


def ask(words: Words, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer ``ask NAME @person``: send the link to that person only."""
    found = PERSON.fullmatch(words.rest[-1]) if words.rest else None
    if found is None or len(words.rest) < 2:
        raise InvalidInput("Type which integration, and which person to ask.", words.usage)
    plan = plan_edit(services.ports, actor, name=" ".join(words.rest[:-1]))
    person = services.people.person(actor.workspace, found[1], fresh=True)
    if plan.integration.former or plan.integration.prepared:
        raise InvalidInput(
            f"A rotation of “{plan.integration.name}” is in progress, so nobody can enter a new secret.",
            f"Retire the old credential or roll back first: {COMMAND} rotate {plan.integration.name}",
        )
    kind = services.kinds[plan.integration.kind]
    require_page(services, kind)
    made = make_link(services.ports, actor, kind, Purpose.EDIT, plan.integration, person=person)
    told = link_message(made, plan.integration.name, services, actor)
    text = f"{mention(actor.user_id)} asks you to enter the secret of {bold(plan.integration.name)}."
    blocks = [section(text), *told["blocks"]]
    try:
        services.slack(actor.workspace).chat_postMessage(
            channel=person.user_id, text=text, blocks=blocks, unfurl_links=False, unfurl_media=False
        )
    except (SlackApiError, OSError) as error:
        hint = "Ask them to open a conversation with Quaymaster, then send the request again."
        raise InvalidInput("Slack did not confirm that the message with the link arrived.", hint) from error
    surface.show(
        notice(
            f":incoming_envelope: {mention(person.user_id)} got a link that works once, within 10 minutes."
        )
    )


def for_add(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer the button of the add form with a link for what was typed in it."""
    form = Form(press.state, {})
    kind = chosen_kind(services.kinds, state_value(press.state, "kind", KIND))
    surface.show(link_for_new(form, kind, services, actor))


def for_edit(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer the button of the edit form with a link for what was typed in it."""
    integration_id, _, version = press.value.partition(" ")
    shown = int(version) if version.isdecimal() else None
    plan = plan_edit(services.ports, actor, integration_id, shown)
    surface.show(link_for_edit(Form(press.state, {}), plan, services, actor))


def for_rotation(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Answer the button of the rotation's form with a link for what was typed in it."""
    form = Form(press.state, {})
    surface.show(link_for_rotation(form, press.value, services, actor))


def follow() -> None:
    """Do nothing: the person's browser opens the link."""
