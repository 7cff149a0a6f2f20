"""The other direction: every integration that one target uses, each with a Remove button.

payload -> settings -> find_uses -> _used -> ack
payload -> remove -> unlink_if_linked, find_uses -> _used -> replace
"""

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.dependencies import unlink_if_linked
from bot.core.integrations.target_names import TargetUses, find_uses, read_target
from bot.core.kinds import Kinds
from bot.core.model import Actor, Target
from bot.core.queries import Use
from bot.core.texts import quoted
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    bold,
    button,
    code,
    context,
    escape,
    header,
    link,
    message,
    pack_link,
    read_link,
    section,
)
from handlers.phrases import last_used, origin
from handlers.routes import Press, Routes, Verb, Words
from handlers.surfaces import Surface
from handlers.workspace_settings import open_form, register_form

_REMOVE = "settings.remove"
_OPENS = {"workspace": open_form}
_SHOWN = 40
"""Rows that fit into one message."""


def register(routes: Routes) -> None:
    """Add the verb and the Remove button."""
    summary = "lists every integration that a target uses"
    usage = "project|environment|image TARGET"
    more = "`settings workspace` is for admins, if several workspaces share a server."
    names = ("uses", "setting")
    verb = Verb("settings", settings, usage, "project web-shop", summary, names, _OPENS, more)
    routes.verb(verb, does=Action.SEE)
    register_form(routes)
    routes.action(_REMOVE, remove, changes=True)


def settings(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``settings kind TARGET``."""
    name = " ".join(words.plain_at(at, "") for at in range(1, len(words.rest)))
    target = read_target(words.at(0, "The kind of target"), name)
    ack(**_used(find_uses(services.ports, actor, target), services.kinds))


def remove(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Remove the target from one integration."""
    integration_id, target = read_link(press.value, "settings")
    note = unlink_if_linked(services.ports, actor, integration_id, target) or ""
    surface.replace(_used(find_uses(services.ports, actor, target), services.kinds, note))


def _used(found: TargetUses, kinds: Kinds, note: str = "") -> Message:
    """The target's integrations as a message; ``note`` says what got in the way."""
    target, uses = found.target, found.uses
    top = [header(f"Settings of {target.in_words}"), *([context(escape(note))] if note else [])]
    if not uses:
        hint = f" Did you mean {quoted(found.nearest)}?" if found.nearest else ""
        text = f"{escape(target.in_words)} does not use any integrations.{escape(hint)}"
        return message(f"{target.in_words} does not use any integrations.", [*top, section(text)])
    rows = [_use_block(target, use, kinds) for use in uses[:_SHOWN]]
    more = len(uses) - len(rows)
    rest = [context(f"… and {more} more; they appear as you remove these.")] if more else []
    return message(f"{target.in_words} uses {len(uses)}.", [*top, *rows, *rest])


def _use_block(target: Target, use: Use, kinds: Kinds) -> Block:
    """One integration the target uses, and how to remove it."""
    integration, dependency = use.integration, use.dependency
    facts = [code(integration.server.address), origin(dependency), last_used(dependency.last_used_at)]
    facts += [link(dependency.settings_url, "Settings")] if dependency.settings_url else []
    value = pack_link(integration.id, target)
    return section(
        f"{bold(integration.name)}   {escape(kinds[integration.kind].label)}\n{'  ·  '.join(facts)}",
        button("Remove", _REMOVE, value, label=f"Remove {integration.name}"),
    )
