"""Ask about a target's name that looks like a password, before it is stored unencrypted.

payload -> refuse -> refuse_name -> SecretInText, told by the dispatcher
"""

from bot.core.integrations.target_names import refuse_name
from bot.core.model import Actor
from bot.services import Services
from handlers.blocks import Message, actions, button, message, section
from handlers.routes import Routes

_NO = "name_question.no"
_QUESTION = (
    ":warning: The target's name looks like a password. Names are stored unencrypted, everybody in this "
    "workspace can see them, and the history keeps them. Is this really a name?"
)


def register(routes: Routes) -> None:
    """Add the button that says no; the caller brings the action for yes."""
    routes.action(_NO, refuse)


def name_question(yes: str, value: str) -> Message:
    """
    The question, which does not repeat the name.

    Args:
        yes: The action of "Yes, it is a name".
        value: What that button carries: the name sealed.
    """
    buttons = actions(
        button("Yes, it is a name", yes, value), button("No, it is a secret", _NO, style="danger")
    )
    return message("The target's name looks like a password.", [section(_QUESTION), buttons])


def refuse(services: Services, actor: Actor) -> None:
    """Say what to do about a secret that was typed."""
    refuse_name(services.ports, actor)
