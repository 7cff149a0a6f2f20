"""What nothing has used: integrations that only cost the trust they hold."""

import re
from datetime import timedelta

from bot.core.access import Action, require
from bot.core.errors import InvalidInput
from bot.core.model import Actor
from bot.core.ports.former_store import Store
from bot.core.queries import Unused

DEFAULT_DAYS = 90
SHOWN = 20


def read_unused_days(text: str) -> int:
    """Read a number of days; empty means 90. Raises ``InvalidInput``."""
    if not text:
        return DEFAULT_DAYS
    if not (re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= 3650):
        raise InvalidInput("Say for how many days, 1 to 3650.", "Example: /integrations unused 30")
    return int(text)


def list_unused(store: Store, actor: Actor, days: int) -> tuple[int, tuple[Unused, ...]]:
    """Count the integrations that nothing has used in so many days, and give the first 20."""
    require(store, actor, Action.SEE)
    return store.unused(actor.workspace, actor.at - timedelta(days=days), SHOWN)
