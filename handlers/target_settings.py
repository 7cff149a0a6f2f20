"""The other direction: every integration that one target uses, each with a Remove button.

payload -> settings -> uses_of -> used -> ack
payload -> remove -> unlink_if_linked, uses_of -> used -> replace
"""

import json

from slack_bolt import Ack

from bot.core.access import Action
from bot.core.errors import quoted
from bot.core.integrations.dependencies import (
    in_words,
    nearest_targets,
    read_target,
    unlink_if_linked,
    uses_of,
)
from bot.core.kinds import Kinds
from bot.core.model import Actor, Target, TargetKind
from bot.core.queries import Use
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
    section,
)
from handlers.command import Verb, Words
from handlers.error_answers import too_old
from handlers.phrases import last_used, origin
from handlers.routes import Press, Routes
from handlers.surfaces import Surface

REMOVE = "settings.remove"
SHOWN = 40
"""Rows that fit into one message."""


def register(routes: Routes) -> None:
    """Add the verb and the Remove button."""
    summary = "every integration a project, an environment or an image uses"
    usage = "project|environment|image TARGET"
    routes.verb(
        Verb("settings", settings, usage, "project web-shop", summary, ("uses", "setting")), does=Action.SEE
    )
    routes.action(REMOVE, remove, changes=True)


def settings(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``settings kind TARGET``."""
    name = " ".join(words.plain_at(at, "") for at in range(1, len(words.rest)))
    target = read_target(words.at(0, "The kind of target"), name)
    uses = uses_of(services.store, actor, target)
    nearest = () if uses else nearest_targets(services.store, actor, target)
    ack(**used(target, uses, services.kinds, nearest))


def remove(press: Press, surface: Surface, services: Services, actor: Actor) -> None:
    """Take one integration away from the target."""
    integration_id, target = read_value(press.value)
    note = unlink_if_linked(services.store, actor, integration_id, target) or ""
    surface.replace(used(target, uses_of(services.store, actor, target), services.kinds, note=note))


def read_value(value: str) -> tuple[str, Target]:
    """Read a Remove button's value. Raises ``InvalidInput`` for one that this version did not write."""
    try:
        integration_id, kind, name = json.loads(value)
        return str(integration_id), Target(TargetKind(kind), str(name))
    except (ValueError, TypeError, OverflowError) as error:
        raise too_old("settings") from error


def used(
    target: Target, uses: tuple[Use, ...], kinds: Kinds, nearest: tuple[str, ...] = (), note: str = ""
) -> Message:
    """The target's integrations as a message; ``note`` says what came in the way."""
    top = [header(f"Settings of {in_words(target)}"), *([context(escape(note))] if note else [])]
    if not uses:
        hint = f" Did you mean {quoted(nearest)}?" if nearest else ""
        text = f"{escape(in_words(target))} uses no integration.{escape(hint)}"
        return message(f"{in_words(target)} uses no integration.", [*top, section(text)])
    rows = [use_block(target, use, kinds) for use in uses[:SHOWN]]
    more = len(uses) - len(rows)
    rest = [context(f"… and {more} more, shown as these are removed.")] if more else []
    return message(f"{in_words(target)} uses {len(uses)}.", [*top, *rows, *rest])


def use_block(target: Target, use: Use, kinds: Kinds) -> Block:
    """One integration the target uses, and how to remove it."""
    integration, dependency = use.integration, use.dependency
    facts = [code(integration.server.address), origin(dependency), last_used(dependency.last_used_at)]
    facts += [link(dependency.settings_url, "Settings")] if dependency.settings_url else []
    value = json.dumps([integration.id, target.kind.value, target.name], ensure_ascii=False)
    return section(
        f"{bold(integration.name)}   {escape(kinds[integration.kind].label)}\n{'  ·  '.join(facts)}",
        button("Remove", REMOVE, value, label=f"Remove {integration.name}"),
    )
