"""Workflow tokens: create one for a target, list them, revoke one.

payload -> token -> create_token -> created -> ack
payload -> token -> list_tokens -> listed -> ack
payload -> token | revoke_pressed -> revoke_token -> revoked -> ack | replace
"""

from typing import Any

from slack_bolt import Ack

from bot.core.dependencies import in_words, read_target
from bot.core.errors import InvalidInput
from bot.core.model import Actor
from bot.core.secrets import Secret
from bot.core.tokens import WorkflowToken
from bot.core.workflows import create_token, list_tokens, read_days, revoke_token
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    button,
    code,
    context,
    escape,
    header,
    mention,
    message,
    section,
    when,
)
from handlers.command import Verb, Words, as_typed
from handlers.routes import Press, Routes
from handlers.surfaces import Surface

REVOKE = "token.revoke"
SHOWN = 40
"""Rows that fit into one message."""


def register(routes: Routes) -> None:
    """Add the verb and the Revoke button."""
    usage = "create project|environment|image TARGET [days] | list | revoke ID"
    summary = "workflow tokens: what a pipeline shows to get credentials"
    routes.verb(Verb("token", token, usage, "create project web-shop 90", summary, ("tokens",)))
    routes.action(REVOKE, revoke_pressed)


def token(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``token create|list|revoke …``."""
    what = words.optional(0).lower() or "list"
    if what not in ANSWERS:
        raise InvalidInput("Say what to do with tokens: create, list or revoke.", words.usage)
    ack(**ANSWERS[what](words, services, actor))


def create(words: Words, services: Services, actor: Actor) -> Message:
    """Make a token and show it, once."""
    target = read_target(words.at(1, "The kind of target"), words.at(2, "The target's name"))
    made = create_token(services.store, actor, target, read_days(words.optional(3)))
    return created(*made, services.base_url)


def list_typed(words: Words, services: Services, actor: Actor) -> Message:  # noqa: ARG001 - one of three
    """List the tokens."""
    return listed(list_tokens(services.store, actor), actor)


def revoke(words: Words, services: Services, actor: Actor) -> Message:
    """Revoke the token whose id was typed."""
    return revoked(revoke_token(services.store, actor, words.at(1, "The token's id")))


ANSWERS = {"create": create, "list": list_typed, "revoke": revoke}


def revoke_pressed(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Revoke a token from the list, and show the list anew."""
    revoke_token(services.store, actor, press.value)
    surface.replace(listed(list_tokens(services.store, actor), actor))


def created(text: Secret, made: WorkflowToken, base_url: str | None) -> Message:
    """The only message that ever shows a token."""
    where = f", and `QUAYMASTER_URL` is {code(base_url)}" if base_url else ""
    target = in_words(made.target)
    return message(
        f"A workflow token for {target}.",
        [
            header("Workflow token"),
            section(f"For {escape(target)}, until {when(made.expires_at)}:\n```{text.reveal()}```"),
            section(
                f"Copy it now into your CI system's secrets as `QUAYMASTER_TOKEN`{where}. It is not stored "
                "and cannot be shown again. Whatever it fetches is recorded as a dependency."
            ),
            context(f"Its id is {code(made.id)}. `/integrations token revoke {made.id}` ends it at once."),
        ],
    )


def listed(tokens: tuple[WorkflowToken, ...], actor: Actor) -> Message:
    """The tokens, those that work first."""
    working = [token for token in tokens if token.is_valid(actor.at)]
    ended = [token for token in tokens if not token.is_valid(actor.at)]
    if not tokens:
        text = "There is no workflow token yet. `/integrations token create project web-shop` makes one."
        return message("No workflow token yet.", [section(text)])
    rows = [token_block(token, is_working=token in working) for token in [*working, *ended][:SHOWN]]
    more = len(tokens) - len(rows)
    rest = [context(f"… and {more} more.")] if more else []
    title = f"Workflow tokens: {len(working)} valid"
    return message(title, [header(title), *rows, *rest])


def token_block(token: WorkflowToken, *, is_working: bool) -> Block:
    """One token: its id, whom it speaks for, until when, last used."""
    used = f"last used {when(token.last_used_at)}" if token.last_used_at else "never used"
    end = (
        f"until {when(token.expires_at)}"
        if is_working
        else f"*ended* {when(token.revoked_at or token.expires_at)}"
    )
    facts = f"{end}  ·  {used}  ·  by {mention(token.created_by)}"
    label = f"Revoke token {token.id}"
    accessory = button("Revoke", REVOKE, token.id, style="danger", label=label) if is_working else None
    return section(f"{code(token.id)}   {escape(in_words(token.target))}\n{facts}", accessory)


def revoked(token: WorkflowToken) -> Message:
    """Say that a token is over."""
    target = in_words(token.target)
    return message(
        f"Token {token.id} is revoked.",
        [section(f":no_entry: Token {code(token.id)} for {escape(target)} is revoked: it no longer works.")],
    )


def reminder(token: WorkflowToken) -> dict[str, Any]:
    """What a token's creator is told before it ends."""
    target = in_words(token.target)
    ends = f"Your workflow token {code(token.id)} for {escape(target)} ends {when(token.expires_at)}."
    typed = f"{token.target.kind.value} {as_typed(token.target.name)}"
    make = code(f"/integrations token create {typed}")
    advice = f"Make its successor with {make} and put it into the CI system before then."
    text = f"Workflow token {token.id} ends soon."
    return {"text": text, "blocks": [section(f":hourglass: {ends}\n{advice}")]}
