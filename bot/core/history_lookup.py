"""Who did what, when: refused attempts too, and those of integrations that are gone."""

from bot.core.access import Action, require
from bot.core.model import Actor
from bot.core.ports.former_store import Store
from bot.core.queries import HistoryPage


def read_history(
    store: Store, actor: Actor, about: str | None = None, before: int | None = None
) -> HistoryPage:
    """
    Read ten entries, newest first.

    Args:
        store: The store.
        actor: Anybody who may see integrations.
        about: An integration's name, present or past; ``None`` = all of the workspace.
        before: Only entries with a smaller sequence number.
    """
    require(store, actor, Action.SEE)
    return store.history(actor.workspace, about=about, before=before, size=10)
