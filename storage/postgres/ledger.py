"""What the changes of all workspaces share: connections, the keyring, the clock, and the last seen heads."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from bot.core.errors import Busy, StoreReadOnly
from storage.postgres.connections import Pool, Row, Step, TimedConnection
from storage.postgres.heads import UNSEALED, Head, fault_at
from storage.postgres.read_before import ReadBefore
from storage.postgres.sealed_rows import SealedRows
from storage.sealing import Keyring


class Ledger:
    """Safe to share between threads."""

    def __init__(self, pool: Pool, keyring: Keyring, clock: Callable[[], datetime]) -> None:
        self.pool = pool
        self.keyring = keyring
        self.clock = clock
        self.heads: dict[str, Head] = {}
        """By workspace key; one that is out of date costs a second try."""
        self.lost_keys: frozenset[str] = frozenset()
        """Ids of keys that are gone for good: an end that one of them has signed is accepted unchecked."""
        self.faults: dict[str, str] = {}
        """What is wrong with the end of a history, by workspace key: nothing is written to those."""
        self._read_before = ReadBefore()
        self._turns: dict[str, threading.Lock] = {}

    def rows(self, ws: str) -> SealedRows:
        """Writes and reads the rows of a workspace."""
        return SealedRows(self.keyring, ws, self.lost_keys, self._read_before)

    @contextmanager
    def turn(self, ws: str, deadline: float) -> Iterator[None]:
        """
        Wait for a thread's turn to change a workspace: those that waited at its row would hold connections.

        Raises:
            Busy: It does not come by ``deadline``, in monotonic seconds.
            StoreReadOnly: The history of a workspace fails verification.
        """
        self._require_whole()
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
            given = {"ws": ws}
            steps: list[Step] = [("set_workspace", given), ("head", given), ("newest_entry", given)]
            _, heads, newest = connection.ask(*steps)
            found = Head.of(heads)
            # Without the lock, a different process may have added to it between the two: the lock shows it.
            if found and not fault_at(ws, found, newest, self.keyring, self.lost_keys):
                return found
        return self.lock(connection, ws)[0]

    def lock(self, connection: TimedConnection, ws: str, *further: Step) -> tuple[Head, list[list[Row]]]:
        """
        Begin a transaction during which nobody else changes the workspace, and run further steps in it.

        Raises:
            StoreReadOnly: Its history does not end as we signed it, and so nothing is signed on top of it.
        """
        head, newest, *rows = self._locked(connection, ws, *further)
        fault = fault_at(ws, Head(*head[0]), newest, self.keyring, self.lost_keys)
        if fault:
            self.faults = {**self.faults, ws: fault}
            self._require_whole()
        return Head(*head[0]), rows

    def locked_end(self, connection: TimedConnection, ws: str) -> Head:
        """Lock a workspace as ``lock`` does and say where its history ends, for nothing to be added to it."""
        return Head(*self._locked(connection, ws)[0][0])

    def _locked(self, connection: TimedConnection, ws: str, *further: Step) -> list[list[Row]]:
        given = {"ws": ws}
        begun: list[Step] = [("begin_change", None), ("set_workspace", given), ("begin_workspace", given)]
        steps: list[Step] = [*begun, ("locked_head", given), ("newest_entry", given), *further]
        return connection.ask(*steps)[3:]

    @property
    def trouble(self) -> str | None:
        """Say why nothing is written, as a clause after "because"; ``None`` when writes work."""
        if not self.faults:
            return None
        ws, fault = next(iter(self.faults.items()))
        if fault == UNSEALED:
            return f"workspace {ws} was not converted: {fault[:1].lower()}{fault[1:].rstrip('.')}"
        return (
            f"the history of {ws} fails verification: {fault} Run `quaymaster audit verify`, and once you "
            "know what happened, restore a backup, or move the data with `quaymaster store copy`"
        )

    def _require_whole(self) -> None:
        if self.trouble:
            raise StoreReadOnly(
                f"Nothing was changed, because {self.trouble}.", "Ask the operator to look at the database."
            )

    def ask(self, ws: str, name: str, /, **parameters: Any) -> list[Row]:
        """Run one query outside of any change."""
        return self.pool.ask(("set_workspace", {"ws": ws}), (name, {"ws": ws, **parameters}))[-1]
