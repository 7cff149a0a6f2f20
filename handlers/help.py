"""What Quaymaster can do: each verb with one example, in four groups; or every way to use one verb.

payload -> help_typed -> overview | _one_verb -> ack
"""

from functools import cache

from slack_bolt import Ack

from bot.core.audit import Action
from handlers.add import OPEN as ADD
from handlers.blocks import (
    Message,
    button,
    code,
    escape,
    message,
    paragraphs,
    section,
)
from handlers.routes import COMMAND, Routes, Verb, Words

_OTHERS = "Look after"
GROUPS = {
    "Use": ("list", "add", "show", "edit", "rotate", "ask", "delete", "test", "tags", "catalog", "import"),
    "Depend": ("link", "unlink", "settings", "targets", "which", "unused"),
    "Pipelines": ("token", "revoke"),
    _OTHERS: ("give", "history", "notify", "help"),
}
"""Which verbs belong together."""
_ITSELF = "help"
"""It is below the groups: if it were listed in them, they would not fit on one screen."""
_LAST = f"`{COMMAND} help VERB` shows every way to use one command."


def register(routes: Routes) -> None:
    """Add the verb."""
    routes.verb(
        Verb(
            "help", help_typed, "[verb]", "link", "shows all commands, or explains one", ("?", "-h", "--help")
        ),
        does=Action.SEE,
    )


def help_typed(ack: Ack, words: Words, routes: Routes) -> None:
    """Answer ``help [verb]``."""
    verb = words.optional(0).lower()
    ack(**(_one_verb(routes.find(verb)) if verb else overview(tuple(routes.verbs.values()))))


@cache
def overview(verbs: tuple[Verb, ...]) -> Message:
    """Every verb on a line of its group. Drawn once: the verbs never change, and nobody changes it."""
    groups: dict[str, list[str]] = {group: [f"*{group}*"] for group in GROUPS}
    for verb in verbs:
        if verb.name == _ITSELF:
            continue
        group = next((one for one, names in GROUPS.items() if verb.name in names), _OTHERS)
        groups[group].append(f"{code(verb.typed_example)}   {escape(verb.summary)}")
    return message(
        "What /integrations can do",
        [
            *(block for lines in groups.values() for block in paragraphs(lines)),
            section(_LAST, button("Add Integration", ADD, style="primary")),
        ],
    )


def _one_verb(verb: Verb) -> Message:
    """One verb: how it is typed, an example, its other names."""
    others = f"\nAlso: {', '.join(code(name) for name in verb.aliases)}" if verb.aliases else ""
    forms = [code(f"{COMMAND} {verb.name} {usage}".rstrip()) for usage in verb.usage.split(" | ")]
    forms += [f"{code(f'{COMMAND} {verb.name} {words}'.rstrip())}   opens a form" for words in verb.opens]
    typed = "\n".join(forms)
    more = f"\n{verb.more}" if verb.more else ""
    summary = f"*{verb.name}*   {escape(verb.summary)}"
    text = f"{summary}\n{typed}{more}\nExample: {code(verb.typed_example)}{others}"
    return message(f"{verb.name}: {verb.summary}", [section(text)])
