"""What the changes of all workspaces share: connections, the keyring, the clock, and the heads seen last."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from bot.core.errors import Busy
from storage.postgres.connections import Pool, Row, Step, TimedConnection
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
        self._turns: dict[str, threading.Lock] = {}

    @contextmanager
    def turn(self, ws: str, deadline: float) -> Iterator[None]:
        """
        Wait for a thread's turn to change a workspace: those that waited at its row would hold connections.

        Raises:
            Busy: It does not come by ``deadline``, in monotonic seconds.
        """
        turn = self._turns.setdefault(ws, threading.Lock())
        if not turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise Busy
        try:
            yield
        finally:
            turn.release()

    def head(self, connection: TimedConnection, ws: str, *, is_locked: bool) -> Head:
        """
        Where a workspace's history ends; it is read only when it is not remembered.

        A workspace that is new begins in the transaction that is left open then, as it is for a locked head.
        """
        known = self.heads.get(ws)
        if known and not is_locked:
            return known
        if not is_locked:
            found = Head.of(connection.ask(("set_workspace", {"ws": ws}), ("head", {"ws": ws}))[-1])
            if found:
                return found
        return self.lock(connection, ws)[0]

    def lock(self, connection: TimedConnection, ws: str, *further: Step) -> tuple[Head, list[list[Row]]]:
        """Begin a transaction that nobody else changes the workspace beside, and do further steps in it."""
        given = {"ws": ws}
        begun: list[Step] = [("begin_change", None), ("set_workspace", given), ("begin_workspace", given)]
        _, _, _, head, *rows = connection.ask(*begun, ("locked_head", given), *further)
        return Head(*head[0]), rows

    def ask(self, ws: str, name: str, /, **parameters: Any) -> list[Row]:
        """Ask one question outside of any change."""
        return self.pool.ask(("set_workspace", {"ws": ws}), (name, {"ws": ws, **parameters}))[-1]
