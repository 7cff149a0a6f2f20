"""Which integration answers for an image, and why.

payload -> which -> explain_choice -> _explained -> ack
payload -> ask -> open; payload -> save -> explain_choice -> _explained -> ack
"""

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.dependencies import read_target
from bot.core.model import Actor, Target
from bot.core.workflows.resolve import Choice, explain_choice, server_asked_for
from bot.services import Services
from handlers.blocks import (
    Message,
    bold,
    button,
    code,
    escape,
    labelled,
    mention,
    message,
    modal,
    plain,
    section,
    text_input,
)
from handlers.form import state_value
from handlers.picker import optional_target, target_input
from handlers.routes import Form, Routes, Verb, Words
from handlers.show import OPEN as SHOW
from handlers.surfaces import Surface, as_modal

_SAVE = "which.save"
_IMAGE, _VALUE = "image", "value"


def register(routes: Routes) -> None:
    """Add the verb."""
    usage = "IMAGE [project|environment|image TARGET]"
    example = "registry.example.com/team/app project web-shop"
    summary = "which integration answers for an image, and why"
    routes.verb(Verb("which", which, usage, example, summary, (), {"": ask}), does=Action.SEE)
    routes.form(_SAVE, save)


def which(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``which IMAGE [kind TARGET]``."""
    words.at_most(3)
    image = words.at(0, "The image")
    kind = words.optional(1)
    target = read_target(kind, words.plain_at(2, "The target's name")) if kind else None
    choice = explain_choice(services.ports, actor, server_asked_for(image), target)
    ack(**_explained(image, target, choice))


def ask(surface: Surface) -> None:
    """Open the form that asks for an image and a target."""
    image = text_input(_VALUE, "", "registry.example.com/team/app", max_length=500)
    blocks = [labelled("Image", image, _IMAGE), target_input(optional=True)]
    surface.open(modal("Which", blocks, callback_id=_SAVE, submit=plain("Find it"), close="Cancel"))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Answer the form."""
    image, target = state_value(form.values, _IMAGE, _VALUE).strip(), optional_target(form)
    choice = explain_choice(services.ports, actor, server_asked_for(image), target)
    ack(response_action="update", view=as_modal(_explained(image, target, choice)))


def _explained(image: str, target: Target | None, choice: Choice) -> Message:
    """The choice and its reason."""
    for_whom = f" for {escape(target.in_words)}" if target else ""
    name = choice.integration.name
    text = f"{code(image)}{for_whom} is answered by {bold(name)}: {escape(choice.reason)}."
    owner = f"\nIts owner is {mention(choice.integration.owner)}."
    show = button("Show", SHOW, choice.integration.id, label=f"Show {name}")
    return message(f"{image}: {name}", [section(text + owner, show)])
