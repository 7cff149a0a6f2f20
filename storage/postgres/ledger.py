"""What the changes of all workspaces share: connections, the keyring, the clock, and the heads seen last."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from storage.postgres.connections import Connection, Pool, Row, Step
from storage.postgres.heads import Head
from storage.sealing import Keyring


class Ledger:
    """Safe to share between threads."""

    def __init__(self, pool: Pool, keyring: Keyring, clock: Callable[[], datetime]) -> None:
        self.pool = pool
        self.keyring = keyring
        self.clock = clock
        self.heads: dict[str, Head] = {}
        """By workspace key; one that is out of date costs a second try."""

    def head(self, connection: Connection, ws: str, *, is_locked: bool) -> Head:
        """
        Where a workspace's history ends.

        It is read only when it is not remembered. A workspace that is new begins in the transaction that is
        left open then, as it is when the head is locked.
        """
        known = self.heads.get(ws)
        if known and not is_locked:
            return known
        set_workspace: Step = ("set_workspace", {"ws": ws})
        if not is_locked:
            found = Head.of(connection.ask(set_workspace, ("head", {"ws": ws}))[-1])
            if found:
                return found
        begun: list[Step] = [("begin_change", None), set_workspace, ("begin_workspace", {"ws": ws})]
        return Head(*connection.ask(*begun, ("locked_head", {"ws": ws}))[-1][0])

    def ask(self, ws: str, name: str, /, **parameters: Any) -> list[Row]:
        """Ask one question outside of any change."""
        return self.pool.ask(("set_workspace", {"ws": ws}), (name, {"ws": ws, **parameters}))[-1]
