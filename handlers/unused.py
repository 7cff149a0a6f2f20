"""Integrations that nothing has used lately.

payload -> unused -> list_unused -> _shown -> ack
"""

from slack_bolt import Ack

from bot.core.audit import Action
from bot.core.integrations.inventory import list_unused, read_unused_days
from bot.core.model import Actor
from bot.core.queries import Unused
from bot.services import Services
from handlers.blocks import (
    Block,
    Message,
    bold,
    button,
    code,
    context,
    header,
    mention,
    message,
    section,
)
from handlers.delete import ASK as DELETE
from handlers.phrases import last_used
from handlers.routes import Routes, Verb, Words


def register(routes: Routes) -> None:
    """Add the verb."""
    routes.verb(
        Verb(
            "unused",
            unused,
            "[days]",
            "30",
            "lists integrations that nothing has used lately",
        ),
        does=Action.SEE,
    )


def unused(ack: Ack, words: Words, services: Services, actor: Actor) -> None:
    """Answer ``unused [days]``."""
    words.at_most(1)
    days = read_unused_days(words.optional(0))
    total, rows = list_unused(services.ports, actor, days)
    ack(**_shown(total, rows, days))


def _shown(total: int, rows: tuple[Unused, ...], days: int) -> Message:
    """The unused integrations as a message."""
    if not total:
        text = f"Every integration was added or used in the last {'day' if days == 1 else _in_days(days)}."
        return message(text, [section(text)])
    title = f"Unused for {_in_days(days)}: {total}"
    more = total - len(rows)
    rest = [context(f"… and {more} more; they appear as you delete these.")] if more else []
    return message(title, [header(title), *(_row_block(row) for row in rows), *rest])


def _in_days(days: int) -> str:
    """``1 day``, ``90 days``."""
    return f"{days} day{'s' * (days != 1)}"


def _row_block(row: Unused) -> Block:
    """One integration: whose it is, when it was last used."""
    integration = row.integration
    used = last_used(row.last_used_at)
    depend = (
        f"{row.dependencies} depend{'s' * (row.dependencies == 1)} on it"
        if row.dependencies
        else "nothing depends on it"
    )
    facts = f"{code(integration.server.address)}  ·  {mention(integration.owner)}  ·  {used}  ·  {depend}"
    delete = button("Delete", DELETE, integration.id, label=f"Delete {integration.name}")
    return section(f"{bold(integration.name)}\n{facts}", delete)
