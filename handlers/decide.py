"""Decide on what others ask for: a link that somebody noted, a workflow token that a member created.

payload -> allow -> allow_link -> notice -> replace
payload -> approve | decline -> approve_token | decline_token -> notice -> replace
"""

from bot.core.integrations.dependencies import allow_link
from bot.core.model import Actor
from bot.core.workflows.fetch import silence_first_fetches
from bot.core.workflows.tokens import approve_token, decline_token
from bot.services import Services
from handlers.blocks import bold, code, notice, read_link, read_value
from handlers.requests import ALLOW, APPROVE, DECLINE, QUIET, Quiet, Request, let_in
from handlers.routes import Press, Routes
from handlers.surfaces import Surface


def register(routes: Routes) -> None:
    """Add the buttons of the messages."""
    routes.action(ALLOW, allow, changes=True)
    routes.action(APPROVE, approve, changes=True)
    routes.action(DECLINE, decline, changes=True)
    routes.action(QUIET, be_quiet)


def allow(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Grant what somebody noted."""
    integration_id, target = read_link(press.value, "link")
    done = allow_link(services.ports, actor, integration_id, target)
    text = f":white_check_mark: {code(target.in_words)} can now fetch {bold(done.integration.name)}."
    drawn = notice(text)
    surface.show({**drawn, "blocks": [*drawn["blocks"], *let_in(done.tokens)]})


def approve(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Approve a token."""
    token = approve_token(services.ports, actor, read_value(Request, press.value, "token list").token_id)
    text = f":white_check_mark: Token {code(token.id)} for {code(token.target.in_words)} is approved."
    surface.show(notice(text))


def decline(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Decline a token."""
    token = decline_token(services.ports, actor, read_value(Request, press.value, "token list").token_id)
    text = f":no_entry: Token {code(token.id)} for {code(token.target.in_words)} is declined."
    surface.show(notice(text))


def be_quiet(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Stop announcing an integration's first fetches."""
    name = silence_first_fetches(services.ports, actor, read_value(Quiet, press.value, "list").id).name
    surface.show(notice(f"You will no longer be notified when a new target fetches {bold(name)}."))
