"""Record that a target depends on an integration, and take it back.

payload -> link_typed -> link_target -> linked -> ack
payload -> unlink_typed -> unlink_named -> unlinked -> ack
"""

from collections.abc import Sequence

from slack_bolt import Ack

from bot.core.integrations.dependencies import (
    Linked,
    link_target,
    read_settings_url,
    read_target,
    unlink_named,
)
from bot.core.model import Actor, Target
from bot.core.workflows.token_format import WorkflowToken
from bot.services import Services
from handlers.blocks import Block, Message, bold, code, context, escape, link, mention, message, section
from handlers.command import Verb, Words
from handlers.routes import Routes

TARGET = "project|environment|image TARGET"
_MOST_NAMED = 10


def register(routes: Routes) -> None:
    """Add both verbs."""
    example = "my_registry project web-shop https://ci.example.com/web-shop/settings"
    records = "records that a project, an environment or an image depends on it"
    routes.verb(Verb("link", link_typed, f"NAME {TARGET} [settings-url]", example, records))
    routes.verb(
        Verb("unlink", unlink_typed, f"NAME {TARGET}", "my_registry project web-shop", "takes a link back")
    )


def link_typed(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``link NAME kind TARGET [settings-url]``."""
    words.at_most(4)
    target = typed_target(words)
    settings_url = read_settings_url(words.optional(3))
    name = words.at(0, "The integration's name")
    ack(**linked(link_target(services.ports, actor, name, target, settings_url)))


def unlink_typed(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``unlink NAME kind TARGET``."""
    words.at_most(3)
    target = typed_target(words)
    name = words.at(0, "The integration's name")
    unlink_named(services.ports, actor, name, target)
    ack(**unlinked(name, target))


def typed_target(words: Words) -> Target:
    """Read the target that stands behind the integration's name."""
    words.at(0, "The integration's name")
    return read_target(words.at(1, "The kind of target"), words.plain_at(2, "The target's name"))


def linked(done: Linked) -> Message:
    """Say that the link is recorded, or was already; and of a closed integration, whom that lets in."""
    settings = done.dependency.settings_url
    name, target = bold(done.integration.name), escape(done.dependency.target.in_words)
    verb = "now depends" if done.was_new else "already depends"
    more = f"  ({link(settings, 'Settings')})" if settings else ""
    text = f":link: {target} {verb} on {name}.{more}"
    blocks = [section(text), *_let_in(done.tokens)]
    return message(f"{done.dependency.target.in_words} {verb} on {done.integration.name}.", blocks)


def _let_in(tokens: Sequence[WorkflowToken]) -> list[Block]:
    """Name the tokens that a link lets in: any member may have made them before."""
    if not tokens:
        return []
    named = [f"{code(one.id)} by {mention(one.created_by)}" for one in tokens[:_MOST_NAMED]]
    more = f" and {len(tokens) - _MOST_NAMED} more" if len(tokens) > _MOST_NAMED else ""
    text = f":key: These workflow tokens fetch it from now on: {', '.join(named)}{more}."
    return [context(f"{text} `/integrations token revoke ID` ends one.")]


def unlinked(name: str, target: Target) -> Message:
    """Say that the link is gone."""
    text = f"{escape(target.in_words)} no longer depends on {bold(name)}."
    return message(f"{target.in_words} no longer depends on {name}.", [section(text)])
