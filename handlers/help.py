"""What there is: each verb with one example.

payload -> help_typed -> overview | one_verb -> ack
"""

from functools import cache

from slack_bolt import Ack

from bot.core.audit import Action
from handlers.add import OPEN as ADD
from handlers.blocks import Message, actions, button, code, context, escape, header, message, section
from handlers.command import Verb, Words
from handlers.routes import Routes


def register(routes: Routes) -> None:
    """Add the verb."""
    routes.verb(
        Verb("help", help_typed, "[verb]", "link", "this list, or one verb", ("?", "-h", "--help")),
        does=Action.SEE,
    )


def help_typed(ack: Ack, words: Words, routes: Routes) -> None:
    """Answer ``help [verb]``."""
    verb = words.optional(0).lower()
    ack(**(one_verb(routes.find(verb)) if verb else overview(tuple(routes.verbs.values()))))


@cache
def overview(verbs: tuple[Verb, ...]) -> Message:
    """Every verb on one line, with an example. Drawn once: the verbs never change, and nobody changes it."""
    lines = [f"{code(verb.typed_example)}\n{escape(verb.summary)}" for verb in verbs]
    return message(
        "What /integrations can do",
        [
            header("What /integrations can do"),
            *(section(line) for line in lines),
            actions(button("Add Integration", ADD, style="primary")),
            context("Every answer is visible to you only. Secrets go into forms, never into a command."),
        ],
    )


def one_verb(verb: Verb) -> Message:
    """One verb: how it is typed, an example, its other names."""
    others = f"\nAlso: {', '.join(code(name) for name in verb.aliases)}" if verb.aliases else ""
    text = f"{code(verb.typed)}\n{escape(verb.summary)}\nExample: {code(verb.typed_example)}{others}"
    return message(f"{verb.name}: {verb.summary}", [section(text)])
