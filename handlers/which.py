"""Which integration is used for an image, and why.

payload -> which -> explain_choice -> _explained -> ack
payload -> ask -> open; payload -> save -> explain_choice -> _explained -> ack
"""

from collections.abc import Sequence

from slack_bolt import Ack

from bot.core.access import may
from bot.core.audit import Action
from bot.core.errors import QuaymasterError
from bot.core.integrations.target_names import read_target
from bot.core.model import Actor, Integration, Target
from bot.core.workflows.resolve import Choice, Explanation, TokenAnswer, explain_choice, server_asked_for
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    actions,
    bold,
    button,
    code,
    context,
    escape,
    labelled,
    mention,
    message,
    modal,
    paragraphs,
    plain,
    section,
    text_input,
)
from handlers.error_answers import explained
from handlers.form import MAKE_DEFAULT, state_value
from handlers.phrases import last_check, made_by
from handlers.picker import optional_target, target_input
from handlers.routes import Form, Routes, Verb, Words
from handlers.show import OPEN as SHOW
from handlers.surfaces import Surface, as_modal

_SAVE = "which.save"
_IMAGE, _VALUE = "image", "value"
_MOST_CLOSED = 10
_MOST_CANDIDATES = 10


def register(routes: Routes) -> None:
    """Add the verb."""
    usage = "IMAGE [project|environment|image TARGET]"
    example = "registry.example.com/team/app"
    summary = "shows which login an image gets, and why"
    routes.verb(Verb("which", which, usage, example, summary, (), {"": ask}), does=Action.SEE)
    routes.form(_SAVE, save)


def which(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``which IMAGE [kind TARGET]``."""
    words.at_most(3)
    image = words.at(0, "The image")
    kind = words.optional(1)
    target = read_target(kind, words.plain_at(2, "The target's name")) if kind else None
    found = explain_choice(services.ports, actor, server_asked_for(image), target)
    ack(**_explained(image, target, found, actor))


def ask(surface: Surface) -> None:
    """Open the form that asks for an image and a target."""
    image = text_input(_VALUE, "", "registry.example.com/team/app", max_length=500)
    blocks = [labelled("Image", image, _IMAGE), target_input(optional=True)]
    surface.open(modal("Which", blocks, callback_id=_SAVE, submit=plain("Find it"), close="Cancel"))


def save(ack: Ack, form: Form, services: Services, actor: Actor) -> None:
    """Answer the form."""
    image, target = state_value(form.values, _IMAGE, _VALUE).strip(), optional_target(form)
    found = explain_choice(services.ports, actor, server_asked_for(image), target)
    ack(response_action="update", view=as_modal(_explained(image, target, found, actor)))


def _explained(image: str, target: Target | None, explanation: Explanation, actor: Actor) -> Message:
    """The choice and its reason, and which workflow tokens get something else."""
    found = explanation.found
    if isinstance(found, QuaymasterError):
        drawn = explained(found)
        drawn = {**drawn, "blocks": [*drawn["blocks"], *_candidates(explanation.candidates, actor)]}
    else:
        name, owner = found.integration.name, mention(found.integration.owner)
        for_whom = f" for {escape(target.in_words)}" if target else ""
        text = f"{code(image)}{for_whom} uses {bold(name)}: {escape(found.reason)}."
        show = button("Show", SHOW, found.integration.id, label=f"Show {name}")
        checked = context(f"Last check: {last_check(found.integration)}")
        drawn = message(f"{image}: {name}", [section(f"{text}\nIts owner is {owner}.", show), checked])
    return {**drawn, "blocks": [*drawn["blocks"], *_others(explanation.others), *_closed(explanation.closed)]}


def _candidates(integrations: Sequence[Integration], actor: Actor) -> list[Block]:
    """What could be used: one row each, with the button that settles it for people who are allowed to."""
    blocks: list[Block] = []
    for one in integrations[:_MOST_CANDIDATES]:
        show = button("Show", SHOW, one.id, label=f"Show {one.name}")
        blocks.append(section(f"{bold(one.name)}   {mention(one.owner)}", show))
        if may(actor, Action.EDIT, one.owner):
            label = f"Make {one.name} the default"
            blocks.append(actions(button("Make this the default", MAKE_DEFAULT, one.id, label=label)))
    return blocks


def _others(others: Sequence[TokenAnswer]) -> list[Block]:
    """The target's workflow tokens that get something else, a line each."""
    lines = [f"• {code(one.token.id)}, {made_by(one.token)}, gets {_gets(one.found)}" for one in others]
    return paragraphs(["*Some of its workflow tokens get something else:*", *lines]) if lines else []


def _gets(found: Choice | QuaymasterError) -> str:
    if isinstance(found, Choice):
        return f"{bold(found.integration.name)}: {escape(found.reason)}."
    people = ", ".join(map(mention, dict.fromkeys(found.people)))
    return f"nothing. {escape(f'{found.message} {found.hint}')}{f' ({people})' if people else ''}"


def _closed(closed: Sequence[Integration]) -> list[Block]:
    """What else tokens created by an owner can fetch, linked or not."""
    names = [f"{bold(one.name)} ({mention(one.owner)})" for one in closed[:_MOST_CLOSED]]
    more = f" and {len(closed) - _MOST_CLOSED} more" if len(closed) > _MOST_CLOSED else ""
    text = "Also available, but only to linked targets and to tokens created by the owner"
    return [context(f"{text}: {', '.join(names)}{more}.")] if names else []
