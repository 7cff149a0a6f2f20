"""The Home tab: the account's integrations page, the same list with the same buttons.

payload -> home -> listing -> publish
"""

from collections.abc import Sequence

from bot.core.access import may
from bot.core.audit import Action
from bot.core.model import Actor
from bot.core.workflows.token_format import WorkflowToken
from bot.core.workflows.tokens import find_requests
from bot.services import Services
from handlers.blocks import Block, code, context, divider, mention, section
from handlers.list import decoded, listing
from handlers.requests import request_buttons
from handlers.routes import Routes
from handlers.surfaces import HomeSurface

_SHOWN = 5


def register(routes: Routes) -> None:
    """Say how the tab is published."""
    routes.home = home


def home(services: Services, actor: Actor, state: str) -> None:
    """Publish the list as a person's Home tab, narrowed as it was."""
    surface = HomeSurface(services.slack(actor.workspace), actor.user_id, "", state)
    shown = listing(services, actor, decoded(state))
    requests = find_requests(services.ports, actor) if may(actor, Action.APPROVE_TOKEN) else ()
    surface.replace({**shown, "blocks": [*shown["blocks"], *_requests(requests)]})


def _requests(tokens: Sequence[WorkflowToken]) -> list[Block]:
    """The workflow tokens that wait for an admin."""
    if not tokens:
        return []
    blocks = [divider(), section(f"*Workflow tokens that wait for an admin:* {len(tokens)}")]
    for token in tokens[:_SHOWN]:
        text = f"{code(token.id)}   {code(token.target.in_words)}   by {mention(token.created_by)}"
        blocks += [section(text), *request_buttons(token.id)]
    return [*blocks, context("`/integrations token list` shows all of them.")]
