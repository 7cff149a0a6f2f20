"""A change of one workspace.

What is only written waits until the block ends, and goes in one round trip; each statement carries its
preconditions, and the first one that is not met aborts the change. A change that reads locks its workspace
first: from then on nobody else changes it. Either way changes queue at the workspace's row, so a history
stays one chain, and no two changes wait for each other in a circle.

1. only writes -> (advance the head from the remembered one, writes, entries); again when the head has moved
2. reads       -> (begin, lock the head), (question), … -> (writes, entries, commit)
3. the connection ended before the answer -> ``is_kept`` finds out what came of it
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

from bot.core.audit import Event, News
from bot.core.errors import AlreadyDone, Busy, HasDependencies, NameTaken, NotFound, Outdated
from bot.core.model import Bar, Dependency, Integration, Setting, WorkflowToken, Workspace
from bot.core.ports.store import CLOCK_JUMP, REMEMBERED_FOR, TOKENS_KEPT_FOR, Stored
from storage.postgres.connections import (
    PATIENCE_S,
    Lost,
    StatementRefused,
    Step,
    TimedConnection,
    sentence_for,
)
from storage.postgres.heads import Extended, Head, extend
from storage.postgres.ledger import Ledger
from storage.postgres.noted_uses import NotedUses
from storage.postgres.reading import PostgresReading, Rows
from storage.postgres.rows import PUT, target_columns
from storage.postgres.sending import COLLIDED, TRIES, Sent, is_kept, send
from storage.records import kids_of

T = TypeVar("T")


class PostgresChange(PostgresReading):
    """Implements ``bot.core.ports.store.Change``."""

    def __init__(self, workspace: Workspace, ledger: Ledger, noted: Callable[[], NotedUses]) -> None:
        super().__init__(workspace, self)
        self.noted = noted
        self.rows = ledger.rows(workspace.key)
        self._ws = workspace.key
        self._ledger = ledger
        self._log: list[tuple[Step, Rows | None]] = []
        """Everything that was written (``None``) and queried, in order."""
        self._events: list[Event] = []
        self._borrowed = ExitStack()
        self._connection: TimedConnection | None = None
        self._first = self._head = Head()
        """The locked head, and what this change made of it so far."""
        self._sent_log = self._sent_events = 0

    @property
    def written(self) -> list[Step]:
        """Every statement that was written."""
        return [step for step, rows in self._log if rows is None]

    def put(self, value: Stored) -> None:
        """Store a value, as ``Change.put`` says."""
        if isinstance(value, Integration):
            kids_of(value)  # no plaintext reaches the database
            value = self.rows.identities.sealed(value)
        elif isinstance(value, WorkflowToken):
            made_at = value.created_at
            self.write("drop_old_tokens", before=made_at - TOKENS_KEPT_FOR, seen_since=made_at - CLOCK_JUMP)
        is_known = isinstance(value, Integration) and value.version != 1
        name = "put_integration" if is_known else PUT[type(value)]
        self.write(name, **self.rows.written(value))

    def remove(self, value: Stored) -> None:
        """Remove a value, as ``Change.remove`` says."""
        if isinstance(value, Integration):
            self.write("remove_integration", id=value.id, version=value.version, shown=value.name)
        elif isinstance(value, Dependency | Bar):
            name = "remove_dependency" if isinstance(value, Dependency) else "remove_bar"
            self.write(name, id=value.integration_id, **target_columns(value.target))
        elif isinstance(value, Setting):
            self.write("remove_setting", name=value.name)
        else:
            self.write("remove_news" if isinstance(value, News) else "remove_token", id=value.id)

    def record(self, event: Event) -> None:
        """Append to the workspace's history."""
        self._events.append(event)

    def remember(self, request_id: str, outcome: str) -> None:
        """Store the outcome of this request, as ``Change.remember`` says."""
        if request_id:
            now = self._ledger.clock()
            self.write("remember", id=request_id, outcome=outcome, at=now, before=now - REMEMBERED_FOR)

    def write(self, name: str, /, **parameters: Any) -> None:
        """Run a statement of ``queries.sql`` with this change."""
        self._log.append(((name, {"ws": self._ws, **parameters}), None))

    def ask(self, name: str, /, **parameters: Any) -> Rows:
        """Ask inside the change; what it has written is seen."""
        step = (name, {"ws": self._ws, **parameters})
        return self._told(lambda: self._answer(step))

    def keep(self) -> None:
        """Commit the change, if it contains anything."""
        if self._events or any(rows is None for _, rows in self._log):
            self._told(self._keep_locked if self._connection else self._keep_written)

    def drop(self) -> None:
        """Return the connection; what was not committed is gone."""
        self._borrowed.close()
        self._connection = None

    # A change that only writes

    def _keep_written(self) -> None:
        written = self.written

        def steps(before: Head, extended: Extended) -> list[Step]:
            return self._steps(before, extended, written)

        send(self._ledger, self._ws, self._events, steps)

    # A change that reads

    def _answer(self, step: Step) -> Rows:
        if self._connection is None and not (self.written or self._events):
            rows = self._begin(step)[0]
        else:
            connection = self._begun()
            rows = connection.ask(*self._take_unsent(), step)[-1]
        self._log.append((step, rows))
        self._sent_log = len(self._log)
        return rows

    def _begun(self) -> TimedConnection:
        """The connection of this change, its workspace locked."""
        if self._connection is None:
            self._begin()
        assert self._connection  # noqa: S101 - for the type checker: it has begun
        self._connection.deadline = time.monotonic() + PATIENCE_S
        return self._connection

    def _begin(self, *further: Step) -> list[Rows]:
        """Borrow a connection and lock the workspace; return the rows of further steps."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._borrowed.enter_context(self._ledger.turn(self._ws, deadline))
                connection = self._borrowed.enter_context(self._ledger.pool.connection(deadline))
                self._first, rows = self._ledger.lock(connection, self._ws, *further)
            except Lost as lost:
                self._borrowed.close()
                if lost.is_final:
                    raise
            else:
                self._head, self._connection = self._first, connection
                return rows

    def _take_unsent(self) -> list[Step]:
        """What was written since the last round trip, with its entries at the end of the chain."""
        written = [step for step, rows in self._log[self._sent_log :] if rows is None]
        events = self._events[self._sent_events :]
        self._sent_log, self._sent_events = len(self._log), len(self._events)
        if not (written or events):
            return []
        before, extended = self._head, self._extended(self._head, events)
        self._head = extended.head
        return self._steps(before, extended, written)

    def _keep_locked(self) -> None:
        for left in reversed(range(TRIES + 1)):
            connection = self._begun()
            steps = self._take_unsent()
            try:
                connection.ask(*steps, ("commit", None))
                break
            except StatementRefused as refused:
                if refused.sqlstate not in COLLIDED or not left:
                    raise
            except Lost:
                if is_kept(self._ledger, Sent(self._ws, self._first, self._head), connection.deadline):
                    break
            self._replay()
        self._ledger.heads[self._ws] = self._head

    def _replay(self) -> None:
        """Run everything again in a new transaction, as long as each query has the same answer as before."""
        self.drop()
        log, self._log = self._log, []
        self._sent_log = self._sent_events = 0
        for step, answer in log:
            if answer is None:
                self._log.append((step, None))
            elif self._answer(step) != answer:
                raise Busy

    # Both

    def _extended(self, head: Head, events: Sequence[Event]) -> Extended:
        return extend(head, self._ws, events, self._ledger.keyring)

    def _steps(self, before: Head, extended: Extended, written: list[Step]) -> list[Step]:
        """The head first, which other changes queue at; a single entry goes with it."""
        advance, rows = extended.advance(self._ws, before), extended.rows(self._ws)
        if len(rows) == 1:
            return [("advance_and_append", {**rows[0], **advance}), *written]
        return [("advance", advance), *written, *(("append_entry", row) for row in rows)]

    def _told(self, act: Callable[[], T]) -> T:
        """Act; what the database refuses becomes an error of the port."""
        try:
            return act()
        except Lost as lost:
            raise sentence_for(lost) from None
        except StatementRefused as refused:
            error = self._explained(refused)
        self.drop()  # to look up, outside of the failed transaction
        raise error() from None

    def _explained(self, refused: StatementRefused) -> Callable[[], Exception]:
        name, parameters = refused.step or ("", None)
        given = parameters or {}
        known: dict[tuple[str, str], Callable[[], Exception]] = {
            ("QM001", "outdated"): lambda: Outdated(self._present(given["id"])),
            ("QM001", "done"): lambda: AlreadyDone(
                self._ledger.ask(self._ws, "outcome", id=given["id"])[0][0]
            ),
            ("QM001", "head"): Busy,
            ("23505", "integrations_name"): lambda: NameTaken(given["doc"].obj["name"]),
            ("23503", "bars_integration"): lambda: _is_gone("barred from"),
            ("23503", "dependencies_integration"): lambda: _is_gone("linked to"),
        }
        if name == "remove_integration" and refused.sqlstate == "23503":
            return lambda: HasDependencies(given["shown"], self._dependents(given["id"]))
        what = refused.what if refused.sqlstate == "QM001" else refused.constraint
        return known.get((refused.sqlstate, what), lambda: sentence_for(refused))

    def _present(self, integration_id: str) -> Integration | None:
        rows = self._ledger.ask(self._ws, "integration", id=integration_id)
        return self.rows.integration(*rows[0]) if rows else None

    def _dependents(self, integration_id: str) -> int:
        count: int = self._ledger.ask(self._ws, "dependency_count", id=integration_id)[0][0]
        return max(1, count)  # what was linked at that moment may be gone already


def _is_gone(how: str) -> NotFound:
    return NotFound(f"That integration is gone, so nothing was {how} it.", "Choose a different one.")
