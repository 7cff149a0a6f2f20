"""Which integration answers for an image, and why.

payload -> which -> explain_choice -> explained -> ack
"""

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.dependencies import read_target
from bot.core.model import Actor, Target
from bot.core.workflows.resolve import Choice, explain_choice, server_asked_for
from bot.services import Services
from handlers.blocks import Message, bold, code, escape, message, section
from handlers.command import Verb, Words
from handlers.routes import Routes


def register(routes: Routes) -> None:
    """Add the verb."""
    usage = "IMAGE [project|environment|image TARGET]"
    example = "registry.example.com/team/app project web-shop"
    routes.verb(
        Verb("which", which, usage, example, "which integration answers for an image, and why"),
        does=Action.SEE,
    )


def which(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``which IMAGE [kind TARGET]``."""
    words.at_most(3)
    image = words.at(0, "The image")
    kind = words.optional(1)
    target = read_target(kind, words.plain_at(2, "The target's name")) if kind else None
    choice = explain_choice(services.ports, actor, server_asked_for(image), target)
    ack(**explained(image, target, choice))


def explained(image: str, target: Target | None, choice: Choice) -> Message:
    """The choice and its reason."""
    for_whom = f" for {escape(target.in_words)}" if target else ""
    name = choice.integration.name
    text = f"{code(image)}{for_whom} is answered by {bold(name)}: {escape(choice.reason)}."
    return message(f"{image}: {name}", [section(text)])
