"""The store as scheduled jobs and pipelines see it when workspaces install the app themselves."""

from collections.abc import Callable, Iterator
from typing import Any

from bot.core.model import Server, Workspace
from bot.core.ports.store import Held, Store


class InstalledStore:
    """
    Implements ``bot.core.ports.store.Store`` over another one, without workspaces that removed the app.

    The data of such a workspace stays for 30 days, but nothing in it is checked, announced or fetched.
    """

    def __init__(self, store: Store, is_installed: Callable[[Workspace], bool]) -> None:
        self._store = store
        self._is_installed = is_installed

    def workspaces(self) -> Iterator[Workspace]:
        """Every workspace with data in which the app is installed."""
        return (one for one in self._store.workspaces() if self._is_installed(one))

    def token_holder(self, token_id: str, asked: Server | str | None = None) -> Held | None:
        """Find a workflow token's holder; ``None`` if the workspace removed the app."""
        held = self._store.token_holder(token_id, asked)
        return held if held and self._is_installed(held.workspace) else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
