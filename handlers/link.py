"""Record that a target depends on an integration, and take it back.

payload -> link_typed -> link_target -> linked -> ack
payload -> unlink_typed -> unlink_named -> unlinked -> ack
"""

from slack_bolt import Ack

from bot.core.dependencies import Linked, in_words, link_target, read_settings_url, read_target, unlink_named
from bot.core.model import Actor, Target
from bot.services import Services
from handlers.blocks import Message, bold, escape, link, message, section
from handlers.command import Verb, Words
from handlers.routes import Routes

TARGET = "project|environment|image TARGET"


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
    ack(**linked(link_target(services.store, actor, name, target, settings_url)))


def unlink_typed(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``unlink NAME kind TARGET``."""
    words.at_most(3)
    target = typed_target(words)
    name = words.at(0, "The integration's name")
    unlink_named(services.store, actor, name, target)
    ack(**unlinked(name, target))


def typed_target(words: Words) -> Target:
    """Read the target that stands behind the integration's name."""
    words.at(0, "The integration's name")
    return read_target(words.at(1, "The kind of target"), words.at(2, "The target's name"))


def linked(done: Linked) -> Message:
    """Say that the link is recorded, or was already."""
    settings = done.dependency.settings_url
    name, target = bold(done.integration.name), escape(in_words(done.dependency.target))
    verb = "now depends" if done.was_new else "already depends"
    more = f"  ({link(settings, 'Settings')})" if settings else ""
    text = f":link: {target} {verb} on {name}.{more}"
    return message(f"{in_words(done.dependency.target)} {verb} on {done.integration.name}.", [section(text)])


def unlinked(name: str, target: Target) -> Message:
    """Say that the link is gone."""
    text = f"{escape(in_words(target))} no longer depends on {bold(name)}."
    return message(f"{in_words(target)} no longer depends on {name}.", [section(text)])
